"""Several models asked about the same row, as fast as can be with the bits of their sealed graphs.

For one row or a few, onnxruntime's trees are the longest part of a decision by far. Here compiled code walks the trees
of all models in one go, and what is behind them, calibration mostly, runs as one graph. A graph that is more than plain
trees with something behind them stays whole, and so does one whose bits come out otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from alphaloop.artifact.graph_parts import GraphParts, NotApartError, take_apart
from alphaloop.artifact.row import RowScorer, row_buffer
from alphaloop.artifact.scorer import Scorer

if TYPE_CHECKING:
    from alphaloop.artifact.walked import Walked

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
        self._row = row_buffer(features)
        self._members: list[Member] = []
        for parts in self._apart(scorers) if walk else ():
            self._members += self._proved(parts, scorers)
        if self.left_whole:
            self._members.append(Whole({name: scorers[name] for name in self.left_whole}, self._row))
        # The first call of a session is many times slower than any other.
        self.score(np.full(features, np.nan, np.float32))

    def score(self, vector: NDArray[np.float32]) -> Found:
        """Score a row of shape (F,): probabilities (C,) by model, which the next call overwrites."""
        self._row[0] = vector
        found: Found = {}
        for member in self._members:
            found |= member.row()
        return found

    def score_all(self, rows: NDArray[np.float32]) -> Found:
        """Score rows of shape (n, F), n at least 1: probabilities (n, C) by model, the same to the bit."""
        rows = np.ascontiguousarray(rows)
        found: Found = {}
        for member in self._members:
            found |= member.rows(rows)
        return found

    def _apart(self, scorers: Mapping[str, Scorer]) -> list[dict[str, GraphParts]]:
        """What can be taken apart, by the versions of its graph."""
        groups: dict[tuple[Any, ...], dict[str, GraphParts]] = {}
        for name, scorer in scorers.items():
            scorer.require_rows(self._row)
            try:
                parts = take_apart(scorer.graph, self._row.shape[1])
            except NotApartError as reason:
                self.left_whole[name] = str(reason)
            else:
                groups.setdefault(parts.versions, {})[name] = parts
        return list(groups.values())

    def _proved(self, parts: Mapping[str, GraphParts], scorers: Mapping[str, Scorer]) -> list[Walked]:
        """Compare with the whole graphs, on golden rows and on rows near the thresholds, and leave out what differs."""
        # numba takes longer to import than everything else that a start needs.
        from alphaloop.artifact.walked import Walked

        if not parts:
            return []
        walked = Walked(parts, scorers, self._row)
        rows = np.concatenate([walked.hard_rows(), *(scorers[name].contract.golden.inputs() for name in parts)])
        together = walked.rows(rows)
        alone = {name: np.empty_like(found) for name, found in together.items()}
        for place, row in enumerate(rows):
            self._row[0] = row
            for name, found in walked.row().items():
                alone[name][place] = found
        wrong = {name for name in parts if not _same(scorers[name].score(rows), together[name], alone[name])}
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


def _same(expected: NDArray[np.float32], *others: NDArray[np.float32]) -> bool:
    """Whether all have the same bits."""
    return all(expected.tobytes() == other.tobytes() for other in others)
