"""Which column of a file plays which part, whatever it is called."""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from alphaloop.core.errors import DataError

PRICES = ("open", "high", "low", "close")

# Spellings are compared lower-case without anything but letters and digits; the first one present wins.
TIME_SPELLINGS = (
    "opentime",
    "bartime",
    "starttime",
    "timestamp",
    "ts",
    "unix",
    "unixtimestamp",
    "epoch",
    "datetime",
    "date",
    "time",
    "gmttime",
    "t",
    "indexlevel0",
)
SYMBOL_SPELLINGS = ("symbol", "pair", "ticker", "instrument", "sym", "tic", "coin", "asset", "s")
VOLUME_SPELLINGS = ("volume", "basevolume", "volumebase", "tickvolume", "tickvol", "vol", "v", "realvolume")
PRICE_SPELLINGS = {
    "open": ("open", "openprice", "priceopen", "o"),
    "high": ("high", "highprice", "pricehigh", "h"),
    "low": ("low", "lowprice", "pricelow", "l"),
    "close": ("close", "closeprice", "priceclose", "c"),
}


@dataclass(frozen=True)
class Layout:
    """The parts of a bar table by the names its file gives them.

    Attributes
    ----------
    time : tuple of str
        One column, or a date column and a time-of-day column.
    prices : tuple of dict
        One mapping open/high/low/close -> column; two of them (bid, ask) when the file quotes both sides.
    symbol, volume : str or None
        None where the file has no such column.
    """

    time: tuple[str, ...]
    prices: tuple[dict[str, str], ...]
    symbol: str | None
    volume: str | None


def normalise(name: str) -> str:
    """Spell a column name as it is compared: lower-case letters and digits only."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def find_layout(table: pl.DataFrame, source: str) -> Layout:
    """Find time, symbol, prices and volume among the columns of `table`.

    Raises
    ------
    DataError
        If a part is missing, or two columns spell it the same way.
    """
    names: dict[str, str] = {}
    for column in table.columns:
        key = normalise(column)
        if key in names and key in _ALL_SPELLINGS:
            raise DataError(f"{source}: columns {names[key]!r} and {column!r} both spell {key!r}; rename one of them")
        names.setdefault(key, column)
    prices = _find_prices(names)
    if prices is None:
        raise DataError(_missing(table, source, "open, high, low and close prices"))
    time = _find_time(table, names)
    if time is None:
        raise DataError(_missing(table, source, "a time"))
    return Layout(time, prices, _first(names, SYMBOL_SPELLINGS), _first(names, VOLUME_SPELLINGS))


def _first(names: dict[str, str], spellings: tuple[str, ...]) -> str | None:
    return next((names[spelling] for spelling in spellings if spelling in names), None)


def _find_prices(names: dict[str, str]) -> tuple[dict[str, str], ...] | None:
    found = {price: _first(names, PRICE_SPELLINGS[price]) for price in PRICES}
    trade = {price: column for price, column in found.items() if column is not None}
    if len(trade) == len(PRICES):
        return (trade,)
    sides = []
    for side in ("bid", "ask"):
        columns = {p: names[key] for p in PRICES for key in (side + p, side + p[0], p + side) if key in names}
        if len(columns) < len(PRICES):
            return None
        sides.append(columns)
    return tuple(sides)


def _find_time(table: pl.DataFrame, names: dict[str, str]) -> tuple[str, ...] | None:
    first = _first(names, TIME_SPELLINGS)
    if first is None:
        return None
    if normalise(first) == "date" and "time" in names and _is_time_of_day(table[names["time"]]):
        return (first, names["time"])
    return (first,)


def _is_time_of_day(column: pl.Series) -> bool:
    if column.dtype == pl.Time:
        return True
    if column.dtype != pl.String:
        return False
    filled = column.drop_nulls()
    return bool(filled.len()) and re.match(r"\s*\d{1,2}:\d{2}", str(filled[0])) is not None


def _missing(table: pl.DataFrame, source: str, what: str) -> str:
    found = ", ".join(table.columns[:12]) + (", ..." if table.width > 12 else "")
    if all(re.fullmatch(r"[-+.\deE]*(_duplicated_\d+)?", column) for column in table.columns):
        return f"{source} has no header line, its first line is data ({found}); put names on top: {_USUAL}"
    return f"{source}: no columns hold {what} (columns found: {found}); rename them to {_USUAL}"


_USUAL = "symbol, date, open, high, low, close, volume"
_ALL_SPELLINGS = frozenset(
    [
        *TIME_SPELLINGS,
        *SYMBOL_SPELLINGS,
        *VOLUME_SPELLINGS,
        *(spelling for spellings in PRICE_SPELLINGS.values() for spelling in spellings),
        *(side + price for side in ("bid", "ask") for price in PRICES),
    ]
)
