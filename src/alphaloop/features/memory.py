"""How far back an expression remembers: when its first value comes, and when its start is forgotten."""

from __future__ import annotations

import math
from collections.abc import Callable

from alphaloop.features.durations import duration_ns
from alphaloop.features.expansion import expand
from alphaloop.features.expr import Expr

FORGOTTEN = 1e-9
"""A start is forgotten when it has less than this share in the value."""


def warm_up(expr: Expr, step_ns: int) -> int:
    """Rows that are NaN before the first value, at most, on a regular series with a row every `step_ns`."""
    return _rows(expr, step_ns, _hidden, {})


def settle(expr: Expr, step_ns: int) -> int:
    """Rows after which the start has a share below `FORGOTTEN` in the value, never fewer than `warm_up`.

    An exponential average remembers its start for ever, ever more faintly; a live series that begins here needs as
    many rows of history before its values are those of an older one.
    """
    return max(_rows(expr, step_ns, _remembered, {}), warm_up(expr, step_ns))


def _rows(expr: Expr, step_ns: int, own: Callable[[Expr, int], int], seen: dict[str, int]) -> int:
    if expr.key not in seen:
        plain = expand(expr)
        if plain.op == "higher":
            every = duration_ns(str(plain["every"]))
            bars = _rows(plain.args[0], every, own, {}) + 1
            seen[expr.key] = max(-(-bars * every // step_ns) - 1, 0)
        else:
            before = max((_rows(arg, step_ns, own, seen) for arg in plain.args), default=0)
            seen[expr.key] = before + own(plain, step_ns)
    return seen[expr.key]


def _hidden(expr: Expr, step_ns: int) -> int:
    """Rows that the operator itself adds to the warm-up."""
    settings = dict(expr.params)
    if expr.op == "lag":
        return _int(settings["n"])
    if expr.op in ("ema", "wilder"):
        return _int(settings["n"]) - 1
    window = settings.get("window")
    if isinstance(window, str):
        return -(-duration_ns(window) // step_ns)
    return 0 if window is None else _int(window) - 1


def _remembered(expr: Expr, step_ns: int) -> int:
    """Rows after which the operator itself has forgotten its start."""
    n = dict(expr.params).get("n")
    if expr.op not in ("ema", "wilder") or n == 1:
        return _hidden(expr, step_ns)
    weight = 2.0 / (_int(n) + 1.0) if expr.op == "ema" else 1.0 / _int(n)
    return _int(n) + math.ceil(math.log(FORGOTTEN) / math.log1p(-weight))


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value
