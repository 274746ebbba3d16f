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
    closed = i = 0
    while i < n:
        s = imem[series + i]
        at = base + s * size
        bar, is_open = imem[at], imem[at + 1]
        end = origin + (bar + 1) * every
        while i < n and imem[series + i] == s:
            now = imem[time + i]
            flag = 0
            # Mostly the row is inside the bar that is open, which takes no division to see.
            if not (is_open and end - every < now <= end):
                if is_open:
                    flag = CLOSES_BEFORE
                    imem[bar_series + closed], imem[bar_time + closed] = s, end
                    closed += 1
                flag |= OPENS
                bar = (now - 1 - origin) // every
                end = origin + (bar + 1) * every
            is_open = 0 if now == end else 1
            if now == end:
                flag |= CLOSES_HERE
                imem[bar_series + closed], imem[bar_time + closed] = s, end
                closed += 1
            imem[flags + i], imem[stops + i] = flag, closed
            i += 1
        imem[at], imem[at + 1] = bar, is_open
    return closed


@kernel
def frame(mem, imem, how, x, series, flags, base, size, out, n):
    """Write one number of each higher bar that has closed: its first, greatest, least, last value, or their sum.

    A NaN inside the bar makes the number NaN, unless it asks for the first or the last value only. State: the number.
    """
    closed = i = 0
    while i < n:
        s = imem[series + i]
        at = base + s * size
        number = mem[at]
        while i < n and imem[series + i] == s:
            value, flag = mem[x + i], imem[flags + i]
            if flag & CLOSES_BEFORE:
                mem[out + closed] = number if abs(number) <= LARGEST else np.nan
                closed += 1
            number = value if flag & OPENS else joined(how, number, value)
            if flag & CLOSES_HERE:
                mem[out + closed] = number if abs(number) <= LARGEST else np.nan
                closed += 1
            i += 1
        mem[at] = number


@kernel
def joined(how, number, value):
    """The number of a bar with one value more."""
    if how == LAST:
        return value
    if how == FIRST:
        return number
    if how == SUM or number != number or value != value:
        return number + value
    if how == GREATEST:
        return value if value > number else number
    return value if value < number else number


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
