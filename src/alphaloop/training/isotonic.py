"""Isotonic regression as a continuous line with few knots, gentle enough to survive float32.

A step function, as isotonic regression is usually exported, jumps: an input that differs in its last bit may land on
another step, and the probability with it. Here the level of each pooled block sits at the centre of its block and the
line between two centres is straight, so that no input is near a jump.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.models.graph import Graph, row_sum

MOST_KNOTS = 64
# The probability may move by this much when the margin moves by its last float32 bit.
LAST_BIT_EFFECT = 1e-6


@dataclass(frozen=True)
class Knots:
    """A non-decreasing piecewise linear map; constant outside its first and last knot.

    Attributes
    ----------
    x, p
        (K,) float32, K at least 2; `x` strictly ascending log-odds, `p` probabilities strictly inside (0, 1).
    """

    x: NDArray[np.float32]
    p: NDArray[np.float32]

    def apply(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities of log-odds (n,)."""
        return np.interp(x, self.x.astype(np.float64), self.p.astype(np.float64))

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"x": self.x.tolist(), "p": self.p.tolist()}


def fit_knots(x: NDArray[np.float64], hit: NDArray[np.bool_]) -> Knots:
    """Pool adjacent violators of `hit` (n,) ordered by `x` (n,), then join the block centres by lines.

    Levels are kept away from 0 and 1 by one part in n + 2. Neighbouring blocks are merged until at most 64 are left and
    no line is so steep that the last float32 bit of a margin moves the probability by more than 1e-6.
    """
    level, centre, weight = _pool(x, hit.astype(np.float64))
    level = np.clip(level, 1.0 / (len(x) + 2), 1.0 - 1.0 / (len(x) + 2))
    steepest = LAST_BIT_EFFECT / float(np.spacing(np.float32(max(np.abs(centre).max(), 1e-3))))
    level, centre = _thin(level, centre, weight, steepest)
    if len(level) == 1:
        level, centre = np.repeat(level, 2), np.array([centre[0], centre[0] + 1.0])
    return Knots(centre.astype(np.float32), level.astype(np.float32))


def _pool(
    x: NDArray[np.float64], target: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Levels, centres and row counts of the pooled blocks, ascending; rows with equal `x` are one row first."""
    values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    means = np.bincount(inverse, weights=target) / counts
    levels: list[float] = []
    centres: list[float] = []
    weights: list[float] = []
    for value, mean, count in zip(values.tolist(), means.tolist(), counts.tolist(), strict=True):
        level, centre, weight = mean, value, float(count)
        while levels and levels[-1] >= level:
            before = weights.pop()
            whole = before + weight
            level = (levels.pop() * before + level * weight) / whole
            centre = (centres.pop() * before + centre * weight) / whole
            weight = whole
        levels.append(level)
        centres.append(centre)
        weights.append(weight)
    return np.array(levels), np.array(centres), np.array(weights)


def _thin(
    level: NDArray[np.float64], centre: NDArray[np.float64], weight: NDArray[np.float64], steepest: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Merge neighbours: the steepest pair while one is too steep, then the pair that differs least while too many."""
    while len(level) > 1:
        rise, run = np.diff(level), np.diff(centre)
        slope = rise / np.maximum(run, 1e-300)
        if slope.max() > steepest:
            first = int(np.argmax(slope))
        elif len(level) > MOST_KNOTS:
            first = int(np.argmin(rise))
        else:
            break
        pair = slice(first, first + 2)
        whole = weight[pair].sum()
        merged = [float(part[pair] @ weight[pair] / whole) for part in (level, centre)]
        level, centre, weight = (np.delete(part, first) for part in (level, centre, weight))
        level[first], centre[first], weight[first] = merged[0], merged[1], whole
    return level, centre


def emit_knots(graph: Graph, x: str, maps: list[Knots]) -> str:
    """Column k of the (N, outputs) tensor `x` through map k; returns the name of an (N, outputs) tensor.

    The line is the first level plus, for each segment, its slope times how far `x` has come inside it.
    """
    segments = max(len(knots.x) for knots in maps) - 1
    shape = (1, len(maps), segments)
    low, high, slope = (np.zeros(shape, np.float32) for _ in range(3))
    for row, knots in enumerate(maps):
        used = len(knots.x) - 1
        low[0, row, :used], high[0, row, :used] = knots.x[:-1], knots.x[1:]
        exact = knots.x.astype(np.float64), knots.p.astype(np.float64)
        slope[0, row, :used] = np.diff(exact[1]) / np.diff(exact[0])
    spread = graph.add("Unsqueeze", x, graph.constant(np.array([2])))
    inside = graph.add("Max", graph.add("Min", spread, graph.constant(high)), graph.constant(low))
    climbed = graph.add("Mul", graph.add("Sub", inside, graph.constant(low)), graph.constant(slope))
    total = row_sum(graph, climbed, axis=2, size=segments)
    return graph.add("Add", total, graph.constant(np.array([[knots.p[0] for knots in maps]], np.float32)))
