"""Several models asked about the same row, as fast as can be with the bits of their sealed graphs.

For one row or a few, onnxruntime's trees are the longest part of a decision by far. Here compiled code walks the trees
of all models in one go, and what is behind them, calibration mostly, runs as one graph. A graph that is more than plain
trees with something behind them stays whole, and so does one whose bits come out otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from alphaloop.artifact.graph_parts import GraphParts, NotApartError, take_apart
from alphaloop.artifact.row import RowScorer, row_buffer
from alphaloop.artifact.scorer import Scorer

if TYPE_CHECKING:
    from alphaloop.artifact.walked import Walked

FEW: Final = 16
NOT_YET: Final = "its trees are not walked yet"
OTHER_BITS: Final = "its trees, walked, come to other bits than the whole graph"

Found = dict[str, NDArray[np.float32]]
"""Probabilities by model."""

log = structlog.get_logger("alphaloop.artifact")


class Member(Protocol):
    """Some models of a panel, bound to its row."""

    def row(self) -> Found:
        """Score the panel's row: probabilities (C,), which the next call overwrites."""
        ...

    def rows(self, rows: NDArray[np.float32]) -> Found:
        """Score rows of shape (n, F): probabilities (n, C)."""
        ...


class Panel:
    """Models of the same features, all asked at once; belongs to one thread.

    Parameters
    ----------
    scorers : mapping of str to Scorer
        By name, at least one.
    features : int
        How many features all of them read.
    walk : bool, default True
        Take the graphs apart. It costs about as much time as loading the models; without it, all stay whole.

    Attributes
    ----------
    left_whole : dict of str to str
        Models whose trees are not walked here, and why.

    Raises
    ------
    ModelCompatibilityError
        If one reads another number of features.
    """

    def __init__(self, scorers: Mapping[str, Scorer], features: int, walk: bool = True) -> None:
        self.left_whole: dict[str, str] = {} if walk else dict.fromkeys(scorers, NOT_YET)
        self._names, self._row = tuple(scorers), row_buffer(features)
        for scorer in scorers.values():
            scorer.require_rows(self._row)
            self._require_rows = scorer.require_rows
        self._members: list[Member] = []
        for parts in self._apart(scorers) if walk else ():
            self._members += self._walked(parts, scorers)
        if self.left_whole:
            self._members.append(Whole({name: scorers[name] for name in self.left_whole}, self._row))
        # The first call of a session is many times slower than any other.
        self.score(np.full(features, np.nan, np.float32))

    def score(self, vector: NDArray[np.float32]) -> Found:
        """Score a row of shape (F,): probabilities (C,) by model, which the next call overwrites."""
        self._row[0] = vector
        return self._in_order([member.row() for member in self._members])

    def score_all(self, rows: NDArray[np.float32]) -> Found:
        """Score rows of shape (n, F), n at least 1: probabilities (n, C) by model, the same to the bit.

        Raises
        ------
        ModelCompatibilityError
            If `rows` has another type or width.
        """
        self._require_rows(rows)
        rows = np.ascontiguousarray(rows)
        return self._in_order([member.rows(rows) for member in self._members])

    def _in_order(self, found: list[Found]) -> Found:
        """Everything that was found, in the order of the scorers: what is recorded of a row is the same on any road."""
        if len(found) == 1:
            return found[0]
        together = {name: each for some in found for name, each in some.items()}
        return {name: together[name] for name in self._names}

    def _apart(self, scorers: Mapping[str, Scorer]) -> list[dict[str, GraphParts]]:
        """What can be taken apart, by the versions of its graph."""
        groups: dict[tuple[Any, ...], dict[str, GraphParts]] = {}
        for name, scorer in scorers.items():
            try:
                parts = take_apart(scorer.graph, self._row.shape[1])
            except NotApartError as reason:
                self.left_whole[name] = str(reason)
            except Exception as error:  # whatever a graph is like, it can be run whole
                self._fails({name}, error)
            else:
                groups.setdefault(parts.versions, {})[name] = parts
        return list(groups.values())

    def _walked(self, parts: Mapping[str, GraphParts], scorers: Mapping[str, Scorer]) -> list[Walked]:
        try:
            return self._proved(parts, scorers)
        except Exception as error:  # a compiler without a place for its files, a join that does not open
            self._fails(parts, error)
            return []

    def _fails(self, names: Iterable[str], error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        for name in names:
            log.warning("trees_not_walked", model=name, reason=reason)
            self.left_whole[name] = reason

    def _proved(self, parts: Mapping[str, GraphParts], scorers: Mapping[str, Scorer]) -> list[Walked]:
        """Compare with the whole graphs, on golden rows and on rows near the thresholds, and leave out what differs."""
        # numba takes longer to import than everything else that a start needs.
        from alphaloop.artifact.walked import Walked

        if not parts:
            return []
        walked = Walked(parts, scorers, self._row)
        rows = np.concatenate([walked.hard_rows(), *(scorers[name].contract.golden.inputs() for name in parts)])
        whole = {name: scorers[name].score(rows) for name in parts}
        wrong: set[str] = set()
        # Few at a time: the walk lets nobody else at the interpreter, and decisions may be waiting.
        for first in range(0, len(rows), FEW):
            some = slice(first, first + FEW)
            wrong |= {name for name, found in walked.rows(rows[some]).items() if not _same(found, whole[name][some])}
        for place, row in enumerate(rows):
            self._row[0] = row
            wrong |= {name for name, found in walked.row().items() if not _same(found, whole[name][place])}
        if not wrong:
            return [walked]
        for name in sorted(wrong):
            log.warning("trees_walked_wrong", model=name, model_id=scorers[name].id)
            self.left_whole[name] = OTHER_BITS
        return self._proved({name: each for name, each in parts.items() if name not in wrong}, scorers)


class Whole:
    """Models whose graphs run as they are."""

    def __init__(self, scorers: Mapping[str, Scorer], row: NDArray[np.float32]) -> None:
        self._scorers = scorers
        self._bound = {name: RowScorer(scorer, row) for name, scorer in scorers.items()}

    def row(self) -> Found:
        """Score the panel's row."""
        return {name: bound()[0] for name, bound in self._bound.items()}

    def rows(self, rows: NDArray[np.float32]) -> Found:
        """Score rows of shape (n, F)."""
        return {name: scorer.score(rows) for name, scorer in self._scorers.items()}


def _same(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Whether both have the same bits."""
    return one.tobytes() == other.tobytes()
