"""Numbers as people read them. A number that is not there reads "not measured", never 0."""

from __future__ import annotations

import math

from alphaloop.core.clock import NS_PER_S, iso
from alphaloop.evaluation.scores import Score

ABSENT = "not measured"
MINUS = "\u2212"


def decimal(value: float | None, digits: int = 3) -> str:
    """Fixed-point with a true minus sign; a value that rounds to zero has no sign."""
    if value is None or not math.isfinite(value):
        return ABSENT
    text = f"{value:,.{digits}f}"
    return text.lstrip("-") if not text.strip("-0.,") else text.replace("-", MINUS)


def signed(value: float | None, digits: int = 3) -> str:
    """Fixed-point with its sign, for differences."""
    text = decimal(value, digits)
    return text if text == ABSENT or text[0] == MINUS or not text.strip("0.,") else f"+{text}"


def percent(value: float | None, digits: int = 1) -> str:
    """Say a share as percent."""
    text = decimal(None if value is None else 100.0 * value, digits)
    return text if text == ABSENT else f"{text} %"


def signed_percent(value: float | None, digits: int = 2) -> str:
    """Say a return as percent with its sign."""
    text = signed(None if value is None else 100.0 * value, digits)
    return text if text == ABSENT else f"{text} %"


def between(score: Score, digits: int = 3, plus: bool = False) -> str:
    """Say the interval of a score as ``low to high``."""
    if not score.measured:
        return "interval not measured"
    say = signed if plus else decimal
    return f"{say(score.low, digits)} to {say(score.high, digits)}"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Say a whole number with its noun, in the right form."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """Seconds in the largest unit that leaves at least one and a half of it."""
    for size, noun in ((86_400.0, "day"), (3_600.0, "hour"), (60.0, "minute")):
        if seconds >= 1.5 * size or seconds == size:
            amount = seconds / size
            return f"{amount:.3g} {noun if amount == 1 else noun + 's'}"
    return f"{seconds:.3g} s"


def moment(ns: int) -> str:
    """UTC nanoseconds as date and minute."""
    return iso(ns // NS_PER_S * NS_PER_S)[:16].replace("T", " ")


def scalar(value: object) -> str:
    """Say a value of unknown kind in few characters."""
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return ABSENT if not math.isfinite(value) else f"{value:,.6g}".replace("-", MINUS)
    return str(value)
