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

BLOCK = 512
"""Rows that a program runs over before it goes to the next; its registers for as many stay in the processor's cache."""

# Fields of an instruction.
KIND, OP, DOMAIN, X, Y, Z = 0, 1, 2, 3, 4, 5
OUT, OUT_2, OUT_3, OUT_4 = 6, 7, 8, 9
A, B, C, D = 10, 11, 12, 13
BASE, SIZE, SLOTS = 14, 15, 16
FIELDS = 17

# Kinds of instruction.
LOAD, EMIT, ELEMENTWISE, RECURSIVE, CALENDAR, SPECTRUM = 0, 1, 2, 3, 4, 5
BUCKET, FRAME, HOLD, OTHER = 6, 7, 8, 9
MOMENTS_ROWS, TOTAL_ROWS, EXTREME_ROWS = 10, 11, 12
# From here on a ring of rows by time may be full, so that the machine has to stop and come back.
MOMENTS_TIME, TOTAL_TIME, EXTREME_TIME, QUANTILE, SLOPE, AUTOCORR = 20, 21, 22, 23, 24, 25

# Rows of the work area of a domain.
W_SERIES, W_TIME, W_FLAGS, W_STOPS = 0, 1, 2, 3
WORK_ROWS = 4

# Places in the cursor: the next row, the next instruction of the block, the next row of that instruction.
NEXT_ROW, NEXT_OP, NEXT_AT = 0, 1, 2

LARGEST = 1e300
LARGEST_FLOAT32 = 3.4028234663852886e38


def _fingerprint() -> int:
    """A number that changes with any kernel file."""
    folder = Path(__file__).parent
    digest = blake2b(digest_size=7)
    for path in sorted(folder.glob("*.py")):
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest(), "big")


def _build(fingerprint):
    # numba looks at the time stamp of this file alone when it decides whether its cached machine code is current; the
    # fingerprint, a variable of the closure, is part of the cache's key and makes a change of any kernel count.
    @njit(nogil=True, cache=True, error_model="numpy")
    def run(
        code, scalars, pool, state, istate, regs, work, counts, cursor,
        columns, times, series, fixed, n_rows, out32, out64, target, scatter, offset,
    ):  # fmt: skip
        """Run the program over rows `cursor` to `n_rows`; returns -1, or the instruction whose ring is full."""
        if fingerprint < 0:
            return -2
        while cursor[NEXT_ROW] < n_rows:
            first = cursor[NEXT_ROW]
            if cursor[NEXT_OP] == 0:
                begin_block(work, counts, times, series, fixed, first, min(BLOCK, n_rows - first))
            for op in range(cursor[NEXT_OP], code.shape[0]):
                c = code[op]
                n = counts[c[DOMAIN]]
                if n == 0:
                    continue
                kind = c[KIND]
                if kind == ELEMENTWISE:
                    elementwise(
                        c[OP], regs[c[X]], regs[c[Y]], regs[c[Z]], scalars[op, 0], scalars[op, 1], regs[c[OUT]], n
                    )
                elif kind == EMIT:
                    emit(regs[c[X]], c[A], out32, out64, target, scatter, first, offset, n)
                elif kind == LOAD:
                    load(columns[c[A]], first, regs[c[OUT]], n)
                elif kind >= MOMENTS_TIME:
                    row = step_window(c, scalars[op], regs, work[c[DOMAIN]], state, istate, cursor[NEXT_AT], n)
                    if row < n:
                        cursor[NEXT_OP], cursor[NEXT_AT] = op, row
                        return op
                    cursor[NEXT_AT] = 0
                else:
                    step(c, scalars[op], pool, regs, work, counts, state, istate, n)
            cursor[NEXT_ROW], cursor[NEXT_OP] = first + counts[0], 0
        return -1

    return run


