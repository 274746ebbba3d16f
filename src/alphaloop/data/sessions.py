"""When a market trades, read off its bars: around the clock, on weekdays, or in a daily session."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NS_PER_HOUR = 3_600 * 10**9
HOURS_PER_WEEK = 168

# 1970-01-01 was a Thursday; hour 0 of the week is Monday 00:00 UTC.
_EPOCH_HOUR = 3 * 24
_CLOSED_BELOW = 0.05
_FULL_DAY_H = 21

CONTINUOUS, WEEKDAYS, DAILY, UNKNOWN = "around the clock", "weekdays", "daily session", "unknown"


@dataclass(frozen=True)
class Session:
    """What the hours of the week say.

    Attributes
    ----------
    pattern : ``around the clock``, ``weekdays``, ``daily session``, or ``unknown`` below two weeks of bars
    open_hours : hours of the week in which bars are usual, of those that the step can meet
    missing_share : share of the bars expected in those hours that are not there; 0 to 1
    """

    pattern: str
    open_hours: int
    missing_share: float


def find_session(open_ns: NDArray[np.int64], step_ns: int) -> Session:
    """Recognise the session of one symbol's bars, int64 (n,) increasing."""
    seen = np.bincount(_hour_of_week(open_ns // NS_PER_HOUR), minlength=HOURS_PER_WEEK)
    expected = _expected(int(open_ns[0]), int(open_ns[-1]), step_ns)
    met = expected > 0
    weeks = (int(open_ns[-1]) - int(open_ns[0])) / (HOURS_PER_WEEK * NS_PER_HOUR)
    usual = met & (seen >= _CLOSED_BELOW * expected) if weeks >= 2 else met
    wanted = int(expected[usual].sum())
    missing = 1.0 - int(seen[usual].sum()) / wanted if wanted else 0.0
    pattern = _pattern(usual, met) if weeks >= 2 and step_ns <= 24 * NS_PER_HOUR else UNKNOWN
    return Session(pattern, int(usual.sum()), max(missing, 0.0))


def _hour_of_week(hour: NDArray[np.int64]) -> NDArray[np.int64]:
    return (hour + _EPOCH_HOUR) % HOURS_PER_WEEK


def _expected(first_ns: int, last_ns: int, step_ns: int) -> NDArray[np.int64]:
    """Bars on the grid from `first_ns` to `last_ns` (both included) by hour of the week, int64 (168,)."""
    hours = np.arange(first_ns // NS_PER_HOUR, last_ns // NS_PER_HOUR + 1, dtype=np.int64)
    begins = np.maximum(hours * NS_PER_HOUR, first_ns) - first_ns
    ends = np.minimum((hours + 1) * NS_PER_HOUR, last_ns + 1) - first_ns
    counts = -(-ends // step_ns) - -(-begins // step_ns)
    return np.bincount(_hour_of_week(hours), weights=counts, minlength=HOURS_PER_WEEK).astype(np.int64)


def _pattern(usual: NDArray[np.bool_], met: NDArray[np.bool_]) -> str:
    if bool(usual[met].all()):
        return CONTINUOUS
    days, possible = usual.reshape(7, 24), met.reshape(7, 24)
    share = days.sum(axis=1) / np.maximum(possible.sum(axis=1), 1)
    middle = share[1:4].mean()
    if middle >= _FULL_DAY_H / 24 and share[5] < 0.5:
        return WEEKDAYS
    return DAILY if middle < _FULL_DAY_H / 24 else UNKNOWN
