"""Models at hand while signals are made: what they say goes into the messages and moves no feature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from alphaloop.markets.pumpfun.signals.vector import Vector

DEAD: Final = "is_dead_soon"


class Scorers(Protocol):
    """Models of the two feature sets."""

    def signal(self, vector: Vector) -> Mapping[str, float]:
        """Calibrated probability by target of a signal; empty if there is no model."""
        ...

    def genesis(self, vector: Vector) -> Mapping[str, float]:
        """Calibrated probability by target of a launch; empty if there is no model."""
        ...


class NoScorers:
    """No model at all; nobody need compute features only to ask it."""

    def signal(self, vector: Vector) -> Mapping[str, float]:
        """Nothing."""
        return {}

    def genesis(self, vector: Vector) -> Mapping[str, float]:
        """Nothing."""
        return {}


def best(scores: Mapping[str, float]) -> float | None:
    """Highest probability of a target that one wants to reach; None without any."""
    return max((score for target, score in scores.items() if target != DEAD), default=None)
