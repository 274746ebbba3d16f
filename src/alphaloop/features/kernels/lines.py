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
def slope(x, series, time, timed, width, slots, state, istate, base, size, out, begin, n):
    """Least-squares slope per row; returns the row at which the ring is full, or `n`."""
    for i in range(begin, n):
        at = base + series[i] * size
        ring = at + SLOPE_HEADER
        while expired(istate, at, ring, time[i], timed, width, slots):
            old = state[ring + istate[at + PLACE]] - state[at + ANCHOR]
            state[at + S1] -= old
            state[at + S2] -= old * old
            state[at + SX] -= state[at + S1]
            drop(istate, at, slots)
        if istate[at + COUNT] == slots:
            return i
        if not admit(x[i], time[i], state, istate, at, ring, slots):
            out[i] = np.nan
            continue
        count = istate[at + COUNT]
        if count == 1:
            state[at + ANCHOR] = x[i]
            state[at + S1] = state[at + S2] = state[at + SX] = state[at + PEAK] = 0.0
            istate[at + AGE] = 0
        new = x[i] - state[at + ANCHOR]
        state[at + S1] += new
        state[at + S2] += new * new
        state[at + SX] += new * (count - 1)
        istate[at + AGE] += 1
        state[at + PEAK] = max(state[at + PEAK], state[at + S2])
        spread = state[at + S2] - state[at + S1] * state[at + S1] / count
        if istate[at + AGE] >= max(count, RENEW_ROWS) or not spread >= RENEW_SHARE * state[at + PEAK]:
            renew_slope(state, istate, at, ring, count, slots, x[i])
        if count > 1 and whole(istate, at, time[i], timed, width):
            middle = 0.5 * (count - 1)
            per_row = (state[at + SX] - middle * state[at + S1]) / (count * (count * count - 1.0) / 12.0)
            out[i] = per_row if abs(per_row) <= LARGEST else np.nan
        else:
            out[i] = np.nan
    return n


@kernel
def renew_slope(state, istate, at, ring, count, slots, newest):
    """Anchor and sums made from the ring itself."""
    place = istate[at + PLACE]
    shift = 0.0
    for j in range(place, place + count):
        shift += state[ring + (j if j < slots else j - slots)] - newest
    anchor = newest + shift / count
    s1 = s2 = sx = 0.0
    for j in range(place, place + count):
        d = state[ring + (j if j < slots else j - slots)] - anchor
        s1 += d
        s2 += d * d
        sx += d * (j - place)
    state[at + ANCHOR], state[at + S1], state[at + S2], state[at + SX], state[at + PEAK] = anchor, s1, s2, sx, s2
    istate[at + AGE] = 0


@kernel
def autocorr(x, k, series, time, timed, width, slots, state, istate, base, size, out, begin, n):
    """Correlation of the pairs ``(x[j - k], x[j])`` of a window; returns the row at which the ring is full, or `n`."""
    for i in range(begin, n):
        at = base + series[i] * size
        ring = at + PAIR_HEADER
        while expired(istate, at, ring, time[i], timed, width, slots):
            if istate[at + COUNT] > k:
                place = istate[at + PLACE]
                add_pair(state, at, state[ring + place], state[ring + _wrap(place + k, slots)], -1.0)
            drop(istate, at, slots)
        if istate[at + COUNT] == slots:
            return i
        if not admit(x[i], time[i], state, istate, at, ring, slots):
            out[i] = np.nan
            continue
        pairs = istate[at + COUNT] - k
        if pairs < 1:
            out[i] = np.nan
            continue
        early = state[ring + _wrap(istate[at + PLACE] + pairs - 1, slots)]
        if pairs == 1:
            begin_pairs(state, istate, at, early, x[i])
        add_pair(state, at, early, x[i], 1.0)
        istate[at + AGE] += 1
        state[at + EARLY_PEAK] = max(state[at + EARLY_PEAK], state[at + E2])
        state[at + LATE_PEAK] = max(state[at + LATE_PEAK], state[at + L2])
        a, b, ab = spreads(state, at, pairs)
        stale = not (a >= RENEW_SHARE * state[at + EARLY_PEAK] and b >= RENEW_SHARE * state[at + LATE_PEAK])
        if stale or istate[at + AGE] >= max(pairs, RENEW_ROWS):
            renew_pairs(state, istate, at, ring, k, pairs, slots, early, x[i])
            a, b, ab = spreads(state, at, pairs)
        if pairs > 1 and a > 0.0 and b > 0.0 and whole(istate, at, time[i], timed, width):
            r = ab / (math.sqrt(a) * math.sqrt(b))
            out[i] = min(1.0, max(-1.0, r)) if r == r else np.nan
        else:
            out[i] = np.nan
    return n


@kernel
def begin_pairs(state, istate, at, early, late):
    """Empty sums, anchored at the first pair."""
    state[at + EARLY], state[at + LATE] = early, late
    for j in range(E1, PAIR_HEADER):
        state[at + j] = 0.0
    istate[at + AGE] = 0


@kernel
def add_pair(state, at, early, late, sign):
    """Add (`sign` 1) or take away (-1) one pair."""
    a, b = early - state[at + EARLY], late - state[at + LATE]
    state[at + E1] += sign * a
    state[at + L1] += sign * b
    state[at + E2] += sign * a * a
    state[at + L2] += sign * b * b
    state[at + EL] += sign * a * b


@kernel
def spreads(state, at, pairs):
    """Sums of squares and of products about the means."""
    a, b = state[at + E1], state[at + L1]
    return state[at + E2] - a * a / pairs, state[at + L2] - b * b / pairs, state[at + EL] - a * b / pairs


@kernel
def renew_pairs(state, istate, at, ring, k, pairs, slots, early, late):
    """Anchors and sums made from the ring itself."""
    place = istate[at + PLACE]
    a = b = 0.0
    for j in range(place, place + pairs):
        a += state[ring + _wrap(j, slots)] - early
        b += state[ring + _wrap(j + k, slots)] - late
    begin_pairs(state, istate, at, early + a / pairs, late + b / pairs)
    for j in range(place, place + pairs):
        add_pair(state, at, state[ring + _wrap(j, slots)], state[ring + _wrap(j + k, slots)], 1.0)
    state[at + EARLY_PEAK], state[at + LATE_PEAK] = state[at + E2], state[at + L2]


@kernel
def expired(istate, at, ring, now, timed, width, slots):
    """Whether the oldest row of the ring is outside the window that the next row ends."""
    count = istate[at + COUNT]
    if count == 0:
        return False
    return istate[ring + slots + istate[at + PLACE]] <= now - width if timed else count == width


@kernel
def drop(istate, at, slots):
    """Forget the oldest row of the ring."""
    istate[at + PLACE] = _wrap(istate[at + PLACE] + 1, slots)
    istate[at + COUNT] -= 1


@kernel
def admit(value, now, state, istate, at, ring, slots):
    """Put a number into the ring; a NaN empties it. START is the time before which nothing whole is known, plus one."""
    if value != value or istate[at + START] == 0:
        istate[at + START] = now + 1
    if value != value:
        istate[at + COUNT] = 0
        return False
    last = _wrap(istate[at + PLACE] + istate[at + COUNT], slots)
    state[ring + last] = value
    istate[ring + slots + last] = now
    istate[at + COUNT] += 1
    return True


@kernel
def whole(istate, at, now, timed, width):
    """Whether the window is as long as was asked for."""
    return now - istate[at + START] + 1 >= width if timed else istate[at + COUNT] == width


@kernel
def _wrap(place, slots):
    return place - slots if place >= slots else place
