"""Sums over a window, exact where the values are whole numbers.

The running sum is made again from the ring when it is old, and when the magnitudes in the window have become small
beside what has passed through it.
"""

# ruff: noqa: ANN001, ANN201

from __future__ import annotations

import numpy as np
from numba import njit

kernel = njit(nogil=True, cache=True, error_model="numpy")

PLACE, COUNT, START, AGE, SUM, SIZE, PEAK, HEADER = 0, 1, 2, 3, 4, 5, 6, 7
LARGEST = 1e300
RENEW_ROWS = 256
RENEW_SHARE = 1e-3


@kernel
def total(x, series, time, timed, width, slots, state, istate, base, size, out, begin, n):
    """Sum of `width` rows, or of ``(t - width, t]`` if `timed`; returns the row at which the ring is full, or `n`.

    START is the time before which nothing whole is known, plus one; rows alone need only their count.
    """
    for i in range(begin, n):
        at = base + series[i] * size
        ring = at + HEADER
        value = x[i]
        place, count = istate[at + PLACE], istate[at + COUNT]
        while count > 0 and (istate[ring + slots + place] <= time[i] - width if timed else count == width):
            state[at + SUM] -= state[ring + place]
            state[at + SIZE] -= abs(state[ring + place])
            count -= 1
            place = place + 1 if place + 1 < slots else 0
        istate[at + PLACE], istate[at + COUNT] = place, count
        if count == slots:
            return i
        if value != value or istate[at + START] == 0:
            istate[at + START] = time[i] + 1
        if value != value:
            istate[at + COUNT] = 0
            out[i] = np.nan
            continue
        if count == 0:
            state[at + SUM] = state[at + SIZE] = state[at + PEAK] = 0.0
            istate[at + AGE] = 0
        last = place + count
        last = last - slots if last >= slots else last
        state[ring + last] = value
        istate[ring + slots + last] = time[i]
        count += 1
        istate[at + COUNT] = count
        state[at + SUM] += value
        state[at + SIZE] += abs(value)
        renew(state, istate, at, ring, place, count, slots)
        whole = time[i] - istate[at + START] + 1 >= width if timed else count == width
        out[i] = state[at + SUM] if whole and abs(state[at + SUM]) <= LARGEST else np.nan
    return n


@kernel
def renew(state, istate, at, ring, place, count, slots):
    """Make the sums again from the ring if they are old, or small beside what they were."""
    istate[at + AGE] += 1
    state[at + PEAK] = max(state[at + PEAK], state[at + SIZE])
    if istate[at + AGE] < max(count, RENEW_ROWS) and state[at + SIZE] >= RENEW_SHARE * state[at + PEAK]:
        return
    exact = magnitude = 0.0
    for j in range(place, place + count):
        value = state[ring + (j if j < slots else j - slots)]
        exact += value
        magnitude += abs(value)
    state[at + SUM], state[at + SIZE], state[at + PEAK] = exact, magnitude, magnitude
    istate[at + AGE] = 0
