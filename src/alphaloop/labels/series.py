"""Bars as the flat arrays that label kernels walk: symbols one after the other, each in the order of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alphaloop.core.clock import iso
from alphaloop.core.errors import DataError

PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Series:
    """Bars sorted by symbol and known time.

    Attributes
    ----------
    symbol : polars.Series of shape (n,)
        Symbols in the order of the frame that was given.
    ends : int64 array of shape (n,)
        For each sorted row, one past the last row of its symbol.
    open_ns, known_ns : int64 arrays of shape (n,)
        Half-open bars ``[open_ns, known_ns)``.
    columns : dict of float64 arrays of shape (n,)
        open, high, low, close and what was asked for besides.
    order : int64 array of shape (n,) or None
        Row of the given frame at each sorted place; None if the frame was sorted already.
    """

    symbol: pl.Series
    ends: NDArray[np.int64]
    open_ns: NDArray[np.int64]
    known_ns: NDArray[np.int64]
    columns: dict[str, NDArray[np.float64]]
    order: NDArray[np.int64] | None

    @classmethod
    def of(cls, frame: pl.DataFrame, extra: tuple[str, ...] = ()) -> Series:
        """Read `frame`; raises `DataError` if a column is missing or a bar occurs twice."""
        wanted = ("symbol", "open_ns", "known_ns", *PRICES, *extra)
        for name in wanted:
            if name not in frame.columns:
                raise DataError(f"bars for labels have no column {name!r}, only {frame.columns}; compute it first")
        codes = frame["symbol"].rank("dense").fill_null(0).to_numpy().astype(np.int64)
        known = frame["known_ns"].to_numpy()
        order = None if _sorted(codes, known) else np.lexsort((known, codes))
        if order is not None:
            frame, codes, known = frame[order], codes[order], known[order]
        _require_unique(frame, codes, known)
        columns = {name: np.ascontiguousarray(frame[name].cast(pl.Float64).to_numpy()) for name in (*PRICES, *extra)}
        symbol = frame["symbol"] if order is None else frame["symbol"][np.argsort(order)]
        opened = np.ascontiguousarray(frame["open_ns"].to_numpy())
        return cls(symbol, _ends(codes), opened, np.ascontiguousarray(known), columns, order)

    def __len__(self) -> int:
        return len(self.known_ns)

    def restore(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """Put one value per sorted row back into the order of the given frame."""
        if self.order is None:
            return values
        back = np.empty_like(values)
        back[self.order] = values
        return back


def _sorted(codes: NDArray[np.int64], known: NDArray[np.int64]) -> bool:
    step = np.diff(codes)
    return bool(np.all((step > 0) | ((step == 0) & (np.diff(known) > 0))))


def _require_unique(frame: pl.DataFrame, codes: NDArray[np.int64], known: NDArray[np.int64]) -> None:
    twice = np.flatnonzero((np.diff(codes) == 0) & (np.diff(known) == 0))
    if len(twice):
        row = int(twice[0])
        raise DataError(
            f"bars for labels: symbol {frame['symbol'][row]!r} has two bars known at {iso(int(known[row]))}; "
            "keep one bar per symbol and time"
        )


def _ends(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    borders = np.append(np.flatnonzero(np.diff(codes)) + 1, len(codes)).astype(np.int64)
    lengths = np.diff(np.concatenate(([0], borders)))
    return np.repeat(borders, lengths)
