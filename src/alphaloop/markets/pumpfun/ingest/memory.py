"""What was already seen, within bounds: the keys of events, and where in the chain we are."""

from __future__ import annotations

from collections import deque

from alphaloop.markets.pumpfun.ingest.gaps import Anchor

COMPLETE = -1
"""Stands among the log indices of a transaction of which all events were seen."""


class SeenEvents:
    """Remembers the events of the last `limit` to ``2 limit`` transactions by signature and log index.

    Two generations: when the young one is full it becomes the old one, and the old one is forgotten. What is touched
    again moves to the young one. An event that comes again later than that would be taken for a new one; the stream and
    the gaps after it repeat only the last minutes (`limit` is hours of mainnet).
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._young: dict[str, tuple[int, ...]] = {}
        self._old: dict[str, tuple[int, ...]] = {}

    def __len__(self) -> int:
        """Transactions that are remembered; one in both generations counts twice."""
        return len(self._young) + len(self._old)

    def add(self, signature: str, log_index: int) -> bool:
        """Remember an event; False if it was known."""
        known = self._known(signature)
        if log_index in known:
            return False
        self._put(signature, (*known, log_index))
        return True

    def complete(self, signature: str) -> None:
        """Remember that every event of a transaction was seen."""
        known = self._known(signature)
        if COMPLETE not in known:
            self._put(signature, (*known, COMPLETE))

    def is_complete(self, signature: str) -> bool:
        """Whether every event of a transaction was seen."""
        return COMPLETE in self._known(signature)

    def _known(self, signature: str) -> tuple[int, ...]:
        return self._young.get(signature) or self._old.get(signature, ())

    def _put(self, signature: str, known: tuple[int, ...]) -> None:
        if len(self._young) >= self._limit and signature not in self._young:
            self._old, self._young = self._young, {}
        self._young[signature] = known


class ChainPosition:
    """Where in the chain the recording is: the newest slot, and an anchor a little before it.

    The stream keeps no order inside a slot and little between neighbours, so the last transaction seen says little
    about those before it. The anchor is one of a slot that lies `overlap_slots` back: all up to it was delivered.
    """

    def __init__(self, overlap_slots: int) -> None:
        self._overlap = overlap_slots
        self._slots: deque[Anchor] = deque()
        self.newest_slot = 0

    def saw(self, signature: str, slot: int) -> None:
        """Note a transaction that is safely recorded."""
        if slot > self.newest_slot or not self._slots:
            self.newest_slot = slot
            self._slots.append(Anchor(signature, slot))
            while len(self._slots) > 1 and self._slots[1].slot <= slot - self._overlap:
                self._slots.popleft()

    @property
    def delivered_slot(self) -> int:
        """The slot up to which everything was delivered."""
        return self.newest_slot - self._overlap

    def anchor(self) -> Anchor | None:
        """Give the transaction from which on history is to be read again; None if nothing was ever seen."""
        return self._slots[0] if self._slots else None
