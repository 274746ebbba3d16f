"""Slope and autocorrelation over a window: how its values follow one another.

Like the moments, the sums are of deviations from an anchor and are made again from the ring when they are old or have
become small beside what they were.
"""

# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import math

import numpy as np
from numba import njit

kernel = njit(nogil=True, cache=True, error_model="numpy")

PLACE, COUNT, START, AGE, ANCHOR, S1, S2, SX, PEAK, SLOPE_HEADER = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
EARLY, LATE, E1, L1, E2, L2, EL, EARLY_PEAK, LATE_PEAK, PAIR_HEADER = 4, 5, 6, 7, 8, 9, 10, 11, 12, 13
LARGEST = 1e300
RENEW_ROWS = 256
RENEW_SHARE = 1e-3


@kernel
def slope(mem, imem, x, series, time, timed, width, slots, base, size, out, begin, n):
    """Least-squares slope per row; returns the row at which the ring is full, or `n`."""
    for i in range(begin, n):
        at = base + imem[series + i] * size
        ring = at + SLOPE_HEADER
        while expired(imem, at, ring, imem[time + i], timed, width, slots):
            old = mem[ring + imem[at + PLACE]] - mem[at + ANCHOR]
            mem[at + S1] -= old
            mem[at + S2] -= old * old
            mem[at + SX] -= mem[at + S1]
            drop(imem, at, slots)
        if imem[at + COUNT] == slots:
            return i
        if not admit(mem[x + i], imem[time + i], mem, imem, at, ring, slots):
            mem[out + i] = np.nan
            continue
        count = imem[at + COUNT]
        if count == 1:
            mem[at + ANCHOR] = mem[x + i]
            mem[at + S1] = mem[at + S2] = mem[at + SX] = mem[at + PEAK] = 0.0
            imem[at + AGE] = 0
        new = mem[x + i] - mem[at + ANCHOR]
        mem[at + S1] += new
        mem[at + S2] += new * new
        mem[at + SX] += new * (count - 1)
        imem[at + AGE] += 1
        mem[at + PEAK] = max(mem[at + PEAK], mem[at + S2])
        spread = mem[at + S2] - mem[at + S1] * mem[at + S1] / count
        if imem[at + AGE] >= max(count, RENEW_ROWS) or not spread >= RENEW_SHARE * mem[at + PEAK]:
            renew_slope(mem, imem, at, ring, count, slots, mem[x + i])
        if count > 1 and whole(imem, at, imem[time + i], timed, width):
            middle = 0.5 * (count - 1)
            per_row = (mem[at + SX] - middle * mem[at + S1]) / (count * (count * count - 1.0) / 12.0)
            mem[out + i] = per_row if abs(per_row) <= LARGEST else np.nan
        else:
            mem[out + i] = np.nan
    return n


@kernel
def renew_slope(mem, imem, at, ring, count, slots, newest):
    """Anchor and sums made from the ring itself."""
    place = imem[at + PLACE]
    shift = 0.0
    for j in range(place, place + count):
        shift += mem[ring + (j if j < slots else j - slots)] - newest
    anchor = newest + shift / count
    s1 = s2 = sx = 0.0
    for j in range(place, place + count):
        d = mem[ring + (j if j < slots else j - slots)] - anchor
        s1 += d
        s2 += d * d
        sx += d * (j - place)
    mem[at + ANCHOR], mem[at + S1], mem[at + S2], mem[at + SX], mem[at + PEAK] = anchor, s1, s2, sx, s2
    imem[at + AGE] = 0


