"""Calibration: from margins to probabilities, learned on rows that the model never saw.

Every map acts on log-odds: the margin itself for two classes; for more, the log-odds of each class against the rest as
the softmax of the margins has them, one map per class, after which the probabilities of a row are divided by their sum.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.errors import DataError
from alphaloop.models.binomial import fit_line, sigmoid
from alphaloop.models.estimator import Classes, Margins, class_counts, column_margins
from alphaloop.models.graph import Graph, row_sum
from alphaloop.training.isotonic import Knots, emit_knots, fit_knots

# A calibration may flatten a model that its rows contradict, down to this slope; it never turns its order around.
LEAST_SLOPE = 0.01
LEAST_ROWS = 20


class Calibration(Protocol):
    """A map from margins to probabilities."""

    method: str

    @property
    def informative(self) -> bool:
        """Whether calibration rows agree at all that a higher margin means a higher probability."""
        ...

    def probabilities(self, raw: Margins) -> NDArray[np.float64]:
        """Probabilities (n, C), float64, of margins (n,) or (n, C)."""
        ...

    def emit(self, graph: Graph, margins: str, outputs: int) -> str:
        """Add the nodes that turn `margins` (N, outputs) into probabilities; returns the name of an (N, C) tensor."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the contract: `method` and its constants."""
        ...


class Uncalibrated:
    """Probabilities as the model has them: sigmoid for two classes, softmax for more."""

    method = "none"
    informative = True

    def probabilities(self, raw: Margins) -> NDArray[np.float64]:
        """Probabilities (n, C); see `Calibration.probabilities`."""
        return share_out(sigmoid(log_odds(raw)))

    def emit(self, graph: Graph, margins: str, outputs: int) -> str:
        """Sigmoid of the log-odds; see `Calibration.emit`."""
        return emit_share_out(graph, graph.add("Sigmoid", emit_log_odds(graph, margins, outputs)), outputs)

    def to_dict(self) -> dict[str, Any]:
        """Name of the method."""
        return {"method": self.method}


class Platt:
    """``p = sigmoid(a * log-odds + b)`` per class, fitted on Platt's smoothed targets.

    Source: J. Platt, "Probabilistic outputs for support vector machines" (1999).

    Attributes
    ----------
    a, b
        (outputs,) float32, the constants of the graph.
    """

    method = "platt"

    def __init__(self, a: NDArray[np.float32], b: NDArray[np.float32]) -> None:
        self.a, self.b = a, b

    @property
    def informative(self) -> bool:
        """Whether a slope is above the floor; see `Calibration.informative`."""
        return bool((self.a > np.float32(LEAST_SLOPE)).any())

    @classmethod
    def fit(cls, x: NDArray[np.float64], hits: NDArray[np.bool_]) -> Platt:
        """Fit one line per column of log-odds `x` (n, outputs) against `hits` (n, outputs)."""
        lines = [_platt_line(x[:, column], hits[:, column]) for column in range(x.shape[1])]
        return cls(np.array([a for a, _ in lines], np.float32), np.array([b for _, b in lines], np.float32))

    def probabilities(self, raw: Margins) -> NDArray[np.float64]:
        """Probabilities (n, C); see `Calibration.probabilities`."""
        return share_out(sigmoid(log_odds(raw) * self.a.astype(np.float64) + self.b.astype(np.float64)))

    def emit(self, graph: Graph, margins: str, outputs: int) -> str:
        """Line and sigmoid; see `Calibration.emit`."""
        scaled = graph.add("Mul", emit_log_odds(graph, margins, outputs), graph.constant(self.a.reshape(1, -1)))
        moved = graph.add("Add", scaled, graph.constant(self.b.reshape(1, -1)))
        return emit_share_out(graph, graph.add("Sigmoid", moved), outputs)

    def to_dict(self) -> dict[str, Any]:
        """Plain data: the method, `platt_a` and `platt_b`: numbers for two classes, lists for more."""
        if len(self.a) == 1:
            return {"method": self.method, "platt_a": float(self.a[0]), "platt_b": float(self.b[0])}
        return {"method": self.method, "platt_a": self.a.tolist(), "platt_b": self.b.tolist()}


