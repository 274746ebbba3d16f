"""The baseline that uses the single most telling feature."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.progress import Progress, silent
from alphaloop.core.settings import Settings
from alphaloop.models.estimator import Classes, Features, Margins, Task, shares
from alphaloop.models.graph import Graph
from alphaloop.models.logistic import UNPENALISED, fit_softmax
from alphaloop.models.scaling import Scaler

RANKED_ROWS = 20_000


class OneFeatureParameters(Settings):
    """One feature has no parameters: training rows choose it."""


class OneFeature:
    """A logistic line through the one feature whose ranks separate the classes of the training rows best."""

    def __init__(self, task: Task, parameters: OneFeatureParameters | None = None) -> None:
        self.task = task
        self._column = 0
        self._scaler = Scaler(np.zeros(1, np.float32), np.ones(1, np.float32))
        self._slope = np.zeros(task.outputs, np.float32)
        self._base = np.zeros(task.outputs, np.float32)

    def fit(
        self,
        X: Features,
        y: Classes,
        *,
        weight: NDArray[np.float64] | None = None,
        validation: tuple[Features, Classes] | None = None,
        seed: int = 0,
        progress: Progress = silent,
    ) -> None:
        """Choose the column of `X` (n, F) by the classes `y` (n,), then fit to it; see `Estimator.fit`."""
        self._column = most_telling(X, y, self.task)
        one = X[:, self._column : self._column + 1]
        self._scaler = Scaler.fit(one)
        weights, self._base = fit_softmax(self._scaler.apply(one), y, weight, C=UNPENALISED)
        self._slope = weights[:, 0]

    def raw(self, X: Features) -> Margins:
        """Log-odds on a line; see `Estimator.raw`."""
        z = self._scaler.apply(X[:, self._column : self._column + 1])
        margins = z * self._slope.astype(np.float64) + self._base.astype(np.float64)
        return margins[:, 0] if self.task.binary else margins

    def importance(self) -> NDArray[np.float64]:
        """All on the one column."""
        weights = np.zeros(len(self.task.feature_names))
        weights[self._column] = 1.0
        return shares(weights)

    def emit(self, graph: Graph, features: str) -> str:
        """Normalise one column, then a line; see `Estimator.emit`."""
        column = graph.add("Gather", features, graph.constant(np.array([self._column])), axis=1)
        z = self._scaler.emit(graph, column)
        scaled = graph.add("Mul", z, graph.constant(self._slope.reshape(1, -1)))
        return graph.add("Add", scaled, graph.constant(self._base.reshape(1, -1)))

    def describe(self) -> dict[str, Any]:
        """Name of the feature and its lines."""
        name = self.task.feature_names[self._column]
        return {"feature": name, "slope": self._slope.tolist(), "base": self._base.tolist()}


def most_telling(X: Features, y: Classes, task: Task) -> int:
    """Index of the column whose rank separates an entering class from the rest best, by ``|ROC-AUC - 0.5|``.

    At most 20,000 rows, evenly spread over `X`, are ranked; missing values rank in the middle, as the median does.
    """
    stride = max(1, len(X) // RANKED_ROWS)
    X, y = X[::stride], y[::stride]
    targets = [y == index for index in task.entering if 0 < np.count_nonzero(y == index) < len(y)]
    strengths = [_separation(X[:, column], targets) for column in range(X.shape[1])]
    return int(np.argmax(strengths))


def _separation(column: NDArray[np.float32], targets: list[NDArray[np.bool_]]) -> float:
    seen = column[~np.isnan(column)]
    if not seen.size or not targets:
        return 0.0
    values = np.where(np.isnan(column), np.median(seen), column)
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - 0.5 * (counts - 1))[inverse]
    return max(abs(_auc(ranks, target) - 0.5) for target in targets)


def _auc(ranks: NDArray[np.float64], target: NDArray[np.bool_]) -> float:
    positive = int(np.count_nonzero(target))
    negative = len(target) - positive
    return float((ranks[target].sum() - positive * (positive + 1) / 2.0) / (positive * negative))
