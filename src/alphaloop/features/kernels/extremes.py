"""Smallest and greatest value of a window, by a monotonic queue: each row enters and leaves it once.

The queue holds the rows that can still become the extreme, the current one first.
"""

# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np
from numba import njit

kernel = njit(nogil=True, cache=True, error_model="numpy")

PLACE, SEEN, BEST, ROWS_HEADER = 0, 1, 2, 3
COUNT, FRONT, START, HEADER = 1, 3, 4, 5  # after PLACE and BEST, which by time are where they are by rows


@kernel
def extreme_by_rows(mem, imem, x, sign, series, width, base, size, out, n):
    """Greatest (`sign` 1) or smallest (-1) of the last `width` values.

    State: place in the block, whether a whole block came before, extreme of this block so far; of the block, what came
    up to the place, then the extremes of the ends of the block before.
    """
    i = 0
    while i < n:
        s = imem[series + i]
        at = base + s * size
        block = at + ROWS_HEADER
        place, seen, best = imem[at + PLACE], imem[at + SEEN], mem[at + BEST]
        while i < n and imem[series + i] == s:
            value = sign * mem[x + i]
            if value != value:
                place = seen = 0
                mem[out + i] = np.nan
                i += 1
                continue
            best = value if place == 0 or value > best else best
            mem[block + place] = value
            place += 1
            if place < width:
                end = mem[block + place]
                mem[out + i] = sign * (end if end > best else best) if seen else np.nan
            else:
                mem[out + i] = sign * best
                for j in range(block + width - 2, block, -1):
                    mem[j] = mem[j + 1] if mem[j + 1] > mem[j] else mem[j]
                place, seen = 0, 1
            i += 1
        imem[at + PLACE], imem[at + SEEN], mem[at + BEST] = place, seen, best


@kernel
def extreme_by_time(mem, imem, x, sign, series, time, width, slots, base, size, out, begin, n):
    """Greatest (`sign` 1) or smallest (-1) of ``(t - width, t]``; returns the row at which the ring is full, or `n`.

    The ring is two stacks back to back: of each of its FRONT oldest rows it holds the extreme of it and all after it in
    the front; the rest are values, of which BEST is the extreme. When the front is used up, the rest becomes the front.
    START is the time before which nothing whole is known, plus one so that zero can say that the series has not begun.
    """
    i = begin
    while i < n:
        s = imem[series + i]
        at = base + s * size
        values = at + HEADER
        times = values + slots
        place, count, start = imem[at + PLACE], imem[at + COUNT], imem[at + START]
        front, best = imem[at + FRONT], mem[at + BEST]
        full = False
        while i < n and imem[series + i] == s:
            value, now = sign * mem[x + i], imem[time + i]
            if value != value:
                start, count, front = now + 1, 0, 0
                mem[out + i] = np.nan
                i += 1
                continue
            while count > 0 and imem[times + place] <= now - width:
                if front == 0:
                    fold(mem, values, place, count, slots)
                    front = count
                place = place + 1 if place + 1 < slots else 0
                count -= 1
                front -= 1
            if count == slots:
                full = True
                break
            last = _wrap(place + count, slots)
            mem[values + last], imem[times + last] = value, now
            best = value if count == front or value > best else best
            count += 1
            start = now + 1 if start == 0 else start
            extreme = mem[values + place] if front > 0 and mem[values + place] > best else best
            mem[out + i] = sign * extreme if now - start + 1 >= width else np.nan
            i += 1
        imem[at + PLACE], imem[at + COUNT], imem[at + START] = place, count, start
        imem[at + FRONT], mem[at + BEST] = front, best
        if full:
            return i
    return n


@kernel
def fold(mem, values, place, count, slots):
    """Put in place of each value of the ring the greatest of it and all after it."""
    best = mem[values + _wrap(place + count - 1, slots)]
    for j in range(count - 2, -1, -1):
        at = values + _wrap(place + j, slots)
        best = mem[at] if mem[at] > best else best
        mem[at] = best


@kernel
def _wrap(place, slots):
    return place - slots if place >= slots else place
