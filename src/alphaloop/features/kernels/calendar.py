"""Time of day and of week, in UTC."""

# ruff: noqa: ANN001, ANN201

from __future__ import annotations

import math

from numba import njit

kernel = njit(nogil=True, cache=True, error_model="numpy")

SINE, COSINE, SESSION = 0, 1, 2


@kernel
def calendar(op, time, period, origin, start, end, out, n):
    """Where in its `period` each time is, as a point on a circle, or whether it is in ``[start, end)`` of it."""
    if op == SINE:
        for i in range(n):
            out[i] = math.sin(2.0 * math.pi * ((time[i] - origin) % period) / period)
    elif op == COSINE:
        for i in range(n):
            out[i] = math.cos(2.0 * math.pi * ((time[i] - origin) % period) / period)
    else:
        for i in range(n):
            at = (time[i] - origin) % period
            inside = start <= at < end if start < end else (at >= start or at < end)
            out[i] = 1.0 if inside else 0.0
