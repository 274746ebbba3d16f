"""Normalisation of features, as part of a model: learned on training rows, carried into the graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alphaloop.models.estimator import Features
from alphaloop.models.graph import Graph

LIMIT = 8.0


@dataclass(frozen=True)
class Scaler:
    """Standardise, put the mean where a value is missing, and clip to +-8 standard deviations.

    Mean and scale are float32 numbers, because those are what the exported graph holds: the native model computes with
    the very same constants, in float64.

    Attributes
    ----------
    mean, scale
        Per feature, (F,), float32; `scale` is 1 where a feature does not vary.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]

    @classmethod
    def fit(cls, X: Features, chunk: int = 65_536) -> Scaler:
        """Mean and standard deviation of the finite values of each column of training rows `X` (n, F)."""
        count, total = np.zeros(X.shape[1]), np.zeros(X.shape[1])
        for rows in _chunks(X, chunk):
            seen = np.isfinite(rows)
            count += seen.sum(axis=0)
            total += np.where(seen, rows, 0.0).sum(axis=0)
        mean = total / np.maximum(count, 1.0)
        squares = np.zeros(X.shape[1])
        for rows in _chunks(X, chunk):
            squares += np.square(np.where(np.isfinite(rows), rows - mean, 0.0)).sum(axis=0)
        scale = np.sqrt(squares / np.maximum(count, 1.0)).astype(np.float32)
        flat = ~(scale > np.finfo(np.float32).tiny)
        return cls(mean.astype(np.float32), np.where(flat, np.float32(1.0), scale))

    def apply(self, X: Features) -> NDArray[np.float64]:
        """Normalised rows (n, F), float64, every value finite."""
        with np.errstate(over="ignore"):
            z = (X.astype(np.float64) - self.mean.astype(np.float64)) / self.scale.astype(np.float64)
        return np.clip(np.where(np.isnan(z), 0.0, z), -LIMIT, LIMIT)

    def emit(self, graph: Graph, features: str) -> str:
        """Add the nodes of `apply`; returns the name of an (N, F) tensor."""
        centred = graph.add("Sub", features, graph.constant(self.mean.reshape(1, -1)))
        z = graph.add("Div", centred, graph.constant(self.scale.reshape(1, -1)))
        filled = graph.add("Where", graph.add("IsNaN", z), graph.constant(0.0), z)
        return graph.add("Clip", filled, graph.constant(-LIMIT), graph.constant(LIMIT))


def _chunks(X: Features, chunk: int) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(X), chunk):
        yield X[start : start + chunk].astype(np.float64)
