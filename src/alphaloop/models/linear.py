"""Ridge regression on class indicators, in closed form, put on the log-odds scale."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from alphaloop.core.progress import Progress, silent
from alphaloop.core.settings import Settings
from alphaloop.models.estimator import Classes, Features, Margins, Task, column_margins, shares
from alphaloop.models.graph import Graph
from alphaloop.models.logistic import UNPENALISED, emit_linear, fit_softmax, linear_margins, one_blas_thread
from alphaloop.models.scaling import Scaler

CHUNK = 65_536


class LinearParameters(Settings):
    """Parameters of the ridge regression."""

    alpha: float = Field(default=1e-3, ge=0, description="L2 penalty per row, in units of a feature's variance")


class Linear:
    """A linear probability model; a logistic regression on its few scores turns them into margins."""

    def __init__(self, task: Task, parameters: LinearParameters | None = None) -> None:
        self.task = task
        self.parameters = parameters or LinearParameters()
        width = len(task.feature_names)
        self._scaler = Scaler(np.zeros(width, np.float32), np.ones(width, np.float32))
        self._weights = np.zeros((task.outputs, width), np.float32)
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
        """Solve the normal equations of rows `X` (n, F) for each class of `y` (n,); see `Estimator.fit`."""
        self._scaler = Scaler.fit(X)
        row_weight = np.ones(len(X)) if weight is None else weight
        targets = _indicators(y, self.task)
        with one_blas_thread():
            coefficients = self._solve(X, targets, row_weight)
        scores = linear_margins(self._scaler, coefficients, np.zeros(len(coefficients), np.float32), X)
        mix, self._base = fit_softmax(column_margins(scores), y, weight, C=UNPENALISED)
        self._weights = (mix.astype(np.float64) @ coefficients).astype(np.float32)

    def _solve(self, X: Features, targets: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float32]:
        """Ridge coefficients (outputs, F) of centred targets."""
        width = X.shape[1] + 1
        gram, cross = np.zeros((width, width)), np.zeros((width, targets.shape[1]))
        for start in range(0, len(X), CHUNK):
            rows = slice(start, start + CHUNK)
            z = self._scaler.apply(X[rows])
            z = np.concatenate([z, np.ones((len(z), 1))], axis=1)
            weighted = z * weight[rows, None]
            gram += weighted.T @ z
            cross += weighted.T @ targets[rows]
        penalty = np.full(width, (self.parameters.alpha + 1e-9) * float(weight.sum()))
        penalty[-1] = 0.0
        solution = np.linalg.solve(gram + np.diag(penalty), cross)
        return np.asarray(solution[:-1].T, np.float32)

    def raw(self, X: Features) -> Margins:
        """Linear margins of normalised rows; see `Estimator.raw`."""
        return linear_margins(self._scaler, self._weights, self._base, X)

    def importance(self) -> NDArray[np.float64]:
        """Absolute standardised coefficients, averaged over classes, as shares."""
        return shares(np.abs(self._weights.astype(np.float64)).mean(axis=0))

    def emit(self, graph: Graph, features: str) -> str:
        """Normalise, weigh, sum; see `Estimator.emit`."""
        return emit_linear(graph, features, self._scaler, self._weights, self._base)

    def describe(self) -> dict[str, Any]:
        """Parameters of the fit."""
        return self.parameters.model_dump(mode="json")


def _indicators(y: Classes, task: Task) -> NDArray[np.float64]:
    wanted = [1] if task.binary else list(range(task.n_classes))
    return np.stack([(y == index).astype(np.float64) for index in wanted], axis=1)
