"""Whether a stated 0.85 hits 85 % of the time, on signals that came later than everything learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.clock import NS_PER_S
from alphaloop.dataset.table import Dataset
from alphaloop.evaluation.bootstrap import CONFIDENCE, TimeBlocks
from alphaloop.evaluation.reliability import Reliability, reliability, wilson

LEVELS = (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9)
RESAMPLES = 400


@dataclass(frozen=True)
class Above:
    """Test signals with at least a stated probability.

    Attributes
    ----------
    level : float
        The least probability.
    count : int
        How many signals state it.
    promised, came : float
        Their mean probability, and the share of them that hit.
    low, high : float
        95 % interval of `came`: the wider of Wilson's, which takes signals for independent, and that of a block
        bootstrap over time, which does not.
    """

    level: float
    count: int
    promised: float
    came: float
    low: float
    high: float

    @property
    def kept(self) -> bool:
        """Whether the promise lies inside the interval of what came."""
        return self.low <= self.promised <= self.high

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**self.__dict__, "kept": self.kept}

    def sentence(self, what: str) -> str:
        """Say it in words."""
        verdict = "as stated" if self.kept else "not as stated"
        return (
            f"{self.count:,} test signals state a probability of {what} of {self.level:.2f} or more, "
            f"{self.promised:.2f} on average: {self.came:.0%} came ({self.low:.0%} to {self.high:.0%}), {verdict}"
        )


def bins_of(test: Dataset, probability: NDArray[np.float64], seed: int) -> Reliability:
    """Compare promised and observed shares in equal-mass bins; `probability` (n,) of class 1."""
    return reliability(_hits(test), probability, decided_ns=test.decided_ns, horizon_s=_horizon_s(test), seed=seed)


def above_levels(test: Dataset, probability: NDArray[np.float64], seed: int) -> tuple[Above, ...]:
    """Compare promise and outcome of all signals above each level that any signal states."""
    blocks = TimeBlocks.of(test.decided_ns, _horizon_s(test))
    weights = list(blocks.weights(seed, RESAMPLES)) if blocks.enough else []
    hits = _hits(test)
    found = []
    for level in LEVELS:
        chosen = probability >= level
        count = int(chosen.sum())
        if not count:
            break
        came = float(hits[chosen].mean())
        low, high = (float(end[0]) for end in wilson(np.array([hits[chosen].sum()]), np.array([count])))
        drawn = [_share(weight, hits, chosen) for weight in weights]
        drawn = [share for share in drawn if share is not None]
        if drawn:
            tail = 50.0 * (1.0 - CONFIDENCE)
            ends = np.percentile([*drawn, came], (tail, 100.0 - tail))
            low, high = min(low, float(ends[0])), max(high, float(ends[1]))
        found.append(Above(level, count, float(probability[chosen].mean()), came, low, high))
    return tuple(found)


def _share(weight: NDArray[np.float64], hits: NDArray[np.float64], chosen: NDArray[np.bool_]) -> float | None:
    total = float(weight[chosen].sum())
    return float(weight[chosen] @ hits[chosen]) / total if total > 0 else None


def _hits(test: Dataset) -> NDArray[np.float64]:
    return np.asarray(test.y == 1, np.float64)


def _horizon_s(test: Dataset) -> float:
    return float((test.resolved_ns - test.decided_ns).max()) / NS_PER_S
