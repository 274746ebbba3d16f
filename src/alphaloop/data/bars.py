"""Bars: checked, sorted, in UTC, known at their close."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alphaloop.core.clock import to_ns
from alphaloop.core.errors import DataError, InputError
from alphaloop.core.hashing import hash_file
from alphaloop.data.checks import Rows, check_prices, check_volume, find_step
from alphaloop.data.columns import PRICES, Layout, find_layout
from alphaloop.data.native import refusing_panics
from alphaloop.data.tables import read_table, stem
from alphaloop.data.times import join_date_and_clock, parse_times

COLUMNS = ("symbol", "open_ns", "known_ns", "open", "high", "low", "close", "volume")

Stamp = Literal["open", "close"]


@dataclass(frozen=True, eq=False)
class Bars:
    """Bars of one or several symbols with one step.

    A bar covers ``[open_ns, known_ns)`` and is known at its close, ``known_ns = open_ns + step_ns``.

    Attributes
    ----------
    frame : DataFrame (n, 8)
        symbol String; open_ns, known_ns Int64 (UTC nanoseconds); open, high, low, close, volume Float64. Sorted by
        (symbol, known_ns), which is unique. Prices are positive and ``low <= open, close <= high``; volume is NaN where
        the file does not say.
    step_ns : int
    source : str
        Name of the file, without its folder.
    sha256 : str
        Of the file's bytes, 64 hex digits.
    """

    frame: pl.DataFrame
    step_ns: int
    source: str
    sha256: str

    def __len__(self) -> int:
        return self.frame.height

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Names in the order of the frame."""
        return tuple(self.frame["symbol"].unique(maintain_order=True).to_list())

    def only(self, symbols: Iterable[str]) -> Bars:
        """Keep the bars of some symbols.

        Raises
        ------
        DataError
            If a symbol is not there.
        """
        wanted = list(symbols)
        for name in wanted:
            if name not in self.symbols:
                raise DataError(f"{self.source}: no symbol {name!r}; it holds {_listed(self.symbols)}")
        return Bars(self.frame.filter(pl.col("symbol").is_in(wanted)), self.step_ns, self.source, self.sha256)


def read_bars(
    path: str | Path,
    *,
    timezone: str | None = None,
    stamp: Stamp = "open",
    symbol: str | None = None,
    step_s: float | None = None,
) -> Bars:
    """Read bars from Parquet, CSV (also gzip) or Feather.

    Columns are found by the usual spellings (`alphaloop.data.columns`). Files that quote bid and ask become bars of the
    mid, without volume.

    Parameters
    ----------
    path : file
    timezone : IANA name, needed where the file's times name no zone, and applied to those alone
    stamp : whether the file's time is a bar's open or its close
    symbol : name for a file without a symbol column (default: its stem); in a file that has one, the symbol to keep
    step_s : seconds from bar to bar; by default the most common difference within symbols

    Raises
    ------
    DataError
        One sentence with file, row (1-based, the header not counted), value and next step, for the first thing wrong.

    Notes
    -----
    Gaps are allowed, as is an unknown volume (null or NaN, kept as NaN). An open or close that leaves the range of its
    bar by a rounding error (1e-9 of the price) widens the range.
    """
    file = Path(path)
    table = read_table(file)
    with refusing_panics(file.name):
        return bars_from_table(
            table,
            source=file.name,
            sha256=hash_file(file),
            timezone=timezone,
            stamp=stamp,
            symbol=symbol,
            default_symbol=stem(file),
            step_s=step_s,
        )