@kernel
def autocorr(mem, imem, x, k, series, time, timed, width, slots, base, size, out, begin, n):
    """Correlation of the pairs ``(x[j - k], x[j])`` of a window; returns the row at which the ring is full, or `n`."""
    for i in range(begin, n):
        at = base + imem[series + i] * size
        ring = at + PAIR_HEADER
        while expired(imem, at, ring, imem[time + i], timed, width, slots):
            if imem[at + COUNT] > k:
                place = imem[at + PLACE]
                add_pair(mem, at, mem[ring + place], mem[ring + _wrap(place + k, slots)], -1.0)
            drop(imem, at, slots)
        if imem[at + COUNT] == slots:
            return i
        if not admit(mem[x + i], imem[time + i], mem, imem, at, ring, slots):
            mem[out + i] = np.nan
            continue
        pairs = imem[at + COUNT] - k
        if pairs < 1:
            mem[out + i] = np.nan
            continue
        early = mem[ring + _wrap(imem[at + PLACE] + pairs - 1, slots)]
        if pairs == 1:
            begin_pairs(mem, imem, at, early, mem[x + i])
        add_pair(mem, at, early, mem[x + i], 1.0)
        imem[at + AGE] += 1
        mem[at + EARLY_PEAK] = max(mem[at + EARLY_PEAK], mem[at + E2])
        mem[at + LATE_PEAK] = max(mem[at + LATE_PEAK], mem[at + L2])
        a, b, ab = spreads(mem, at, pairs)
        stale = not (a >= RENEW_SHARE * mem[at + EARLY_PEAK] and b >= RENEW_SHARE * mem[at + LATE_PEAK])
        if stale or imem[at + AGE] >= max(pairs, RENEW_ROWS):
            renew_pairs(mem, imem, at, ring, k, pairs, slots, early, mem[x + i])
            a, b, ab = spreads(mem, at, pairs)
        if pairs > 1 and a > 0.0 and b > 0.0 and whole(imem, at, imem[time + i], timed, width):
            r = ab / (math.sqrt(a) * math.sqrt(b))
            mem[out + i] = min(1.0, max(-1.0, r)) if r == r else np.nan
        else:
            mem[out + i] = np.nan
    return n


@kernel
def begin_pairs(mem, imem, at, early, late):
    """Empty sums, anchored at the first pair."""
    mem[at + EARLY], mem[at + LATE] = early, late
    for j in range(E1, PAIR_HEADER):
        mem[at + j] = 0.0
    imem[at + AGE] = 0


@kernel
def add_pair(mem, at, early, late, sign):
    """Add (`sign` 1) or take away (-1) one pair."""
    a, b = early - mem[at + EARLY], late - mem[at + LATE]
    mem[at + E1] += sign * a
    mem[at + L1] += sign * b
    mem[at + E2] += sign * a * a
    mem[at + L2] += sign * b * b
    mem[at + EL] += sign * a * b


@kernel
def spreads(mem, at, pairs):
    """Sums of squares and of products about the means."""
    a, b = mem[at + E1], mem[at + L1]
    return mem[at + E2] - a * a / pairs, mem[at + L2] - b * b / pairs, mem[at + EL] - a * b / pairs


@kernel
def renew_pairs(mem, imem, at, ring, k, pairs, slots, early, late):
    """Anchors and sums made from the ring itself."""
    place = imem[at + PLACE]
    a = b = 0.0
    for j in range(place, place + pairs):
        a += mem[ring + _wrap(j, slots)] - early
        b += mem[ring + _wrap(j + k, slots)] - late
    begin_pairs(mem, imem, at, early + a / pairs, late + b / pairs)
    for j in range(place, place + pairs):
        add_pair(mem, at, mem[ring + _wrap(j, slots)], mem[ring + _wrap(j + k, slots)], 1.0)
    mem[at + EARLY_PEAK], mem[at + LATE_PEAK] = mem[at + E2], mem[at + L2]


@kernel
def expired(imem, at, ring, now, timed, width, slots):
    """Whether the oldest row of the ring is outside the window that the next row ends."""
    count = imem[at + COUNT]
    if count == 0:
        return False
    return imem[ring + slots + imem[at + PLACE]] <= now - width if timed else count == width


@kernel
def drop(imem, at, slots):
    """Forget the oldest row of the ring."""
    imem[at + PLACE] = _wrap(imem[at + PLACE] + 1, slots)
    imem[at + COUNT] -= 1


@kernel
def admit(value, now, mem, imem, at, ring, slots):
    """Put a number into the ring; a NaN empties it. START is the time before which nothing whole is known, plus one."""
    if value != value or imem[at + START] == 0:
        imem[at + START] = now + 1
    if value != value:
        imem[at + COUNT] = 0
        return False
    last = _wrap(imem[at + PLACE] + imem[at + COUNT], slots)
    mem[ring + last] = value
    imem[ring + slots + last] = now
    imem[at + COUNT] += 1
    return True


@kernel
def whole(imem, at, now, timed, width):
    """Whether the window is as long as was asked for."""
    return now - imem[at + START] + 1 >= width if timed else imem[at + COUNT] == width


@kernel
def _wrap(place, slots):
    return place - slots if place >= slots else place
