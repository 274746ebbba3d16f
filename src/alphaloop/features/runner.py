"""A program with its memory, ready to be fed rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.features.kernels import machine as m
from alphaloop.features.program import Program
from alphaloop.features.state import State

SLAB = 8192
"""Rows of input that are laid side by side at a time."""


class Runner:
    """Feeds rows to the machine, in order, and makes rings longer where it asks for it."""

    def __init__(self, program: Program, series: int) -> None:
        self.program = program
        self.state = State(program, series)
        self._counts = np.zeros(program.domains, np.int64)
        self._cursor = np.zeros(3, np.int64)
        self._room = 0
        self._none32, self._none64 = np.empty((0, 0), np.float32), np.empty((0, 0))
        self._reserve(1)

    def refer(self, series: Sequence[int]) -> None:
        """Say which series each referenced symbol of the program is."""
        for op, symbol in self.program.borrowing:
            self.state.code[op, m.A] = series[symbol]

    def feed(
        self,
        columns: Sequence[NDArray[Any]],
        times: NDArray[np.int64],
        series: NDArray[np.int64] | int,
        out: NDArray[Any],
        offset: int = 0,
        index: NDArray[np.int64] | None = None,
        target: NDArray[np.int64] | None = None,
    ) -> None:
        """Push rows whose order has been checked.

        Parameters
        ----------
        columns, times : arrays (rows,)
            The program's columns, in its order, and the known times.
        series : int64 array (n,), or int
            The series of each row pushed, or of all.
        out : float32 or float64 array (features, ...)
            Where the features go: in order from `offset`, or to the place that `target` (n,) gives each row.
        index : int64 array (n,), optional
            Which rows of `columns` and `times` to push; all by default.
        """
        n = len(times) if index is None else len(index)
        self._reserve(min(n, SLAB))
        narrow, wide = (out, self._none64) if out.dtype == np.float32 else (self._none32, out)
        for begin in range(0, n, SLAB):
            end = min(begin + SLAB, n)
            if index is None:
                rows = end - begin
                for row, column in zip(self._columns, columns, strict=True):
                    row[:rows] = column[begin:end]
                self._times[:rows] = times[begin:end]
            else:
                rows = self._gather(columns, times, index[begin:end])
            fixed = -1
            if isinstance(series, int):
                fixed = series
            else:
                self._series[:rows] = series[begin:end]
            if target is not None:
                self._target[:rows] = target[begin:end]
            self._run(rows, fixed, narrow, wide, target is not None, offset + begin)

    def _gather(self, columns: Sequence[NDArray[Any]], times: NDArray[np.int64], index: NDArray[np.int64]) -> int:
        for row, column in zip(self._columns, columns, strict=True):
            row[: len(index)] = column[index]
        self._times[: len(index)] = times[index]
        return len(index)

    def _run(self, rows: int, fixed: int, narrow: NDArray[Any], wide: NDArray[Any], scatter: bool, offset: int) -> None:
        self._cursor[m.NEXT_ROW] = 0
        while True:
            state = self.state
            full = m.run(
                state.code,
                self.program.scalars,
                self.program.pool,
                state.registers,
                state.numbers,
                state.whole,
                state.work,
                state.width,
                self._counts,
                self._cursor,
                self._columns,
                self._times,
                self._series,
                fixed,
                rows,
                narrow,
                wide,
                self._target,
                scatter,
                offset,
            )
            if full < 0:
                return
            state.grow(full)

    def _reserve(self, rows: int) -> None:
        """Make the laid-out input as long as the longest push so far, up to a slab."""
        if rows > self._room:
            self._room = min(max(rows, 2 * self._room), SLAB)
            self._columns = np.empty((len(self.program.columns), self._room))
            self._times = np.empty(self._room, np.int64)
            self._series = np.zeros(self._room, np.int64)
            self._target = np.zeros(self._room, np.int64)
