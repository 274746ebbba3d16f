"""Scores of probabilities, with intervals that know that labels overlap: a model, each class, against a baseline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.errors import DataError
from alphaloop.evaluation.bootstrap import TimeBlocks, interval
from alphaloop.evaluation.metrics import METRICS, Forecast, measure

RESAMPLES = 500


@dataclass(frozen=True)
class Score:
    """A number and its 95 % interval; an interval that could not be measured is NaN at both ends."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Score:
        """Read what `to_dict` wrote; a missing interval is NaN at both ends."""
        low, high = stored.get("interval") or (None, None)
        return cls(float(stored["value"]), math.nan if low is None else low, math.nan if high is None else high)

    @property
    def measured(self) -> bool:
        """Whether the interval could be measured."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def standard_error(self) -> float:
        """A quarter of the interval's width, about one standard error; NaN where the interval is."""
        return (self.high - self.low) / 4.0

    def to_dict(self) -> dict[str, Any]:
        """``{"value": v, "interval": [low, high]}``; both ends None where the interval could not be measured."""
        return {"value": self.value, "interval": [self.low, self.high] if self.measured else [None, None]}


def score(
    y: NDArray[Any],
    p: NDArray[Any],
    *,
    decided_ns: NDArray[np.int64],
    horizon_s: float,
    seed: int,
    resamples: int = RESAMPLES,
    sides: Sequence[int] | None = None,
) -> dict[str, Score]:
    """Score probabilities against outcomes, with moving-block bootstrap intervals over time.

    Parameters
    ----------
    y
        Class index of each row, shape ``(n,)``.
    p
        Probability of class 1, shape ``(n,)``, or of each class, shape ``(n, C)``.
    decided_ns
        When each row was decided, UTC nanoseconds, shape ``(n,)``, in any order.
    horizon_s
        How far the label looks ahead, in seconds; a bootstrap block is never shorter.
    seed, resamples
        Make the intervals reproducible; more resamples make them smoother.
    sides
        What a trader does on each class (+1 buy, -1 sell, 0 nothing); needed for three or more classes.

    Returns
    -------
    dict
        ``pr_auc``, ``base_rate``, ``roc_auc``, ``brier``, ``log_loss`` and ``ece`` (15 equal-mass bins). With two
        classes they are those of class 1; with more, the mean over the classes that are traded, each against the rest.

    Raises
    ------
    DataError
        If there is no row, one outcome only, a length that differs, or something that is not a probability.
    """
    targets = _targets(y, p, decided_ns, sides)
    return _summary([Forecast.of(*target) for target in targets.values()], None, decided_ns, horizon_s, seed, resamples)


def score_classes(
    y: NDArray[Any],
    p: NDArray[Any],
    *,
    classes: Sequence[str],
    sides: Sequence[int],
    decided_ns: NDArray[np.int64],
    horizon_s: float,
    seed: int,
    resamples: int = RESAMPLES,
) -> dict[str, dict[str, Score]]:
    """Score each traded class against the rest, by its name; parameters and errors as in `score`."""
    targets = _targets(y, p, decided_ns, sides)
    return {
        classes[index]: _summary([Forecast.of(*target)], None, decided_ns, horizon_s, seed, resamples)
        for index, target in targets.items()
    }


def compare(
    y: NDArray[Any],
    p: NDArray[Any],
    baseline: NDArray[Any],
    *,
    decided_ns: NDArray[np.int64],
    horizon_s: float,
    seed: int,
    resamples: int = RESAMPLES,
    sides: Sequence[int] | None = None,
) -> dict[str, Score]:
    """Model minus baseline, resampled in pairs: both see the same rows in every resample.

    `baseline` has the shape of `p`; the rest is as in `score`. For ``brier``, ``log_loss`` and ``ece`` a negative
    difference is the better model.
    """
    model = [Forecast.of(*target) for target in _targets(y, p, decided_ns, sides).values()]
    other = [Forecast.of(*target) for target in _targets(y, baseline, decided_ns, sides).values()]
    return _summary(model, other, decided_ns, horizon_s, seed, resamples)


def _summary(
    model: list[Forecast],
    baseline: list[Forecast] | None,
    decided_ns: NDArray[np.int64],
    horizon_s: float,
    seed: int,
    resamples: int,
) -> dict[str, Score]:
    def values(weight: NDArray[np.float64] | None) -> NDArray[np.float64]:
        own = _macro(model, weight)
        return own if baseline is None else own - _macro(baseline, weight)

    observed = values(None)
    blocks = TimeBlocks.of(np.asarray(decided_ns, dtype=np.int64), horizon_s)
    drawn = np.array([values(weight) for weight in blocks.weights(seed, resamples if blocks.enough else 0)])
    result: dict[str, Score] = {}
    for column, name in enumerate(METRICS):
        ends = interval(float(observed[column]), drawn[:, column]) if len(drawn) else (math.nan, math.nan)
        floor, ceiling = (-math.inf if baseline else 0.0), (math.inf if baseline or name == "log_loss" else 1.0)
        result[name] = Score(float(observed[column]), max(ends[0], floor), min(ends[1], ceiling))
    return result


def _macro(forecasts: list[Forecast], weight: NDArray[np.float64] | None) -> NDArray[np.float64]:
    rows = [[measured[name] for name in METRICS] for measured in (measure(f, weight) for f in forecasts)]
    table: NDArray[np.float64] = np.array(rows, dtype=np.float64)
    return np.asarray(table.mean(axis=0))


def _targets(
    y: NDArray[Any], p: NDArray[Any], decided_ns: NDArray[np.int64], sides: Sequence[int] | None
) -> dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Outcome and probability of each traded class, after every check."""
    outcome, probability = np.asarray(y), np.asarray(p, dtype=np.float64)
    if not len(outcome) == len(probability) == len(decided_ns):
        raise DataError(
            f"scores need one probability and one time per outcome, got {len(outcome)} outcomes, {len(probability)} "
            f"probabilities and {len(decided_ns)} times; pass arrays of one length"
        )
    if len(outcome) == 0:
        raise DataError("scores need at least one row of each outcome, got 0 rows; widen the split or bring more data")
    if not (np.isfinite(probability).all() and probability.min() >= 0.0 and probability.max() <= 1.0):
        bad = int(np.flatnonzero(~((probability >= 0.0) & (probability <= 1.0)))[0])
        raise DataError(
            f"scores need probabilities between 0 and 1, got {probability.reshape(-1)[bad]} at row "
            f"{bad // (probability.size // len(probability))}; calibrate the model first"
        )
    traded = _traded(probability, sides)
    targets = {}
    for index in traded:
        hit = (outcome == index).astype(np.float64)
        if hit.min() == hit.max():
            raise DataError(
                f"scores need rows of both outcomes, got {len(hit)} rows that are all "
                f"{'of' if hit[0] else 'other than'} class {index}; choose another period, horizon or label"
            )
        targets[index] = (hit, probability if probability.ndim == 1 else np.ascontiguousarray(probability[:, index]))
    return targets


def _traded(probability: NDArray[np.float64], sides: Sequence[int] | None) -> list[int]:
    classes = 2 if probability.ndim == 1 else probability.shape[1]
    if classes <= 2:
        return [1]
    if sides is None or len(sides) != classes or not any(sides):
        raise DataError(
            f"scores of {classes} classes need what a trader does on each of them, got sides={sides!r}; "
            f"pass one of +1, 0, -1 per class, not all 0"
        )
    return [index for index, side in enumerate(sides) if side != 0]
