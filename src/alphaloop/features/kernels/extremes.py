"""Smallest and greatest value of a window, by a monotonic queue: each row enters and leaves it once.

The queue holds the rows that can still become the extreme, the current one first.
"""

# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np
from numba import njit

kernel = njit(nogil=True, cache=True, error_model="numpy")

FIRST, COUNT, START, HEADER = 0, 1, 2, 3


@kernel
def extreme(x, sign, series, time, timed, width, slots, state, istate, base, size, out, begin, n):
    """Greatest (`sign` 1) or smallest (-1) value; returns the row at which the queue is full, or `n`.

    A row is known by its number in the run of numbers since the last NaN, or, if `timed`, by its time. START is the
    former, or the time before which nothing whole is known, plus one.
    """
    i = begin
    while i < n:
        s = series[i]
        at = base + s * size
        values = at + HEADER
        keys = values + slots
        first, count, start = istate[at + FIRST], istate[at + COUNT], istate[at + START]
        full = False
        while i < n and series[i] == s:
            value = sign * x[i]
            if value != value:
                start = time[i] + 1 if timed else 0
                count = 0
                out[i] = np.nan
                i += 1
                continue
            key = time[i] if timed else start + 1
            while count > 0 and istate[keys + first] <= key - width:
                first = first + 1 if first + 1 < slots else 0
                count -= 1
            last = _place(first, count - 1, slots)
            while count > 0 and state[values + last] <= value:
                count -= 1
                last = last - 1 if last > 0 else slots - 1
            if count == slots:
                full = True
                break
            last = _place(first, count, slots)
            state[values + last] = value
            istate[keys + last] = key
            count += 1
            if timed:
                start = key + 1 if start == 0 else start
                whole = key - start + 1 >= width
            else:
                start = key
                whole = key >= width
            out[i] = sign * state[values + first] if whole else np.nan
            i += 1
        istate[at + FIRST], istate[at + COUNT], istate[at + START] = first, count, start
        if full:
            return i
    return n


@kernel
def _place(first, offset, slots):
    place = first + offset
    return place - slots if place >= slots else place
