"""The contract of a store.

A store holds *runs*. A run is what one trader does with one artifact, one plan and one source; its identity never
changes. Of a run it keeps

- a *journal*: events numbered 0, 1, 2, ... without a gap, never changed and never removed;
- the last *checkpoint*: everything needed to go on after the event before ``checkpoint.seq``;
- a *heartbeat*: when its process was last seen alive;
- at the end a *result*, with which the run is finished and takes no more events.

What a caller may rely on:

- **One writer.** A place can be open once at a time. The lock ends with the process, however it ends.
- **All or nothing.** One `append` is one transaction. After it returns, its content survives a crash of the process
  and of the machine; if it does not return, either all or nothing of it is there.
- **Order.** Events come back in the order of their numbers.
- Bodies are text, the caller's own spelling (canonical JSON), and come back as they were given.
- A store is used by one thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a journal.

    Attributes
    ----------
    seq : int
        Number within the run, from 0.
    time_ns : int
        Known time of what it tells, never the time of writing: a replay writes the same line.
    kind : str
        What it tells, such as ``order`` or ``fill``.
    body : str
        Canonical JSON.
    """

    seq: int
    time_ns: int
    kind: str
    body: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a run can go on.

    Attributes
    ----------
    seq : int
        Number of the first event that comes after it.
    cursor : int
        Bar times that were worked off.
    time_ns : int
        Known time of the last of them.
    state : str
        Canonical JSON of everything small.
    blobs : mapping of str to bytes
        Everything large, by name.
    """

    seq: int
    cursor: int
    time_ns: int
    state: str
    blobs: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the store knows it; `result` is canonical JSON, None while it is not finished."""

    run_id: str
    identity: str
    result: str | None = None


class Store(Protocol):
    """A place for runs; see the module for what it guarantees."""

    def begin(self, run_id: str, identity: str) -> Run:
        """Open a run, new or known.

        Raises
        ------
        InputError
            If the run is known with another identity.
        """
        ...

    def runs(self) -> list[Run]:
        """List all runs, sorted by id."""
        ...

    def append(
        self,
        run_id: str,
        events: Sequence[Event] = (),
        *,
        checkpoint: Checkpoint | None = None,
        beat_ns: int | None = None,
        result: str | None = None,
    ) -> None:
        """Add events, replace the checkpoint, note a heartbeat, finish the run: what is given, in one transaction.

        Raises
        ------
        StateError
            If the run was not begun or is finished, or an event's number is not the next one.
        """
        ...

    def events(self, run_id: str, first_seq: int = 0) -> list[Event]:
        """List the events numbered ``[first_seq, ...)``."""
        ...

    def checkpoint(self, run_id: str) -> Checkpoint | None:
        """Give the last checkpoint, None before the first."""
        ...

    def heartbeat(self, run_id: str) -> int | None:
        """Give the last heartbeat in UTC nanoseconds, None before the first."""
        ...

    def close(self) -> None:
        """Release the place; more than once is harmless."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
