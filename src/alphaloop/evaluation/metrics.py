"""The six scores of a binary forecast, each for any integer row weights.

A bootstrap resample is a weight per row, so rows are sorted once and every resample costs a few cumulative sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

METRICS = ("pr_auc", "base_rate", "roc_auc", "brier", "log_loss", "ece")
LOWER_IS_BETTER = frozenset({"brier", "log_loss", "ece"})
ECE_BINS = 15
SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Forecast:
    """Outcomes and probabilities, prepared once for any number of weightings.

    Attributes
    ----------
    descending
        Row numbers, highest probability first, shape ``(n,)``.
    outcome
        1.0 where the event came, 0.0 where not, in that order.
    last
        Position of the last row of each run of equal probabilities, or None when all differ: rows that the model
        cannot tell apart enter a curve together, whatever their order.
    penalties
        Squared error and log loss of each row, in the order given, shape ``(2, n)``.
    bins
        Equal-mass bin of each row, in the order given; equal probabilities share a bin.
    residual
        Outcome minus probability of each row, in the order given.
    """

    descending: Ints
    outcome: Floats
    last: Ints | None
    penalties: Floats
    bins: Ints
    residual: Floats

    @classmethod
    def of(cls, y: Floats, p: Floats) -> Forecast:
        """Sort `p` once; `y` is 0.0 or 1.0 per row, `p` a probability per row, both shape ``(n,)``."""
        descending = np.argsort(-p, kind="stable")
        ranked = p[descending]
        last = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), p.size - 1)
        clipped = np.clip(p, SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY)
        surprise = -np.where(y > 0.0, np.log(clipped), np.log1p(-clipped))
        return cls(
            descending=descending,
            outcome=y[descending],
            last=None if last.size == p.size else last,
            penalties=np.stack(((p - y) ** 2, surprise)),
            bins=equal_mass_bins(p, ECE_BINS),
            residual=y - p,
        )


def equal_mass_bins(p: Floats, bins: int) -> Ints:
    """Bin of each row when `bins` bins hold equally many rows and equal probabilities are never parted.

    Parameters
    ----------
    p
        Probabilities, shape ``(n,)``.
    bins
        How many bins at most; a constant `p` falls into one.

    Returns
    -------
    array (n,) int64
        Consecutive numbers from 0, rising with `p`.
    """
    ranked = np.sort(p)
    below = np.searchsorted(ranked, p, side="left")
    _, dense = np.unique(below * bins // p.size, return_inverse=True)
    return dense.astype(np.int64)


def ranking_scores(forecast: Forecast, weight: Floats | None = None) -> tuple[float, float]:
    """Area under the precision-recall curve and under the ROC curve.

    The first is average precision, the sum over thresholds of ``(recall_k - recall_{k-1}) x precision_k`` without
    interpolation; the second is the Mann-Whitney statistic with ties counted one half.

    Parameters
    ----------
    forecast
        The prepared rows.
    weight
        Non-negative weight of each row in the order given to `Forecast.of`; None weighs all rows 1.

    Returns
    -------
    tuple of float
        ``(pr_auc, roc_auc)``; NaN where the weights leave one outcome only.
    """
    if weight is None:
        hits = np.cumsum(forecast.outcome)
        taken = np.arange(1.0, hits.size + 1.0)
    else:
        ranked = weight[forecast.descending]
        taken = np.cumsum(ranked)
        ranked *= forecast.outcome
        hits = np.cumsum(ranked)
    if forecast.last is not None:
        hits, taken = hits[forecast.last], taken[forecast.last]
    positives, negatives = hits[-1], taken[-1] - hits[-1]
    if positives <= 0.0 or negatives <= 0.0:
        return float("nan"), float("nan")
    gained = np.diff(hits, prepend=0.0)
    average_precision = float(_dot(gained, hits / np.maximum(taken, 1e-300)) / positives)
    above = 0.5 * (hits + hits - gained)
    falls = np.diff(taken, prepend=0.0)
    falls -= gained
    return average_precision, float(_dot(falls, above) / (positives * negatives))


def calibration_error(forecast: Forecast, weight: Floats | None = None) -> float:
    """Compute the expected calibration error: mean over rows of the absolute gap of their equal-mass bin.

    Bins are those of the unweighted rows (Naeini et al. 2015, with quantile bins as in Nixon et al. 2019).
    """
    weighted = forecast.residual if weight is None else forecast.residual * weight
    total = forecast.residual.size if weight is None else weight.sum()
    return float(np.abs(np.bincount(forecast.bins, weights=weighted)).sum() / total)


def measure(forecast: Forecast, weight: Floats | None = None) -> Mapping[str, float]:
    """Every score of `METRICS` for one weighting of the rows."""
    pr_auc, roc_auc = ranking_scores(forecast, weight)
    if weight is None:
        brier, log_loss = forecast.penalties.mean(axis=1)
        base_rate = forecast.outcome.mean()
    else:
        total = weight.sum()
        brier, log_loss = (_dot(weight, column) / total for column in forecast.penalties)
        base_rate = _dot(weight[forecast.descending], forecast.outcome) / total
    return {
        "pr_auc": pr_auc,
        "base_rate": float(base_rate),
        "roc_auc": roc_auc,
        "brier": float(brier),
        "log_loss": float(log_loss),
        "ece": calibration_error(forecast, weight),
    }


def _dot(left: Floats, right: Floats) -> float:
    # Not ``@``: BLAS would start threads for these short sums, and on a busy machine they wait for each other.
    return float(np.einsum("i,i->", left, right))
