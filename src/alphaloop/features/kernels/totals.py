"""Sums over a window, exact where the values are whole numbers.

The running sum is made again from the ring when it is old, and when the magnitudes in the window have become small
beside what has passed through it.
"""

# ruff: noqa: ANN001, ANN201

from __future__ import annotations

import numpy as np
from numba import njit

kernel = njit(nogil=True, cache=True, error_model="numpy")

PLACE, COUNT, AGE, START, SUM, SIZE, PEAK, HEADER = 0, 1, 2, 3, 4, 5, 6, 7
LARGEST = 1e300
RENEW_ROWS = 256
RENEW_SHARE = 1e-3


@kernel
def total_by_rows(x, series, width, state, istate, base, size, out, n):
    """Sum of the last `width` values."""
    renew = max(width, RENEW_ROWS)
    i = 0
    while i < n:
        s = series[i]
        at = base + s * size
        ring = at + HEADER
        place, count, age = istate[at + PLACE], istate[at + COUNT], istate[at + AGE]
        whole, magnitude, peak = state[at + SUM], state[at + SIZE], state[at + PEAK]
        while i < n and series[i] == s:
            value = x[i]
            if value != value:
                count = 0
            elif count < width:
                whole = value if count == 0 else whole + value
                magnitude = abs(value) if count == 0 else magnitude + abs(value)
                peak = 0.0 if count == 0 else peak
                count += 1
                age = 0
            else:
                old = state[ring + place]
                whole += value - old
                magnitude += abs(value) - abs(old)
                age += 1
            state[ring + place] = value
            place = place + 1 if place + 1 < width else 0
            peak = magnitude if magnitude > peak else peak
            if count == width and (age >= renew or not magnitude >= RENEW_SHARE * peak):
                whole, magnitude = renewed(state, ring, 0, width, width)
                peak, age = magnitude, 0
            out[i] = whole if count == width and abs(whole) <= LARGEST else np.nan
            i += 1
        istate[at + PLACE], istate[at + COUNT], istate[at + AGE] = place, count, age
        state[at + SUM], state[at + SIZE], state[at + PEAK] = whole, magnitude, peak


@kernel
def total_by_time(x, series, time, width, slots, state, istate, base, size, out, begin, n):
    """Sum of ``(t - width, t]``; returns the row at which the ring is full, or `n`.

    START is the time before which nothing whole is known, plus one so that zero can say that the series has not begun.
    """
    for i in range(begin, n):
        at = base + series[i] * size
        ring = at + HEADER
        value, now = x[i], time[i]
        place, count = istate[at + PLACE], istate[at + COUNT]
        whole, magnitude = state[at + SUM], state[at + SIZE]
        while count > 0 and istate[ring + slots + place] <= now - width:
            whole -= state[ring + place]
            magnitude -= abs(state[ring + place])
            count -= 1
            place = place + 1 if place + 1 < slots else 0
        istate[at + PLACE], istate[at + COUNT] = place, count
        state[at + SUM], state[at + SIZE] = whole, magnitude
        if count == slots:
            return i
        if value != value or istate[at + START] == 0:
            istate[at + START] = now + 1
        if value != value:
            istate[at + COUNT] = 0
            out[i] = np.nan
            continue
        last = place + count
        last = last - slots if last >= slots else last
        state[ring + last], istate[ring + slots + last] = value, now
        peak, age = state[at + PEAK], istate[at + AGE] + 1
        if count == 0:
            whole = magnitude = peak = 0.0
            age = 0
        count += 1
        whole += value
        magnitude += abs(value)
        peak = magnitude if magnitude > peak else peak
        if age >= max(count, RENEW_ROWS) or not magnitude >= RENEW_SHARE * peak:
            whole, magnitude = renewed(state, ring, place, count, slots)
            peak, age = magnitude, 0
        istate[at + COUNT], istate[at + AGE] = count, age
        state[at + SUM], state[at + SIZE], state[at + PEAK] = whole, magnitude, peak
        old_enough = now - istate[at + START] + 1 >= width
        out[i] = whole if old_enough and abs(whole) <= LARGEST else np.nan
    return n


@kernel
def renewed(state, ring, place, count, slots):
    """Sum of the values of the ring and of their magnitudes."""
    whole = magnitude = 0.0
    for j in range(place, place + count):
        value = state[ring + (j if j < slots else j - slots)]
        whole += value
        magnitude += abs(value)
    return whole, magnitude
