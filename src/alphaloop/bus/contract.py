"""The contract of a bus.

A bus carries *messages* on named channels and keeps *values* and *sets* under keys. What a caller may rely on:

- **At most once.** A message reaches the subscriptions that are open when it is published, in the order of publishing
  on each connection, or it is lost: there is no history. While a server is away every message is lost, and the
  subscription counts the interruption. Whoever must not miss anything reads the store.
- **A slow reader loses the oldest.** A subscription holds `Subscription.capacity` messages that were not read; beyond
  that the oldest are dropped and counted in `Subscription.lost`.
- **Lasting values and sets come back.** What was set without a time to live, and the members of sets, are written again
  by the bus that wrote them when it finds a server that was started anew. Two writers of one key are not arranged;
  sets may have several, and each brings its own members back.
- **Values with a time to live are caches** and may be gone at any time.
- A call while the server is away raises `BusAwayError`; a subscription does not: it waits and joins again by itself.
- Bodies and values are bytes; channels, keys and members are text. A bus belongs to one event loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

DEFAULT_CAPACITY = 10_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it arrived."""

    channel: str
    body: bytes


class Subscription(Protocol):
    """Messages of the channels that were asked for; an asynchronous iterator that ends when it is left."""

    @property
    def lost(self) -> int:
        """Messages that were dropped because nobody read them in time."""
        ...

    @property
    def interruptions(self) -> int:
        """Times that the server was away; what was published meanwhile was lost and cannot be counted."""
        ...

    def __aiter__(self) -> AsyncIterator[Delivery]: ...

    async def __anext__(self) -> Delivery: ...


class Bus(Protocol):
    """Messages, values and sets; see the module for what it guarantees."""

    async def publish(self, channel: str, body: bytes) -> None:
        """Send `body` to everybody who listens to `channel` now."""
        ...

    def subscribe(self, *channels: str, capacity: int = DEFAULT_CAPACITY) -> AbstractAsyncContextManager[Subscription]:
        """Listen to `channels`; once entered, everything published from then on arrives.

        Raises
        ------
        BusAwayError
            On entering, if the server does not answer.
        """
        ...

    async def get(self, key: str) -> bytes | None:
        """Read a value, None if there is none or its time is over."""
        ...

    async def set(self, key: str, value: bytes, ttl_s: float | None = None) -> None:
        """Write a value, for `ttl_s` seconds or lasting."""
        ...

    async def delete(self, key: str) -> None:
        """Remove a value or a whole set; absence is no error."""
        ...

    async def set_add(self, key: str, *members: str) -> None:
        """Put `members` into the set `key`."""
        ...

    async def set_remove(self, key: str, *members: str) -> None:
        """Take `members` out of the set `key`; absence is no error."""
        ...

    async def set_members(self, key: str) -> frozenset[str]:
        """Give all members of the set `key`, empty if there is no such set."""
        ...

    async def check(self) -> None:
        """Make sure that the server answers.

        Raises
        ------
        BusAwayError
            If it does not.
        """
        ...

    async def close(self) -> None:
        """End every subscription and leave; more than once is harmless."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
