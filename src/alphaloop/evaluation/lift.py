"""How much richer in outcomes the highest scores are: lift by decile, and scores by outcome."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alphaloop.evaluation.metrics import equal_mass_bins

Floats = NDArray[np.float64]

DECILES = 10
HISTOGRAM_BINS = 48


@dataclass(frozen=True)
class Lift:
    """One entry per group of rows, highest probabilities first; all arrays have shape ``(groups,)``.

    Attributes
    ----------
    rate
        Share of the group's rows in which the event came.
    lift
        `rate` divided by the base rate of all rows.
    captured
        Share of all events found in this group and those before it.
    count
        Rows in the group.
    """

    rate: Floats
    lift: Floats
    captured: Floats
    count: NDArray[np.int64]


@dataclass(frozen=True)
class OutcomeHistogram:
    """Rows by probability, apart for the two outcomes; bin i is ``[edges[i], edges[i + 1])``, the last one closed."""

    edges: Floats
    came: NDArray[np.int64]
    stayed_away: NDArray[np.int64]


def lift_by_decile(y: Floats, p: Floats, groups: int = DECILES) -> Lift:
    """Group rows by falling probability into equal parts; rows of equal probability are never parted."""
    group = equal_mass_bins(-p, groups)
    count = np.bincount(group)
    hits = np.bincount(group, weights=y)
    rate = hits / count
    return Lift(rate, rate / y.mean(), np.cumsum(hits) / hits.sum(), count)


def histogram_by_outcome(y: Floats, p: Floats, bins: int = HISTOGRAM_BINS) -> OutcomeHistogram:
    """Count rows in equal-width bins between the lowest and the highest probability that was given."""
    low, high = float(p.min()), float(p.max())
    reach = max(high - low, 1e-3)
    edges = np.linspace(0.5 * (low + high - reach), 0.5 * (low + high + reach), bins + 1)
    came, _ = np.histogram(p[y > 0.0], edges)
    stayed_away, _ = np.histogram(p[y <= 0.0], edges)
    return OutcomeHistogram(edges, came.astype(np.int64), stayed_away.astype(np.int64))
