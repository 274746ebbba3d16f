"""Operators that look elsewhere: at the bars of a higher time frame, at another symbol."""

from __future__ import annotations

from alphaloop.core.errors import FeatureError
from alphaloop.features.arguments import number
from alphaloop.features.durations import canonical_duration
from alphaloop.features.expr import Expr, Operand, as_expr, walk


def higher(every: str, expr: Operand) -> Expr:
    """`expr` over the bars of a higher time frame: only closed ones, each held until the next has closed.

    Inside, ``open, high, low, close, volume`` are those of the higher bar, any other column is its last value, and a
    row of a window is a higher bar. A bar covers ``(start, start + every]`` of known time, counted from 1970-01-01
    (weeks from a Monday). It is closed, and shown, on the row that is known at its end; after a gap, on the first
    row that is known later. The first bar of a series is what was seen of it.

    Raises
    ------
    FeatureError
        If `every` is no duration, or `expr` holds another `higher` or an `other`; put those outside.
    """
    expr = as_expr(expr)
    nested = [node.op for node in walk([expr]) if node.op in ("higher", "other")]
    if nested:
        raise FeatureError(f"{nested[0]}() inside higher({every!r}, ...) has no meaning; combine the two outside of it")
    return Expr("higher", (expr,), (("every", canonical_duration(every)),))


def other(symbol: str, expr: Operand, max_age_s: float | None = None) -> Expr:
    """The last known value of `expr` on another symbol: its newest row that was known at or before this one.

    NaN before that symbol's first row, and where its newest row is more than `max_age_s` seconds old. Where several
    referenced symbols look at each other, rows known at the same time count as known in the order of their names.

    Raises
    ------
    FeatureError
        If `symbol` is no word, `max_age_s` is negative, or `expr` holds another `other`.
    """
    expr = as_expr(expr)
    if not isinstance(symbol, str) or not symbol:
        raise FeatureError(f"other() of {symbol!r} leads nowhere; name a symbol, such as 'BTCUSDT'")
    if any(node.op == "other" for node in walk([expr])):
        raise FeatureError(f"other() inside other({symbol!r}, ...) has no meaning; name the symbol that is meant")
    if max_age_s is not None and number(max_age_s, "max_age_s of other()") < 0:
        raise FeatureError(f"max_age_s of other() is {max_age_s}; give seconds of at least 0")
    age = None if max_age_s is None else float(max_age_s)
    return Expr("other", (expr,), (("symbol", symbol), ("max_age_s", age)))
