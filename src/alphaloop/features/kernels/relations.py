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
def bucket(mem, imem, series, time, every, origin, base, size, bars, width, n):
    """Find the higher bars that open and close at each row; returns how many have closed.

    At `bars` are, `width` apart: series and time of the bars that closed, then, of each row, what opens and
    closes at it, and how many have closed up to it.

    The bar `b` covers ``(b * every, (b + 1) * every]`` after `origin`. It closes at the row that is known at its end,
    or before the first row that is known later. State: the bar, and whether it is open.
    """
    bar_series, bar_time, flags, stops = bars, bars + width, bars + 2 * width, bars + 3 * width
    closed = 0
    for i in range(n):
        at = base + imem[series + i] * size
        bar, is_open = imem[at], imem[at + 1]
        end = origin + (bar + 1) * every
        # Mostly the row is of the bar that is open, which takes no division to see.
        now = bar if end - every < imem[time + i] <= end else (imem[time + i] - 1 - origin) // every
        flag = 0
        if is_open and bar != now:
            flag |= CLOSES_BEFORE
            imem[bar_series + closed], imem[bar_time + closed] = imem[series + i], end
            closed += 1
        if not (is_open and bar == now):
            flag |= OPENS
        is_open = 1
        if imem[time + i] == origin + (now + 1) * every:
            flag |= CLOSES_HERE
            imem[bar_series + closed], imem[bar_time + closed] = imem[series + i], imem[time + i]
            closed += 1
            is_open = 0
        imem[at], imem[at + 1] = now, is_open
        imem[flags + i], imem[stops + i] = flag, closed
    return closed


@kernel
def frame(mem, imem, how, x, series, flags, base, size, out, n):
    """Write one number of each higher bar that has closed: its first, greatest, least, last value, or their sum.

    A NaN inside the bar makes the number NaN, unless it asks for the first or the last value only. State: the number.
    """
    closed = 0
    for i in range(n):
        at = base + imem[series + i] * size
        value = mem[x + i]
        if imem[flags + i] & CLOSES_BEFORE:
            mem[out + closed] = mem[at] if abs(mem[at]) <= LARGEST else np.nan
            closed += 1
        if imem[flags + i] & OPENS or how == LAST:
            mem[at] = value
        elif how == SUM:
            mem[at] += value
        elif how != FIRST and (value != value or (value > mem[at] if how == GREATEST else value < mem[at])):
            mem[at] = value if mem[at] == mem[at] else np.nan
        if imem[flags + i] & CLOSES_HERE:
            mem[out + closed] = mem[at] if abs(mem[at]) <= LARGEST else np.nan
            closed += 1


@kernel
def hold(mem, imem, x, series, stops, bar_series, base, size, out, n):
    """Give each row the value of the newest higher bar of its series. State: whether there is one, its value."""
    bar = i = 0
    while i < n:
        s = imem[series + i]
        at = base + s * size
        value = mem[at + 1] if imem[at] else np.nan
        while i < n and imem[series + i] == s:
            while bar < imem[stops + i]:
                place = base + imem[bar_series + bar] * size
                imem[place], mem[place + 1] = 1, mem[x + bar]
                value = mem[x + bar] if place == at else value
                bar += 1
            mem[out + i] = value
            i += 1


@kernel
def other(mem, imem, x, series, time, reference, max_age, base, size, out, n):
    """Give each row the newest value of series `reference`, if not older than `max_age` (negative: any age).

    State, of that series: whether there is one, its time, its value.
    """
    at = base + reference * size
    for i in range(n):
        if imem[series + i] == reference:
            imem[at], imem[at + 1], mem[at + 2] = 1, imem[time + i], mem[x + i]
        fresh = imem[at] == 1 and (max_age < 0 or imem[time + i] - imem[at + 1] <= max_age)
        mem[out + i] = mem[at + 2] if fresh else np.nan
