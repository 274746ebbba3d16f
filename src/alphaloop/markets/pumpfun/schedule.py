"""What the clock starts, in known time: the same calls at the same due times, however fast or slow events arrive.

A timer is due at a moment of known time and fires before any event that is known at or after it. Whether an event or an
idle moment of the collector makes it fire changes nothing: it is told the due time, never the time of the call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from alphaloop.core.clock import NS_PER_S

NEVER_NS: Final = 2**63 - 1


class Timer(Protocol):
    """Something that is due at `due_ns`, and `NEVER_NS` while it waits for nothing."""

    @property
    def due_ns(self) -> int:
        """When it is due next."""
        ...

    def fire(self, due_ns: int) -> None:
        """Do it; afterwards `due_ns` is later."""
        ...


class Periodic:
    """Calls `run` at whole multiples of `every_s` since the epoch, once `start` has told it where time begins."""

    def __init__(self, every_s: int, run: Callable[[int], None]) -> None:
        self.every_ns = every_s * NS_PER_S
        self.due_ns = NEVER_NS
        self._run = run

    def start(self, known_ns: int) -> None:
        """Begin: first due at the first whole multiple after `known_ns`."""
        self.due_ns = next_multiple(known_ns, self.every_ns)

    def fire(self, due_ns: int) -> None:
        """Run once."""
        self.due_ns = due_ns + self.every_ns
        self._run(due_ns)


class Schedule:
    """Timers in one order: by due time, and by their place in the list where they are due together."""

    def __init__(self, timers: Sequence[Timer]) -> None:
        self.timers = tuple(timers)

    @property
    def due_ns(self) -> int:
        """When the first of them is due."""
        return min(timer.due_ns for timer in self.timers)

    def fire(self, until_ns: int) -> int:
        """Fire all that is due by `until_ns`, that moment included; give when the next is due."""
        while True:
            dues = [timer.due_ns for timer in self.timers]
            due = min(dues)
            if due > until_ns:
                return due
            for timer, at in zip(self.timers, dues, strict=True):
                if at == due:
                    timer.fire(due)


def next_multiple(known_ns: int, every_ns: int) -> int:
    """First whole multiple of `every_ns` since the epoch after `known_ns`."""
    return (known_ns // every_ns + 1) * every_ns
