"""The only place that reads the time.

All times inside alphaloop are UTC nanoseconds since 1970-01-01 in a Python ``int`` or an ``int64`` array; all durations
in settings are seconds with the unit in the name. Everything that needs "now" is given a `Clock`, so that a replay can
step it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

NS_PER_S = 1_000_000_000
NS_PER_DAY = 86_400 * NS_PER_S


class Clock(Protocol):
    """A source of the present moment."""

    def now_ns(self) -> int:
        """UTC nanoseconds since the epoch."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """UTC nanoseconds since the epoch."""
        return time.time_ns()


@dataclass
class SteppedClock:
    """A clock that stands still until somebody moves it; backtests and replays use it."""

    ns: int = 0

    def now_ns(self) -> int:
        """UTC nanoseconds since the epoch, as last set."""
        return self.ns


def stopwatch() -> float:
    """Seconds of a monotonic clock with an arbitrary zero; only differences mean something."""
    return time.perf_counter()


def pause(seconds: float) -> None:
    """Let real time pass; whoever waits takes this as an argument so that a test need not."""
    time.sleep(seconds)


def to_ns(seconds: float) -> int:
    """Seconds as whole nanoseconds, rounded to the nearest."""
    return round(seconds * NS_PER_S)


def iso(ns: int) -> str:
    """UTC nanoseconds as ISO 8601 with a ``Z``; fractions of a second only where there are any."""
    seconds, fraction = divmod(ns, NS_PER_S)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:09d}".rstrip("0") + "Z" if fraction else text + "Z"
