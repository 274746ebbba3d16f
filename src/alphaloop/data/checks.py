"""What every bar must satisfy; the first row that does not is named, with what it holds and what to do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.clock import NS_PER_S, iso
from alphaloop.core.errors import DataError
from alphaloop.data.columns import PRICES

# An open or close may leave [low, high] by this share of the price: rounding of adjusted or rescaled prices.
ROUNDING = 1e-9

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Bars in the order of their file, for checks that point at rows.

    Attributes
    ----------
    source : name of the file
    symbols : names, and `codes` int64 (n,) indexes into them
    stamp_ns : int64 (n,), as the file stamps its bars
    """

    source: str
    symbols: tuple[str, ...]
    codes: NDArray[np.int64]
    stamp_ns: NDArray[np.int64]

    def order(self) -> NDArray[np.int64]:
        """Rows by symbol, each symbol's rows in file order."""
        if bool((np.diff(self.codes) >= 0).all()):
            return np.arange(len(self.codes), dtype=np.int64)
        return np.argsort(self.codes, kind="stable").astype(np.int64)

    def name(self, row: int) -> str:
        """Symbol and time of a 0-based row, for people."""
        return f"{self.symbols[self.codes[row]]} at {iso(int(self.stamp_ns[row]))}"


def check_prices(rows: Rows, prices: dict[str, Floats], columns: dict[str, str]) -> dict[str, Floats]:
    """Check four price arrays (n,) and return them consistent: high and low include open and close.

    Raises
    ------
    DataError
        With the first row whose price is missing, not finite, zero, negative, or outside its bar's range by more than
        a rounding error (`ROUNDING`).
    """
    for price in PRICES:
        values = prices[price]
        if not bool((np.isfinite(values) & (values > 0)).all()):
            _refuse_price(rows, values, columns[price])
    top = np.maximum(prices["open"], prices["close"])
    bottom = np.minimum(prices["open"], prices["close"])
    high, low = prices["high"], prices["low"]
    _refuse_first(rows, high < low, prices, columns, ("high", "low"), "is below")
    allowed = top * ROUNDING
    _refuse_first(rows, prices["open"] > high + allowed, prices, columns, ("open", "high"), "is above")
    _refuse_first(rows, prices["close"] > high + allowed, prices, columns, ("close", "high"), "is above")
    _refuse_first(rows, prices["open"] < low - allowed, prices, columns, ("open", "low"), "is below")
    _refuse_first(rows, prices["close"] < low - allowed, prices, columns, ("close", "low"), "is below")
    return {**prices, "high": np.maximum(high, top), "low": np.minimum(low, bottom)}


def check_volume(rows: Rows, volume: Floats, column: str) -> None:
    """Check a volume array (n,); NaN is allowed and means that the file does not know.

    Raises
    ------
    DataError
        With the first row whose volume is negative or infinite.
    """
    bad = (volume < 0) | np.isinf(volume)
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"{rows.source}: row {row + 1} ({rows.name(row)}) has {column} {volume[row]:g}; "
            f"correct it, or leave it blank where volume is unknown"
        )


def find_step(rows: Rows, order: NDArray[np.int64], step_ns: int | None) -> int:
    """Nanoseconds from one bar to the next: `step_ns`, or the most common difference, the smaller of two as common.

    Gaps are fine; a bar closer to the one before it than the step overlaps it and is refused.

    Raises
    ------
    DataError
        With the first row that repeats, precedes or overlaps the row before it, or when no symbol has two rows.
    """
    same = np.diff(rows.codes[order]) == 0
    gaps = np.diff(rows.stamp_ns[order])
    if bool((same & (gaps <= 0)).any()):
        _refuse_order(rows, order, gaps, int(np.argmax(same & (gaps <= 0))))
    if step_ns is None:
        inside = gaps[same]
        if not len(inside):
            raise DataError(f"{rows.source}: one row per symbol does not tell the bar step; give it with --step-s")
        values, counts = np.unique(inside, return_counts=True)
        step_ns = int(values[np.argmax(counts)])
    short = same & (gaps < step_ns)
    if bool(short.any()):
        at = int(np.argmax(short))
        row, before = int(order[at + 1]), int(order[at])
        raise DataError(
            f"{rows.source}: row {row + 1} ({rows.name(row)}) is {gaps[at] / NS_PER_S:g} s after row {before + 1}, "
            f"closer than the bar step of {step_ns / NS_PER_S:g} s; remove the odd row or give the true --step-s"
        )
    return step_ns


def _refuse_order(rows: Rows, order: NDArray[np.int64], gaps: NDArray[np.int64], at: int) -> None:
    row, before = int(order[at + 1]), int(order[at])
    if gaps[at] == 0:
        raise DataError(
            f"{rows.source}: row {row + 1} repeats the bar of row {before + 1} ({rows.name(row)}); keep one of them"
        )
    raise DataError(
        f"{rows.source}: row {row + 1} ({rows.name(row)}) comes after row {before + 1} at the later time "
        f"{iso(int(rows.stamp_ns[before]))}; sort the file by symbol and time"
    )


def _refuse_price(rows: Rows, values: Floats, column: str) -> None:
    row = int(np.argmax(~(np.isfinite(values) & (values > 0))))
    value = values[row]
    what = f"no {column}" if np.isnan(value) else f"{column} {value:g}"
    raise DataError(
        f"{rows.source}: row {row + 1} ({rows.name(row)}) has {what}; prices must be positive numbers, "
        f"so correct the row or remove it"
    )


def _refuse_first(
    rows: Rows,
    bad: NDArray[np.bool_],
    prices: dict[str, Floats],
    columns: dict[str, str],
    pair: tuple[str, str],
    relation: str,
) -> None:
    if not bad.any():
        return
    row = int(np.argmax(bad))
    first, second = (f"{columns[price]} {float(prices[price][row])!r}" for price in pair)
    raise DataError(
        f"{rows.source}: row {row + 1} ({rows.name(row)}) has {first} which {relation} {second}; "
        f"correct the row or remove it"
    )
