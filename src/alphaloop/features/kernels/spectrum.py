"""Share of a window's variance in a band of periods, by a sliding discrete Fourier transform.

Each coefficient of the band turns by one step a row; like the moments, they are made again from the ring when they are
old or have become small beside what they were.

References
----------
E. Jacobsen and R. Lyons, "The sliding DFT", IEEE Signal Processing Magazine, 2003.
"""

# ruff: noqa: ANN001, ANN201

from __future__ import annotations

import numpy as np
from numba import njit

kernel = njit(nogil=True, cache=True, error_model="numpy")

PLACE, COUNT, AGE, ANCHOR, S1, S2, PEAK, HEADER = 0, 1, 2, 3, 4, 5, 6, 7
RENEW_ROWS = 256
RENEW_SHARE = 1e-3


@kernel
def band_power(x, first, last, series, width, table, pool, state, istate, base, size, out, n):
    """Share of periods ``width / last`` to ``width / first``; from `table` on, `pool` holds cosines, then sines."""
    bands = last - first + 1
    for i in range(n):
        at = base + series[i] * size
        ring = at + HEADER
        coefficients = ring + width
        value = x[i]
        place, count = istate[at + PLACE], istate[at + COUNT]
        old = state[ring + place]
        state[ring + place] = value
        istate[at + PLACE] = place + 1 if place + 1 < width else 0
        if value != value:
            istate[at + COUNT] = 0
            out[i] = np.nan
            continue
        if count < width:
            istate[at + COUNT] = count + 1
            istate[at + AGE] = RENEW_ROWS + width
            if count + 1 < width:
                out[i] = np.nan
                continue
        else:
            new, old = value - state[at + ANCHOR], old - state[at + ANCHOR]
            state[at + S1] += new - old
            state[at + S2] += (new - old) * (new + old)
            turn(state, coefficients, bands, first, width, table, pool, new - old)
        istate[at + AGE] += 1
        state[at + PEAK] = max(state[at + PEAK], state[at + S2])
        spread = state[at + S2] - state[at + S1] * state[at + S1] / width
        if istate[at + AGE] >= max(width, RENEW_ROWS) or not spread >= RENEW_SHARE * state[at + PEAK]:
            renew(state, istate, at, first, bands, width, table, pool, value)
            spread = state[at + S2] - state[at + S1] * state[at + S1] / width
        power = 0.0
        for b in range(bands):
            real, imaginary = state[coefficients + 2 * b], state[coefficients + 2 * b + 1]
            once = 2 * (first + b) == width
            power += (1.0 if once else 2.0) * (real * real + imaginary * imaginary)
        share = power / (width * spread) if spread > 0.0 else np.nan
        out[i] = min(share, 1.0) if share == share else np.nan
    return n


@kernel
def turn(state, coefficients, bands, first, width, table, pool, change):
    """Let each coefficient lose the oldest value and gain the newest, `change` between them, and turn it by one row."""
    for b in range(bands):
        cosine, sine = pool[table + first + b], pool[table + width + first + b]
        real = state[coefficients + 2 * b] + change
        imaginary = state[coefficients + 2 * b + 1]
        state[coefficients + 2 * b] = real * cosine - imaginary * sine
        state[coefficients + 2 * b + 1] = real * sine + imaginary * cosine


@kernel
def renew(state, istate, at, first, bands, width, table, pool, newest):
    """Anchor, sums and coefficients made from the ring itself."""
    ring = at + HEADER
    place = istate[at + PLACE]
    shift = 0.0
    for j in range(width):
        shift += state[ring + j] - newest
    anchor = newest + shift / width
    s1 = s2 = 0.0
    for j in range(width):
        d = state[ring + j] - anchor
        s1 += d
        s2 += d * d
    for b in range(bands):
        real = imaginary = 0.0
        for j in range(width):
            d = state[ring + (place + j if place + j < width else place + j - width)] - anchor
            angle = (first + b) * j % width
            real += d * pool[table + angle]
            imaginary -= d * pool[table + width + angle]
        state[ring + width + 2 * b], state[ring + width + 2 * b + 1] = real, imaginary
    state[at + ANCHOR], state[at + S1], state[at + S2], state[at + PEAK] = anchor, s1, s2, s2
    istate[at + AGE] = 0
