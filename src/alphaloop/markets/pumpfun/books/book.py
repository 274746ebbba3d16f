"""What every book keeps to.

A book is fed each event once, in the order of `known_ns`, and answers questions about what it has seen. It is the same
object in a replay and in the collector, and its state can be saved and restored between any two events: whatever it
computes afterwards is the same to the bit. Hence the rules:

- All mutable state lives in one `msgspec.Struct` tree; `save` and `restore` are its MessagePack form.
- Numbers never depend on the order of a ``set``, on the process's clock or on chance. Where an order matters, state is
  a ``list`` or a ``dict``, which keep it.
- Work that the clock starts is done in `run`, which the market calls at whole multiples of `every_s` since the epoch,
  before any event that is known at or after that moment. It is incremental: it looks at what changed, never at all.
- Memory is bounded: what is evicted, when, and why no later answer needs it, stands in the book's docstring.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

from alphaloop.markets.pumpfun.events import AnyEvent


class Book(Protocol):
    """One kind of knowledge about the market."""

    name: ClassVar[str]

    @property
    def every_s(self) -> int | None:
        """Seconds between two calls of `run`; None for a book that needs no clock."""
        ...

    def update(self, event: AnyEvent) -> None:
        """Take in an event."""
        ...

    def run(self, now_ns: int) -> None:
        """Do what the clock starts; `now_ns` is the due time, not the time of the call."""
        ...

    def save(self) -> bytes:
        """Give the whole state."""
        ...

    def restore(self, state: bytes) -> None:
        """Take over a state that `save` gave."""
        ...
