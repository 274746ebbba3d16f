"""The machine that runs a compiled feature set: one numba function that walks a program over blocks of rows.

No feature set ever compiles anything: a program is data, and the one function below is compiled once for all.
"""

# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

import numpy as np
from numba import njit

from alphaloop.features.kernels.calendar import calendar
from alphaloop.features.kernels.elementwise import elementwise
from alphaloop.features.kernels.extremes import extreme_by_rows, extreme_by_time
from alphaloop.features.kernels.lines import autocorr, slope
from alphaloop.features.kernels.moments import moments_by_rows, moments_by_time
from alphaloop.features.kernels.quantiles import quantile
from alphaloop.features.kernels.recursive import recursive
from alphaloop.features.kernels.relations import bucket, frame, hold, other
from alphaloop.features.kernels.spectrum import band_power
from alphaloop.features.kernels.totals import total_by_rows, total_by_time

BLOCK = 1024
"""Rows that a program runs over before it goes to the next; its registers for as many stay in the processor's cache."""

# Fields of an instruction. X to OUT_4 are registers, as places in memory, or, of instructions in BY_NUMBER, as numbers
# (an absent output is negative); SERIES and TIME are the places of the rows of its domain, BASE that of its state;
# A to D are settings.
KIND, OP, DOMAIN, X, Y, Z = 0, 1, 2, 3, 4, 5
OUT, OUT_2, OUT_3, OUT_4 = 6, 7, 8, 9
A, B, C, D = 10, 11, 12, 13
BASE, SIZE, SLOTS, SERIES, TIME = 14, 15, 16, 17, 18
FIELDS = 19

# Kinds of instruction.
LOAD, EMIT, ELEMENTWISE, RECURSIVE, CALENDAR, SPECTRUM = 0, 1, 2, 3, 4, 5
BUCKET, FRAME, HOLD, OTHER = 6, 7, 8, 9
MOMENTS_ROWS, TOTAL_ROWS, EXTREME_ROWS = 10, 11, 12
BY_NUMBER = (LOAD, EMIT, ELEMENTWISE, CALENDAR)
# From here on a ring of rows by time may be full, so that the machine has to stop and come back.
MOMENTS_TIME, TOTAL_TIME, EXTREME_TIME, QUANTILE, SLOPE, AUTOCORR = 20, 21, 22, 23, 24, 25

# What memory holds of the rows of a domain, one stretch each.
W_SERIES, W_TIME, W_FLAGS, W_STOPS = 0, 1, 2, 3
WORK_ROWS = 4

# Places in the cursor: the next row, the next instruction of the block, the next row of that instruction.
NEXT_ROW, NEXT_OP, NEXT_AT = 0, 1, 2

LARGEST = 1e300
LARGEST_FLOAT32 = 3.4028234663852886e38


def _fingerprint() -> int:
    """A number that changes with any kernel file."""
    digest = blake2b(digest_size=7)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest(), "big")


def _build(fingerprint):
    # numba looks at the time stamp of this file alone when it decides whether its cached machine code is current; the
    # fingerprint, a variable of the closure, is part of the cache's key and makes a change of any kernel count.
    @njit(nogil=True, cache=True, error_model="numpy")
    def run(
        code, scalars, pool, regs, mem, imem, work, width, counts, cursor,
        columns, times, series, fixed, n_rows, out32, out64, target, scatter, offset,
    ):  # fmt: skip
        """Run the program over rows `cursor` to `n_rows`; returns -1, or the instruction whose ring is full."""
        if fingerprint < 0:
            return -2
        while cursor[NEXT_ROW] < n_rows:
            first = cursor[NEXT_ROW]
            if cursor[NEXT_OP] == 0:
                begin_block(imem, work, width, counts, times, series, fixed, first, min(BLOCK, n_rows - first))
            for op in range(cursor[NEXT_OP], code.shape[0]):
                n = counts[code[op, DOMAIN]]
                if n == 0:
                    continue
                kind = code[op, KIND]
                x, out = code[op, X], code[op, OUT]
                if kind == ELEMENTWISE:
                    y, z, lower, upper = code[op, Y], code[op, Z], scalars[op, 0], scalars[op, 1]
                    elementwise(code[op, OP], regs, x, y, z, lower, upper, out, n)
                elif kind == EMIT:
                    emit(regs, x, code[op, A], out32, out64, target, scatter, first, offset, n)
                elif kind == LOAD:
                    load(columns, code[op, A], first, regs, out, n)
                elif kind >= MOMENTS_TIME:
                    row = step_window(code, op, scalars, mem, imem, x, out, cursor[NEXT_AT], n)
                    if row < n:
                        cursor[NEXT_OP], cursor[NEXT_AT] = op, row
                        return op
                    cursor[NEXT_AT] = 0
                elif kind >= MOMENTS_ROWS:
                    step_rows(code, op, scalars, mem, imem, x, out, n)
                else:
                    step(code, op, scalars, pool, regs, mem, imem, x, out, work, width, counts, n)
            cursor[NEXT_ROW], cursor[NEXT_OP] = first + counts[0], 0
        return -1

    return run


