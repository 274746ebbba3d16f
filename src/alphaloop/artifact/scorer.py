"""Scoring with exactly the sealed graph."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.artifact.contract import Contract
from alphaloop.artifact.folder import decode, graph_name
from alphaloop.artifact.manifest import unseal
from alphaloop.artifact.session import Session, open_session
from alphaloop.core.errors import ModelCompatibilityError

INPUT = "features"
OUTPUT = "probabilities"
# A sealed probability may move by this much on another processor, whose instructions round sums differently.
GOLDEN_TOLERANCE = 1e-6


class Scorer:
    """A verified artifact, ready to score.

    One thread computes, whatever the batch, so that a row has the same probabilities alone and in any batch.

    Attributes
    ----------
    id : str
        The artifact's id, 64 hex digits.
    contract : Contract
        What the artifact promises.
    session : Session
        The opened graph, for whoever feeds it otherwise; see `RowScorer`.
    graph : bytes
        The graph as it was sealed, for whoever takes it apart; see `Panel`.
    """

    def __init__(self, identity: str, contract: Contract, onnx_bytes: bytes, source: str) -> None:
        self.id = identity
        self.contract = contract
        self.graph = onnx_bytes
        self.session = _session(onnx_bytes, source)
        _check_graph(self.session, contract, source)
        self._run = self.session.run
        self._outputs = [OUTPUT]
        self._width = len(contract.features)

    @classmethod
    def load(cls, folder: Path | str, verify: bool = True) -> Scorer:
        """Open an artifact.

        Parameters
        ----------
        folder : Path
            The artifact.
        verify : bool, default True
            Score the golden vectors again and compare. Hashes, versions and the graph's face are checked always.

        Raises
        ------
        ModelCompatibilityError
            Saying what differs, what was expected and what was got.
        """
        path = Path(folder)
        sealed = unseal(path)
        contract = decode(sealed, str(path))
        graph = graph_name(sealed, str(path))
        scorer = cls(sealed.id, contract, sealed.files[graph], f"{path}: {graph}")
        if verify:
            scorer.verify_golden(str(path))
        return scorer

    def score(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities of each class.

        Parameters
        ----------
        X : float32 array of shape (n, F)
            Rows in the order of the contract's features; NaN where a feature is not warm. n may be 0.

        Returns
        -------
        float32 array of shape (n, C)
            Columns in the order of the contract's classes.

        Raises
        ------
        ModelCompatibilityError
            If `X` has another type or width.
        """
        self.require_rows(X)
        if not X.flags.c_contiguous:
            X = np.ascontiguousarray(X)
        if not len(X):
            return np.empty((0, len(self.contract.classes)), np.float32)
        probabilities: NDArray[np.float32] = self._run(self._outputs, {INPUT: X})[0]
        return probabilities

    def require_rows(self, X: NDArray[Any]) -> None:
        """Check that `X` can be rows of the graph's input.

        Raises
        ------
        ModelCompatibilityError
            If it has another type or width.
        """
        if X.dtype != np.float32 or X.ndim != 2 or X.shape[1] != self._width:
            raise self._wrong_rows(X)

    def require(self, feature_names: Sequence[str], feature_set_hash: str) -> None:
        """Check that the features a caller computes are those the model was trained on.

        Raises
        ------
        ModelCompatibilityError
            Naming the first position that differs with both names, or both hashes.
        """
        expected = self.contract.feature_names
        for position, (want, got) in enumerate(zip(expected, feature_names, strict=False)):
            if want != got:
                raise self._mismatch(f"feature {position} is {got!r}, expected {want!r}")
        if len(expected) != len(feature_names):
            position = min(len(expected), len(feature_names))
            more = f"expected {expected[position]!r} next" if position < len(expected) else "expected no more"
            raise self._mismatch(f"{len(feature_names)} features, expected {len(expected)}: at {position} {more}")
        if feature_set_hash != self.contract.feature_set_hash:
            raise self._mismatch(f"feature set hash {feature_set_hash}, expected {self.contract.feature_set_hash}")

    def verify_golden(self, source: str = "artifact") -> float:
        """Score the golden vectors again, in one batch and row by row; returns the largest absolute difference."""
        rows, expected = self.contract.golden.inputs(), self.contract.golden.outputs()
        together = self.score(rows)
        alone = np.concatenate([self.score(rows[i : i + 1]) for i in range(len(rows))])
        largest = 0.0
        for how, got in (("in a batch", together), ("alone", alone)):
            difference = np.abs(got.astype(np.float64) - expected)
            difference[np.isnan(got)] = np.inf
            row, column = np.unravel_index(int(np.argmax(difference)), difference.shape)
            if difference[row, column] > GOLDEN_TOLERANCE:
                raise ModelCompatibilityError(
                    f"{source}: golden vector {row} scored {how} gives {self.contract.classes[column]!r} probability "
                    f"{got[row, column]:.9g}, expected {expected[row, column]:.9g}; this runtime does not give the "
                    "sealed numbers: use the library versions in the contract, or train again"
                )
            largest = max(largest, float(difference[row, column]))
        return largest

    def _wrong_rows(self, X: NDArray[Any]) -> ModelCompatibilityError:
        return self._mismatch(f"rows are {X.dtype} of shape {X.shape}, expected float32 of shape (n, {self._width})")

    def _mismatch(self, what: str) -> ModelCompatibilityError:
        return ModelCompatibilityError(
            f"model {self.contract.name!r} ({self.id[:12]}): {what}; compute the features with the artifact's own graph"
        )


