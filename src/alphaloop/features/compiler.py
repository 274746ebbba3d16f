"""From expressions to a program: each distinct computation once, registers shared by what is not alive together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from alphaloop.features.expansion import expand
from alphaloop.features.expr import Expr, Parameter
from alphaloop.features.kernels import machine as m
from alphaloop.features.kernels import relations
from alphaloop.features.lowering import FOURTH, MOMENTS, Instruction, bar_number, bars, lowered
from alphaloop.features.program import Program, Rings

if TYPE_CHECKING:
    from alphaloop.features.sets import FeatureSet


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
        self._moments: dict[tuple[int, Parameter, int], Instruction] = {}
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
            number = expr["value"]
            assert isinstance(number, float)
            self.constants.append((self._new(), number))
            return self.constants[-1][0]
        if expr.op == "column":
            return self._column(expr, domain)
        if expr.op == "higher":
            return self._higher(expr)
        inputs = tuple(self.value(arg, domain) for arg in expr.args)
        if expr.op in MOMENTS:
            return self._moment(expr, inputs, domain)
        step = lowered(expr)
        step.inputs, step.domain = inputs, domain
        if expr.op == "fft_power":
            step.whole += (self._table(step.whole[-1]),)
        if expr.op == "other":
            self.borrowing.append((len(self.instructions), self.symbols.index(str(expr["symbol"]))))
        return self._add(step)

    def _column(self, expr: Expr, domain: int) -> int:
        name = str(expr["name"])
        if domain == 0:
            return self._add(Instruction(m.LOAD, whole=(self.columns.index(name),)))
        step = bar_number(name)
        step.inputs, step.whole = (self.value(expr),), (domain,)
        return self._add(step)

    def _higher(self, expr: Expr) -> int:
        every = str(expr["every"])
        if every not in self.domains:
            self.domains[every] = len(self.domains)
            self.instructions.append(bars(every, self.domains[every]))
        domain = self.domains[every]
        inner = self.value(expr.args[0], domain)
        return self._add(Instruction(m.HOLD, inputs=(inner,), whole=(domain,), rings=Rings(relations.HOLD_SIZE)))

    def _moment(self, expr: Expr, inputs: tuple[int, ...], domain: int) -> int:
        """One instruction gives all the moments of a window; it is begun by the first that is asked for."""
        place = (inputs[0], expr["window"], domain)
        if place not in self._moments:
            step = lowered(expr)
            step.inputs, step.domain, step.outputs = inputs, domain, [-1] * len(MOMENTS)
            self.instructions.append(step)
            self._moments[place] = step
        step = self._moments[place]
        step.op = FOURTH if expr.op in ("skew", "kurtosis") else step.op
        output = self._new()
        step.outputs[MOMENTS.index(expr.op)] = output
        return output

    def _table(self, width: int) -> int:
        """Place in the pool of `width` cosines and as many sines of a whole turn."""
        if width not in self._tables:
            self._tables[width] = len(self.pool)
            turn = 2.0 * np.pi * np.arange(width) / width
            self.pool += [*np.cos(turn).tolist(), *np.sin(turn).tolist()]
        return self._tables[width]


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


def _encode(compiler: Compiler, place: dict[int, int]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    code = np.zeros((len(compiler.instructions), m.FIELDS), np.int64)
    scalars = np.zeros((len(compiler.instructions), 2))
    for row, real, step in zip(code, scalars, compiler.instructions, strict=True):
        row[[m.KIND, m.OP, m.DOMAIN]] = step.kind, step.op, step.domain
        row[m.X : m.X + len(step.inputs)] = [place[value] for value in step.inputs]
        row[m.OUT : m.OUT + len(step.outputs)] = [place[value] if value >= 0 else -1 for value in step.outputs]
        row[m.A : m.A + len(step.whole)] = step.whole
        real[: len(step.real)] = step.real
    return code, scalars