@njit(nogil=True, error_model="numpy")
def step(code, op, scalars, pool, regs, mem, imem, x, out, work, width, counts, n):
    """Run one instruction that is neither about one row nor about a window."""
    kind, base, size = code[op, KIND], code[op, BASE], code[op, SIZE]
    series, time = code[op, SERIES], code[op, TIME]
    a, b, c, d = code[op, A], code[op, B], code[op, C], code[op, D]
    bars = work + a * WORK_ROWS * width
    if kind == RECURSIVE:
        recursive(mem, imem, code[op, OP], x, series, a, scalars[op, 0], base, size, out, n)
    elif kind == CALENDAR:
        calendar(code[op, OP], regs, imem, time, a, b, c, d, out, n)
    elif kind == SPECTRUM:
        band_power(mem, imem, x, a, b, series, c, d, pool, base, size, out, n)
    elif kind == BUCKET:
        counts[a] = bucket(mem, imem, series, time, b, c, base, size, bars, width, n)
    elif kind == FRAME:
        frame(mem, imem, code[op, OP], x, series, bars + W_FLAGS * width, base, size, out, n)
    elif kind == HOLD:
        hold(mem, imem, x, series, bars + W_STOPS * width, bars + W_SERIES * width, base, size, out, n)
    else:
        other(mem, imem, x, series, time, a, b, base, size, out, n)


@njit(nogil=True, error_model="numpy")
def step_rows(code, op, scalars, mem, imem, x, out, n):
    """Run one instruction over a window of rows."""
    kind, base, size = code[op, KIND], code[op, BASE], code[op, SIZE]
    series, width = code[op, SERIES], code[op, A]
    if kind == MOMENTS_ROWS:
        std, skew, kurtosis = code[op, OUT_2], code[op, OUT_3], code[op, OUT_4]
        moments_by_rows(mem, imem, code[op, OP], x, series, width, base, size, out, std, skew, kurtosis, n)
    elif kind == TOTAL_ROWS:
        total_by_rows(mem, imem, x, series, width, base, size, out, n)
    else:
        extreme_by_rows(mem, imem, x, scalars[op, 0], series, width, base, size, out, n)


@njit(nogil=True, error_model="numpy")
def step_window(code, op, scalars, mem, imem, x, out, at, n):
    """Run one instruction over a window from row `at`; returns `n`, or the row at which its ring is full."""
    kind, base, size, slots = code[op, KIND], code[op, BASE], code[op, SIZE], code[op, SLOTS]
    series, time, timed, width = code[op, SERIES], code[op, TIME], code[op, A], code[op, B]
    if kind == EXTREME_TIME:
        return extreme_by_time(mem, imem, x, scalars[op, 0], series, time, width, slots, base, size, out, at, n)
    if kind == QUANTILE:
        return quantile(mem, imem, x, scalars[op, 0], series, time, timed, width, slots, base, size, out, at, n)
    if kind == TOTAL_TIME:
        return total_by_time(mem, imem, x, series, time, width, slots, base, size, out, at, n)
    if kind == SLOPE:
        return slope(mem, imem, x, series, time, timed, width, slots, base, size, out, at, n)
    if kind == AUTOCORR:
        return autocorr(mem, imem, x, code[op, C], series, time, timed, width, slots, base, size, out, at, n)
    std, skew, kurtosis = code[op, OUT_2], code[op, OUT_3], code[op, OUT_4]
    return moments_by_time(mem, imem, x, series, time, width, slots, base, size, out, std, skew, kurtosis, at, n)


@njit(nogil=True, error_model="numpy")
def begin_block(imem, work, width, counts, times, series, fixed, first, n):
    """Put time and series of the next `n` rows where the instructions look for them."""
    counts[:] = 0
    counts[0] = n
    for i in range(n):
        imem[work + W_TIME * width + i] = times[first + i]
        imem[work + W_SERIES * width + i] = series[first + i] if fixed < 0 else fixed


@njit(nogil=True, error_model="numpy")
def load(columns, column, first, regs, out, n):
    """Copy the next `n` values of an input column; what is not a number of usable size becomes NaN."""
    for i in range(n):
        value = columns[column, first + i]
        regs[out, i] = value if abs(value) <= LARGEST else np.nan


@njit(nogil=True, error_model="numpy")
def emit(regs, x, feature, out32, out64, target, scatter, first, offset, n):
    """Write one feature of `n` rows, in order from `offset`, or each to its `target` (a negative one is left out)."""
    if out64.shape[0] > 0:
        for i in range(n):
            row = target[first + i] if scatter else offset + first + i
            if row >= 0:
                out64[feature, row] = regs[x, i]
    elif scatter:
        for i in range(n):
            if target[first + i] >= 0:
                out32[feature, target[first + i]] = regs[x, i] if abs(regs[x, i]) <= LARGEST_FLOAT32 else np.nan
    else:
        for i in range(n):
            out32[feature, offset + first + i] = regs[x, i] if abs(regs[x, i]) <= LARGEST_FLOAT32 else np.nan


run = _build(_fingerprint())
