"""Sum, mean, standard deviation, skewness and kurtosis over a window.

Power sums are kept of deviations from an anchor near the data. They are made again, exactly, from the ring when they
are old, and whenever so little of their greatest size is left that what was subtracted would show in the digits: after
a jump has left the window, and when the data has moved away from the anchor. A window of equal values has deviations
of exactly zero.
"""

# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import math

import numpy as np
from numba import njit

kernel = njit(nogil=True, cache=True, error_model="numpy")

PLACE, COUNT, AGE, START, ANCHOR, S1, S2, S3, S4, PEAK, HEADER = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
LARGEST = 1e300
RENEW_ROWS = 256
RENEW_SHARE = 1e-3


@kernel
def moments_by_rows(mem, imem, order, x, series, width, base, size, mean, std, skew, kurtosis, n):
    """Moments up to `order` (2 or 4) of the last `width` rows, to the places that are not negative."""
    renew = max(width, RENEW_ROWS)
    share = 1.0 / width
    i = 0
    while i < n:
        s = imem[series + i]
        at = base + s * size
        ring = at + HEADER
        place, count, age = imem[at + PLACE], imem[at + COUNT], imem[at + AGE]
        anchor, s1, s2, s3, s4 = mem[at + ANCHOR], mem[at + S1], mem[at + S2], mem[at + S3], mem[at + S4]
        peak = mem[at + PEAK]
        while i < n and imem[series + i] == s:
            value = mem[x + i]
            if value != value:
                count = 0
            elif count < width:
                if count == 0:
                    anchor = value
                    s1 = s2 = s3 = s4 = peak = 0.0
                    age = 0
                new = value - anchor
                s1 += new
                s2 += new * new
                s3 += new * new * new
                s4 += new * new * new * new
                count += 1
            else:
                new, old = value - anchor, mem[ring + place] - anchor
                new2, old2 = new * new, old * old
                s1 += new - old
                s2 += (new - old) * (new + old)
                if order == 4:
                    s3 += new2 * new - old2 * old
                    s4 += (new2 - old2) * (new2 + old2)
            mem[ring + place] = value
            place = place + 1 if place + 1 < width else 0
            if count < width:
                write(mem, mean, std, skew, kurtosis, i, np.nan, np.nan, np.nan, np.nan)
                i += 1
                continue
            age += 1
            peak = s2 if s2 > peak else peak
            spread = s2 - s1 * s1 * share
            if age >= renew or not spread >= RENEW_SHARE * peak:
                anchor, s1, s2, s3, s4 = renewed(mem, ring, 0, width, width, value)
                spread = s2 - s1 * s1 * share
                peak, age = s2, 0
            describe(mem, mean, std, skew, kurtosis, i, width, anchor, s1, s2, s3, s4, spread)
            i += 1
        imem[at + PLACE], imem[at + COUNT], imem[at + AGE] = place, count, age
        mem[at + ANCHOR], mem[at + S1], mem[at + S2], mem[at + S3], mem[at + S4] = anchor, s1, s2, s3, s4
        mem[at + PEAK] = peak


