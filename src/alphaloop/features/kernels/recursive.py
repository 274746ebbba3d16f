"""Operators that remember their last rows or their own last value."""

# ruff: noqa: ANN001, ANN201

from __future__ import annotations

import numpy as np
from numba import njit

kernel = njit(nogil=True, cache=True, error_model="numpy")

LAG, EMA, WILDER, RUN_LENGTH = 0, 1, 2, 3
LAG_HEADER, AVERAGE_SIZE, RUN_SIZE = 2, 2, 1


@kernel
def recursive(mem, imem, op, x, series, length, weight, base, size, out, n):
    """Write the first `n` values of operator `op` on `x` to `out`."""
    if op == LAG:
        lag(mem, imem, x, series, length, base, size, out, n)
    elif op == EMA:
        ema(mem, imem, x, series, length, weight, base, size, out, n)
    elif op == WILDER:
        wilder(mem, imem, x, series, length, base, size, out, n)
    else:
        run_length(mem, imem, x, series, base, size, out, n)


@kernel
def lag(mem, imem, x, series, length, base, size, out, n):
    """State: place in the ring, rows seen (up to `length`), ring of `length` values."""
    i = 0
    while i < n:
        s = imem[series + i]
        at = base + s * size
        place, seen = imem[at], imem[at + 1]
        ring = at + LAG_HEADER
        while i < n and imem[series + i] == s:
            value = mem[x + i]
            mem[out + i] = mem[ring + place] if seen == length else np.nan
            mem[ring + place] = value
            place = place + 1 if place + 1 < length else 0
            seen = seen + 1 if seen < length else seen
            i += 1
        imem[at], imem[at + 1] = place, seen


@kernel
def ema(mem, imem, x, series, length, weight, base, size, out, n):
    """State: values seen (up to `length`), the average."""
    i = 0
    while i < n:
        s = imem[series + i]
        at = base + s * size
        seen, average = imem[at], mem[at + 1]
        while i < n and imem[series + i] == s:
            value = mem[x + i]
            if value != value:
                mem[out + i] = np.nan
            else:
                average = value if seen == 0 else average + weight * (value - average)
                seen = seen + 1 if seen < length else seen
                mem[out + i] = average if seen == length else np.nan
            i += 1
        imem[at], mem[at + 1] = seen, average


@kernel
def wilder(mem, imem, x, series, length, base, size, out, n):
    """State: values seen (up to `length`), their sum until there are `length`, from then on the average."""
    weight = 1.0 / length
    i = 0
    while i < n:
        s = imem[series + i]
        at = base + s * size
        seen, average = imem[at], mem[at + 1]
        while i < n and imem[series + i] == s:
            value = mem[x + i]
            if value != value:
                mem[out + i] = np.nan
            elif seen == length:
                average += weight * (value - average)
                mem[out + i] = average
            else:
                average += value
                seen += 1
                if seen == length:
                    average /= length
                mem[out + i] = average if seen == length else np.nan
            i += 1
        imem[at], mem[at + 1] = seen, average


@kernel
def run_length(mem, imem, x, series, base, size, out, n):
    """State: the signed length of the current run."""
    for i in range(n):
        value = mem[x + i]
        at = base + imem[series + i] * size
        if value != value:
            mem[out + i] = np.nan
            continue
        run = mem[at]
        if value > 0.0:
            run = run + 1.0 if run > 0.0 else 1.0
        elif value < 0.0:
            run = run - 1.0 if run < 0.0 else -1.0
        else:
            run = 0.0
        mem[at] = run
        mem[out + i] = run
