"""A straight line of log-odds through one variable, by Newton's method."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STEPS = 100
TOLERANCE = 1e-12
RIDGE = 1e-9


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + exp(-x)) without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def log_loss(x: NDArray[np.float64], target: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Weighted sum of the logistic loss of margins `x` against targets in [0, 1]."""
    return float(np.sum(weight * (np.logaddexp(0.0, x) - target * x)))


def fit_line(
    x: NDArray[np.float64],
    target: NDArray[np.float64],
    weight: NDArray[np.float64] | None = None,
    *,
    slope: float | None = None,
) -> tuple[float, float]:
    """Find the `a` and `b` that minimise the logistic loss of ``a * x + b`` against `target`.

    Newton's method with step halving, after Lin, Lin & Weng, "A note on Platt's probabilistic outputs for
    support vector machines" (2007); the variable is standardised first, so that the scale of `x` does not matter.

    Parameters
    ----------
    x, target
        (n,); targets lie in [0, 1].
    weight
        (n,), non-negative; all 1 if absent.
    slope
        If given, `a` is held at this value and only `b` is fitted.
    """
    weight = np.ones_like(x) if weight is None else weight
    centre, spread = float(np.average(x, weights=weight)), float(x.std())
    if spread <= 1e-12 * max(1.0, abs(centre)):
        spread, slope = 1.0, 0.0 if slope is None else slope
    z = (x - centre) / spread
    free = slope is None
    a, b = (0.0 if slope is None else slope * spread), 0.0
    loss = log_loss(a * z + b, target, weight)
    for _ in range(STEPS):
        step = _newton_step(z, sigmoid(a * z + b), target, weight, free)
        if float(np.abs(step).max()) < TOLERANCE:
            break
        for halving in range(30):
            trial = a - step[0] / 2**halving, b - step[1] / 2**halving
            trial_loss = log_loss(trial[0] * z + trial[1], target, weight)
            if trial_loss <= loss:
                break
        else:
            break
        (a, b), loss = trial, trial_loss
    a /= spread
    return a, b - a * centre


def _newton_step(
    z: NDArray[np.float64],
    p: NDArray[np.float64],
    target: NDArray[np.float64],
    weight: NDArray[np.float64],
    free: bool,
) -> NDArray[np.float64]:
    error, curvature = weight * (p - target), weight * p * (1.0 - p)
    damp = RIDGE * float(weight.sum())
    h_bb = float(curvature.sum()) + damp
    if not free:
        return np.array([0.0, float(error.sum()) / h_bb])
    h_ab, h_aa = _inner(curvature, z), _inner(curvature, z * z) + damp
    gradient = np.array([_inner(error, z), float(error.sum())])
    step: NDArray[np.float64] = np.linalg.solve(np.array([[h_aa, h_ab], [h_ab, h_bb]]), gradient)
    return step


def _inner(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    # Not ``@``: BLAS would split the sum among threads, and its bits would depend on how many cores there are.
    return float(np.einsum("i,i->", left, right))
