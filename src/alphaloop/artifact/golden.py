"""Golden vectors: rows with the probabilities that the sealed graph gave, to be given again by every later runtime."""

from __future__ import annotations

import math
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from alphaloop.core.settings import Settings

Cell = float | Literal["inf", "-inf"] | None


class Golden(Settings):
    """Rows and probabilities as JSON can say them: null for NaN, words for the infinities, shortest text that is exact.

    Attributes
    ----------
    rows : tuple of shape (n, F)
        Inputs of the graph; every finite cell is a float32.
    probabilities : tuple of shape (n, C)
        Its outputs.
    """

    rows: tuple[tuple[Cell, ...], ...] = Field(min_length=1)
    probabilities: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, X: NDArray[np.float32], probabilities: NDArray[np.float32]) -> Self:
        """Write down `X` of shape (n, F) and its `probabilities` of shape (n, C)."""
        rows = tuple(tuple(_cell(float(value)) for value in row) for row in np.asarray(X, np.float32))
        return cls(rows=rows, probabilities=tuple(tuple(map(float, row)) for row in probabilities))

    @model_validator(mode="after")
    def _rectangular(self) -> Self:
        widths = {len(row) for row in self.rows}, {len(row) for row in self.probabilities}
        if len(self.rows) != len(self.probabilities) or any(len(each) != 1 for each in widths):
            raise ValueError(
                f"{len(self.rows)} rows and {len(self.probabilities)} rows of probabilities do not make two tables"
            )
        return self

    @property
    def shape(self) -> tuple[int, int]:
        """Number of features and number of classes."""
        return len(self.rows[0]), len(self.probabilities[0])

    def inputs(self) -> NDArray[np.float32]:
        """Give the inputs of shape (n, F), bit for bit as they were scored but for the payload of a NaN."""
        return np.array([[_number(cell) for cell in row] for row in self.rows], dtype=np.float32)

    def outputs(self) -> NDArray[np.float32]:
        """Probabilities of shape (n, C)."""
        return np.array(self.probabilities, dtype=np.float32)


def _cell(value: float) -> Cell:
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value


def _number(cell: Cell) -> float:
    return math.nan if cell is None else float(cell)
