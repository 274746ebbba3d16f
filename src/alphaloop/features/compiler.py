"""From expressions to a program: each distinct computation once, registers shared by what is not alive together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from alphaloop.core.clock import NS_PER_DAY, to_ns
from alphaloop.features.durations import NS_PER_WEEK, duration_ns
from alphaloop.features.expansion import expand
from alphaloop.features.expr import Expr
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
from alphaloop.features.program import Program, Rings

if TYPE_CHECKING:
    from alphaloop.features.sets import FeatureSet

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
_MOMENTS = ("mean", "std", "skew", "kurtosis")


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


class Compiler:
    """Turns expressions into instructions, in an order in which each comes after what it needs.

    A value is one series of numbers in one domain; an expression has one value for each domain that it is read in.
    """

    def __init__(self, columns: tuple[str, ...], symbols: tuple[str, ...]) -> None:
        self.columns = columns
        self.symbols = symbols
        self.instructions: list[Instruction] = []
        self.constants: list[tuple[int, float]] = []
        self.borrowing: list[tuple[int, int]] = []
        self.pool: list[float] = []
        self.domains: dict[str, int] = {"": 0}
        self.values = 0
        self._known: dict[tuple[str, int], int] = {}
        self._moments: dict[tuple[int, int | str, int], Instruction] = {}
        self._tables: dict[int, int] = {}

    def value(self, expr: Expr, domain: int = 0) -> int:
        """The value of `expr` in `domain`; its instructions are added if it is new."""
        expr = expand(expr)
        place = (expr.key, 0 if expr.op == "constant" else domain)
        if place not in self._known:
            self._known[place] = self._lower(expr, domain)
        return self._known[place]

    def emit(self, expr: Expr, feature: int) -> None:
        """Make `expr` the feature of that number."""
        self.instructions.append(Instruction(m.EMIT, inputs=(self.value(expr),), whole=(feature,)))

    def _new(self) -> int:
        self.values += 1
        return self.values - 1

    def _add(self, instruction: Instruction) -> int:
        instruction.outputs = [self._new()]
        self.instructions.append(instruction)
        return instruction.outputs[0]

    def _lower(self, expr: Expr, domain: int) -> int:
        if expr.op == "constant":
            self.constants.append((self._new(), float(_number(expr["value"]))))
            return self.constants[-1][0]
        if expr.op == "column":
            return self._column(str(expr["name"]), domain)
        if expr.op == "higher":
            return self._higher(expr)
        inputs = tuple(self.value(arg, domain) for arg in expr.args)
        if expr.op in _ELEMENTWISE:
            bounds = (_number(expr["lower"]), _number(expr["upper"])) if expr.op == "clip" else ()
            return self._add(Instruction(m.ELEMENTWISE, _ELEMENTWISE[expr.op], domain, inputs, real=bounds))
        if expr.op in _MOMENTS:
            return self._moment(expr, inputs, domain)
        return self._add(_LOWER[expr.op](self, expr, Instruction(-1, 0, domain, inputs)))

    def _column(self, name: str, domain: int) -> int:
        if domain == 0:
            return self._add(Instruction(m.LOAD, whole=(self.columns.index(name),)))
        return self._add(
            Instruction(
                m.FRAME,
                _BAR.get(name, relations.LAST),
                inputs=(self.value(Expr("column", params=(("name", name),))),),
                whole=(domain,),
                rings=Rings(relations.FRAME_SIZE),
            )
        )

    def _higher(self, expr: Expr) -> int:
        every = str(expr["every"])
        if every not in self.domains:
            self.domains[every] = len(self.domains)
            ns = duration_ns(every)
            origin = MONDAY if ns % NS_PER_WEEK == 0 else 0
            whole = (self.domains[every], ns, origin)
            self.instructions.append(Instruction(m.BUCKET, whole=whole, rings=Rings(relations.BUCKET_SIZE)))
        domain = self.domains[every]
        inner = self.value(expr.args[0], domain)
        hold = Rings(relations.HOLD_SIZE)
        return self._add(Instruction(m.HOLD, inputs=(inner,), whole=(domain,), rings=hold))

    def _moment(self, expr: Expr, inputs: tuple[int, ...], domain: int) -> int:
        """One instruction gives all the moments of a window; it is begun by the first that is asked for."""
        window = expr["window"]
        assert isinstance(window, int | str)
        place = (inputs[0], window, domain)
        if place not in self._moments:
            made = _moments(window, Instruction(-1, 2, domain, inputs))
            made.outputs = [-1] * len(_MOMENTS)
            self.instructions.append(made)
            self._moments[place] = made
        instruction = self._moments[place]
        if expr.op in ("skew", "kurtosis"):
            instruction.op = 4
        output = self._new()
        instruction.outputs[_MOMENTS.index(expr.op)] = output
        return output

    def table(self, width: int) -> int:
        """Place in the pool of `width` cosines and as many sines of a whole turn."""
        if width not in self._tables:
            self._tables[width] = len(self.pool)
            turn = 2.0 * np.pi * np.arange(width) / width
            self.pool += [*np.cos(turn).tolist(), *np.sin(turn).tolist()]
        return self._tables[width]


Lowering = Callable[[Compiler, Expr, Instruction], Instruction]
"""Fills in an instruction, whose inputs are known, for an expression."""


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value


def _moments(window: int | str, step: Instruction) -> Instruction:
    if isinstance(window, str):
        step.kind, step.whole = m.MOMENTS_TIME, (1, duration_ns(window))
        step.rings = Rings(moments.HEADER, circular=2, slots=FIRST_SLOTS, grows=True)
    else:
        step.kind, step.whole = m.MOMENTS_ROWS, (window,)
        step.rings = Rings(moments.HEADER, circular=1, slots=window)
    return step


def _lag(_: Compiler, expr: Expr, step: Instruction) -> Instruction:
    n = _whole(expr["n"])
    step.kind, step.op, step.whole = m.RECURSIVE, recursive.LAG, (n,)
    step.rings = Rings(recursive.LAG_HEADER, circular=1, slots=n)
    return step


def _average(_: Compiler, expr: Expr, step: Instruction) -> Instruction:
    n = _whole(expr["n"])
    step.kind, step.op = m.RECURSIVE, recursive.EMA if expr.op == "ema" else recursive.WILDER
    step.whole, step.real = (n,), (2.0 / (n + 1.0),)
    step.rings = Rings(recursive.AVERAGE_SIZE)
    return step


def _run_length(_: Compiler, __: Expr, step: Instruction) -> Instruction:
    step.kind, step.op, step.rings = m.RECURSIVE, recursive.RUN_LENGTH, Rings(recursive.RUN_SIZE)
    return step


def _window(kind: int, header: int, circular: int, flat: int = 0) -> Lowering:
    def lower(_: Compiler, expr: Expr, step: Instruction) -> Instruction:
        window = expr["window"]
        timed = isinstance(window, str)
        width = duration_ns(str(window)) if timed else _whole(window)
        step.kind, step.whole = kind, (int(timed), width, _whole(dict(expr.params).get("k", 0)))
        step.rings = Rings(header, circular, flat, FIRST_SLOTS if timed else width, grows=timed)
        step.real = (_number(dict(expr.params).get("q", 0.0)),)
        return step

    return lower


def _total(_: Compiler, expr: Expr, step: Instruction) -> Instruction:
    window = expr["window"]
    if isinstance(window, str):
        step.kind, step.whole = m.TOTAL_TIME, (1, duration_ns(window))
        step.rings = Rings(totals.HEADER, circular=2, slots=FIRST_SLOTS, grows=True)
    else:
        step.kind, step.whole = m.TOTAL_ROWS, (_whole(window),)
        step.rings = Rings(totals.HEADER, circular=1, slots=_whole(window))
    return step


def _extreme(_: Compiler, expr: Expr, step: Instruction) -> Instruction:
    window = expr["window"]
    step.real = (1.0 if expr.op == "highest" else -1.0,)
    if isinstance(window, str):
        step.kind, step.whole = m.EXTREME_TIME, (1, duration_ns(window))
        step.rings = Rings(extremes.HEADER, circular=2, slots=FIRST_SLOTS, grows=True)
    else:
        step.kind, step.whole = m.EXTREME_ROWS, (_whole(window),)
        step.rings = Rings(extremes.ROWS_HEADER, circular=1, slots=_whole(window))
    return step


def _spectrum(compiler: Compiler, expr: Expr, step: Instruction) -> Instruction:
    width, low, high = _whole(expr["window"]), _number(expr["low"]), _number(expr["high"])
    cycles = [k for k in range(1, width // 2 + 1) if low <= width / k < high]
    step.kind, step.whole = m.SPECTRUM, (cycles[0], cycles[-1], width, compiler.table(width))
    step.rings = Rings(spectrum.HEADER + 2 * len(cycles), circular=1, slots=width)
    return step


def _time(_: Compiler, expr: Expr, step: Instruction) -> Instruction:
    op, period, origin = _CALENDAR[expr.op]
    step.kind, step.op, step.whole = m.CALENDAR, op, (period, origin, 0, 0)
    return step


def _session(_: Compiler, expr: Expr, step: Instruction) -> Instruction:
    start, end = (to_ns(3600.0 * _number(expr[name])) for name in ("start_h", "end_h"))
    step.kind, step.op, step.whole = m.CALENDAR, calendar.SESSION, (NS_PER_DAY, 0, start, end)
    return step


def _other(compiler: Compiler, expr: Expr, step: Instruction) -> Instruction:
    age = expr["max_age_s"]
    compiler.borrowing.append((len(compiler.instructions), compiler.symbols.index(str(expr["symbol"]))))
    step.kind, step.whole = m.OTHER, (-1, -1 if age is None else to_ns(_number(age)))
    step.rings = Rings(relations.OTHER_SIZE)
    return step


_LOWER: dict[str, Lowering] = {
    "lag": _lag,
    "ema": _average,
    "wilder": _average,
    "run_length": _run_length,
    "total": _total,
    "lowest": _extreme,
    "highest": _extreme,
    "quantile": _window(m.QUANTILE, quantiles.HEADER, 2, 1),
    "slope": _window(m.SLOPE, lines.SLOPE_HEADER, 2),
    "autocorr": _window(m.AUTOCORR, lines.PAIR_HEADER, 2),
    "fft_power": _spectrum,
    **dict.fromkeys(_CALENDAR, _time),
    "in_session": _session,
    "other": _other,
}


def registers(compiler: Compiler) -> tuple[dict[int, int], int]:
    """A register for each value, shared where one value is dead before the next begins; and how many there are."""
    last = {value: i for i, step in enumerate(compiler.instructions) for value in step.inputs}
    place = {value: number for number, (value, _) in enumerate(compiler.constants)}
    free: list[int] = []
    count = len(place)
    for i, step in enumerate(compiler.instructions):
        for value in (v for v in step.outputs if v >= 0):
            if not free:
                free.append(count)
                count += 1
            place[value] = free.pop()
        constant = len(compiler.constants)
        free += [place[v] for v in {*step.inputs} if last[v] == i and place[v] >= constant]
        free += [place[v] for v in step.outputs if v >= 0 and v not in last]
    return place, max(count, 1)


def compile_features(features: FeatureSet) -> Program:
    """The program of a feature set."""
    nodes = _plain_nodes([feature.expr for feature in features.features])
    columns = tuple(sorted({str(node["name"]) for node in nodes if node.op == "column"}))
    symbols = tuple(sorted({str(node["symbol"]) for node in nodes if node.op == "other"}))
    compiler = Compiler(columns, symbols)
    for number, feature in enumerate(features.features):
        compiler.emit(feature.expr, number)
    place, count = registers(compiler)
    code, scalars = _encode(compiler, place)
    return Program(
        code=code,
        scalars=scalars,
        pool=np.array(compiler.pool or [0.0]),
        rings=tuple(step.rings for step in compiler.instructions),
        constants=tuple((place[value], number) for value, number in compiler.constants),
        registers=count,
        domains=len(compiler.domains),
        columns=columns,
        symbols=symbols,
        borrowing=tuple(compiler.borrowing),
        outputs=len(features),
    )


def _plain_nodes(roots: list[Expr]) -> list[Expr]:
    """Every distinct expression under `roots`, indicators opened."""
    seen: dict[str, Expr] = {}
    ahead = list(roots)
    while ahead:
        node = expand(ahead.pop())
        if node.key not in seen:
            seen[node.key] = node
            ahead += node.args
    return list(seen.values())


def _encode(compiler: Compiler, place: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
    code = np.zeros((len(compiler.instructions), m.FIELDS), np.int64)
    scalars = np.zeros((len(compiler.instructions), 2))
    for row, real, step in zip(code, scalars, compiler.instructions, strict=True):
        row[[m.KIND, m.OP, m.DOMAIN]] = step.kind, step.op, step.domain
        row[m.X : m.X + len(step.inputs)] = [place[value] for value in step.inputs]
        row[m.OUT : m.OUT + len(step.outputs)] = [place[value] if value >= 0 else -1 for value in step.outputs]
        row[m.A : m.A + len(step.whole)] = step.whole
        real[: len(step.real)] = step.real
    return code, scalars