class Isotonic:
    """A monotone piecewise linear map per class; see `isotonic`."""

    method = "isotonic"

    def __init__(self, maps: list[Knots]) -> None:
        self.maps = maps

    @property
    def informative(self) -> bool:
        """Whether a map rises; see `Calibration.informative`."""
        return any(knots.p[-1] > knots.p[0] for knots in self.maps)

    @classmethod
    def fit(cls, x: NDArray[np.float64], hits: NDArray[np.bool_]) -> Isotonic:
        """Fit one map per column of log-odds `x` (n, outputs) against `hits` (n, outputs)."""
        return cls([fit_knots(x[:, column], hits[:, column]) for column in range(x.shape[1])])

    def probabilities(self, raw: Margins) -> NDArray[np.float64]:
        """Probabilities (n, C); see `Calibration.probabilities`."""
        x = log_odds(raw)
        return share_out(np.stack([knots.apply(x[:, column]) for column, knots in enumerate(self.maps)], axis=1))

    def emit(self, graph: Graph, margins: str, outputs: int) -> str:
        """Straight lines between knots; see `Calibration.emit`."""
        return emit_share_out(graph, emit_knots(graph, emit_log_odds(graph, margins, outputs), self.maps), outputs)

    def to_dict(self) -> dict[str, Any]:
        """Plain data: the method and the knots of each map."""
        return {"method": self.method, "knots": [knots.to_dict() for knots in self.maps]}


def fit_calibration(method: str, raw: Margins, y: Classes, classes: tuple[str, ...]) -> Calibration:
    """Learn the map `method` ("platt", "isotonic" or "none") from margins and classes of calibration rows.

    Raises
    ------
    DataError
        If there are fewer than 20 rows, or no row of one of the classes.
    """
    if method == "none":
        return Uncalibrated()
    counts = class_counts(y, len(classes))
    if len(y) < LEAST_ROWS or counts.min() == 0:
        found = ", ".join(f"{name}: {count}" for name, count in zip(classes, counts, strict=True))
        raise DataError(
            f"the calibration split has {len(y)} rows ({found}), but needs {LEAST_ROWS} and one of each class; "
            "give split.fractions a larger calibration part, bring more data or set calibration.method to 'none'"
        )
    x = log_odds(raw)
    wanted = [1] if x.shape[1] == 1 else list(range(x.shape[1]))
    hits = np.stack([y == index for index in wanted], axis=1)
    return Platt.fit(x, hits) if method == "platt" else Isotonic.fit(x, hits)


def log_odds(raw: Margins) -> NDArray[np.float64]:
    """Log-odds (n, outputs) of margins: (n,) as they are; (n, C) of each class against the rest of the softmax."""
    columns = column_margins(raw)
    if columns.shape[1] == 1:
        return columns
    rest = columns[:, _others(columns.shape[1])]
    peak = rest.max(axis=2)
    return np.asarray(columns - peak - np.log(np.exp(rest - peak[:, :, None]).sum(axis=2)))


def share_out(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities (n, C) of one column (the second class) or of C columns that need not sum to 1."""
    if p.shape[1] == 1:
        return np.concatenate([1.0 - p, p], axis=1)
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def emit_log_odds(graph: Graph, margins: str, outputs: int) -> str:
    """Add the nodes of `log_odds`; returns the name of an (N, outputs) tensor."""
    if outputs == 1:
        return margins
    rest = graph.add("Gather", margins, graph.constant(_others(outputs)), axis=1)
    # Not by way of "Log": onnxruntime's gives other last bits in another batch.
    return graph.add("Sub", margins, graph.add("ReduceLogSumExp", rest, axes=[2], keepdims=0))


def emit_share_out(graph: Graph, p: str, outputs: int) -> str:
    """Add the nodes of `share_out`; returns the name of an (N, C) tensor."""
    if outputs == 1:
        return graph.add("Concat", graph.add("Sub", graph.constant(1.0), p), p, axis=1)
    total = graph.add("Unsqueeze", row_sum(graph, p, axis=1, size=outputs), graph.constant(np.array([1])))
    return graph.add("Div", p, total)


def _others(n: int) -> NDArray[np.int64]:
    """For each of n classes, the indices of the others: (n, n - 1)."""
    return np.array([[other for other in range(n) if other != index] for index in range(n)], np.int64)


def _platt_line(x: NDArray[np.float64], hit: NDArray[np.bool_]) -> tuple[float, float]:
    positive = int(np.count_nonzero(hit))
    negative = len(hit) - positive
    target = np.where(hit, (positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0))
    a, b = fit_line(x, target)
    return (a, b) if a >= LEAST_SLOPE else fit_line(x, target, slope=LEAST_SLOPE)
