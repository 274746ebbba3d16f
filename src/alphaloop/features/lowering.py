"""Which instruction an operator is: kind, settings, and the state it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from alphaloop.core.clock import NS_PER_DAY, to_ns
from alphaloop.features.durations import NS_PER_WEEK, duration_ns
from alphaloop.features.expr import Expr, Parameter
from alphaloop.features.kernels import (
    calendar,
    elementwise,
    extremes,
    lines,
    moments,
    quantiles,
    recursive,
    relations,
    spectrum,
    totals,
)
from alphaloop.features.kernels import machine as m
from alphaloop.features.program import Rings

MONDAY = 4 * NS_PER_DAY
"""1970-01-05, a Monday: weeks are counted from here."""

FIRST_SLOTS = 64
"""Rows that a ring over time has room for before it grows."""

_ELEMENTWISE = {
    "add": elementwise.ADD,
    "sub": elementwise.SUB,
    "mul": elementwise.MUL,
    "div": elementwise.DIV,
    "minimum": elementwise.MINIMUM,
    "maximum": elementwise.MAXIMUM,
    "clip": elementwise.CLIP,
    "lt": elementwise.LT,
    "le": elementwise.LE,
    "gt": elementwise.GT,
    "ge": elementwise.GE,
    "eq": elementwise.EQ,
    "ne": elementwise.NE,
    "and": elementwise.AND,
    "or": elementwise.OR,
    "where": elementwise.WHERE,
    "neg": elementwise.NEG,
    "not": elementwise.NOT,
    "abs": elementwise.ABS,
    "sign": elementwise.SIGN,
    "log": elementwise.LOG,
    "exp": elementwise.EXP,
    "sqrt": elementwise.SQRT,
}
_CALENDAR = {
    "hour_sin": (calendar.SINE, NS_PER_DAY, 0),
    "hour_cos": (calendar.COSINE, NS_PER_DAY, 0),
    "weekday_sin": (calendar.SINE, NS_PER_WEEK, MONDAY),
    "weekday_cos": (calendar.COSINE, NS_PER_WEEK, MONDAY),
}
_BAR = {
    "open": relations.FIRST,
    "high": relations.GREATEST,
    "low": relations.LEAST,
    "volume": relations.SUM,
}
MOMENTS = ("mean", "std", "skew", "kurtosis")
SECOND, FOURTH = 2, 4
"""Up to which power sums are kept: mean and deviation, or skewness and kurtosis as well."""


@dataclass(eq=False)
class Instruction:
    """One step of a program before registers are given out; inputs and outputs are numbers of values."""

    kind: int
    op: int = 0
    domain: int = 0
    inputs: tuple[int, ...] = ()
    outputs: list[int] = field(default_factory=list)
    whole: tuple[int, ...] = ()
    real: tuple[float, ...] = ()
    rings: Rings = field(default_factory=Rings)


def lowered(expr: Expr) -> Instruction:
    """The instruction of an expression, without its inputs and outputs, and without what instructions share.

    Moments are one instruction for all of a window, whichever of them is asked for.
    """
    if expr.op in _ELEMENTWISE:
        bounds = (_real(expr["lower"]), _real(expr["upper"])) if expr.op == "clip" else ()
        return Instruction(m.ELEMENTWISE, _ELEMENTWISE[expr.op], real=bounds)
    return _LOWERED[expr.op](expr)


def bar_number(column: str) -> Instruction:
    """The instruction that makes a column of higher bars."""
    return Instruction(m.FRAME, _BAR.get(column, relations.LAST), rings=Rings(relations.FRAME_SIZE))


def bars(every: str, domain: int) -> Instruction:
    """The instruction that finds the bars of a time frame."""
    ns = duration_ns(every)
    origin = MONDAY if ns % NS_PER_WEEK == 0 else 0
    return Instruction(m.BUCKET, whole=(domain, ns, origin), rings=Rings(relations.BUCKET_SIZE))


def _real(value: Parameter) -> float:
    assert isinstance(value, int | float)
    return float(value)


def _whole(value: Parameter) -> int:
    assert isinstance(value, int)
    return value


def _timed(kind: int, window: str, header: int) -> Instruction:
    rings = Rings(header, circular=2, slots=FIRST_SLOTS, grows=True)
    return Instruction(kind, whole=(1, duration_ns(window)), rings=rings)


def _counted(kind: int, window: Parameter, header: int) -> Instruction:
    rows = _whole(window)
    return Instruction(kind, whole=(rows,), rings=Rings(header, circular=1, slots=rows))


def _moments(expr: Expr) -> Instruction:
    window = expr["window"]
    if isinstance(window, str):
        step = _timed(m.MOMENTS_TIME, window, moments.HEADER)
    else:
        step = _counted(m.MOMENTS_ROWS, window, moments.HEADER)
    step.op = SECOND
    return step


def _total(expr: Expr) -> Instruction:
    window = expr["window"]
    if isinstance(window, str):
        return _timed(m.TOTAL_TIME, window, totals.HEADER)
    return _counted(m.TOTAL_ROWS, window, totals.HEADER)


def _extreme(expr: Expr) -> Instruction:
    window = expr["window"]
    if isinstance(window, str):
        step = _timed(m.EXTREME_TIME, window, extremes.HEADER)
    else:
        step = _counted(m.EXTREME_ROWS, window, extremes.ROWS_HEADER)
    step.real = (1.0 if expr.op == "highest" else -1.0,)
    return step


def _window(kind: int, header: int, flat: int = 0) -> Callable[[Expr], Instruction]:
    """One kernel for windows by rows and by time."""

    def of(expr: Expr) -> Instruction:
        window, settings = expr["window"], dict(expr.params)
        timed = isinstance(window, str)
        width = duration_ns(window) if isinstance(window, str) else _whole(window)
        rings = Rings(header, 2, flat, FIRST_SLOTS if timed else width, grows=timed)
        whole = (int(timed), width, _whole(settings.get("k", 0)))
        return Instruction(kind, whole=whole, real=(_real(settings.get("q", 0.0)),), rings=rings)

    return of


def _spectrum(expr: Expr) -> Instruction:
    width, low, high = _whole(expr["window"]), _real(expr["low"]), _real(expr["high"])
    cycles = [k for k in range(1, width // 2 + 1) if low <= width / k < high]
    rings = Rings(spectrum.HEADER + 2 * len(cycles), circular=1, slots=width)
    return Instruction(m.SPECTRUM, whole=(cycles[0], cycles[-1], width), rings=rings)


def _lag(expr: Expr) -> Instruction:
    n = _whole(expr["n"])
    rings = Rings(recursive.LAG_HEADER, circular=1, slots=n)
    return Instruction(m.RECURSIVE, recursive.LAG, whole=(n,), rings=rings)


def _ema(expr: Expr) -> Instruction:
    n = _whole(expr["n"])
    rings = Rings(recursive.AVERAGE_SIZE)
    return Instruction(m.RECURSIVE, recursive.EMA, whole=(n,), real=(2.0 / (n + 1.0),), rings=rings)


def _wilder(expr: Expr) -> Instruction:
    n = _whole(expr["n"])
    return Instruction(m.RECURSIVE, recursive.WILDER, whole=(n,), rings=Rings(recursive.AVERAGE_SIZE))


def _run_length(_: Expr) -> Instruction:
    return Instruction(m.RECURSIVE, recursive.RUN_LENGTH, rings=Rings(recursive.RUN_SIZE))


def _time(expr: Expr) -> Instruction:
    op, period, origin = _CALENDAR[expr.op]
    return Instruction(m.CALENDAR, op, whole=(period, origin, 0, 0))


def _session(expr: Expr) -> Instruction:
    start, end = (to_ns(3600.0 * _real(expr[name])) for name in ("start_h", "end_h"))
    return Instruction(m.CALENDAR, calendar.SESSION, whole=(NS_PER_DAY, 0, start, end))


def _other(expr: Expr) -> Instruction:
    age = expr["max_age_s"]
    oldest = -1 if age is None else to_ns(_real(age))
    return Instruction(m.OTHER, whole=(-1, oldest), rings=Rings(relations.OTHER_SIZE))


_LOWERED: dict[str, Callable[[Expr], Instruction]] = {
    "lag": _lag,
    "ema": _ema,
    "wilder": _wilder,
    "run_length": _run_length,
    **dict.fromkeys(MOMENTS, _moments),
    "total": _total,
    "lowest": _extreme,
    "highest": _extreme,
    "quantile": _window(m.QUANTILE, quantiles.HEADER, flat=1),
    "slope": _window(m.SLOPE, lines.SLOPE_HEADER),
    "autocorr": _window(m.AUTOCORR, lines.PAIR_HEADER),
    "fft_power": _spectrum,
    **dict.fromkeys(_CALENDAR, _time),
    "in_session": _session,
    "other": _other,
}
