"""Which thread has the interpreter when several want it: the one that decides, as far as an interpreter can be told.

A thread that waits asks for the interpreter once it has waited for the switch interval, and is then given it. So the
interval is short, for the thread that decides not to wait for the one that stores; and longer while it decides, for the
one that stores not to ask in the middle of it. What the decision pays: where it lets go of the interpreter itself, as
calls of onnxruntime do, it asks to have it back after the longer interval, too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

MICROSECOND: Final = 1e-6
TURN_S: Final = 0.0001
DECISION_S: Final = 0.003
"""Longer than most readings of the bus take; beyond it the store has its turns, however much comes."""


@contextmanager
def short_turns() -> Iterator[None]:
    """Let no other thread, such as the one that stores, keep a decision waiting for the interpreter's usual 5 ms."""
    with _interval(TURN_S):
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let no thread ask for the interpreter before `DECISION_S` have passed: not another one, nor this one again."""
    with _interval(max(DECISION_S, sys.getswitchinterval())):
        yield


@contextmanager
def _interval(seconds: float) -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        # It is cut to whole microseconds, and what was read lies just below one: each return would take one away.
        sys.setswitchinterval(before + MICROSECOND / 2)
