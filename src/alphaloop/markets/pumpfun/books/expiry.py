"""When to look again at a key that may have gone quiet, without ever walking over all keys."""

from __future__ import annotations

import msgspec

from alphaloop.core.clock import NS_PER_S

STEP_NS = 60 * NS_PER_S
"""Due times are rounded up to this step, so that a minute's keys share one list."""


class Expiry(msgspec.Struct, array_like=True, gc=False):
    """Keys by the step in which they are due.

    A key may be due several times; whoever takes it out checks whether it is really idle and, if not, adds it again.
    So an active key costs one look per idle period and nothing per event.

    Attributes
    ----------
    due : dict of list of str
        Keys by step number, in the order in which they were added.
    next : int
        No key is due in an earlier step; -1 while there is no key.
    """

    due: dict[int, list[str]] = {}
    next: int = -1

    def add(self, key: str, due_ns: int) -> None:
        """Hand `key` out by the first `take` at or after `due_ns`, rounded up to a step."""
        step = -(-due_ns // STEP_NS)
        if self.next < 0 or step < self.next:
            self.next = step
        self.due.setdefault(step, []).append(key)

    def take(self, now_ns: int) -> list[str]:
        """Remove and give the keys that are due, oldest step first."""
        last = now_ns // STEP_NS
        keys: list[str] = []
        while self.due and self.next <= last:
            keys.extend(self.due.pop(self.next, ()))
            self.next += 1
        if not self.due:
            self.next = -1
        return keys
