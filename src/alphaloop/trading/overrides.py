"""Settings of a plan given on the command line."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Any

from alphaloop.core.errors import RecipeError
from alphaloop.trading.plan import Plan

PREFIX = "trading."


def overridden(plan: Plan, assignments: Sequence[str], source: str = "--set") -> Plan:
    """Apply ``KEY=VALUE`` assignments, such as ``trading.policy.threshold=0.6``, to a plan.

    Values are read as TOML, words without quotes are text. The prefix ``trading.`` may be left out.

    Raises
    ------
    RecipeError
        If an assignment has no ``=``, or leads to an unknown key or an impossible value.
    """
    values = plan.model_dump(mode="json")
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals:
            raise RecipeError(
                f"{source} {assignment!r} is not KEY=VALUE; write for example trading.policy.threshold=0.6"
            )
        *parents, last = path.strip().removeprefix(PREFIX).split(".")
        inner: Any = values
        for parent in parents:
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise RecipeError(f"{source} {assignment!r}: key {parent!r} is a value and has no keys below it")
        inner[last] = _value(text.strip())
    return Plan.parse(values, source, at="trading")


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
