"""Quantiles of a window, from the window's values kept sorted beside the ring that knows their order of arrival."""

# ruff: noqa: ANN001, ANN201

from __future__ import annotations

import math

import numpy as np
from numba import njit

kernel = njit(nogil=True, cache=True, error_model="numpy")

PLACE, COUNT, START, HEADER = 0, 1, 2, 3


@kernel
def quantile(mem, imem, x, share, series, time, timed, width, slots, base, size, out, begin, n):
    """The `share`-quantile, linear between neighbours; returns the row at which the ring is full, or `n`.

    START is the time before which nothing whole is known, plus one; rows alone need only their count.
    """
    for i in range(begin, n):
        at = base + imem[series + i] * size
        ring = at + HEADER
        ordered = ring + 2 * slots
        place, count = imem[at + PLACE], imem[at + COUNT]
        value, now = mem[x + i], imem[time + i]
        if value == value and not timed and count == width:
            replace(mem, ordered, count, mem[ring + place], value)
            mem[ring + place] = value
            imem[at + PLACE] = place + 1 if place + 1 < slots else 0
            mem[out + i] = between(mem, ordered, count, share)
            continue
        while timed and count > 0 and imem[ring + slots + place] <= now - width:
            remove(mem, ordered, count, mem[ring + place])
            count -= 1
            place = place + 1 if place + 1 < slots else 0
        imem[at + PLACE], imem[at + COUNT] = place, count
        if timed and count == slots:
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
        insert(mem, ordered, count, value)
        count += 1
        imem[at + COUNT] = count
        whole = now - imem[at + START] + 1 >= width if timed else count == width
        mem[out + i] = between(mem, ordered, count, share) if whole else np.nan
    return n


@kernel
def replace(mem, ordered, count, old, new):
    """Put `new` among the sorted values in place of `old`, moving only what lies between the two."""
    hole = ordered + lower_bound(mem, ordered, count, old)
    if new > old:
        last = ordered + count - 1
        while hole < last and mem[hole + 1] < new:
            mem[hole] = mem[hole + 1]
            hole += 1
    else:
        while hole > ordered and mem[hole - 1] > new:
            mem[hole] = mem[hole - 1]
            hole -= 1
    mem[hole] = new


@kernel
def lower_bound(mem, ordered, count, value):
    """How many of the sorted values are below `value`."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if mem[ordered + middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def remove(mem, ordered, count, value):
    """Close the gap that `value` leaves in the sorted values."""
    for j in range(ordered + lower_bound(mem, ordered, count, value), ordered + count - 1):
        mem[j] = mem[j + 1]


@kernel
def insert(mem, ordered, count, value):
    """Open a gap among the sorted values and put `value` there."""
    target = ordered + lower_bound(mem, ordered, count, value)
    for j in range(ordered + count, target, -1):
        mem[j] = mem[j - 1]
    mem[target] = value


@kernel
def between(mem, ordered, count, share):
    """Quantile of sorted values (Hyndman and Fan, type 7)."""
    position = share * (count - 1)
    below = math.floor(position)
    low = mem[ordered + below]
    if below + 1 >= count:
        return low
    return low + (position - below) * (mem[ordered + below + 1] - low)
