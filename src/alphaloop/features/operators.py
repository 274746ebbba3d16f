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

from alphaloop.core.errors import FeatureError
from alphaloop.features.arguments import number, whole
from alphaloop.features.expr import Expr, Operand, as_expr, combine


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
    lower, upper = number(lower, "the lower bound of clip()"), number(upper, "the upper bound of clip()")
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
    start_h, end_h = number(start_h, "the start of in_session()"), number(end_h, "the end of in_session()")
    if not (0 <= start_h <= 24 and 0 <= end_h <= 24 and start_h != end_h):
        raise FeatureError(f"in_session({start_h:g}, {end_h:g}) is no session; give two different hours from 0 to 24")
    return Expr("in_session", params=(("start_h", start_h), ("end_h", end_h)))
