"""Operators that remember their last rows or their own last value."""

# ruff: noqa: ANN001, ANN201

from __future__ import annotations

import numpy as np
from numba import njit

kernel = njit(nogil=True, cache=True, error_model="numpy")

LAG, EMA, WILDER, RUN_LENGTH = 0, 1, 2, 3
LAG_HEADER, AVERAGE_SIZE, RUN_SIZE = 2, 2, 1


@kernel
def recursive(op, x, series, length, weight, state, istate, base, size, out, n):
    """Write the first `n` values of operator `op` on `x` to `out`."""
    if op == LAG:
        lag(x, series, length, state, istate, base, size, out, n)
    elif op == EMA:
        ema(x, series, length, weight, state, istate, base, size, out, n)
    elif op == WILDER:
        wilder(x, series, length, state, istate, base, size, out, n)
    else:
        run_length(x, series, state, base, size, out, n)


@kernel
def lag(x, series, length, state, istate, base, size, out, n):
    """State: place in the ring, rows seen (up to `length`), ring of `length` values."""
    i = 0
    while i < n:
        s = series[i]
        at = base + s * size
        place, seen = istate[at], istate[at + 1]
        ring = at + LAG_HEADER
        while i < n and series[i] == s:
            value = x[i]
            out[i] = state[ring + place] if seen == length else np.nan
            state[ring + place] = value
            place = place + 1 if place + 1 < length else 0
            seen = seen + 1 if seen < length else seen
            i += 1
        istate[at], istate[at + 1] = place, seen


@kernel
def ema(x, series, length, weight, state, istate, base, size, out, n):
    """State: values seen (up to `length`), the average."""
    i = 0
    while i < n:
        s = series[i]
        at = base + s * size
        seen, average = istate[at], state[at + 1]
        while i < n and series[i] == s:
            value = x[i]
            if value != value:
                out[i] = np.nan
            else:
                average = value if seen == 0 else average + weight * (value - average)
                seen = seen + 1 if seen < length else seen
                out[i] = average if seen == length else np.nan
            i += 1
        istate[at], state[at + 1] = seen, average


@kernel
def wilder(x, series, length, state, istate, base, size, out, n):
    """State: values seen (up to `length`), their sum until there are `length`, from then on the average."""
    weight = 1.0 / length
    i = 0
    while i < n:
        s = series[i]
        at = base + s * size
        seen, average = istate[at], state[at + 1]
        while i < n and series[i] == s:
            value = x[i]
            if value != value:
                out[i] = np.nan
            elif seen == length:
                average += weight * (value - average)
                out[i] = average
            else:
                average += value
                seen += 1
                if seen == length:
                    average /= length
                out[i] = average if seen == length else np.nan
            i += 1
        istate[at], state[at + 1] = seen, average


@kernel
def run_length(x, series, state, base, size, out, n):
    """State: the signed length of the current run."""
    for i in range(n):
        value = x[i]
        at = base + series[i] * size
        if value != value:
            out[i] = np.nan
            continue
        run = state[at]
        if value > 0.0:
            run = run + 1.0 if run > 0.0 else 1.0
        elif value < 0.0:
            run = run - 1.0 if run < 0.0 else -1.0
        else:
            run = 0.0
        state[at] = run
        out[i] = run
