"""Whether a stated 0.85 hits 85 % of the time, on signals that came later than everything learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.clock import NS_PER_S
from alphaloop.dataset.table import Dataset
from alphaloop.evaluation.bootstrap import CONFIDENCE, Clusters
from alphaloop.evaluation.reliability import Reliability, reliability, wilson
from alphaloop.training.origins import HeldOut

LEVELS = (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9)
RESAMPLES = 1_000


@dataclass(frozen=True)
class Above:
    """Test signals with at least a stated probability.

    Attributes
    ----------
    level : float
        The least probability.
    count, tokens, creators : int
        How many signals state it, on how many tokens of how many creators. Signals of one token are near copies, and
        tokens of one creator resemble each other; a token whose creator is unknown counts as a creator of its own.
    promised, came : float
        Their mean probability, and the share of them that hit.
    low, high : float
        95 % interval of `came`: the wider of that of a bootstrap that draws whole creators, and Wilson's with creators
        for trials, which has a width also where one outcome only was seen.
    """

    level: float
    count: int
    tokens: int
    creators: int
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
        stated = f"state a probability of {what} of {self.level:.2f} or more, {self.promised:.2f} on average"
        came = f"{self.came:.0%} came ({self.low:.0%} to {self.high:.0%}), {verdict}"
        return f"{self.count:,} test signals on {self.tokens:,} tokens of {self.creators:,} creators {stated}: {came}"


def bins_of(
    test: Dataset, probability: NDArray[np.float64], creator: NDArray[np.signedinteger], seed: int
) -> Reliability:
    """Compare promised and observed shares in equal-mass bins; `probability` (n,) of class 1. Creators are its groups.

    `creator` (n,) is the code of each row's creator, as of `SignalRows.creator`.
    """
    horizon_s = float((test.resolved_ns - test.decided_ns).max()) / NS_PER_S
    return reliability(
        _hits(test), probability, decided_ns=test.decided_ns, horizon_s=horizon_s, seed=seed, groups=creator
    )


def above_levels(
    test: Dataset, probability: NDArray[np.float64], creator: NDArray[np.signedinteger], seed: int
) -> tuple[Above, ...]:
    """Compare promise and outcome of all signals above each level that any signal states.

    `probability` and `creator` have shape ``(n,)``; `creator` as in `bins_of`.
    """
    weights = list(Clusters.of(creator).weights(seed, RESAMPLES))
    hits = _hits(test)
    found = []
    for level in LEVELS:
        chosen = probability >= level
        count = int(chosen.sum())
        if not count:
            break
        tokens = len(np.unique(test.symbol[chosen]))
        creators = len(np.unique(creator[chosen]))
        came = float(hits[chosen].mean())
        low, high = (float(end[0]) for end in wilson(np.array([came * creators]), np.array([creators])))
        drawn = [share for weight in weights if (share := _share(weight, hits, chosen)) is not None]
        tail = 50.0 * (1.0 - CONFIDENCE)
        ends = np.percentile([*drawn, came], (tail, 100.0 - tail))
        low, high = min(low, float(ends[0])), max(high, float(ends[1]))
        found.append(Above(level, count, tokens, creators, float(probability[chosen].mean()), came, low, high))
    return tuple(found)


def fitted_on(held: HeldOut, what: str) -> str:
    """Say how much the calibration has seen."""
    return (
        f"probabilities are calibrated on {len(held.y):,} earlier signals of {held.symbols:,} tokens, "
        f"{held.symbols_of(1):,} of them with a {what}, scored by models that had not seen them"
    )


def _share(weight: NDArray[np.float64], hits: NDArray[np.float64], chosen: NDArray[np.bool_]) -> float | None:
    total = float(weight[chosen].sum())
    return float(weight[chosen] @ hits[chosen]) / total if total > 0 else None


def _hits(test: Dataset) -> NDArray[np.float64]:
    return np.asarray(test.y == 1, np.float64)
