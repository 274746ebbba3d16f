"""Expressions as people read them: ``(close - mean(close, 20)) / std(close, 20)``."""

from __future__ import annotations

from alphaloop.features.expr import Expr, Parameter

_INFIX = {
    "or": ("|", 1),
    "and": ("&", 2),
    "lt": ("<", 3),
    "le": ("<=", 3),
    "gt": (">", 3),
    "ge": (">=", 3),
    "eq": ("==", 3),
    "ne": ("!=", 3),
    "add": ("+", 4),
    "sub": ("-", 4),
    "mul": ("*", 5),
    "div": ("/", 5),
}
_PREFIX = {"neg": ("-", 6), "not": ("~", 6)}
_ATOM = 7
_FIRST = {"higher": "every", "other": "symbol"}


def formula(expr: Expr) -> str:
    """The expression in the words a user would write it in."""
    return _write(expr)[0]


def _write(expr: Expr) -> tuple[str, int]:
    """Text of `expr` and how tightly it binds."""
    if expr.op in _INFIX:
        sign, rank = _INFIX[expr.op]
        left, right = expr.args
        # Python chains comparisons and binds the others to the left, so equals on the right need brackets.
        return f"{_bracket(left, rank + (rank == 3))} {sign} {_bracket(right, rank + 1)}", rank
    if expr.op in _PREFIX:
        sign, rank = _PREFIX[expr.op]
        return sign + _bracket(expr.args[0], rank), rank
    if expr.op == "constant":
        text = _value(expr["value"])
        return (text, _ATOM) if text[0] != "-" else (text, _PREFIX["neg"][1])
    if expr.op == "column":
        return str(expr["name"]), _ATOM
    return f"{expr.op}({', '.join(_arguments(expr))})", _ATOM


def _bracket(expr: Expr, least: int) -> str:
    text, rank = _write(expr)
    return text if rank >= least else f"({text})"


def _arguments(expr: Expr) -> list[str]:
    first = _FIRST.get(expr.op)
    front = [_value(value) for name, value in expr.params if name == first]
    back = [_value(value) for name, value in expr.params if name != first and value is not None]
    return [*front, *(_write(arg)[0] for arg in expr.args), *back]


def _value(value: Parameter) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f'"{value}"' if isinstance(value, str) else repr(value)
