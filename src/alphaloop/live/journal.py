"""The journal of a run: writes what is new, and compares what a replay says again with what it said before."""

from __future__ import annotations

from typing import Any

from alphaloop.core.errors import DivergenceError
from alphaloop.core.hashing import canonical_json
from alphaloop.stores.contract import Checkpoint, Event, Store
from alphaloop.trading.records import Amend, Drop, Fill, Order, Trade, plain
from alphaloop.trading.session import Entry

KINDS: dict[type, str] = {Order: "order", Amend: "amend", Fill: "fill", Drop: "drop", Trade: "trade"}


class Journal:
    """Numbers events, holds them back until `commit`, and knows those that were written before a crash.

    Parameters
    ----------
    next_seq : int
        Number of the next event.
    written : list of Event
        What the store holds from `next_seq` on: a replay from a checkpoint must say it again, word for word.
    """

    def __init__(self, store: Store, run_id: str, next_seq: int, written: list[Event]) -> None:
        self._store = store
        self._run_id = run_id
        self._next_seq = next_seq
        self._written = written[::-1]
        self._fresh: list[Event] = []

    @property
    def next_seq(self) -> int:
        """Number of the next event."""
        return self._next_seq

    @property
    def catching_up(self) -> bool:
        """Whether the store holds events that were not said again yet."""
        return bool(self._written)

    def say(self, time_ns: int, kind: str, body: dict[str, Any]) -> None:
        """Add an event.

        Raises
        ------
        DivergenceError
            If the journal holds another event under its number.
        """
        event = Event(self._next_seq, time_ns, kind, canonical_json(body))
        self._next_seq += 1
        if not self._written:
            self._fresh.append(event)
        elif (before := self._written.pop()) != event:
            raise DivergenceError(
                f"run {self._run_id!r}: event {event.seq} is {event.kind} {event.body} now and was {before.kind} "
                f"{before.body} before the restart; the artifact, the data or the code changed under the state"
            )

    def say_entry(self, time_ns: int, entry: Entry) -> None:
        """Add an intent, a report or a trade."""
        self.say(time_ns, KINDS[type(entry)], plain(entry))

    def commit(
        self, *, checkpoint: Checkpoint | None = None, beat_ns: int | None = None, result: str | None = None
    ) -> None:
        """Write what is new, in one transaction; nothing if there is nothing.

        Raises
        ------
        DivergenceError
            If the run ends before everything was said again that had been said.
        """
        if result is not None and self._written:
            raise DivergenceError(
                f"run {self._run_id!r}: it ends at event {self._next_seq}, but had come to {self._written[0].seq} "
                "before the restart; the data became shorter under the state"
            )
        if self._fresh or checkpoint is not None or beat_ns is not None or result is not None:
            self._store.append(self._run_id, self._fresh, checkpoint=checkpoint, beat_ns=beat_ns, result=result)
            self._fresh = []
