"""A compiled feature set: instructions and what they need, all of it plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Rings:
    """How the state of one instruction is laid out for a series: a header, then rings, then sorted values.

    Attributes
    ----------
    header : int
        Numbers before the first ring; if the rings can grow, the first two are the place of the oldest and the count.
    circular, flat : int
        Arrays of `slots` numbers each: circular ones, then ones that begin at their first number.
    slots : int
        Length of each to begin with.
    grows : bool
        Whether a full ring is made longer; false where the number of rows is known.
    """

    header: int = 0
    circular: int = 0
    flat: int = 0
    slots: int = 0
    grows: bool = False

    def size(self, slots: int) -> int:
        """Numbers of state for one series."""
        return self.header + (self.circular + self.flat) * slots


@dataclass(frozen=True, eq=False)
class Program:
    """What the machine runs.

    Attributes
    ----------
    code : int64 array (instructions, fields)
        One instruction a row; the place of its state is filled in by whoever owns the state.
    scalars : float64 array (instructions, 2)
        Its settings that are not whole.
    pool : float64 array
        Tables that instructions share.
    rings : tuple of Rings
        Layout of the state of each instruction.
    constants : tuple of (register, value)
        Registers that are filled once.
    registers, domains : int
        How many of each; domain 0 is the rows themselves, the others are bars of higher time frames.
    columns : tuple of str
        Input columns, sorted.
    symbols : tuple of str
        Referenced symbols, sorted.
    borrowing : tuple of (instruction, symbol index)
        Which instruction looks at which of them.
    outputs : int
        Number of features.
    """

    code: NDArray[np.int64]
    scalars: NDArray[np.float64]
    pool: NDArray[np.float64]
    rings: tuple[Rings, ...]
    constants: tuple[tuple[int, float], ...]
    registers: int
    domains: int
    columns: tuple[str, ...]
    symbols: tuple[str, ...]
    borrowing: tuple[tuple[int, int], ...]
    outputs: int

    def __len__(self) -> int:
        return len(self.code)
