"""Time of day and of week, in UTC."""

# ruff: noqa: ANN001, ANN201

from __future__ import annotations

import math

from numba import njit

kernel = njit(nogil=True, cache=True, error_model="numpy")

SINE, COSINE, SESSION = 0, 1, 2

# Coefficients of the Taylor series, one over a factorial each.
S3, S5, S7, S9, S11, S13, S15 = (
    sign / math.factorial(k) for sign, k in zip((-1, 1) * 4, range(3, 17, 2), strict=False)
)
C2, C4, C6, C8, C10, C12, C14 = (
    sign / math.factorial(k) for sign, k in zip((-1, 1) * 4, range(2, 15, 2), strict=False)
)


@kernel
def calendar(op, regs, imem, time, period, origin, start, end, out, n):
    """Where in its `period` each time is, as a point on a circle, or whether it is in ``[start, end)`` of it."""
    # Neighbours are mostly of the same period, which takes no division to see.
    begin = origin
    for i in range(n):
        if not 0 <= imem[time + i] - begin < period:
            begin = imem[time + i] - (imem[time + i] - origin) % period
        regs[out, i] = imem[time + i] - begin
    if op == SESSION:
        for i in range(n):
            at = regs[out, i]
            inside = start <= at < end if start < end else (at >= start or at < end)
            regs[out, i] = 1.0 if inside else 0.0
    else:
        quarter = 1 if op == COSINE else 0
        for i in range(n):
            regs[out, i] = sine(4.0 * (regs[out, i] / period), quarter)


@kernel
def sine(turned, quarter):
    """Sine of `turned` + `quarter` quarters of a turn, to the last digit or two, in a form that vectorises.

    To the nearest quarter the angle is taken off exactly; what is left, of at most an eighth of a turn, goes into the
    Taylor series of sine or cosine, whose next term is below 1e-17.
    """
    nearest = math.floor(turned + 0.5)
    x = (turned - nearest) * (0.5 * math.pi)
    z = x * x
    s = x + x * z * (S3 + z * (S5 + z * (S7 + z * (S9 + z * (S11 + z * (S13 + z * S15))))))
    c = 1.0 + z * (C2 + z * (C4 + z * (C6 + z * (C8 + z * (C10 + z * (C12 + z * C14))))))
    place = (int(nearest) + quarter) & 3
    value = c if place & 1 else s
    return -value if place & 2 else value
