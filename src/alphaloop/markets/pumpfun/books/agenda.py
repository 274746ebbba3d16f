"""A calendar of names to look at again, so that a book with a clock never scans what it holds."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from alphaloop.core.clock import NS_PER_S


class Agenda(msgspec.Struct):
    """Names by the run at which they are due, in the order in which they were added.

    A book adds a name for the first moment at which something could have become true of it, looks when it is due, and
    adds it again if it was too early: each name is looked at once per waiting time, however often it is traded.

    Attributes
    ----------
    every_s : int
        Seconds between two runs of the book.
    slots : dict of int to list
        Number of the run since the epoch, and the names that are due at it.
    done : int
        Number of the last run that was gone through.
    """

    every_s: int
    slots: dict[int, list[str]] = {}
    done: int = 0

    def add(self, name: str, at_ns: int) -> None:
        """Put `name` down for the first run at or after `at_ns`, and for the next one if that is over."""
        slot = max(-(-at_ns // (self.every_s * NS_PER_S)), self.done + 1)
        self.slots.setdefault(slot, []).append(name)

    def due(self, now_ns: int) -> Iterator[str]:
        """Take out every name that is due by `now_ns`, oldest run first."""
        last = now_ns // (self.every_s * NS_PER_S)
        slots = sorted(slot for slot in self.slots if slot <= last)
        self.done = max(self.done, last)
        for slot in slots:
            yield from self.slots.pop(slot)
