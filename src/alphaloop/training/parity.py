"""The gate between a model and its release: the graph must be the model, on easy rows and on hard ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.artifact.session import GraphRunner
from alphaloop.core.errors import ParityError
from alphaloop.training.leaf_graph import leaf_graph

TOLERANCE = 1e-5
LEAF_BATCH = 2048

Probabilities = NDArray[np.float64]
Decide = Callable[[NDArray[np.floating[Any]]], NDArray[np.int8]]
Native = Callable[[NDArray[np.float32]], Probabilities]
Leaves = Callable[[NDArray[np.float32]], NDArray[np.int32]]


@dataclass(frozen=True)
class ParityEvidence:
    """What the gate looked at and what it found.

    Attributes
    ----------
    rows
        Rows scored both ways.
    max_abs_diff
        Largest absolute difference of a probability.
    tolerance
        The largest that would have passed.
    flipped
        Rows on which the two would have decided differently.
    leaves_checked
        Pairs of row and tree whose leaf was compared; 0 if the model has no trees.
    batch_equals_single
        Whether every row had the same bits in a batch and alone.
    """

    rows: int
    max_abs_diff: float
    tolerance: float
    flipped: int
    leaves_checked: int
    batch_equals_single: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the contract."""
        return asdict(self)


def gate(
    onnx_bytes: bytes,
    native: Native,
    rows: NDArray[np.float32],
    *,
    decide: Decide,
    leaves: Leaves | None = None,
    tolerance: float = TOLERANCE,
) -> ParityEvidence:
    """Compare a graph with the model that it was made from.

    Parameters
    ----------
    onnx_bytes
        The graph to be released.
    native
        Rows (n, F) to the model's own probabilities (n, C) in float64.
    rows
        (n, F); see `hard_rows`.
    decide
        Probabilities (n, C) to a decision per row (n,), at the threshold that will be traded.
    leaves
        Rows to the model's own leaf per tree (n, T), if the graph holds a tree ensemble of ours.
    tolerance
        Largest absolute difference of a probability that passes.

    Raises
    ------
    ParityError
        Saying what differs, on which row, by how much. Nothing may be released then.
    """
    runner = _open(onnx_bytes)
    expected = native(rows)
    got = runner.batch(rows)
    _same_shape(got, expected)
    largest = _same_probabilities(got, expected, tolerance)
    _same_bits(got, runner.one_by_one(rows), runner.batch(rows, size=7))
    checked = 0 if leaves is None else _same_leaves(onnx_bytes, leaves, rows)
    _same_decisions(decide(got), decide(expected), got, expected)
    return ParityEvidence(len(rows), largest, tolerance, 0, checked, True)


def _open(onnx_bytes: bytes) -> GraphRunner:
    try:
        return GraphRunner(onnx_bytes)
    except Exception as error:  # onnxruntime's errors share no base of their own
        first = str(error).strip().splitlines()[0]
        raise ParityError(f"the exported graph does not load ({first}); it is not released") from None


def _same_shape(got: NDArray[np.float32], expected: Probabilities) -> None:
    if got.shape != expected.shape:
        raise ParityError(f"the graph gives shape {got.shape}, the model {expected.shape}; it is not released")


def _same_probabilities(got: NDArray[np.float32], expected: Probabilities, tolerance: float) -> float:
    difference = np.abs(got.astype(np.float64) - expected)
    difference[np.isnan(difference)] = np.inf
    largest = float(difference.max(initial=0.0))
    if largest > tolerance:
        row, column = (int(index) for index in np.unravel_index(int(np.argmax(difference)), difference.shape))
        wrong = int(np.count_nonzero(difference.max(axis=1) > tolerance))
        raise ParityError(
            f"the graph and the model differ by more than {tolerance:g} on {wrong} of {len(got)} rows; the largest is "
            f"{largest:.3g} on row {row}, class {column}: graph {got[row, column]:.9g}, model "
            f"{expected[row, column]:.9g}; it is not released"
        )
    return largest


def _same_bits(batch: NDArray[np.float32], *others: NDArray[np.float32]) -> None:
    for other in others:
        differs = (batch.view(np.uint32) != other.view(np.uint32)).any(axis=1)
        if differs.any():
            row = int(np.argmax(differs))
            raise ParityError(
                f"{int(differs.sum())} of {len(batch)} rows score differently in another batch; the first is row {row} "
                f"({batch[row].tolist()} and {other[row].tolist()}); it is not released"
            )


def _same_leaves(onnx_bytes: bytes, leaves: Leaves, rows: NDArray[np.float32]) -> int:
    runner = GraphRunner(leaf_graph(onnx_bytes))
    for start in range(0, len(rows), LEAF_BATCH):
        part = rows[start : start + LEAF_BATCH]
        got, expected = runner.batch(part), leaves(part)
        if got.shape != expected.shape:
            raise ParityError(f"the graph has {got.shape[1]} trees, the model {expected.shape[1]}; it is not released")
        if not np.array_equal(got, expected):
            row, tree = (int(index) for index in np.argwhere(got != expected)[0])
            raise ParityError(
                f"row {start + row} falls into leaf {int(got[row, tree])} of tree {tree} in the graph and into leaf "
                f"{expected[row, tree]} in the model; it is not released"
            )
    return int(len(rows) * got.shape[1])


def _same_decisions(
    got: NDArray[np.int8], expected: NDArray[np.int8], graph: NDArray[np.float32], model: Probabilities
) -> None:
    flipped = got != expected
    if flipped.any():
        row = int(np.argmax(flipped))
        raise ParityError(
            f"{int(flipped.sum())} of {len(got)} decisions flip at the threshold; the first is row {row} (graph "
            f"{graph[row].tolist()}, model {model[row].tolist()}); it is not released"
        )
