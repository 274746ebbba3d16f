"""Operators that see one row and remember nothing."""

# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import math

import numpy as np
from numba import njit

kernel = njit(nogil=True, cache=True, error_model="numpy")

ADD, SUB, MUL, DIV, MINIMUM, MAXIMUM, CLIP = 0, 1, 2, 3, 4, 5, 6
LT, LE, GT, GE, EQ, NE, AND, OR, WHERE = 10, 11, 12, 13, 14, 15, 16, 17, 18
NEG, NOT, ABS, SIGN, LOG, EXP, SQRT = 20, 21, 22, 23, 24, 25, 26
LARGEST = 1e300


@kernel
def elementwise(op, x, y, z, lower, upper, out, n):
    """Write the first `n` values of operator `op` on the operands `x`, `y`, `z` to `out`."""
    if op < LT:
        arithmetic(op, x, y, lower, upper, out, n)
    elif op < NEG:
        logic(op, x, y, z, out, n)
    else:
        function(op, x, out, n)


@kernel
def arithmetic(op, x, y, lower, upper, out, n):
    """Sums, products and bounds."""
    if op == ADD:
        for i in range(n):
            out[i] = _finite(x[i] + y[i])
    elif op == SUB:
        for i in range(n):
            out[i] = _finite(x[i] - y[i])
    elif op == MUL:
        for i in range(n):
            out[i] = _finite(x[i] * y[i])
    elif op == DIV:
        for i in range(n):
            out[i] = _finite(x[i] / y[i])
    elif op == MINIMUM:
        for i in range(n):
            out[i] = x[i] + y[i] if _unknown(x[i], y[i]) else (x[i] if x[i] < y[i] else y[i])
    elif op == MAXIMUM:
        for i in range(n):
            out[i] = x[i] + y[i] if _unknown(x[i], y[i]) else (x[i] if x[i] > y[i] else y[i])
    else:
        for i in range(n):
            out[i] = lower if x[i] < lower else (upper if x[i] > upper else x[i])


@kernel
def logic(op, x, y, z, out, n):
    """Comparisons and choices: 1 is true, 0 is false, NaN is unknown."""
    if op == LT:
        for i in range(n):
            out[i] = np.nan if _unknown(x[i], y[i]) else _truth(x[i] < y[i])
    elif op == LE:
        for i in range(n):
            out[i] = np.nan if _unknown(x[i], y[i]) else _truth(x[i] <= y[i])
    elif op == GT:
        for i in range(n):
            out[i] = np.nan if _unknown(x[i], y[i]) else _truth(x[i] > y[i])
    elif op == GE:
        for i in range(n):
            out[i] = np.nan if _unknown(x[i], y[i]) else _truth(x[i] >= y[i])
    elif op == EQ:
        for i in range(n):
            out[i] = np.nan if _unknown(x[i], y[i]) else _truth(x[i] == y[i])
    elif op == NE:
        for i in range(n):
            out[i] = np.nan if _unknown(x[i], y[i]) else _truth(x[i] != y[i])
    elif op == AND:
        for i in range(n):
            out[i] = np.nan if _unknown(x[i], y[i]) else _truth(x[i] != 0.0 and y[i] != 0.0)
    elif op == OR:
        for i in range(n):
            out[i] = np.nan if _unknown(x[i], y[i]) else _truth(x[i] != 0.0 or y[i] != 0.0)
    else:
        for i in range(n):
            out[i] = np.nan if _unknown(x[i], x[i]) else (y[i] if x[i] != 0.0 else z[i])


@kernel
def function(op, x, out, n):
    """Functions of one operand."""
    if op == NEG:
        for i in range(n):
            out[i] = -x[i]
    elif op == NOT:
        for i in range(n):
            out[i] = np.nan if _unknown(x[i], x[i]) else _truth(x[i] == 0.0)
    elif op == ABS:
        for i in range(n):
            out[i] = abs(x[i])
    elif op == SIGN:
        for i in range(n):
            out[i] = x[i] if _unknown(x[i], x[i]) else _truth(x[i] > 0.0) - _truth(x[i] < 0.0)
    elif op == LOG:
        for i in range(n):
            out[i] = math.log(x[i]) if x[i] > 0.0 else np.nan
    elif op == EXP:
        for i in range(n):
            out[i] = _finite(math.exp(x[i]))
    else:
        for i in range(n):
            out[i] = math.sqrt(x[i]) if x[i] >= 0.0 else np.nan


@kernel
def _finite(value):
    return value if abs(value) <= LARGEST else np.nan


@kernel
def _unknown(a, b):
    return a != a or b != b


@kernel
def _truth(holds):
    return 1.0 if holds else 0.0
