"""Values that come from elsewhere: the bars of a higher time frame, and other symbols."""

# ruff: noqa: ANN001, ANN201

from __future__ import annotations

import numpy as np
from numba import njit

kernel = njit(nogil=True, cache=True, error_model="numpy")

CLOSES_BEFORE, OPENS, CLOSES_HERE = 1, 2, 4
FIRST, GREATEST, LEAST, LAST, SUM = 0, 1, 2, 3, 4
BUCKET_SIZE, FRAME_SIZE, HOLD_SIZE, OTHER_SIZE = 2, 1, 2, 3
LARGEST = 1e300


@kernel
def bucket(series, time, every, origin, state, istate, base, size, flags, stops, bar_series, bar_time, n):
    """Find the higher bars that open and close at each row; returns how many have closed.

    The bar `b` covers ``(b * every, (b + 1) * every]`` after `origin`. It closes at the row that is known at its end,
    or before the first row that is known later. State: the bar, and whether it is open.
    """
    closed = 0
    for i in range(n):
        at = base + series[i] * size
        bar, is_open = istate[at], istate[at + 1]
        end = origin + (bar + 1) * every
        # Mostly the row is of the bar that is open, which takes no division to see.
        now = bar if end - every < time[i] <= end else (time[i] - 1 - origin) // every
        flag = 0
        if is_open and bar != now:
            flag |= CLOSES_BEFORE
            bar_series[closed], bar_time[closed] = series[i], end
            closed += 1
        if not (is_open and bar == now):
            flag |= OPENS
        is_open = 1
        if time[i] == origin + (now + 1) * every:
            flag |= CLOSES_HERE
            bar_series[closed], bar_time[closed] = series[i], time[i]
            closed += 1
            is_open = 0
        istate[at], istate[at + 1] = now, is_open
        flags[i], stops[i] = flag, closed
    return closed


@kernel
def frame(how, x, series, flags, state, base, size, out, n):
    """Write one number of each higher bar that has closed: its first, greatest, least, last value, or their sum.

    A NaN inside the bar makes the number NaN, unless it asks for the first or the last value only. State: the number.
    """
    closed = 0
    for i in range(n):
        at = base + series[i] * size
        value = x[i]
        if flags[i] & CLOSES_BEFORE:
            out[closed] = state[at] if abs(state[at]) <= LARGEST else np.nan
            closed += 1
        if flags[i] & OPENS or how == LAST:
            state[at] = value
        elif how == SUM:
            state[at] += value
        elif how != FIRST and (value != value or (value > state[at] if how == GREATEST else value < state[at])):
            state[at] = value if state[at] == state[at] else np.nan
        if flags[i] & CLOSES_HERE:
            out[closed] = state[at] if abs(state[at]) <= LARGEST else np.nan
            closed += 1


@kernel
def hold(x, series, stops, bar_series, state, istate, base, size, out, n):
    """Give each row the value of the newest higher bar of its series. State: whether there is one, its value."""
    bar = i = 0
    while i < n:
        s = series[i]
        at = base + s * size
        value = state[at + 1] if istate[at] else np.nan
        while i < n and series[i] == s:
            while bar < stops[i]:
                place = base + bar_series[bar] * size
                istate[place], state[place + 1] = 1, x[bar]
                value = x[bar] if place == at else value
                bar += 1
            out[i] = value
            i += 1


@kernel
def other(x, series, time, reference, max_age, state, istate, base, size, out, n):
    """Give each row the newest value of series `reference`, if not older than `max_age` (negative: any age).

    State, of that series: whether there is one, its time, its value.
    """
    at = base + reference * size
    for i in range(n):
        if series[i] == reference:
            istate[at], istate[at + 1], state[at + 2] = 1, time[i], x[i]
        fresh = istate[at] == 1 and (max_age < 0 or time[i] - istate[at + 1] <= max_age)
        out[i] = state[at + 2] if fresh else np.nan
