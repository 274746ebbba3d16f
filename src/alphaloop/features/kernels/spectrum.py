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
def band_power(mem, imem, x, first, last, series, width, table, pool, base, size, out, n):
    """Share of periods ``width / last`` to ``width / first``; from `table` on, `pool` holds cosines, then sines."""
    bands = last - first + 1
    for i in range(n):
        at = base + imem[series + i] * size
        ring = at + HEADER
        coefficients = ring + width
        value = mem[x + i]
        place, count = imem[at + PLACE], imem[at + COUNT]
        old = mem[ring + place]
        mem[ring + place] = value
        imem[at + PLACE] = place + 1 if place + 1 < width else 0
        if value != value:
            imem[at + COUNT] = 0
            mem[out + i] = np.nan
            continue
        if count < width:
            imem[at + COUNT] = count + 1
            imem[at + AGE] = RENEW_ROWS + width
            if count + 1 < width:
                mem[out + i] = np.nan
                continue
        else:
            new, old = value - mem[at + ANCHOR], old - mem[at + ANCHOR]
            mem[at + S1] += new - old
            mem[at + S2] += (new - old) * (new + old)
            turn(mem, coefficients, bands, first, width, table, pool, new - old)
        imem[at + AGE] += 1
        mem[at + PEAK] = max(mem[at + PEAK], mem[at + S2])
        spread = mem[at + S2] - mem[at + S1] * mem[at + S1] / width
        if imem[at + AGE] >= max(width, RENEW_ROWS) or not spread >= RENEW_SHARE * mem[at + PEAK]:
            renew(mem, imem, at, first, bands, width, table, pool, value)
            spread = mem[at + S2] - mem[at + S1] * mem[at + S1] / width
        power = 0.0
        for b in range(bands):
            real, imaginary = mem[coefficients + 2 * b], mem[coefficients + 2 * b + 1]
            once = 2 * (first + b) == width
            power += (1.0 if once else 2.0) * (real * real + imaginary * imaginary)
        share = power / (width * spread) if spread > 0.0 else np.nan
        mem[out + i] = min(share, 1.0) if share == share else np.nan
    return n


@kernel
def turn(mem, coefficients, bands, first, width, table, pool, change):
    """Let each coefficient lose the oldest value and gain the newest, `change` between them, and turn it by one row."""
    for b in range(bands):
        cosine, sine = pool[table + first + b], pool[table + width + first + b]
        real = mem[coefficients + 2 * b] + change
        imaginary = mem[coefficients + 2 * b + 1]
        mem[coefficients + 2 * b] = real * cosine - imaginary * sine
        mem[coefficients + 2 * b + 1] = real * sine + imaginary * cosine


@kernel
def renew(mem, imem, at, first, bands, width, table, pool, newest):
    """Anchor, sums and coefficients made from the ring itself."""
    ring = at + HEADER
    place = imem[at + PLACE]
    shift = 0.0
    for j in range(width):
        shift += mem[ring + j] - newest
    anchor = newest + shift / width
    s1 = s2 = 0.0
    for j in range(width):
        d = mem[ring + j] - anchor
        s1 += d
        s2 += d * d
    for b in range(bands):
        real = imaginary = 0.0
        for j in range(width):
            d = mem[ring + (place + j if place + j < width else place + j - width)] - anchor
            angle = (first + b) * j % width
            real += d * pool[table + angle]
            imaginary -= d * pool[table + width + angle]
        mem[ring + width + 2 * b], mem[ring + width + 2 * b + 1] = real, imaginary
    mem[at + ANCHOR], mem[at + S1], mem[at + S2], mem[at + PEAK] = anchor, s1, s2, s2
    imem[at + AGE] = 0
