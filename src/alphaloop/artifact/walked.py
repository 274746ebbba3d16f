"""Models whose trees are walked by compiled code, and whose rests are one graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alphaloop.artifact.graph_parts import GraphParts, Trees, join
from alphaloop.artifact.scorer import Scorer
from alphaloop.artifact.session import bind, open_session
from alphaloop.artifact.tree_walk import TOGETHER, walk

HARD_ROWS: Final = 128
SEED: Final = 7


class Walk:
    """Sums of the leaves that rows fall into in several ensembles; belongs to one thread.

    Parameters
    ----------
    ensembles : sequence of Trees, K of them
    width : int
        Features of a row.
    """

    def __init__(self, ensembles: Sequence[Trees], width: int) -> None:
        self.width = width
        trees = [tree for each in ensembles for tree in np.split(each.nodes, each.roots[1:])]
        depths = np.concatenate([each.depths for each in ensembles])
        # Trees of like depth together: sixteen take as many steps as the deepest of them.
        order = np.argsort(depths, kind="stable")
        self._nodes = np.concatenate([trees[number] for number in order])
        roots = np.cumsum([0, *(len(trees[number]) for number in order)])
        self._trees = (
            self._nodes,
            self._nodes.view(np.uint64),
            *(part.astype(np.uint64) for part in (roots, depths[order], order)),
            np.cumsum([len(each.roots) for each in ensembles]).astype(np.uint64),
            np.array([each.base for each in ensembles], np.float32),
        )
        self._scratch = (
            np.zeros((TOGETHER, 2 * width + 1), np.float32),
            np.zeros(TOGETHER, np.uint64),
            np.zeros(TOGETHER, np.uint64),
            np.zeros((len(trees), TOGETHER), np.float32),
        )

    def __call__(self, rows: NDArray[np.float32], sums: NDArray[np.float32]) -> None:
        """Write what each ensemble sums to on each of `rows` (n, F) to `sums` (K, n)."""
        walk(*self._trees, rows, *self._scratch, sums)

    def hard_rows(self, random: np.random.Generator, count: int) -> NDArray[np.float32]:
        """Rows (`count`, F) of thresholds of their feature, the floats beside them, and what is no common number."""
        rows = np.full((count, self.width), np.nan, np.float32)
        splits = self._nodes[self._nodes["left"] > 0]
        for feature in range(self.width):
            at = splits["threshold"][splits["feature"] % self.width == feature]
            if len(at):
                below, above = (np.nextafter(at, np.float32(end)) for end in (-np.inf, np.inf))
                rows[:, feature] = random.choice(np.concatenate([at, below, above]), count)
        odd = random.random(rows.shape) < 0.1
        rows[odd] = random.choice(np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], np.float32), int(odd.sum()))
        return rows


class Walked:
    """Some models of a panel, bound to its row.

    Parameters
    ----------
    parts : mapping of str to GraphParts
        By model, of the same versions.
    scorers : mapping of str to Scorer
        Of these models and perhaps of others.
    row : float32 array of shape (1, F)
        From `row_buffer`.
    """

    def __init__(
        self, parts: Mapping[str, GraphParts], scorers: Mapping[str, Scorer], row: NDArray[np.float32]
    ) -> None:
        self._names, self._row = tuple(parts), row
        self._walk = Walk([each.trees for each in parts.values()], row.shape[1])
        session = open_session(join([each.rest for each in parts.values()]))
        self._inputs = [node.name for node in session.get_inputs()]
        self._outputs = [node.name for node in session.get_outputs()]
        self._sums = np.zeros((len(parts), 1), np.float32)
        found = [np.zeros((1, len(scorers[name].contract.classes)), np.float32) for name in parts]
        self._found = {name: each[0] for name, each in zip(parts, found, strict=True)}
        self._run_many = session.run
        self._run = bind(session, self._fed(self._sums), dict(zip(self._outputs, found, strict=True)))

    def row(self) -> dict[str, NDArray[np.float32]]:
        """Score the panel's row: probabilities (C,) by model, which the next call overwrites."""
        self._walk(self._row, self._sums)
        self._run()
        return self._found

    def rows(self, rows: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Score C-contiguous rows of shape (n, F): probabilities (n, C) by model."""
        sums = np.empty((len(self._names), len(rows)), np.float32)
        self._walk(rows, sums)
        return dict(zip(self._names, self._run_many(self._outputs, self._fed(sums)), strict=True))

    def hard_rows(self) -> NDArray[np.float32]:
        """Rows of the trees' thresholds and the floats beside them, shape (HARD_ROWS, F)."""
        return self._walk.hard_rows(np.random.default_rng(SEED), HARD_ROWS)

    def _fed(self, sums: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Sums (K, n) as the inputs of the rest, each (n, 1)."""
        return {name: each.reshape(-1, 1) for name, each in zip(self._inputs, sums, strict=True)}
