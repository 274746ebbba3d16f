"""Resampling rows by blocks of time, because labels overlap and markets move together; or whole groups of near copies.

The circular moving-block bootstrap (Künsch 1989; Politis and Romano 1992): all rows of all symbols inside a stretch of
time are drawn or left out together, and a stretch is never shorter than the label horizon.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.clock import to_ns
from alphaloop.core.random import stream

HORIZONS_PER_BLOCK = 5
CELLS_PER_BLOCK = 8
WANTED_BLOCKS = 30
FEWEST_BLOCKS = 8
CONFIDENCE = 0.95


@dataclass(frozen=True)
class TimeBlocks:
    """Rows assigned to cells of time; a block is `CELLS_PER_BLOCK` successive occupied cells.

    Attributes
    ----------
    cell
        Cell of each row, shape ``(n,)``, numbered from 0 without holes in the order of time.
    cells
        How many cells hold a row.
    block_ns
        Least duration of a block, nanoseconds.
    """

    cell: NDArray[np.int64]
    cells: int
    block_ns: int

    @classmethod
    def of(cls, decided_ns: NDArray[np.int64], horizon_s: float) -> TimeBlocks:
        """Cut the time of `decided_ns` into blocks for labels that look `horizon_s` seconds ahead.

        A block is five horizons long, so that overlapping labels are understated by less than 7 % of their variance, or
        the cube root of the number of decision times if that is longer; shorter, but never below one horizon, where the
        rows would otherwise give fewer than thirty blocks.
        """
        times = np.unique(decided_ns)
        span, horizon = int(times[-1] - times[0]), to_ns(horizon_s)
        serial = int(span * float(times.size) ** (-2.0 / 3.0))
        block = max(horizon, min(max(HORIZONS_PER_BLOCK * horizon, serial), span // WANTED_BLOCKS), 1)
        width = -(-block // CELLS_PER_BLOCK)
        _, cell = np.unique((decided_ns - times[0]) // width, return_inverse=True)
        return cls(cell.astype(np.int64), int(cell.max()) + 1, block)

    @property
    def blocks(self) -> float:
        """How many blocks lie side by side in the rows: the number of independent looks."""
        return self.cells / CELLS_PER_BLOCK

    @property
    def enough(self) -> bool:
        """Whether there are enough blocks for an interval to mean something."""
        return self.blocks >= FEWEST_BLOCKS

    def weights(self, seed: int, resamples: int) -> Iterator[NDArray[np.float64]]:
        """Weight of each row in each resample, shape ``(n,)``: how often its cell was drawn."""
        generator = stream(seed, "bootstrap")
        draws = -(-self.cells // CELLS_PER_BLOCK)
        for _ in range(resamples):
            starts = np.bincount(generator.integers(0, self.cells, draws), minlength=self.cells)
            drawn = np.sum([np.roll(starts, step) for step in range(CELLS_PER_BLOCK)], axis=0)
            yield drawn.astype(np.float64)[self.cell]


@dataclass(frozen=True)
class Clusters:
    """Rows in groups that share one fate, such as the signals of one token: a group is drawn whole or not at all.

    The cluster bootstrap (Field and Welsh 2007, "Bootstrapping clustered data").

    Attributes
    ----------
    group
        Group of each row, shape ``(n,)``, numbered from 0 without holes.
    groups
        How many there are.
    """

    group: NDArray[np.int64]
    groups: int

    @classmethod
    def of(cls, group: NDArray[np.signedinteger]) -> Clusters:
        """Rows by the code of their group, shape ``(n,)``; codes may have holes."""
        named, place = np.unique(group, return_inverse=True)
        return cls(place.astype(np.int64), len(named))

    def weights(self, seed: int, resamples: int) -> Iterator[NDArray[np.float64]]:
        """Weight of each row in each resample, shape ``(n,)``: how often its group was drawn."""
        generator = stream(seed, "clusters")
        for _ in range(resamples):
            drawn = np.bincount(generator.integers(0, self.groups, self.groups), minlength=self.groups)
            yield drawn.astype(np.float64)[self.group]

    def inside(self, place: NDArray[np.int64], places: int) -> NDArray[np.int64]:
        """How many groups have a row in each place; `place` (n,) from 0, result ``(places,)``."""
        pairs = np.unique(np.stack([place, self.group]), axis=1)
        return np.bincount(pairs[0], minlength=places).astype(np.int64)


def interval(value: float, resampled: NDArray[np.float64], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Percentile interval, moved so that the median of the resamples sits on `value`.

    Resampling repeats rows and thereby inflates scores such as the calibration error; without the move, an interval may
    lie wholly above the value that it belongs to.

    Parameters
    ----------
    value
        The score of the rows as they are.
    resampled
        The score of each resample; NaN where it was undefined.
    confidence
        Share of resamples between the two ends.

    Returns
    -------
    tuple of float
        Low and high end; NaN, NaN where fewer than half the resamples were defined.
    """
    defined = resampled[np.isfinite(resampled)]
    if defined.size == 0 or 2 * defined.size < resampled.size:
        return float("nan"), float("nan")
    tail = 50.0 * (1.0 - confidence)
    low, middle, high = np.percentile(defined, (tail, 50.0, 100.0 - tail))
    return float(value + low - middle), float(value + high - middle)
