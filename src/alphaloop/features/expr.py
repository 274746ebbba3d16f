"""What a feature is made of: an expression, a value that describes a computation and computes nothing.

Two expressions with the same structure have the same `key`, however and wherever they were built; the compiler turns
equal keys into one computation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NoReturn

from alphaloop.core.errors import FeatureError
from alphaloop.core.hashing import canonical_json

Parameter = int | float | str | None

DEEPEST = 150
"""How deep expressions may nest, so that whatever walks them fits Python's stack."""


@dataclass(frozen=True, eq=False, repr=False)
class Expr:
    """An operator, what it is applied to, and its settings.

    Users build expressions with the operators of `alphaloop.features`, with ``+ - * /``, comparisons, and ``& | ~``
    between conditions (1.0 is true, 0.0 false, NaN unknown). Nothing but rows pushed through a feature set gives
    one a value.

    Attributes
    ----------
    op : str
        Name of the operator.
    args : tuple of Expr
        The expressions it is applied to.
    params : tuple of (name, value)
        Its settings, in the order of the operator's arguments.
    key : str
        Digest of the structure: equal for equal expressions, on every machine.
    depth : int
        Expressions on the longest way down, this one included.

    Raises
    ------
    FeatureError
        If `depth` is above `DEEPEST`.
    """

    op: str
    args: tuple[Expr, ...] = ()
    params: tuple[tuple[str, Parameter], ...] = ()
    key: str = field(init=False)
    depth: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", 1 + max((arg.depth for arg in self.args), default=0))
        if self.depth > DEEPEST:
            raise FeatureError(
                f"an expression is nested {self.depth} deep, at most {DEEPEST} is possible; "
                "join the parts of a long sum in pairs, or use a window"
            )
        structure = canonical_json([self.op, [arg.key for arg in self.args], self.params])
        object.__setattr__(self, "key", blake2b(structure.encode(), digest_size=16).hexdigest())

    def __getitem__(self, name: str) -> Parameter:
        """The setting called `name`."""
        return dict(self.params)[name]

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        from alphaloop.features.formula import formula

        return formula(self)

    def __bool__(self) -> NoReturn:
        raise FeatureError(
            f"the expression {self!r} is neither true nor false before rows are pushed; "
            "use where(condition, a, b) in place of if, and & | ~ in place of and, or, not"
        )

    def __iter__(self) -> NoReturn:
        raise FeatureError(f"the expression {self!r} holds no rows; compute a FeatureSet that contains it")

    def __add__(self, other: Operand) -> Expr:
        return combine("add", self, other)

    def __radd__(self, other: Operand) -> Expr:
        return combine("add", other, self)

    def __sub__(self, other: Operand) -> Expr:
        return combine("sub", self, other)

    def __rsub__(self, other: Operand) -> Expr:
        return combine("sub", other, self)

    def __mul__(self, other: Operand) -> Expr:
        return combine("mul", self, other)

    def __rmul__(self, other: Operand) -> Expr:
        return combine("mul", other, self)

    def __truediv__(self, other: Operand) -> Expr:
        return combine("div", self, other)

    def __rtruediv__(self, other: Operand) -> Expr:
        return combine("div", other, self)

    def __neg__(self) -> Expr:
        return combine("neg", self)

    def __abs__(self) -> Expr:
        return combine("abs", self)

    def __lt__(self, other: Operand) -> Expr:
        return combine("lt", self, other)

    def __le__(self, other: Operand) -> Expr:
        return combine("le", self, other)

    def __gt__(self, other: Operand) -> Expr:
        return combine("gt", self, other)

    def __ge__(self, other: Operand) -> Expr:
        return combine("ge", self, other)

    def __eq__(self, other: Operand) -> Expr:  # type: ignore[override]
        return combine("eq", self, other)

    def __ne__(self, other: Operand) -> Expr:  # type: ignore[override]
        return combine("ne", self, other)

    def __and__(self, other: Operand) -> Expr:
        return combine("and", self, other)

    def __or__(self, other: Operand) -> Expr:
        return combine("or", self, other)

    def __invert__(self) -> Expr:
        return combine("not", self)


Operand = Expr | float
"""What an operator accepts for a series: an expression, or a plain number that stands for a constant one."""


def constant(value: float) -> Expr:
    """The series that is `value` on every row.

    Raises
    ------
    FeatureError
        If `value` is not a finite number.
    """
    if isinstance(value, bool) or not hasattr(value, "__float__") or not math.isfinite(float(value)):
        raise FeatureError(f"{value!r} is not a finite number; build a feature from expressions and finite numbers")
    return Expr("constant", params=(("value", float(value)),))


def as_expr(value: Operand) -> Expr:
    """`value` itself if it is an expression, else the constant of that value."""
    return value if isinstance(value, Expr) else constant(value)


def combine(op: str, *operands: Operand) -> Expr:
    """The element-wise operator `op` applied to expressions and numbers."""
    return Expr(op, tuple(as_expr(operand) for operand in operands))


def walk(roots: list[Expr]) -> list[Expr]:
    """Every distinct expression under `roots`, each after what it is applied to."""
    order: dict[str, Expr] = {}

    def visit(expr: Expr) -> None:
        if expr.key not in order:
            for arg in expr.args:
                visit(arg)
            order[expr.key] = expr

    for root in roots:
        visit(root)
    return list(order.values())
