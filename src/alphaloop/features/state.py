"""The memory of a program: its registers, and what it remembers of any number of series."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alphaloop.features.kernels import machine as m
from alphaloop.features.program import Program, Rings

NEVER = np.iinfo(np.int64).min

# A register is a little longer than a block, so that the same row of all registers does not meet in one cache set.
PADDING = 8


class State:
    """Memory for `series` series.

    First come the registers and the rows that are worked on, which mean nothing between two pushes; then, for each
    instruction, one block with a stretch for each series.

    Attributes
    ----------
    code : int64 array
        The program's instructions with places in this memory.
    numbers, whole : float64 and int64 array
        The memory, and the same memory as integers.
    registers : float64 array (registers, width)
        The registers, as a part of the memory.
    width, work : int
        Length of a register; where the rows that are worked on begin.
    newest_ns : int64 array (series,)
        Known time of the newest row of each series.
    """

    def __init__(self, program: Program, series: int) -> None:
        self.program = program
        self.series = series
        # Up to two bars of a higher time frame close on a row.
        self.width = (m.BLOCK if program.domains == 1 else 2 * m.BLOCK) + PADDING
        self.work = program.registers * self.width
        self._kept = self.work + program.domains * m.WORK_ROWS * self.width
        self.code = self._placed(program.code)
        self._hold(np.zeros(self._place_blocks(), np.int64))
        for register, value in program.constants:
            self.registers[register] = value
        self.newest_ns = np.full(series, NEVER, np.int64)

    @property
    def slots(self) -> list[int]:
        """Length of the rings of each instruction."""
        return [int(n) for n in self.code[:, m.SLOTS]]

    @property
    def kept(self) -> NDArray[np.int64]:
        """What is remembered of the series, as integers."""
        return self.whole[self._kept :]

    def clear(self) -> None:
        """Make every series one that has not begun."""
        self.kept[:] = 0
        self.newest_ns[:] = NEVER

    def extend(self, series: int) -> None:
        """Make room for more series; those that are there keep what they remember."""
        before = self._blocks()
        self.series = series
        self._renew([np.vstack([b, np.zeros((series - len(b), b.shape[1]), np.int64)]) for b in before])
        fresh = np.full(series - len(self.newest_ns), NEVER, np.int64)
        self.newest_ns = np.concatenate([self.newest_ns, fresh])

    def grow(self, op: int) -> None:
        """Double the rings of instruction `op`."""
        before = self._blocks()
        slots = int(self.code[op, m.SLOTS])
        before[op] = _regrown(before[op], self.program.rings[op], slots, 2 * slots)
        self.code[op, m.SLOTS] = 2 * slots
        self._renew(before)

    def load(self, kept: NDArray[np.int64], newest_ns: NDArray[np.int64], slots: list[int]) -> None:
        """Take over what was saved of as many series, with rings of these lengths."""
        self.code[:, m.SLOTS] = slots
        if self._place_blocks() != self._kept + len(kept) or self.series != len(newest_ns):
            raise ValueError("size of the saved state")
        self._renew([kept])
        self.newest_ns = newest_ns

    def _placed(self, program: NDArray[np.int64]) -> NDArray[np.int64]:
        """The instructions with places in memory for the numbers of registers and domains."""
        code = program.copy()
        registers = code[:, m.X : m.OUT_4 + 1]
        by_place = ~np.isin(code[:, [m.KIND]], m.BY_NUMBER)
        registers[(registers >= 0) & by_place] *= self.width
        rows = self.work + code[:, m.DOMAIN] * m.WORK_ROWS * self.width
        code[:, m.SERIES] = rows + m.W_SERIES * self.width
        code[:, m.TIME] = rows + m.W_TIME * self.width
        code[:, m.SLOTS] = [rings.slots for rings in self.program.rings]
        return code

    def _place_blocks(self) -> int:
        """Give each instruction the place of its block; returns the length of the whole memory."""
        sizes = np.array([r.size(slots) for r, slots in zip(self.program.rings, self.slots, strict=True)], np.int64)
        ends = self._kept + np.cumsum(sizes * self.series)
        self.code[:, m.SIZE] = sizes
        self.code[:, m.BASE] = ends - sizes * self.series
        return int(ends[-1])

    def _blocks(self) -> list[NDArray[np.int64]]:
        bases, sizes = self.code[:, m.BASE], self.code[:, m.SIZE]
        return [
            self.whole[base : base + size * self.series].reshape(self.series, size)
            for base, size in zip(bases, sizes, strict=True)
        ]

    def _renew(self, blocks: list[NDArray[np.int64]]) -> None:
        # As integers, since a copy of a float may change the bits of what only looks like a NaN.
        self._place_blocks()
        self._hold(np.concatenate([self.whole[: self._kept], *(block.reshape(-1) for block in blocks)]))

    def _hold(self, memory: NDArray[np.int64]) -> None:
        self.whole = memory
        self.numbers = memory.view(np.float64)
        self.registers = self.numbers[: self.work].reshape(-1, self.width)


def _regrown(block: NDArray[np.int64], rings: Rings, slots: int, more: int) -> NDArray[np.int64]:
    """The block of an instruction with longer rings, the oldest row of each first."""
    grown = np.zeros((len(block), rings.size(more)), np.int64)
    grown[:, 1 : rings.header] = block[:, 1 : rings.header]
    turned = (block[:, :1] + np.arange(slots)) % slots
    for k in range(rings.circular + rings.flat):
        part = block[:, rings.header + k * slots : rings.header + (k + 1) * slots]
        start = rings.header + k * more
        grown[:, start : start + slots] = np.take_along_axis(part, turned, 1) if k < rings.circular else part
    return grown
