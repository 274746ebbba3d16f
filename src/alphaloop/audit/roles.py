"""Which column of a table plays which part in time: the stamp, when it was known, whose row it is, what it is worth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alphaloop.core.errors import DataError
from alphaloop.data.columns import PRICE_SPELLINGS, SYMBOL_SPELLINGS, TIME_SPELLINGS, VOLUME_SPELLINGS, normalise
from alphaloop.data.times import parse_times

KNOWN_SPELLINGS = (
    "knownns", "knownat", "knowntime", "known", "availablens", "availableat", "availabletime", "publishedat",
    "publishtime", "publicationtime", "releasedat", "releasetime", "receivedat", "receivetime", "arrivaltime",
    "localns",
)  # fmt: skip
STAMP_SPELLINGS = ("openns", *TIME_SPELLINGS, "eventns", "eventtime", "closetime", "knownns")
PRICE_WORDS = ("open", "high", "low", "close", "price", "bid", "ask", "mid", "vwap")
VOLUME_WORDS = ("volume", "qty", "size", "amount", "trades", "count")


@dataclass(frozen=True)
class Roles:
    """The parts that columns play.

    Attributes
    ----------
    time, known, symbol, target : str or None
        Names of columns; None where the table has none.
    prices : tuple of str
        Columns that scale together when prices are changed.
    highs, lows : tuple of str
        Columns that bound the other prices of their row from above and below.
    volumes : tuple of str
        Columns of quantities.
    times : tuple of str
        Every column that holds a time, the stamp included.
    """

    time: str | None
    known: str | None
    symbol: str | None
    target: str | None
    prices: tuple[str, ...]
    highs: tuple[str, ...]
    lows: tuple[str, ...]
    volumes: tuple[str, ...]
    times: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the worker."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Roles:
        """Undo `to_dict`, after JSON."""
        plain: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**plain)


def find_roles(table: pl.DataFrame, target: str | None = None) -> Roles:
    """Tell the parts from names and types.

    Raises
    ------
    DataError
        If `target` is not a column.
    """
    if target is not None and target not in table.columns:
        raise DataError(f"target {target!r} is not a column of the table; its columns are {', '.join(table.columns)}")
    names = {normalise(name): name for name in reversed(table.columns)}
    numeric = [name for name in table.columns if table[name].dtype.is_numeric() and name != target]
    temporal = [name for name in table.columns if table[name].dtype in (pl.Date, pl.Datetime)]
    time = _first(names, STAMP_SPELLINGS) or next(iter(temporal), None)
    known = _first(names, KNOWN_SPELLINGS)
    times = {name for name in (time, known, *temporal) if name is not None} | {
        name for key, name in names.items() if name in numeric and key in _EPOCH_NAMES
    }
    values = [name for name in numeric if name not in times]
    prices = [name for name in values if _mentions(name, PRICE_WORDS, "price") and not _mentions(name, VOLUME_WORDS)]
    return Roles(
        time=time,
        known=None if known == time else known,
        symbol=_first(names, SYMBOL_SPELLINGS),
        target=target,
        prices=tuple(prices),
        highs=tuple(name for name in prices if _ends(name, "high")),
        lows=tuple(name for name in prices if _ends(name, "low")),
        volumes=tuple(name for name in values if name not in prices and _mentions(name, VOLUME_WORDS, "volume")),
        times=tuple(name for name in table.columns if name in times),
    )


def known_times(
    table: pl.DataFrame, roles: Roles, *, timezone: str | None = None, stamp: str = "open"
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """When each row is stamped and when it was known, in UTC nanoseconds.

    A column of known times decides where there is one. Elsewhere a row stamped at its open is known one step of its own
    symbol later, so that an hourly row beside minute rows is not known before its hour is over. Without any time, the
    order of the rows is time: one row, one second.

    Returns
    -------
    (time_ns, known_ns) : two int64 arrays (n,)

    Raises
    ------
    DataError
        If a time is missing or cannot be read.
    """
    if roles.time is None:
        order = np.arange(table.height, dtype=np.int64) * 1_000_000_000
        return order, order.copy()
    time = _read(table[roles.time], timezone)
    if roles.known is not None:
        return time, _read(table[roles.known], timezone)
    steps = np.zeros(table.height, np.int64)
    if stamp == "open":
        for rows in symbol_rows(table, roles):
            steps[rows] = _step(time[rows])
    return time, time + steps


def symbol_rows(table: pl.DataFrame, roles: Roles) -> Iterable[NDArray[np.int64]]:
    """Rows of each symbol; all rows where there is no symbol column."""
    if roles.symbol is None:
        return [np.arange(table.height)]
    codes = table[roles.symbol].rank("dense").fill_null(0).to_numpy()
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)


def _read(column: pl.Series, timezone: str | None) -> NDArray[np.int64]:
    """Read times as nanoseconds; zone-less ones count as UTC, because here only their order matters."""
    if column.dtype.is_integer() and not column.has_nulls():
        values = column.cast(pl.Int64).to_numpy()
        if len(values) and np.abs(values).max() < 10**8:
            return values * 1_000_000_000
    return parse_times(column, timezone or "UTC", column.name)


def _step(times: NDArray[np.int64]) -> int:
    steps = np.diff(np.unique(times))
    return int(np.median(steps)) if len(steps) else 0


def _first(names: dict[str, str], spellings: tuple[str, ...]) -> str | None:
    return next((names[spelling] for spelling in spellings if spelling in names), None)


def _mentions(name: str, words: tuple[str, ...], part: str = "") -> bool:
    key = normalise(name)
    exact = {"price": [key for keys in PRICE_SPELLINGS.values() for key in keys], "volume": list(VOLUME_SPELLINGS)}
    return key in exact.get(part, ()) or any(word in key for word in words)


def _ends(name: str, word: str) -> bool:
    key = normalise(name)
    return key in PRICE_SPELLINGS[word] or key.endswith(word)


_EPOCH_NAMES = frozenset((*KNOWN_SPELLINGS, "openns", "eventns", "opentime", "closetime", "timestamp", "eventtime"))
