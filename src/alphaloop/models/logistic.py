"""Logistic regression on normalised features: the model that a better one has to beat."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from alphaloop.core.progress import Progress, silent
from alphaloop.core.settings import Settings
from alphaloop.models.estimator import Classes, Features, Margins, Task, shares
from alphaloop.models.graph import Graph, dot
from alphaloop.models.scaling import Scaler

UNPENALISED = 1e6


class LogisticParameters(Settings):
    """Parameters of the logistic regression."""

    C: float = Field(default=0.1, gt=0, description="inverse of the L2 penalty")
    max_iter: int = Field(default=200, ge=1, le=100_000)
    tol: float = Field(default=1e-5, gt=0)


class Logistic:
    """L2-penalised (multinomial) logistic regression; normalisation, imputation and clipping are part of it."""

    def __init__(self, task: Task, parameters: LogisticParameters | None = None) -> None:
        self.task = task
        self.parameters = parameters or LogisticParameters()
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
        """Normalise by the rows of `X` (n, F) and minimise the penalised log loss; see `Estimator.fit`."""
        self._scaler = Scaler.fit(X)
        chosen, z = self.parameters, self._scaler.apply(X)
        self._weights, self._base = fit_softmax(z, y, weight, C=chosen.C, max_iter=chosen.max_iter, tol=chosen.tol)

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


def fit_softmax(
    z: NDArray[np.float64],
    y: Classes,
    weight: NDArray[np.float64] | None,
    *,
    C: float,
    max_iter: int = 200,
    tol: float = 1e-5,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit an L2-penalised (multinomial) logistic regression to `z` (n, k); returns weights and base.

    Weights are (outputs, k), base is (outputs,), both rounded to float32: what the graph
    holds is what the native model computes with.
    """
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    regression = LogisticRegression(C=C, max_iter=max_iter, tol=tol)
    with warnings.catch_warnings(), one_blas_thread():
        # A penalised fit that stops a little early is a valid model; the scores say how good.
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression.fit(z, y, sample_weight=weight)
    return np.asarray(regression.coef_, np.float32), np.asarray(regression.intercept_, np.float32)


def one_blas_thread() -> AbstractContextManager[object]:
    """Keep matrix products in one thread: their bits then do not depend on how many cores there are.

    They are small, too, so that on a busy machine several threads would mostly wait for each other.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    limits: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limits


def linear_margins(
    scaler: Scaler, weights: NDArray[np.float32], base: NDArray[np.float32], X: Features, chunk: int = 65_536
) -> Margins:
    """Margins ``scaler(X) @ weights.T + base`` in float64: (n,) for one output, else (n, outputs)."""
    rows = (scaler.apply(X[start : start + chunk]) for start in range(0, max(1, len(X)), chunk))
    parts = [np.einsum("nf,kf->nk", z, weights.astype(np.float64)) for z in rows]
    margins: Margins = np.concatenate(parts) + base.astype(np.float64)
    return margins[:, 0] if len(base) == 1 else margins


def emit_linear(
    graph: Graph, features: str, scaler: Scaler, weights: NDArray[np.float32], base: NDArray[np.float32]
) -> str:
    """Add the nodes of `linear_margins`; returns the name of an (N, outputs) tensor."""
    products = dot(graph, scaler.emit(graph, features), weights)
    return graph.add("Add", products, graph.constant(base.reshape(1, -1)))
