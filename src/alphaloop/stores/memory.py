"""A store that lives and dies with the process; tests and runs without a state file use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from alphaloop.stores.checks import in_use, require_identity, require_next, require_open
from alphaloop.stores.contract import Checkpoint, Event, Run


@dataclass
class MemoryPlace:
    """What a `MemoryStore` leaves behind when it is closed: opening the place again finds it."""

    runs: dict[str, Run] = field(default_factory=dict)
    events: dict[str, list[Event]] = field(default_factory=dict)
    checkpoints: dict[str, Checkpoint] = field(default_factory=dict)
    beats: dict[str, int] = field(default_factory=dict)
    is_open: bool = False


class MemoryStore:
    """A `Store` in memory."""

    def __init__(self, place: MemoryPlace | None = None) -> None:
        self._place = place if place is not None else MemoryPlace()
        self._name = "memory"
        if self._place.is_open:
            raise in_use(self._name, "this process")
        self._place.is_open = True

    def begin(self, run_id: str, identity: str) -> Run:
        """Open a run, new or known."""
        run = self._place.runs.setdefault(run_id, Run(run_id, identity))
        require_identity(self._name, run, identity)
        self._place.events.setdefault(run_id, [])
        return run

    def runs(self) -> list[Run]:
        """List all runs, sorted by id."""
        return [run for _, run in sorted(self._place.runs.items())]

    def append(
        self,
        run_id: str,
        events: Sequence[Event] = (),
        *,
        checkpoint: Checkpoint | None = None,
        beat_ns: int | None = None,
        result: str | None = None,
    ) -> None:
        """Add whatever is given, or nothing of it."""
        place = self._place
        run = place.runs.get(run_id)
        require_open(self._name, run_id, run)
        require_next(self._name, run_id, events, len(place.events[run_id]))
        place.events[run_id].extend(events)
        if checkpoint is not None:
            place.checkpoints[run_id] = replace(checkpoint, blobs=dict(checkpoint.blobs))
        if beat_ns is not None:
            place.beats[run_id] = beat_ns
        if result is not None:
            place.runs[run_id] = replace(place.runs[run_id], result=result)

    def events(self, run_id: str, first_seq: int = 0) -> list[Event]:
        """List the events numbered ``[first_seq, ...)``."""
        return self._place.events.get(run_id, [])[first_seq:]

    def checkpoint(self, run_id: str) -> Checkpoint | None:
        """Give the last checkpoint, None before the first."""
        return self._place.checkpoints.get(run_id)

    def heartbeat(self, run_id: str) -> int | None:
        """Give the last heartbeat in UTC nanoseconds, None before the first."""
        return self._place.beats.get(run_id)

    def close(self) -> None:
        """Release the place."""
        self._place.is_open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