class ScoringQueue:
    """Rows that arrive one by one and are scored as one batch.

    Examples
    --------
    >>> queue = ScoringQueue(scorer)  # doctest: +SKIP
    >>> queue.add("BTCUSDT", row)  # doctest: +SKIP
    >>> keys, probabilities = queue.flush()  # doctest: +SKIP
    """

    def __init__(self, scorer: Scorer, capacity: int = 64) -> None:
        self._scorer = scorer
        self._rows = np.empty((max(capacity, 1), len(scorer.contract.features)), np.float32)
        self._keys: list[Hashable] = []

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: Hashable, row: NDArray[np.float32]) -> None:
        """Queue a row of shape (F,) under `key`; the row is copied.

        Raises
        ------
        ModelCompatibilityError
            If the row has another type or width.
        """
        if row.dtype != np.float32 or row.shape != self._rows.shape[1:]:
            raise self._scorer._wrong_rows(row)
        n = len(self._keys)
        if n == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        self._rows[n] = row
        self._keys.append(key)

    def flush(self) -> tuple[list[Hashable], NDArray[np.float32]]:
        """Score what is queued in one call; returns keys and probabilities of shape (n, C) and empties the queue."""
        keys, self._keys = self._keys, []
        return keys, self._scorer.score(self._rows[: len(keys)])


def _session(onnx_bytes: bytes, source: str) -> Session:
    try:
        return open_session(onnx_bytes)
    except Exception as error:  # onnxruntime's errors share no base of their own
        first = str(error).strip().splitlines()[0]
        raise ModelCompatibilityError(f"{source} cannot be loaded ({first}); export it again") from None


def _check_graph(session: Session, contract: Contract, source: str) -> None:
    inputs = {node.name: node for node in session.get_inputs()}
    outputs = {node.name: node for node in session.get_outputs()}
    if set(inputs) != {INPUT}:
        raise ModelCompatibilityError(f"{source} has inputs {sorted(inputs)}, expected ['{INPUT}']; export it again")
    if OUTPUT not in outputs:
        raise ModelCompatibilityError(f"{source} has outputs {sorted(outputs)}, expected '{OUTPUT}'; export it again")
    expected = {INPUT: len(contract.features), OUTPUT: len(contract.classes)}
    for node in (inputs[INPUT], outputs[OUTPUT]):
        shape, width = node.shape, expected[node.name]
        open_rows = len(shape) == 2 and not isinstance(shape[0], int)
        if node.type != "tensor(float)" or not open_rows or (isinstance(shape[1], int) and shape[1] != width):
            raise ModelCompatibilityError(
                f"{source}: {node.name!r} is {node.type} of shape {shape}, "
                f"expected tensor(float) of shape ['N', {width}]; export it again"
            )
