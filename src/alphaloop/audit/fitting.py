"""Whether what was fitted knows more than its training rows, and whether shuffled labels teach it nothing."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from alphaloop.audit.findings import Finding
from alphaloop.core.random import stream

Features = NDArray[np.float32]
Classes = NDArray[np.int8]
Fit = Callable[[Features, Classes], NDArray[np.generic] | bytes]
FitAndRank = Callable[[Features, Classes, Features], NDArray[np.float64]]

REPEATS = 3
SIGMAS = 5.0
ROUNDING = 0.002


def check_fit(
    fit: Fit, X: Features, y: Classes, allowed: NDArray[np.int64], *, what: str, seed: int = 0
) -> tuple[Finding, ...]:
    """Replace every row that a fit may not read, and require the very same result.

    Parameters
    ----------
    fit
        Given all rows, fits from nothing on what it may read and returns the proof of what it learned: a released graph
        as bytes, fitted constants, or the transformed rows. Of an array with one row per row of `X` only the allowed
        rows are compared.
    X, y
        All rows, shapes (n, F) and (n,).
    allowed
        Rows that `fit` may read.
    what
        Name of the fitted thing, for the finding.
    seed
        Of the noise.

    Returns
    -------
    tuple of Finding
        At most one, of kind ``fit_outside_training``.
    """
    outside = np.ones(len(X), dtype=bool)
    outside[allowed] = False
    truth = _proof(fit(X, y), allowed, len(X))
    for name, changed_X, changed_y in _changed(X, y, outside, stream(seed, "audit", "fit")):
        found = _proof(fit(changed_X, changed_y), allowed, len(X))
        if found != truth:
            first = int(np.flatnonzero(outside)[0]) if outside.any() else 0
            evidence = (
                f"{what} came out different when the {int(outside.sum())} rows that it may not read were replaced "
                f"({name}); fit it on training rows only"
            )
            return (Finding("fit_outside_training", what, first, 0.0, evidence),)
    return ()


def check_shuffled(
    fit_and_rank: FitAndRank,
    X: Features,
    y: Classes,
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    *,
    seed: int = 0,
) -> tuple[Finding, ...]:
    """Shuffle the labels of all rows; whoever still ranks the test rows better than chance has seen them.

    Rows with identical features keep identical labels in the shuffle: a test row that stands in the training rows too
    is then known by heart.

    Parameters
    ----------
    fit_and_rank
        Given training features and classes and test features, returns a score per test row, higher for class 1 (for
        more than two classes: for the last one).
    train, test
        Rows of each part.

    Returns
    -------
    tuple of Finding
        At most one, of kind ``shuffled_labels``: the mean ROC-AUC of the shuffles lies beyond five standard errors of
        chance (Mann-Whitney, ``sqrt((n1 + n0 + 1) / (12 n1 n0))``).
    """
    rng = stream(seed, "audit", "shuffle")
    group = _identical(X)
    positive = int(y.max())
    areas, errors = [], []
    for _ in range(REPEATS):
        shuffled = y[rng.permutation(len(y))][group]
        hits = shuffled[test] == positive
        if not 0 < hits.sum() < len(hits) or len(np.unique(shuffled[train])) < 2:
            continue
        areas.append(_area(fit_and_rank(X[train], shuffled[train], X[test]), hits))
        ones, zeros = int(hits.sum()), int((~hits).sum())
        errors.append(math.sqrt((ones + zeros + 1) / (12 * ones * zeros)))
    if not areas:
        return ()
    mean, limit = float(np.mean(areas)), SIGMAS * float(np.mean(errors)) / math.sqrt(len(areas)) + ROUNDING
    if abs(mean - 0.5) <= limit:
        return ()
    evidence = (
        f"with shuffled labels the test rows are ranked with a ROC-AUC of {mean:.3f}, where chance is 0.5 within "
        f"{limit:.3f}; training and test rows share something"
    )
    return (Finding("shuffled_labels", "(labels)", int(test[0]), 0.0, evidence),)


def _changed(
    X: Features, y: Classes, outside: NDArray[np.bool_], rng: np.random.Generator
) -> list[tuple[str, Features, Classes]]:
    """Tables whose rows `outside` are replaced: by noise, by nothing, by a hundred times themselves."""
    noise, missing, scaled = X.copy(), X.copy(), X.copy()
    noise[outside] = rng.normal(0.0, 3.0, (int(outside.sum()), X.shape[1])).astype(np.float32)
    missing[outside] = np.nan
    scaled[outside] *= np.float32(100.0)
    turned = y.copy()
    turned[outside] = rng.permutation(y[outside])[::-1]
    return [("noise", noise, turned), ("missing values", missing, y), ("values times 100", scaled, turned)]


def _proof(found: NDArray[np.generic] | bytes, allowed: NDArray[np.int64], rows: int) -> bytes:
    if isinstance(found, bytes):
        return found
    kept = found[allowed] if found.ndim and len(found) == rows else found
    return np.ascontiguousarray(kept).tobytes()


def _identical(X: Features) -> NDArray[np.int64]:
    """First row with the same features, for each row."""
    rows = np.ascontiguousarray(X).view(np.dtype((np.void, X.dtype.itemsize * X.shape[1]))).ravel()
    _, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
    return np.asarray(first[inverse.ravel()], np.int64)


def _area(score: NDArray[np.float64], hits: NDArray[np.bool_]) -> float:
    """ROC-AUC by ranks, ties counted one half."""
    _, inverse, count = np.unique(score, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    rank = (last - (count - 1) / 2.0)[inverse.ravel()]
    ones = int(hits.sum())
    return float((rank[hits].sum() - ones * (ones + 1) / 2.0) / (ones * (len(hits) - ones)))
