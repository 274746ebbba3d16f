"""The baseline that knows nothing but how often each class happens."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.progress import Progress, silent
from alphaloop.core.settings import Settings
from alphaloop.models.estimator import Classes, Features, Margins, Task, class_counts
from alphaloop.models.graph import Graph, constant_rows


class PriorParameters(Settings):
    """A prior has no parameters."""


class Prior:
    """Every row gets the class shares of the training rows."""

    def __init__(self, task: Task, parameters: PriorParameters | None = None) -> None:
        self.task = task
        self._row = np.zeros(task.outputs, np.float32)

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
        """Count the classes of `y` (n,); see `Estimator.fit`."""
        self._row = log_shares(class_counts(y, self.task.n_classes), self.task).astype(np.float32)

    def raw(self, X: Features) -> Margins:
        """Repeat the same margins for every row; see `Estimator.raw`."""
        rows = np.repeat(self._row.astype(np.float64)[None, :], len(X), axis=0)
        return rows[:, 0] if self.task.binary else rows

    def importance(self) -> NDArray[np.float64]:
        """All 0: no feature is looked at."""
        return np.zeros(len(self.task.feature_names))

    def emit(self, graph: Graph, features: str) -> str:
        """Emit a constant; see `Estimator.emit`."""
        return constant_rows(graph, features, self._row)

    def describe(self) -> dict[str, Any]:
        """Margins of every row."""
        return {"margins": self._row.tolist()}


def log_shares(counts: NDArray[np.int64], task: Task) -> NDArray[np.float64]:
    """Margins of class counts (C,), smoothed by half a row: (1,) log-odds of class 1 if binary, else (C,) logs."""
    logs = np.log((counts + 0.5) / (counts.sum() + 0.5 * len(counts)))
    return np.array([logs[1] - logs[0]]) if task.binary else logs