@kernel
def moments_by_time(mem, imem, x, series, time, width, slots, base, size, mean, std, skew, kurtosis, begin, n):
    """Moments of the rows in ``(t - width, t]``; returns the row at which the ring of `slots` is full, or `n`.

    START is the time before which nothing whole is known, plus one so that zero can say that the series has not begun.
    """
    for i in range(begin, n):
        at = base + imem[series + i] * size
        ring = at + HEADER
        value, now = mem[x + i], imem[time + i]
        place, count = imem[at + PLACE], imem[at + COUNT]
        anchor, s1, s2, s3, s4 = mem[at + ANCHOR], mem[at + S1], mem[at + S2], mem[at + S3], mem[at + S4]
        while count > 0 and imem[ring + slots + place] <= now - width:
            old = mem[ring + place] - anchor
            s1 -= old
            s2 -= old * old
            s3 -= old * old * old
            s4 -= old * old * old * old
            count -= 1
            place = place + 1 if place + 1 < slots else 0
        if count == slots:
            imem[at + PLACE], imem[at + COUNT] = place, count
            mem[at + S1], mem[at + S2], mem[at + S3], mem[at + S4] = s1, s2, s3, s4
            return i
        if value != value or imem[at + START] == 0:
            imem[at + START] = now + 1
            count = 0
        if value != value:
            imem[at + COUNT] = 0
            write(mem, mean, std, skew, kurtosis, i, np.nan, np.nan, np.nan, np.nan)
            continue
        if count == 0:
            anchor = value
            s1 = s2 = s3 = s4 = 0.0
            mem[at + PEAK] = 0.0
            imem[at + AGE] = 0
        last = place + count
        last = last - slots if last >= slots else last
        mem[ring + last] = value
        imem[ring + slots + last] = now
        count += 1
        new = value - anchor
        s1 += new
        s2 += new * new
        s3 += new * new * new
        s4 += new * new * new * new
        imem[at + AGE] += 1
        mem[at + PEAK] = max(mem[at + PEAK], s2)
        spread = s2 - s1 * s1 / count
        if imem[at + AGE] >= max(count, RENEW_ROWS) or not spread >= RENEW_SHARE * mem[at + PEAK]:
            anchor, s1, s2, s3, s4 = renewed(mem, ring, place, count, slots, value)
            spread = s2 - s1 * s1 / count
            mem[at + PEAK] = s2
            imem[at + AGE] = 0
        imem[at + PLACE], imem[at + COUNT] = place, count
        mem[at + ANCHOR], mem[at + S1], mem[at + S2], mem[at + S3], mem[at + S4] = anchor, s1, s2, s3, s4
        if now - imem[at + START] + 1 >= width:
            describe(mem, mean, std, skew, kurtosis, i, count, anchor, s1, s2, s3, s4, spread)
        else:
            write(mem, mean, std, skew, kurtosis, i, np.nan, np.nan, np.nan, np.nan)
    return n


@kernel
def renewed(mem, ring, place, count, slots, newest):
    """Anchor and power sums made from the ring itself; the anchor is the mean, exactly so if all values are equal."""
    shift = 0.0
    for j in range(place, place + count):
        shift += mem[ring + (j if j < slots else j - slots)] - newest
    anchor = newest + shift / count
    s1 = s2 = s3 = s4 = 0.0
    for j in range(place, place + count):
        d = mem[ring + (j if j < slots else j - slots)] - anchor
        d2 = d * d
        s1 += d
        s2 += d2
        s3 += d2 * d
        s4 += d2 * d2
    return anchor, s1, s2, s3, s4


@kernel
def describe(mem, mean, std, skew, kurtosis, i, count, anchor, s1, s2, s3, s4, spread):
    """Central moments from power sums of deviations, and from them what was asked for."""
    share = 1.0 / count
    shift = s1 * share
    m2 = max(spread, 0.0) * share
    if mean >= 0:
        mem[mean + i] = _finite(anchor + shift)
    if std >= 0:
        mem[std + i] = _finite(math.sqrt(m2 * count / (count - 1))) if count > 1 else np.nan
    if skew >= 0:
        m3 = s3 * share - shift * (3.0 * s2 * share - 2.0 * shift * shift)
        mem[skew + i] = _finite(m3 / (m2 * math.sqrt(m2)))
    if kurtosis >= 0:
        m4 = s4 * share - shift * (4.0 * s3 * share - shift * (6.0 * s2 * share - 3.0 * shift * shift))
        mem[kurtosis + i] = _finite(m4 / (m2 * m2) - 3.0)


@kernel
def write(mem, mean, std, skew, kurtosis, i, a, b, c, d):
    """Give the same row of each wanted register its value."""
    if mean >= 0:
        mem[mean + i] = a
    if std >= 0:
        mem[std + i] = b
    if skew >= 0:
        mem[skew + i] = c
    if kurtosis >= 0:
        mem[kurtosis + i] = d


@kernel
def _finite(value):
    return value if abs(value) <= LARGEST else np.nan
