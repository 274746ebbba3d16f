"""Rows that an inexact export gets wrong: missing, infinite, zero, huge, and on the edge of every split."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.random import stream

LEAST_ROWS = 10_000
ZERO_EDGE = np.float32(1e-35)
LARGE = np.array([3.4028235e38, 1e30, 1.6e9, 2.0**24 + 1, 1e6], np.float32)
MOST_SPLIT_ROWS = 60_000
COMMON_ROWS = 4_000


def hard_rows(
    X: NDArray[np.float32], split_points: Mapping[int, NDArray[np.float32]], seed: int, least: int = LEAST_ROWS
) -> NDArray[np.float32]:
    """At least `least` rows: ordinary ones of `X` (n, F), and ordinary ones with values put in that are hard.

    Put in are, per feature: NaN, both infinities, both zeros, +-1e-35 and its float32 neighbours, the smallest numbers,
    large magnitudes, and every split threshold with its two float32 neighbours (evenly thinned beyond 60,000 rows);
    whole rows of NaN, of zero and of each infinity; and rows with random values missing.
    """
    rng = stream(seed, "hard rows")
    ordinary = X[np.sort(rng.permutation(len(X))[:COMMON_ROWS])]
    special = _specials()
    parts = [
        ordinary,
        _whole_rows(X.shape[1]),
        *(_placed(X, feature, special, rng) for feature in range(X.shape[1])),
        _at_splits(X, split_points, rng),
    ]
    missing = max(least - sum(map(len, parts)), COMMON_ROWS // 4)
    parts.append(_with_gaps(X, missing, rng))
    return np.concatenate(parts)


def neighbours(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each value, and the float32 numbers right below and above it."""
    with np.errstate(over="ignore", under="ignore"):
        below, above = (np.nextafter(values, np.float32(end)) for end in (-np.inf, np.inf))
    return np.unique(np.concatenate([values, below, above]))


def _specials() -> NDArray[np.float32]:
    tiny = np.finfo(np.float32)
    small = np.array([tiny.tiny, tiny.smallest_subnormal], np.float32)
    edge = neighbours(np.array([ZERO_EDGE], np.float32))
    signed = np.concatenate([edge, small, LARGE, np.array([np.inf], np.float32)])
    return np.concatenate([np.array([np.nan, 0.0, -0.0], np.float32), signed, -signed])


def _whole_rows(width: int) -> NDArray[np.float32]:
    fills = np.array([np.nan, 0.0, np.inf, -np.inf, *LARGE, *-LARGE], np.float32)
    return np.repeat(fills[:, None], width, axis=1)


def _placed(
    X: NDArray[np.float32], feature: int, values: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    rows = X[rng.integers(0, len(X), len(values))].copy()
    rows[:, feature] = values
    return rows


def _at_splits(
    X: NDArray[np.float32], split_points: Mapping[int, NDArray[np.float32]], rng: np.random.Generator
) -> NDArray[np.float32]:
    placed = {feature: neighbours(values) for feature, values in split_points.items()}
    stride = max(1, -(-sum(map(len, placed.values())) // MOST_SPLIT_ROWS))
    parts = [_placed(X, feature, values[::stride], rng) for feature, values in sorted(placed.items())]
    return np.concatenate(parts) if parts else X[:0]


def _with_gaps(X: NDArray[np.float32], count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    rows = X[rng.integers(0, len(X), count)].copy()
    share = rng.random((count, 1)) * 0.5
    rows[rng.random(rows.shape) < share] = np.nan
    return rows
