"""Where a trader's bars come from: the contract, and the replay of a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from alphaloop.data.bars import Bars
from alphaloop.trading.feed import BarFeed
from alphaloop.trading.records import BarRow


@dataclass(frozen=True, slots=True)
class BarTime:
    """All bars that became known at one time.

    Attributes
    ----------
    now_ns : int
        Their known_ns.
    rows : list of n bar rows
        Sorted by symbol.
    columns : mapping of str to arrays of shape (n,)
        Everything that the source says about them, for the features.
    """

    now_ns: int
    rows: list[BarRow]
    columns: Mapping[str, NDArray[Any]]

    @property
    def symbols(self) -> list[str]:
        """Symbol of each row."""
        return [row[0] for row in self.rows]


class Source(Protocol):
    """Bars in the order of known time, one `BarTime` after the other; the same ones whenever it is asked again."""

    @property
    def total(self) -> int:
        """Number of bar times, 0 if it has no end."""
        ...

    def bar_times(self, first: int = 0) -> Iterator[BarTime]:
        """Yield the bar times from number `first` on."""
        ...


class ReplaySource:
    """A file, replayed.

    Attributes
    ----------
    feed : BarFeed
        Its bars in the order of known time.
    """

    def __init__(self, bars: Bars) -> None:
        self.feed = BarFeed.of(bars.frame)
        self.symbols = tuple(sorted(bars.symbols))
        skipped = ("symbol", "open_ns", "known_ns")
        frame = self.feed.frame
        self._columns = {name: frame[name].to_numpy() for name in frame.columns if name not in skipped}

    @property
    def total(self) -> int:
        """Number of bar times."""
        return len(self.feed.starts) - 1

    def bar_times(self, first: int = 0) -> Iterator[BarTime]:
        """Yield the bar times from number `first` on."""
        starts = self.feed.starts
        rows = self.feed.rows(int(starts[first]))
        for start, end in zip(starts[first:-1].tolist(), starts[first + 1 :].tolist(), strict=True):
            of_time = [next(rows) for _ in range(start, end)]
            columns = {name: np.ascontiguousarray(values[start:end]) for name, values in self._columns.items()}
            yield BarTime(of_time[0][2], of_time, columns)