def bars_from_table(
    table: pl.DataFrame,
    *,
    source: str,
    sha256: str,
    timezone: str | None = None,
    stamp: Stamp = "open",
    symbol: str | None = None,
    default_symbol: str = "",
    step_s: float | None = None,
) -> Bars:
    """Check a raw table and turn it into bars; everything is as in `read_bars`."""
    stamp = parse_stamp(stamp)
    if step_s is not None and not (math.isfinite(step_s) and step_s > 0):
        raise DataError(f"{source}: a bar step of {step_s!r} s is not possible; give a positive number of seconds")
    layout = find_layout(table, source)
    names, codes = _symbols(table, layout, symbol or default_symbol or source, source)
    stamp_ns = parse_times(_time_column(table, layout), timezone, source)
    rows = Rows(source, names, codes, stamp_ns)
    prices = _mid([_prices(table, columns, rows) for columns in layout.prices])
    volume = _volume(table, layout, rows)
    order = rows.order()
    step_ns = find_step(rows, order, None if step_s is None else to_ns(step_s))
    open_ns = stamp_ns - step_ns if stamp == "close" else stamp_ns
    frame = pl.DataFrame(
        {
            "symbol": pl.Series(codes, dtype=pl.Int64).replace_strict(dict(enumerate(names)), return_dtype=pl.String),
            "open_ns": open_ns,
            "known_ns": open_ns + step_ns,
            **prices,
            "volume": volume,
        }
    )
    if len(names) > 1:
        frame = frame[order]
    bars = Bars(frame, step_ns, source, sha256)
    return bars.only([symbol]) if layout.symbol is not None and symbol is not None else bars


def parse_stamp(text: str) -> Stamp:
    """Check a word for what a bar's time names.

    Raises
    ------
    InputError
        If it is neither ``open`` nor ``close``.
    """
    stamps: dict[str, Stamp] = {"open": "open", "close": "close"}
    if text in stamps:
        return stamps[text]
    raise InputError(f"stamp {text!r} is not possible; choose open or close")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")


def _time_column(table: pl.DataFrame, layout: Layout) -> pl.Series:
    if len(layout.time) == 1:
        return table[layout.time[0]]
    return join_date_and_clock(table[layout.time[0]], table[layout.time[1]])


def _symbols(
    table: pl.DataFrame, layout: Layout, default: str, source: str
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Sorted names, and one code per row."""
    if layout.symbol is None:
        return (default,), np.zeros(table.height, np.int64)
    raw = table[layout.symbol]
    if not (raw.dtype.is_integer() or raw.dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null)):
        raise DataError(f"{source}: column {raw.name!r} holds {raw.dtype}, not names of symbols; export it as text")
    column = raw.cast(pl.String)
    empty = column.is_null() | (column.str.strip_chars() == "")
    if empty.any():
        row = int(np.argmax(empty.to_numpy())) + 1
        raise DataError(f"{source}: row {row} has no {layout.symbol}; name the symbol in every row")
    names = tuple(column.unique().sort().to_list())
    codes = column.replace_strict(dict(zip(names, range(len(names)), strict=True)), return_dtype=pl.Int64)
    return names, codes.to_numpy()


def _prices(table: pl.DataFrame, columns: dict[str, str], rows: Rows) -> dict[str, NDArray[np.float64]]:
    values = {price: _numbers(table[columns[price]], rows.source) for price in PRICES}
    return check_prices(rows, values, columns)


def _mid(sides: list[dict[str, NDArray[np.float64]]]) -> dict[str, NDArray[np.float64]]:
    if len(sides) == 1:
        return {price: sides[0][price] for price in PRICES}
    bid, ask = sides
    return {price: 0.5 * (bid[price] + ask[price]) for price in PRICES}


def _volume(table: pl.DataFrame, layout: Layout, rows: Rows) -> NDArray[np.float64]:
    if layout.volume is None:
        return np.full(table.height, np.nan)
    volume = _numbers(table[layout.volume], rows.source)
    check_volume(rows, volume, layout.volume)
    return volume


def _numbers(column: pl.Series, source: str) -> NDArray[np.float64]:
    """Float64 values, NaN for null; text must spell numbers."""
    if not (column.dtype.is_numeric() or column.dtype in (pl.String, pl.Null)):
        raise DataError(f"{source}: column {column.name!r} holds {column.dtype}, not numbers; export it as numbers")
    text = column.str.strip_chars() if column.dtype == pl.String else column
    numbers = text.cast(pl.Float64, strict=False)
    wrong = numbers.is_null() & column.is_not_null()
    if wrong.any():
        row = int(np.argmax(wrong.to_numpy()))
        raise DataError(
            f"{source}: row {row + 1} has {column.name} {column[row]!r}, which is not a number; correct the row"
        )
    return numbers.fill_null(np.nan).to_numpy()
