"""The baseline that looks at the sign of the last value: what went up goes on, or comes back."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.errors import RecipeError
from alphaloop.core.progress import Progress, silent
from alphaloop.core.settings import Settings, nearest
from alphaloop.models.estimator import Classes, Features, Margins, Task, class_counts, shares
from alphaloop.models.graph import Graph
from alphaloop.models.prior import log_shares

LOOKS_LIKE_A_RETURN = re.compile(r"(^|_)(log_?)?ret(urn)?s?(_|\d|$)")


class LastValueParameters(Settings):
    """Which column's sign is looked at."""

    column: str | None = None


class LastValue:
    """Class shares of the training rows, separately where one column was negative, positive, or zero or missing.

    The column is the one named, else the first whose name looks like a return, else the first.
    """

    def __init__(self, task: Task, parameters: LastValueParameters | None = None) -> None:
        self.task = task
        self._column = _find(task, (parameters or LastValueParameters()).column)
        self._rows = np.zeros((3, task.outputs), np.float32)

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
        """Count the classes of `y` (n,) by the sign of one column of `X` (n, F); see `Estimator.fit`."""
        state = self._state(X)
        counts = [class_counts(y[state == sign], self.task.n_classes) for sign in (-1, 0, 1)]
        everywhere = class_counts(y, self.task.n_classes)
        rows = [log_shares(seen if seen.sum() else everywhere, self.task) for seen in counts]
        self._rows = np.array(rows, np.float32)

    def raw(self, X: Features) -> Margins:
        """One of three rows of margins; see `Estimator.raw`."""
        rows = self._rows[self._state(X) + 1].astype(np.float64)
        return rows[:, 0] if self.task.binary else rows

    def importance(self) -> NDArray[np.float64]:
        """All on the one column."""
        weights = np.zeros(len(self.task.feature_names))
        weights[self._column] = 1.0
        return shares(weights)

    def emit(self, graph: Graph, features: str) -> str:
        """Two comparisons choose the row; see `Estimator.emit`."""
        column = graph.add("Gather", features, graph.constant(np.array([self._column])), axis=1)
        zero = graph.constant(0.0)
        negative, level, positive = (graph.constant(row.reshape(1, -1)) for row in self._rows)
        not_negative = graph.add("Where", graph.add("Greater", column, zero), positive, level)
        return graph.add("Where", graph.add("Less", column, zero), negative, not_negative)

    def describe(self) -> dict[str, Any]:
        """Name of the column and the margins below, at and above zero."""
        return {"column": self.task.feature_names[self._column], "margins": self._rows.tolist()}

    def _state(self, X: Features) -> NDArray[np.int64]:
        column = X[:, self._column]
        return (column > 0).astype(np.int64) - (column < 0).astype(np.int64)


def _find(task: Task, column: str | None) -> int:
    names = list(task.feature_names)
    if column is None:
        return next((index for index, name in enumerate(names) if LOOKS_LIKE_A_RETURN.search(name)), 0)
    if column not in names:
        raise RecipeError(f"last_value: there is no feature {column!r}; {nearest(column, names)}")
    return names.index(column)
