"""Settings of operators, checked where the user gave them."""

from __future__ import annotations

import math

from alphaloop.core.errors import FeatureError


def whole(value: object, what: str, least: int) -> int:
    """`value` as an int of at least `least`, or a sentence about `what`.

    Raises
    ------
    FeatureError
        If `value` is not a whole number or is below `least`.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or (found := int(value.__index__())) < least:
        raise FeatureError(f"{what} is {value!r}; give a whole number of at least {least}")
    return found


def number(value: object, what: str) -> float:
    """`value` as a finite float, or a sentence about `what`.

    Raises
    ------
    FeatureError
        If `value` is no number, or not a finite one.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise FeatureError(f"{what} is {value!r}; give a finite number")
    return float(value)
