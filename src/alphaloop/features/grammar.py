"""From data back to expressions: every operator by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from alphaloop.core.errors import FeatureError
from alphaloop.features import operators as rows
from alphaloop.features import relations, windows
from alphaloop.features.expr import Expr, combine, constant

WITHOUT_SETTINGS = {
    **dict.fromkeys(("neg", "not", "abs", "sign", "log", "exp", "sqrt", "run_length"), 1),
    **dict.fromkeys(("add", "sub", "mul", "div", "lt", "le", "gt", "ge", "eq", "ne", "and", "or"), 2),
    **dict.fromkeys(("minimum", "maximum"), 2),
    "where": 3,
}
"""Operators without settings, and how many expressions each takes."""

_NAMED: dict[str, Callable[..., Expr]] = {
    "constant": constant,
    **{
        name: getattr(module, name)
        for module, names in (
            (rows, "column clip lag diff ema wilder rsi true_range atr"),
            (rows, "hour_sin hour_cos weekday_sin weekday_cos in_session"),
            (windows, "total mean std skew kurtosis lowest highest quantile slope autocorr fft_power"),
        )
        for name in names.split()
    },
    "higher": lambda expr, every: relations.higher(every, expr),
    "other": lambda expr, symbol, max_age_s: relations.other(symbol, expr, max_age_s),
}


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
