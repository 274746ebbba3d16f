"""Sums over a window, exact where the values are running numbers.

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
def total_by_rows(mem, imem, x, series, width, base, size, out, n):
    """Sum of the last `width` values."""
    renew = max(width, RENEW_ROWS)
    i = 0
    while i < n:
        s = imem[series + i]
        at = base + s * size
        ring = at + HEADER
        place, count, age = imem[at + PLACE], imem[at + COUNT], imem[at + AGE]
        running, magnitude, peak = mem[at + SUM], mem[at + SIZE], mem[at + PEAK]
        while i < n and imem[series + i] == s:
            value = mem[x + i]
            if value != value:
                count = 0
            elif count < width:
                running = value if count == 0 else running + value
                magnitude = abs(value) if count == 0 else magnitude + abs(value)
                peak = 0.0 if count == 0 else peak
                count += 1
                age = 0
            else:
                old = mem[ring + place]
                running += value - old
                magnitude += abs(value) - abs(old)
                age += 1
            mem[ring + place] = value
            place = place + 1 if place + 1 < width else 0
            peak = magnitude if magnitude > peak else peak
            if count == width and (age >= renew or not magnitude >= RENEW_SHARE * peak):
                running, magnitude = renewed(mem, ring, 0, width, width)
                peak, age = magnitude, 0
            mem[out + i] = running if count == width and abs(running) <= LARGEST else np.nan
            i += 1
        imem[at + PLACE], imem[at + COUNT], imem[at + AGE] = place, count, age
        mem[at + SUM], mem[at + SIZE], mem[at + PEAK] = running, magnitude, peak


@kernel
def total_by_time(mem, imem, x, series, time, width, slots, base, size, out, begin, n):
    """Sum of ``(t - width, t]``; returns the row at which the ring is full, or `n`.

    START is the time before which nothing whole is known, plus one so that zero can say that the series has not begun.
    """
    for i in range(begin, n):
        at = base + imem[series + i] * size
        ring = at + HEADER
        value, now = mem[x + i], imem[time + i]
        place, count = imem[at + PLACE], imem[at + COUNT]
        running, magnitude = mem[at + SUM], mem[at + SIZE]
        while count > 0 and imem[ring + slots + place] <= now - width:
            running -= mem[ring + place]
            magnitude -= abs(mem[ring + place])
            count -= 1
            place = place + 1 if place + 1 < slots else 0
        imem[at + PLACE], imem[at + COUNT] = place, count
        mem[at + SUM], mem[at + SIZE] = running, magnitude
        if count == slots:
            return i
        if value != value or imem[at + START] == 0:
            imem[at + START] = now + 1
        if value != value:
            imem[at + COUNT] = 0
            mem[out + i] = np.nan
            continue
        last = place + count
        last = last - slots if last >= slots else last
        mem[ring + last], imem[ring + slots + last] = value, now
        peak, age = mem[at + PEAK], imem[at + AGE] + 1
        if count == 0:
            running = magnitude = peak = 0.0
            age = 0
        count += 1
        running += value
        magnitude += abs(value)
        peak = magnitude if magnitude > peak else peak
        if age >= max(count, RENEW_ROWS) or not magnitude >= RENEW_SHARE * peak:
            running, magnitude = renewed(mem, ring, place, count, slots)
            peak, age = magnitude, 0
        imem[at + COUNT], imem[at + AGE] = count, age
        mem[at + SUM], mem[at + SIZE], mem[at + PEAK] = running, magnitude, peak
        old_enough = now - imem[at + START] + 1 >= width
        mem[out + i] = running if old_enough and abs(running) <= LARGEST else np.nan
    return n


@kernel
def renewed(mem, ring, place, count, slots):
    """Sum of the values of the ring and of their magnitudes."""
    running = magnitude = 0.0
    for j in range(place, place + count):
        value = mem[ring + (j if j < slots else j - slots)]
        running += value
        magnitude += abs(value)
    return running, magnitude
