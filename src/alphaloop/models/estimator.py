"""What every estimator is to the factory: fit, raw margins, importance, and its part of the graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.errors import DataError
from alphaloop.core.progress import Progress, silent
from alphaloop.models.graph import Graph

Features = NDArray[np.float32]
Classes = NDArray[np.int8]
Margins = NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """What is to be foretold from what.

    Attributes
    ----------
    classes
        Class names; the class index of a row is its place here.
    sides
        +1 (long), -1 (short) or 0 (stay out) per class.
    feature_names
        Names of the columns of X, in order.
    """

    classes: tuple[str, ...]
    sides: tuple[int, ...]
    feature_names: tuple[str, ...]

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    @property
    def binary(self) -> bool:
        """Whether there are two classes, so that one margin says it all."""
        return len(self.classes) == 2

    @property
    def entering(self) -> tuple[int, ...]:
        """Indices of the classes whose side is not 0."""
        return tuple(index for index, side in enumerate(self.sides) if side)

    @property
    def outputs(self) -> int:
        """Columns of the margins: 1 if binary, else one per class."""
        return 1 if self.binary else len(self.classes)


class Estimator(Protocol):
    """A model that gives margins.

    A margin is, for two classes, the log-odds of class 1; for more, one log score per class, of which only differences
    within a row mean something (softmax of them are probabilities).
    """

    task: Task

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
        """Learn from rows `X` (n, F), float32 with NaN for missing, and class indices `y` (n,).

        `validation` rows decide when to stop, where the estimator stops early, and nothing else.
        """
        ...

    def raw(self, X: Features) -> Margins:
        """Margins of `X` (n, F): (n,) if the task is binary, else (n, C)."""
        ...

    def importance(self) -> NDArray[np.float64]:
        """How much each feature moves the margin, (F,), non-negative, sum 1 (or all 0)."""
        ...

    def emit(self, graph: Graph, features: str) -> str:
        """Add the nodes that turn the tensor `features` into margins; returns the name of an (N, outputs) tensor."""
        ...

    def describe(self) -> dict[str, Any]:
        """Parameters that were used and what fitting found, as plain data."""
        ...


@runtime_checkable
class Trees(Protocol):
    """What an estimator made of decision trees can show the parity gate besides its margins."""

    def leaves(self, X: Features) -> NDArray[np.int32]:
        """Leaf index of every row of `X` (n, F) in every tree, (n, T)."""
        ...

    def split_points(self) -> dict[int, NDArray[np.float32]]:
        """Distinct float32 thresholds of the exported trees per feature index, ascending."""
        ...


def require_float32(X: NDArray[Any]) -> None:
    """Refuse rows of another type: a model must see in training what the graph will see.

    Raises
    ------
    DataError
        If `X` is not float32.
    """
    if X.dtype != np.float32:
        raise DataError(
            f"features are {X.dtype}, but models learn from and score float32, as the graph does; "
            "cast them first, and keep times and other large numbers out or make them relative"
        )


def column_margins(raw: Margins) -> Margins:
    """Margins as a matrix: (n,) becomes (n, 1)."""
    return raw[:, None] if raw.ndim == 1 else raw


def shares(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Non-negative `values` divided by their sum; all 0 stays all 0."""
    whole = float(values.sum())
    return values / whole if whole > 0 else np.zeros_like(values)


def class_counts(y: Classes, n_classes: int) -> NDArray[np.int64]:
    """Rows per class, (C,)."""
    return np.bincount(y.astype(np.int64), minlength=n_classes)
