"""What training rows looked like: the distribution that drift is measured against, and rows to be scored for ever."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.random import stream

DECILES = np.linspace(0.1, 0.9, 9)
LIBRARIES = ("alphaloop", "numpy", "polars", "numba", "lightgbm", "scikit-learn", "optuna", "onnx", "onnxruntime")
ORDINARY, GAPPED = 12, 4


def reference_distribution(X: NDArray[np.float32], names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Decile edges, the share of the present rows between them, and the share of missing rows, per feature.

    Parameters
    ----------
    X
        Training rows (n, F).
    names
        Feature names, in order.

    Returns
    -------
    dict
        Per name: `edges` (at most 9, ascending, finite), `shares` (one more than edges, summing to 1; the first holds
        values up to and including the first edge) and `missing` in [0, 1].
    """
    return {name: _column(np.ascontiguousarray(X[:, index])) for index, name in enumerate(names)}


def _column(values: NDArray[np.float32]) -> dict[str, Any]:
    present = np.sort(values[~np.isnan(values)])
    missing = 1.0 - len(present) / max(1, len(values))
    finite = present[np.isfinite(present)]
    if not len(finite):
        return {"edges": [], "shares": [1.0], "missing": missing}
    places = np.minimum((DECILES * len(finite)).astype(np.int64), len(finite) - 1)
    edges = np.unique(finite[places])
    bounds = np.searchsorted(present, edges, side="right")
    counts = np.diff(np.concatenate([[0], bounds, [len(present)]]))
    return {"edges": edges.astype(float).tolist(), "shares": (counts / len(present)).tolist(), "missing": missing}


def golden_rows(X: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Twenty rows (20, F): ordinary ones of `X` (n, F), ones with gaps, and all missing, all zero, all +-infinite."""
    rng = stream(seed, "golden")
    rows = X[rng.integers(0, len(X), ORDINARY + GAPPED)].copy()
    rows[ORDINARY:][rng.random((GAPPED, X.shape[1])) < 0.3] = np.nan
    fills = np.array([np.nan, 0.0, np.inf, -np.inf], np.float32)
    return np.concatenate([rows, np.repeat(fills[:, None], X.shape[1], axis=1)])


def library_versions() -> dict[str, str]:
    """Versions of Python and of what a model depends on."""
    found = {"python": python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
