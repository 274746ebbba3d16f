"""The words a user writes features in.

Every operator sees only the row at hand and what its own series had before it: nothing here can look ahead. Three
rules hold for all of them.

- No operator emits an infinity: ``x / 0``, ``log(x <= 0)``, ``sqrt(x < 0)`` and whatever overflows are NaN, and an
  infinity in the input counts as NaN.
- Over a window by rows (``20``) the value is NaN until that many rows were seen, and again while a NaN is inside.
  Over a window by time (``"15m"``, the half-open interval ``(t - 15m, t]`` of known time) it is NaN until the series
  is that old, and again while a NaN is inside.
- `ema` and `wilder` give NaN for a NaN and go on afterwards from where they were.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from alphaloop.core.errors import FeatureError
from alphaloop.features.durations import Window, canonical_duration, whole, window_of
from alphaloop.features.expr import Expr, Operand, Parameter, as_expr, combine, constant, walk


def column(name: str) -> Expr:
    """The input column `name`, as it is on the row.

    Raises
    ------
    FeatureError
        If `name` is not a word, or is ``symbol``, ``known_ns`` or ``open_ns``, which are no numbers to compute with.
    """
    if not isinstance(name, str) or not name or name in ("symbol", "known_ns", "open_ns"):
        raise FeatureError(f"{name!r} cannot be an input column; name a column of numbers, such as 'close'")
    return Expr("column", params=(("name", name),))


open = column("open")
high = column("high")
low = column("low")
close = column("close")
volume = column("volume")


# --- element by element ------------------------------------------------------------------------------------------


def log(x: Operand) -> Expr:
    """Natural logarithm; NaN for zero and below."""
    return combine("log", x)


def exp(x: Operand) -> Expr:
    """The exponential function; NaN where it overflows."""
    return combine("exp", x)


def sqrt(x: Operand) -> Expr:
    """Square root; NaN below zero."""
    return combine("sqrt", x)


def abs_(x: Operand) -> Expr:
    """Absolute value; ``abs(x)`` is the same."""
    return combine("abs", x)


def sign(x: Operand) -> Expr:
    """-1, 0 or 1."""
    return combine("sign", x)


def minimum(a: Operand, b: Operand) -> Expr:
    """The smaller of two series, row by row; NaN if either is NaN."""
    return combine("minimum", a, b)


def maximum(a: Operand, b: Operand) -> Expr:
    """The greater of two series, row by row; NaN if either is NaN."""
    return combine("maximum", a, b)


def clip(x: Operand, lower: float, upper: float) -> Expr:
    """`x` held inside ``[lower, upper]``."""
    lower, upper = _number(lower, "the lower bound of clip()"), _number(upper, "the upper bound of clip()")
    if lower > upper:
        raise FeatureError(f"clip() from {lower} to {upper} holds nothing; give the lower bound first")
    return Expr("clip", (as_expr(x),), (("lower", lower), ("upper", upper)))


def where(condition: Operand, a: Operand, b: Operand) -> Expr:
    """`a` where the condition is not zero, else `b`; NaN where the condition is NaN."""
    return combine("where", condition, a, b)


# --- memory ------------------------------------------------------------------------------------------------------


def lag(x: Operand, n: int) -> Expr:
    """The value `n` rows ago."""
    return Expr("lag", (as_expr(x),), (("n", whole(n, "the distance of lag()", 1)),))


def diff(x: Operand, n: int = 1) -> Expr:
    """The change over `n` rows: ``x - lag(x, n)``."""
    return Expr("diff", (as_expr(x),), (("n", whole(n, "the distance of diff()", 1)),))


def ema(x: Operand, n: int) -> Expr:
    """Exponential average with weight ``2 / (n + 1)``, begun at the first value, first shown on the `n`-th row.

    The recursion is ``y += (x - y) * 2 / (n + 1)``, polars' ``ewm_mean(span=n, adjust=False, ignore_nulls=True)``.
    """
    return Expr("ema", (as_expr(x),), (("n", whole(n, "the span of ema()", 1)),))


def wilder(x: Operand, n: int) -> Expr:
    """Wilder's average: the mean of the first `n` values, from then on ``y += (x - y) / n``.

    References
    ----------
    J. Welles Wilder, *New Concepts in Technical Trading Systems*, 1978.
    """
    return Expr("wilder", (as_expr(x),), (("n", whole(n, "the length of wilder()", 1)),))


def run_length(x: Operand) -> Expr:
    """Signed length of the run of equal signs: 3 on the third positive row in succession, -1 on a first negative one.

    A zero is 0 and ends the run; a NaN is NaN and does not.
    """
    return combine("run_length", x)


# --- windows -----------------------------------------------------------------------------------------------------


def total(x: Operand, window: Window) -> Expr:
    """Sum over a window."""
    return _windowed("total", x, window, 1)


def mean(x: Operand, window: Window) -> Expr:
    """Arithmetic mean over a window."""
    return _windowed("mean", x, window, 1)


def std(x: Operand, window: Window) -> Expr:
    """Standard deviation of a sample (divisor ``n - 1``) over a window; exactly 0 where all values are equal."""
    return _windowed("std", x, window, 2)


def skew(x: Operand, window: Window) -> Expr:
    """Skewness ``m3 / m2**1.5`` (population moments, polars' default); NaN where all values are equal."""
    return _windowed("skew", x, window, 2)


def kurtosis(x: Operand, window: Window) -> Expr:
    """Excess kurtosis ``m4 / m2**2 - 3`` (population moments, polars' default); NaN where all values are equal."""
    return _windowed("kurtosis", x, window, 2)


def lowest(x: Operand, window: Window) -> Expr:
    """Smallest value of a window."""
    return _windowed("lowest", x, window, 1)


def highest(x: Operand, window: Window) -> Expr:
    """Greatest value of a window."""
    return _windowed("highest", x, window, 1)


def quantile(x: Operand, window: Window, q: float) -> Expr:
    """The `q`-quantile of a window, linear between neighbours (Hyndman and Fan type 7, numpy's default)."""
    q = _number(q, "the share of quantile()")
    if not 0.0 <= q <= 1.0:
        raise FeatureError(f"the share of quantile() is {q}; give a number from 0 to 1")
    return _windowed("quantile", x, window, 1, q=q)


def median(x: Operand, window: Window) -> Expr:
    """Median of a window."""
    return quantile(x, window, 0.5)


def slope(x: Operand, window: Window) -> Expr:
    """Slope per row of the least-squares line through a window."""
    return _windowed("slope", x, window, 2)


def autocorr(x: Operand, window: Window, k: int = 1) -> Expr:
    """Pearson correlation, inside a window, of the values with those `k` rows earlier (pandas' ``Series.autocorr``).

    NaN where either side of the pairs is constant.
    """
    k = whole(k, "the lag of autocorr()", 1)
    return _windowed("autocorr", x, window, k + 2, k=k)


def fft_power(x: Operand, window: int, low: float, high: float) -> Expr:
    """Share of a window's variance that has periods in ``[low, high)`` rows, by its discrete Fourier transform.

    A window of `w` rows has the periods ``w / 1, w / 2, ... w / (w // 2)``; the shares of bands that cover them all
    sum to 1. NaN where all values are equal. No taper is applied.
    """
    window = whole(window, "the window of fft_power()", 4)
    low, high = _number(low, "the shortest period of fft_power()"), _number(high, "the longest period of fft_power()")
    if not any(low <= window / cycles < high for cycles in range(1, window // 2 + 1)):
        raise FeatureError(
            f"fft_power() over {window} rows has no period in [{low:g}, {high:g}) rows; "
            f"its periods are {window}/1, {window}/2, ... {window}/{window // 2}"
        )
    return _windowed("fft_power", x, window, 4, low=low, high=high)


# --- indicators, made of the above -------------------------------------------------------------------------------


def rsi(x: Operand, n: int) -> Expr:
    """Wilder's relative strength index, 0 to 100: ``100 * up / (up + down)`` of Wilder averages; NaN while flat."""
    return Expr("rsi", (as_expr(x),), (("n", whole(n, "the length of rsi()", 1)),))


def true_range() -> Expr:
    """Wilder's true range: the bar's range, extended to the close before it; first shown on the second row."""
    return Expr("true_range")


def atr(n: int) -> Expr:
    """Wilder's average true range, in price units."""
    return Expr("atr", params=(("n", whole(n, "the length of atr()", 1)),))


# --- time of day, in UTC, of the moment the row is known ---------------------------------------------------------


def hour_sin() -> Expr:
    """Sine of the time of day; with `hour_cos` a point that runs round a circle once a day."""
    return Expr("hour_sin")


def hour_cos() -> Expr:
    """Cosine of the time of day."""
    return Expr("hour_cos")


def weekday_sin() -> Expr:
    """Sine of the time of week, begun on Monday 00:00; with `weekday_cos` a point that runs round once a week."""
    return Expr("weekday_sin")


def weekday_cos() -> Expr:
    """Cosine of the time of week."""
    return Expr("weekday_cos")


def in_session(start_h: float, end_h: float) -> Expr:
    """1 while the time of day is in ``[start_h, end_h)`` hours UTC, else 0; a session may run over midnight (22, 6)."""
    start_h, end_h = _number(start_h, "the start of in_session()"), _number(end_h, "the end of in_session()")
    if not (0 <= start_h <= 24 and 0 <= end_h <= 24 and start_h != end_h):
        raise FeatureError(f"in_session({start_h:g}, {end_h:g}) is no session; give two different hours from 0 to 24")
    return Expr("in_session", params=(("start_h", start_h), ("end_h", end_h)))


# --- other bars, other symbols -----------------------------------------------------------------------------------


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
    if max_age_s is not None and _number(max_age_s, "max_age_s of other()") < 0:
        raise FeatureError(f"max_age_s of other() is {max_age_s}; give seconds of at least 0")
    age = None if max_age_s is None else float(max_age_s)
    return Expr("other", (expr,), (("symbol", symbol), ("max_age_s", age)))


def _windowed(op: str, x: Operand, window: Window, least: int, **settings: Parameter) -> Expr:
    return Expr(op, (as_expr(x),), (("window", window_of(window, op, least)), *settings.items()))


def _number(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise FeatureError(f"{what} is {value!r}; give a finite number")
    return float(value)


# --- from data back to expressions -------------------------------------------------------------------------------

WITHOUT_SETTINGS = {
    **dict.fromkeys(("neg", "not", "abs", "sign", "log", "exp", "sqrt", "run_length"), 1),
    **dict.fromkeys(("add", "sub", "mul", "div", "lt", "le", "gt", "ge", "eq", "ne", "and", "or"), 2),
    **dict.fromkeys(("minimum", "maximum"), 2),
    "where": 3,
}
"""Operators without settings, and how many expressions each takes."""

_NAMED: dict[str, Callable[..., Expr]] = {
    function.__name__: function
    for function in (
        *(column, constant, clip, lag, diff, ema, wilder, total, mean, std, skew, kurtosis, lowest, highest),
        *(quantile, slope, autocorr, fft_power, rsi, true_range, atr),
        *(hour_sin, hour_cos, weekday_sin, weekday_cos, in_session, other),
    )
}
_NAMED["higher"] = lambda expr, every: higher(every, expr)
_NAMED["other"] = lambda expr, symbol, max_age_s: other(symbol, expr, max_age_s)


def build(op: str, args: Sequence[Expr], params: Mapping[str, Any]) -> Expr:
    """The expression that data describes, checked as if a user had written it.

    Raises
    ------
    FeatureError
        If there is no operator `op`, or it does not take these arguments.
    """
    if op in WITHOUT_SETTINGS and len(args) == WITHOUT_SETTINGS[op] and not params:
        return combine(op, *args)
    if op not in _NAMED:
        raise FeatureError(f"there is no operator {op!r} with {len(args)} operands; this version cannot run the set")
    try:
        return _NAMED[op](*args, **params)
    except TypeError:
        raise FeatureError(f"operator {op!r} does not take {dict(params)!r}; the data was changed") from None