@njit(nogil=True, error_model="numpy")
def step(c, scalars, pool, regs, work, counts, state, istate, n):
    """Run one instruction that cannot stop half way."""
    kind, base, size = c[KIND], c[BASE], c[SIZE]
    here = work[c[DOMAIN]]
    series, time = here[W_SERIES], here[W_TIME]
    x, out = regs[c[X]], regs[c[OUT]]
    if kind == MOMENTS_ROWS:
        moments_by_rows(
            c[OP], x, series, c[A], state, istate, base, size, regs, c[OUT], c[OUT_2], c[OUT_3], c[OUT_4], n
        )
    elif kind == TOTAL_ROWS:
        total_by_rows(x, series, c[A], state, istate, base, size, out, n)
    elif kind == EXTREME_ROWS:
        extreme_by_rows(x, scalars[0], series, c[A], state, istate, base, size, out, n)
    elif kind == RECURSIVE:
        recursive(c[OP], x, series, c[A], scalars[0], state, istate, base, size, out, n)
    elif kind == CALENDAR:
        calendar(c[OP], time, c[A], c[B], c[C], c[D], out, n)
    elif kind == SPECTRUM:
        band_power(x, c[A], c[B], series, c[C], c[D], pool, state, istate, base, size, out, n)
    elif kind == BUCKET:
        bars = work[c[A]]
        counts[c[A]] = bucket(
            series,
            time,
            c[B],
            c[C],
            state,
            istate,
            base,
            size,
            bars[W_FLAGS],
            bars[W_STOPS],
            bars[W_SERIES],
            bars[W_TIME],
            n,
        )
    elif kind == FRAME:
        frame(c[OP], x, series, work[c[A], W_FLAGS], state, base, size, out, n)
    elif kind == HOLD:
        hold(x, series, work[c[A], W_STOPS], work[c[A], W_SERIES], state, istate, base, size, out, n)
    else:
        other(x, series, time, c[A], c[B], state, istate, base, size, out, n)


@njit(nogil=True, error_model="numpy")
def step_window(c, scalars, regs, here, state, istate, at, n):
    """Run one instruction over a window from row `at`; returns `n`, or the row at which its ring is full."""
    kind, base, size, slots = c[KIND], c[BASE], c[SIZE], c[SLOTS]
    timed, width = c[A], c[B]
    series, time = here[W_SERIES], here[W_TIME]
    x, out = regs[c[X]], regs[c[OUT]]
    if kind == EXTREME_TIME:
        return extreme_by_time(x, scalars[0], series, time, width, slots, state, istate, base, size, out, at, n)
    if kind == QUANTILE:
        return quantile(x, scalars[0], series, time, timed, width, slots, state, istate, base, size, out, at, n)
    if kind == TOTAL_TIME:
        return total_by_time(x, series, time, width, slots, state, istate, base, size, out, at, n)
    if kind == SLOPE:
        return slope(x, series, time, timed, width, slots, state, istate, base, size, out, at, n)
    if kind == AUTOCORR:
        return autocorr(x, c[C], series, time, timed, width, slots, state, istate, base, size, out, at, n)
    return moments_by_time(
        x, series, time, width, slots, state, istate, base, size, regs, c[OUT], c[OUT_2], c[OUT_3], c[OUT_4], at, n
    )


@njit(nogil=True, error_model="numpy")
def begin_block(work, counts, times, series, fixed, first, n):
    """Put time and series of the next `n` rows into the work area of the rows themselves."""
    counts[:] = 0
    counts[0] = n
    for i in range(n):
        work[0, W_TIME, i] = times[first + i]
        work[0, W_SERIES, i] = series[first + i] if fixed < 0 else fixed


@njit(nogil=True, error_model="numpy")
def load(column, first, out, n):
    """Copy the next `n` values of an input column; what is not a number of usable size becomes NaN."""
    for i in range(n):
        value = column[first + i]
        out[i] = value if abs(value) <= LARGEST else np.nan


@njit(nogil=True, error_model="numpy")
def emit(x, feature, out32, out64, target, scatter, first, offset, n):
    """Write one feature of `n` rows, in order from `offset`, or each to its `target` (a negative one is left out)."""
    if out64.shape[0] > 0:
        for i in range(n):
            row = target[first + i] if scatter else offset + first + i
            if row >= 0:
                out64[feature, row] = x[i]
    elif scatter:
        for i in range(n):
            if target[first + i] >= 0:
                out32[feature, target[first + i]] = x[i] if abs(x[i]) <= LARGEST_FLOAT32 else np.nan
    else:
        for i in range(n):
            out32[feature, offset + first + i] = x[i] if abs(x[i]) <= LARGEST_FLOAT32 else np.nan


run = _build(_fingerprint())
