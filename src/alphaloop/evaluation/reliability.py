"""Does a stated 30 % happen 30 % of the time? Equal-mass bins, with intervals that know that labels overlap."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from alphaloop.evaluation.bootstrap import CONFIDENCE, Clusters, TimeBlocks
from alphaloop.evaluation.metrics import equal_mass_bins

Floats = NDArray[np.float64]

BINS = 10
RESAMPLES = 200


@dataclass(frozen=True)
class Reliability:
    """One entry per bin, rising with the probability; all arrays have shape ``(bins,)``.

    Attributes
    ----------
    predicted
        Mean probability of the bin.
    observed
        Share of the bin's rows in which the event came.
    low, high
        95 % interval of `observed`.
    count
        Rows in the bin.
    groups
        Groups that have a row in the bin; None where rows are in no groups.
    """

    predicted: Floats
    observed: Floats
    low: Floats
    high: Floats
    count: NDArray[np.int64]
    groups: NDArray[np.int64] | None = None

    @property
    def off(self) -> int:
        """How many bins promise a share outside the interval of what came."""
        return int(np.count_nonzero((self.predicted < self.low) | (self.predicted > self.high)))

    @property
    def lean(self) -> float:
        """Mean promise minus mean outcome over all rows; positive means too confident in the event."""
        return float((self.predicted - self.observed) @ self.count / self.count.sum())


def reliability(
    y: Floats,
    p: Floats,
    *,
    decided_ns: NDArray[np.int64],
    horizon_s: float,
    seed: int,
    bins: int = BINS,
    groups: NDArray[np.signedinteger] | None = None,
) -> Reliability:
    """Compare promised and observed shares in equal-mass bins.

    The interval of each bin is the wider of Wilson's, which takes rows for independent, and the block bootstrap's,
    which does not but collapses where a bin saw one outcome only. With `groups`, whole groups are drawn instead of
    blocks of time, and Wilson counts groups instead of rows.

    Parameters
    ----------
    y, p
        Outcome (0.0 or 1.0) and probability of each row, shape ``(n,)``.
    decided_ns, horizon_s, seed
        As in `alphaloop.evaluation.scores.score`.
    bins
        Most bins; rows of equal probability are never parted.
    groups
        Code of each row's group, shape ``(n,)``, where rows of a group share their outcome, or nearly.
    """
    bin_of = equal_mass_bins(p, bins)
    count = np.bincount(bin_of)
    observed = np.bincount(bin_of, weights=y) / count
    clusters = None if groups is None else Clusters.of(groups)
    inside = None if clusters is None else clusters.inside(bin_of, count.size)
    looks = count if inside is None else inside
    low, high = wilson(observed * looks, looks)
    blocks = TimeBlocks.of(decided_ns, horizon_s)
    weights = clusters.weights(seed, RESAMPLES) if clusters else blocks.weights(seed, RESAMPLES if blocks.enough else 0)
    drawn = [_shares(bin_of, y, weight, count.size) for weight in weights]
    if drawn:
        tail = 50.0 * (1.0 - CONFIDENCE)
        ends = np.nanpercentile(np.vstack((*drawn, observed)), (tail, 100.0 - tail), axis=0)
        low, high = np.minimum(low, ends[0]), np.maximum(high, ends[1])
    return Reliability(np.bincount(bin_of, weights=p) / count, observed, low, high, count, inside)


def wilson(hits: Floats, rows: NDArray[np.int64], confidence: float = CONFIDENCE) -> tuple[Floats, Floats]:
    """Interval of a share by Wilson (1927): low and high end for `hits` out of `rows`."""
    z = NormalDist().inv_cdf(0.5 + 0.5 * confidence)
    share = hits / rows
    centre = share + z * z / (2.0 * rows)
    reach = z * np.sqrt(share * (1.0 - share) / rows + z * z / (4.0 * rows * rows))
    scale = 1.0 + z * z / rows
    return np.maximum((centre - reach) / scale, 0.0), np.minimum((centre + reach) / scale, 1.0)


def _shares(bin_of: NDArray[np.int64], y: Floats, weight: Floats, bins: int) -> Floats:
    rows = np.bincount(bin_of, weights=weight, minlength=bins)
    hits = np.bincount(bin_of, weights=weight * y, minlength=bins)
    shares = np.full(bins, np.nan)
    np.divide(hits, rows, out=shares, where=rows > 0.0)
    return shares
