"""Indicators in terms of the operators they are made of."""

from __future__ import annotations

from collections.abc import Callable

from alphaloop.features.expr import Expr
from alphaloop.features.operators import abs_, close, high, lag, low, maximum, true_range, wilder


def _diff(expr: Expr) -> Expr:
    (x,) = expr.args
    return x - lag(x, int(_n(expr)))


def _rsi(expr: Expr) -> Expr:
    (x,) = expr.args
    change = x - lag(x, 1)
    up, down = wilder(maximum(change, 0.0), _n(expr)), wilder(maximum(-change, 0.0), _n(expr))
    return 100.0 * up / (up + down)


def _true_range(_: Expr) -> Expr:
    before = lag(close, 1)
    return maximum(high - low, maximum(abs_(high - before), abs_(low - before)))


def _atr(expr: Expr) -> Expr:
    return wilder(true_range(), _n(expr))


def _n(expr: Expr) -> int:
    n = expr["n"]
    assert isinstance(n, int)
    return n


def _average(expr: Expr) -> Expr:
    # Over one row an average is the value; the recursion would leave the rounding of a jump behind.
    return expr.args[0] if expr["n"] == 1 else expr


_RULES: dict[str, Callable[[Expr], Expr]] = {
    "diff": _diff,
    "rsi": _rsi,
    "true_range": _true_range,
    "atr": _atr,
    "ema": _average,
    "wilder": _average,
}


def expand(expr: Expr) -> Expr:
    """`expr` itself, or, if it is an indicator, the expression that defines it; its parts may be indicators again."""
    while expr.op in _RULES:
        before, expr = expr, _RULES[expr.op](expr)
        if expr is before:
            break
    return expr
