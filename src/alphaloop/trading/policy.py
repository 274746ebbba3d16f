"""From class probabilities to a side: the same comparisons for one row and for a whole history."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alphaloop.trading.plan import Policy

ALLOWED = {"both": (-1, 1), "long": (1,), "short": (-1,)}


def choose(
    probabilities: NDArray[np.floating], sides: Sequence[int], policy: Policy, threshold: float | None
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Side and confidence of each row.

    Parameters
    ----------
    probabilities : float array of shape (n, C)
        Calibrated probability of each class.
    sides : sequence of C ints
        What each class means: +1 buy, -1 sell, 0 stay out.
    policy : Policy
        Its own threshold, if it has one, goes before `threshold`.
    threshold : float or None
        The artifact's threshold; None if the artifact found none worth trading, and then nothing is chosen.

    Returns
    -------
    side : int8 array of shape (n,)
        Side of the winning class if its probability is at least the threshold and at least `min_gap` above the second;
        0 otherwise, on a tie, and on a row with a NaN.
    confidence : float64 array of shape (n,)
        Probability of the winning class.
    """
    wide = np.asarray(probabilities, np.float64)
    least = policy.threshold if policy.threshold is not None else threshold
    if not len(wide) or least is None:
        return np.zeros(len(wide), np.int8), np.full(len(wide), np.nan)
    top = wide.max(axis=1)
    second = np.partition(wide, -2, axis=1)[:, -2]
    side = np.asarray(sides, np.int8)[np.argmax(np.where(np.isnan(wide), -1.0, wide), axis=1)]
    chosen = (top >= least) & (top > second) & (top - second >= policy.min_gap) & np.isin(side, ALLOWED[policy.side])
    return np.where(chosen, side, 0).astype(np.int8), top
