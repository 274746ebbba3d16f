"""Precision-recall and ROC curves, thinned to what a screen can show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_POINTS = 500


@dataclass(frozen=True)
class Curve:
    """A curve as two arrays of one length; what `x` and `y` are is said by the function that made it."""

    x: Floats
    y: Floats


def precision_recall(y: Floats, p: Floats, points: int = MOST_POINTS) -> Curve:
    """Precision (`y`) over recall (`x`) as the threshold falls, at most `points` points.

    Rows with equal probability enter together, so a constant forecast gives one point at the base rate.
    """
    hits, taken = _counts(y, p)
    return _thin(hits / hits[-1], hits / taken, points)


def receiver_operating(y: Floats, p: Floats, points: int = MOST_POINTS) -> Curve:
    """True-positive rate (`y`) over false-positive rate (`x`) as the threshold falls, from (0, 0) to (1, 1)."""
    hits, taken = _counts(y, p)
    misses = taken - hits
    true_rate = np.concatenate(([0.0], hits / hits[-1]))
    false_rate = np.concatenate(([0.0], misses / misses[-1]))
    return _thin(false_rate, true_rate, points)


def thin_extremes(y: Floats, points: int) -> NDArray[np.int64]:
    """Positions of at most `points` samples that keep every visible peak and trough of `y`, both ends included.

    Parameters
    ----------
    y
        Values, shape ``(n,)``.
    points
        At most this many positions, at least 4.

    Returns
    -------
    array (m,) int64
        Rising positions, ``m <= points``.
    """
    if y.size <= points:
        return np.arange(y.size)
    kept = [0, y.size - 1]
    for bucket in np.array_split(np.arange(y.size), (points - 2) // 2):
        kept += [int(bucket[np.argmin(y[bucket])]), int(bucket[np.argmax(y[bucket])])]
    return np.unique(kept)


def _counts(y: Floats, p: Floats) -> tuple[Floats, Floats]:
    order = np.argsort(-p, kind="stable")
    last = np.append(np.flatnonzero(np.diff(p[order])), p.size - 1)
    return np.cumsum(y[order])[last], last + 1.0


def _thin(x: Floats, y: Floats, points: int) -> Curve:
    if x.size <= points:
        return Curve(x, y)
    # Equal steps along the curve's own length: steep beginnings keep their shape.
    length = np.concatenate(([0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))))
    kept = np.unique(np.searchsorted(length, np.linspace(0.0, length[-1], points - 1)))
    kept = np.unique(np.append(np.minimum(kept, x.size - 1), x.size - 1))
    return Curve(x[kept], y[kept])
