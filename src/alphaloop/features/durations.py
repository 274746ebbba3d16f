"""Durations and windows as a user writes them: ``20`` is rows, ``"15m"`` is time."""

from __future__ import annotations

import re

from alphaloop.core.clock import NS_PER_DAY, NS_PER_S
from alphaloop.core.errors import FeatureError
from alphaloop.features.arguments import whole

Window = int | str
"""A number of rows, or a duration such as ``"15m"``: the half-open interval ``(t - window, t]`` of known time."""

NS_PER_WEEK = 7 * NS_PER_DAY
UNITS = {
    "ms": NS_PER_S // 1000,
    "s": NS_PER_S,
    "m": 60 * NS_PER_S,
    "h": 3600 * NS_PER_S,
    "d": NS_PER_DAY,
    "w": NS_PER_WEEK,
}
_SPELLING = re.compile(r"([1-9][0-9]{0,8})(ms|s|m|h|d|w)")


def duration_ns(text: str) -> int:
    """Nanoseconds of a duration such as ``"500ms"``, ``"30s"``, ``"15m"``, ``"4h"``, ``"1d"`` or ``"1w"``.

    Raises
    ------
    FeatureError
        If `text` is anything but a whole positive number and one of these units.
    """
    match = _SPELLING.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise FeatureError(f"duration {text!r} is not understood; write a whole number and a unit, as in '15m'")
    return int(match[1]) * UNITS[match[2]]


def canonical_duration(text: str) -> str:
    """One spelling for one duration, in its largest whole unit: ``"60m"`` is ``"1h"``."""
    ns = duration_ns(text)
    unit = next(unit for unit in ("w", "d", "h", "m", "s", "ms") if ns % UNITS[unit] == 0)
    return f"{ns // UNITS[unit]}{unit}"


def window_of(value: Window, operator: str, least: int) -> Window:
    """A window in canonical form: an int of at least `least` rows, or a canonical duration.

    Raises
    ------
    FeatureError
        If `value` is neither.
    """
    if isinstance(value, str):
        return canonical_duration(value)
    return whole(value, f"the window of {operator}()", least)
