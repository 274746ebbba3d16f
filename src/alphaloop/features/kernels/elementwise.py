"""Operators that see one row and remember nothing.

Logarithm and exponential are written out in plain arithmetic, not called from a library: a library may take one path
for eight numbers together and another for a single one, or for another processor, with other last bits.
"""

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

SMALLEST_NORMAL = 2.2250738585072014e-308
LOG_2 = 0.6931471805599453
LOG_2_HIGH = 0.6931471803691238  # so few digits that its product with an exponent is exact
LOG_2_LOW = 1.9082149292705877e-10
ROOT_HALF_BITS = 0x3FE6A09E667F3BCD


@kernel
def elementwise(op, regs, x, y, z, lower, upper, out, n):
    """Write `n` values of operator `op` on the registers `x`, `y`, `z` to register `out`."""
    if op < LT:
        arithmetic(op, regs, x, y, lower, upper, out, n)
    elif op < NEG:
        logic(op, regs, x, y, z, out, n)
    else:
        function(op, regs, x, out, n)


@kernel
def arithmetic(op, regs, x, y, lower, upper, out, n):
    """Sums, products and bounds."""
    if op == ADD:
        for i in range(n):
            regs[out, i] = _finite(regs[x, i] + regs[y, i])
    elif op == SUB:
        for i in range(n):
            regs[out, i] = _finite(regs[x, i] - regs[y, i])
    elif op == MUL:
        for i in range(n):
            regs[out, i] = _finite(regs[x, i] * regs[y, i])
    elif op == DIV:
        for i in range(n):
            regs[out, i] = _finite(regs[x, i] / regs[y, i])
    elif op == MINIMUM:
        for i in range(n):
            regs[out, i] = _lesser(regs[x, i], regs[y, i])
    elif op == MAXIMUM:
        for i in range(n):
            regs[out, i] = -_lesser(-regs[x, i], -regs[y, i])
    else:
        for i in range(n):
            regs[out, i] = _between(regs[x, i], lower, upper)


@kernel
def logic(op, regs, x, y, z, out, n):
    """Comparisons and choices: 1 is true, 0 is false, NaN is unknown."""
    if op == LT:
        for i in range(n):
            regs[out, i] = _truth(regs[x, i], regs[y, i], regs[x, i] < regs[y, i])
    elif op == LE:
        for i in range(n):
            regs[out, i] = _truth(regs[x, i], regs[y, i], regs[x, i] <= regs[y, i])
    elif op == GT:
        for i in range(n):
            regs[out, i] = _truth(regs[x, i], regs[y, i], regs[x, i] > regs[y, i])
    elif op == GE:
        for i in range(n):
            regs[out, i] = _truth(regs[x, i], regs[y, i], regs[x, i] >= regs[y, i])
    elif op == EQ:
        for i in range(n):
            regs[out, i] = _truth(regs[x, i], regs[y, i], regs[x, i] == regs[y, i])
    elif op == NE:
        for i in range(n):
            regs[out, i] = _truth(regs[x, i], regs[y, i], regs[x, i] != regs[y, i])
    elif op == AND:
        for i in range(n):
            regs[out, i] = _truth(regs[x, i], regs[y, i], regs[x, i] != 0.0 and regs[y, i] != 0.0)
    elif op == OR:
        for i in range(n):
            regs[out, i] = _truth(regs[x, i], regs[y, i], regs[x, i] != 0.0 or regs[y, i] != 0.0)
    else:
        for i in range(n):
            regs[out, i] = _choice(regs[x, i], regs[y, i], regs[z, i])


@kernel
def function(op, regs, x, out, n):
    """Functions of one operand."""
    if op == NEG:
        for i in range(n):
            regs[out, i] = -regs[x, i]
    elif op == NOT:
        for i in range(n):
            regs[out, i] = _truth(regs[x, i], 0.0, regs[x, i] == 0.0)
    elif op == ABS:
        for i in range(n):
            regs[out, i] = abs(regs[x, i])
    elif op == SIGN:
        for i in range(n):
            regs[out, i] = _sign(regs[x, i])
    elif op == LOG:
        for i in range(n):
            regs[out, i] = _log(regs[x, i])
    elif op == EXP:
        for i in range(n):
            regs[out, i] = _finite(_exp(regs[x, i]))
    else:
        for i in range(n):
            regs[out, i] = math.sqrt(regs[x, i]) if regs[x, i] >= 0.0 else np.nan


@kernel
def _finite(value):
    return value if abs(value) <= LARGEST else np.nan


@kernel
def _lesser(a, b):
    if a != a or b != b:
        return np.nan
    return a if a < b else b


@kernel
def _between(x, lower, upper):
    return lower if x < lower else (upper if x > upper else x)


@kernel
def _truth(a, b, holds):
    if a != a or b != b:
        return np.nan
    return 1.0 if holds else 0.0


@kernel
def _choice(condition, a, b):
    if condition != condition:
        return np.nan
    return a if condition != 0.0 else b


@kernel
def _sign(x):
    if x != x:
        return np.nan
    return 1.0 if x > 0.0 else (-1.0 if x < 0.0 else 0.0)


@kernel
def _log(x):
    """Logarithm to about one unit in the last place.

    ``x = 2**k * m`` with ``m`` in ``[sqrt(0.5), sqrt(2))``, and ``log(m) = 2 * atanh(s)`` with
    ``s = (m - 1) / (m + 1)``, of whose series eleven terms are enough.
    """
    small = x < SMALLEST_NORMAL
    bits = np.float64(x * 2.0**54 if small else x).view(np.int64)
    exponent = (bits - ROOT_HALF_BITS) >> 52
    f = np.int64(bits - (exponent << 52)).view(np.float64) - 1.0
    s = f / (2.0 + f)
    z = s * s
    p = 1 / 19 + z * (1 / 21)
    p = 1 / 15 + z * (1 / 17 + z * p)
    p = 1 / 11 + z * (1 / 13 + z * p)
    p = 1 / 7 + z * (1 / 9 + z * p)
    p = 1 / 3 + z * (1 / 5 + z * p)
    k = float(exponent) - (54.0 if small else 0.0)
    value = k * LOG_2_HIGH + (k * LOG_2_LOW + (f - s * (f - 2.0 * z * p)))
    return value if x > 0.0 else np.nan


@kernel
def _exp(x):
    """Exponential to about one unit in the last place: ``2**k`` times the Taylor series of what is left of `x`."""
    bounded = min(max(x, -745.0), 709.0) if x == x else 0.0
    k = np.floor(bounded / LOG_2 + 0.5)
    r = (bounded - k * LOG_2_HIGH) - k * LOG_2_LOW
    p = 1.0 + r * (1 / 13)
    for n in range(12, 0, -1):
        p = 1.0 + r * p * (1.0 / n)
    half = np.int64(k) >> 1
    value = p * _power_of_2(half) * _power_of_2(np.int64(k) - half)
    return np.nan if x != x or x > 709.0 else value


@kernel
def _power_of_2(k):
    return np.int64((k + 1023) << 52).view(np.float64)
