"""Bars in the order in which they became known: all symbols of one time together, sorted by symbol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alphaloop.trading.records import BarRow

FIELDS = ("symbol", "open_ns", "known_ns", "open", "high", "low", "close")


@dataclass(frozen=True)
class BarFeed:
    """A history as the trader lived it.

    Attributes
    ----------
    frame : polars.DataFrame of n rows
        Bars sorted by (known_ns, symbol).
    order : int64 array of shape (n,)
        Row of the given frame at each place of `frame`.
    starts : int64 array of shape (m + 1,)
        First row of each bar time, and n at the end.
    ages : int64 array of shape (n,)
        How many bars of its symbol came before each row.
    """

    frame: pl.DataFrame
    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    ages: NDArray[np.int64]

    @classmethod
    def of(cls, frame: pl.DataFrame) -> BarFeed:
        """Order the bars of `frame`, whose rows may come in any order."""
        keyed = frame.select("symbol", "known_ns").with_row_index("row").sort("known_ns", "symbol")
        order = keyed["row"].to_numpy().astype(np.int64)
        known = keyed["known_ns"].to_numpy()
        starts = np.concatenate(([0], np.flatnonzero(np.diff(known)) + 1, [len(known)])) if len(known) else np.zeros(1)
        ages = keyed.select(pl.int_range(pl.len()).over("symbol"))["literal"].to_numpy()
        return cls(frame[order], order, starts.astype(np.int64), ages.astype(np.int64))

    def __len__(self) -> int:
        return self.frame.height

    @property
    def times(self) -> NDArray[np.int64]:
        """Known time of each bar time, ascending."""
        return self.frame["known_ns"].to_numpy()[self.starts[:-1]]

    def rows(self, first: int = 0, last: int | None = None) -> Iterator[BarRow]:
        """Bar rows ``[first, last)`` in order."""
        part = self.frame[first : len(self) if last is None else last]
        return zip(*(part[name].to_list() for name in FIELDS), strict=True)
