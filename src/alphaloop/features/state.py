"""What the program of a feature set remembers, of any number of series, in one flat array."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.features.kernels import machine as m
from alphaloop.features.program import Program, Rings

NEVER = np.iinfo(np.int64).min


class State:
    """Memory of `series` series: for each instruction one block, for each series in it one stretch.

    Attributes
    ----------
    code : int64 array
        The program's instructions with the places of their state in `numbers`.
    numbers, whole : float64 and int64 array
        The memory, and the same memory as integers.
    newest_ns : int64 array (series,)
        Known time of the newest row of each series.
    """

    def __init__(self, program: Program, series: int) -> None:
        self.program = program
        self.series = series
        self.code = program.code.copy()
        self.code[:, m.SLOTS] = [rings.slots for rings in program.rings]
        self.numbers = np.zeros(self._place())
        self.whole = self.numbers.view(np.int64)
        self.newest_ns = np.full(series, NEVER, np.int64)

    @property
    def slots(self) -> list[int]:
        """Length of the rings of each instruction."""
        return [int(n) for n in self.code[:, m.SLOTS]]

    def clear(self) -> None:
        """Make every series one that has not begun."""
        self.numbers[:] = 0.0
        self.newest_ns[:] = NEVER

    def extend(self, series: int) -> None:
        """Make room for more series; those that are there keep what they remember."""
        before = self._blocks()
        self.series = series
        self._renew([np.vstack([b, np.zeros((series - len(b), b.shape[1]))]) for b in before])
        fresh = np.full(series - len(self.newest_ns), NEVER, np.int64)
        self.newest_ns = np.concatenate([self.newest_ns, fresh])

    def grow(self, op: int) -> None:
        """Double the rings of instruction `op`."""
        before = self._blocks()
        slots = int(self.code[op, m.SLOTS])
        before[op] = _regrown(before[op], self.program.rings[op], slots, 2 * slots)
        self.code[op, m.SLOTS] = 2 * slots
        self._renew(before)

    def load(self, numbers: NDArray[np.float64], newest_ns: NDArray[np.int64], slots: list[int]) -> None:
        """Take over memory that was saved with rings of these lengths."""
        self.code[:, m.SLOTS] = slots
        if self._place() != len(numbers) or self.series != len(newest_ns):
            raise ValueError("size of the saved state")
        self.numbers = numbers
        self.whole = numbers.view(np.int64)
        self.newest_ns = newest_ns

    def _place(self) -> int:
        """Give each instruction the place of its block; returns the length of all."""
        sizes = [rings.size(slots) for rings, slots in zip(self.program.rings, self.slots, strict=True)]
        ends = np.cumsum(np.array(sizes, np.int64) * self.series)
        self.code[:, m.SIZE] = sizes
        self.code[:, m.BASE] = ends - np.array(sizes, np.int64) * self.series
        return int(ends[-1])

    def _blocks(self) -> list[NDArray[Any]]:
        bases, sizes = self.code[:, m.BASE], self.code[:, m.SIZE]
        return [
            self.numbers[base : base + size * self.series].reshape(self.series, size)
            for base, size in zip(bases, sizes, strict=True)
        ]

    def _renew(self, blocks: list[NDArray[Any]]) -> None:
        self._place()
        # Through integers, since a copy of a float may change the bits of what only looks like a NaN.
        self.whole = np.concatenate([block.view(np.int64).reshape(-1) for block in blocks])
        self.numbers = self.whole.view(np.float64)


def _regrown(block: NDArray[Any], rings: Rings, slots: int, more: int) -> NDArray[Any]:
    """The block of an instruction with longer rings, the oldest row of each first."""
    grown = np.zeros((len(block), rings.size(more)))
    old, new = block.view(np.int64), grown.view(np.int64)
    new[:, 1 : rings.header] = old[:, 1 : rings.header]
    turned = (old[:, :1] + np.arange(slots)) % slots
    for k in range(rings.circular + rings.flat):
        part = old[:, rings.header + k * slots : rings.header + (k + 1) * slots]
        start = rings.header + k * more
        new[:, start : start + slots] = np.take_along_axis(part, turned, 1) if k < rings.circular else part
    return grown
