"""Has the model stopped telling rows apart? A diagnosis of probabilities, before any score is believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Kind = Literal["constant", "few_values", "one_side", "near_mean"]

FEW_VALUES = 10
LEAST_SHARE_OF_VARIANCE = 0.001
SAME = 1e-6


@dataclass(frozen=True)
class Collapse:
    """One way in which probabilities have collapsed, with the sentence that says so."""

    kind: Kind
    evidence: str


@dataclass(frozen=True)
class Spread:
    """How far probabilities reach.

    Attributes
    ----------
    distinct
        Different values among the probabilities.
    lowest, highest
        Their range.
    deviation
        Their standard deviation.
    explained
        Variance of the probabilities over that of the outcome, ``var(p) / (base rate x (1 - base rate))``: for a
        calibrated forecast the share of the outcome's variance that it explains.
    """

    distinct: int
    lowest: float
    highest: float
    deviation: float
    explained: float


def spread(y: Floats, p: Floats) -> Spread:
    """Measure how far `p` reaches against the spread of the outcome `y`; both shape ``(n,)``."""
    base_rate = float(y.mean())
    return Spread(
        distinct=int(np.unique(p).size),
        lowest=float(p.min()),
        highest=float(p.max()),
        deviation=float(p.std()),
        explained=float(p.var() / max(base_rate * (1.0 - base_rate), 1e-12)),
    )


def diagnose(y: Floats, p: Floats) -> list[Collapse]:
    """Name every way in which the probabilities `p` of the outcomes `y` have collapsed; empty when none.

    A constant forecast is reported as that alone, because it is every other kind too.
    """
    reach, base_rate = spread(y, p), float(y.mean())
    if reach.highest - reach.lowest <= SAME:
        return [Collapse("constant", f"every row gets the probability {reach.lowest:.4f}")]
    found = []
    if reach.distinct <= FEW_VALUES:
        found.append(Collapse("few_values", f"{p.size:,} rows get only {reach.distinct} different probabilities"))
    if reach.lowest > base_rate or reach.highest < base_rate:
        side = "above" if reach.lowest > base_rate else "below"
        found.append(
            Collapse(
                "one_side",
                f"every probability, from {reach.lowest:.3f} to {reach.highest:.3f}, "
                f"lies {side} the base rate {base_rate:.3f}",
            )
        )
    if reach.explained < LEAST_SHARE_OF_VARIANCE:
        found.append(
            Collapse(
                "near_mean",
                f"probabilities stray from their mean by {reach.deviation:.4f} (standard deviation), "
                f"{100.0 * reach.explained:.2f} % of the outcome's variance",
            )
        )
    return found
