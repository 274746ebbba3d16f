"""Where to cut: the rows on which a leak that does not show everywhere is likeliest to show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alphaloop.audit.roles import Roles, symbol_rows
from alphaloop.core.clock import NS_PER_DAY

Rows = NDArray[np.int64]

HOUR_NS = NS_PER_DAY // 24
MAX_SYMBOLS = 6


def notable_cuts(
    table: pl.DataFrame, roles: Roles, time: Rows, known: Rows, first: int, rng: np.random.Generator
) -> list[int]:
    """Choose indices into the distinct known times after which to cut, the most telling first.

    Around every notable row three cuts are made: the row is the first of the future, the last of the past, and one
    before it. Rows are notable by their return, range and volume, by a gap or a border of an hour, day, week or month
    beside them, by missing values, by being the first or last of the file or of a symbol; and some are drawn at random.

    Parameters
    ----------
    first : int
        Index of the first distinct known time at which the function has said something.
    """
    moments = np.unique(known)
    last = len(moments) - 2
    if last < 1:
        return []
    groups = [list(rows) for rows in _notable_rows(table, roles, time, known, rng)]
    cuts: dict[int, None] = dict.fromkeys([min(first + 1, last), last, last // 2])
    for rows in _round_robin(groups):
        at = int(np.searchsorted(moments, known[rows]))
        for cut in (at, at - 1, at - 2):
            if 0 <= cut <= last:
                cuts.setdefault(cut)
    return list(cuts)


def _round_robin(groups: list[list[int]]) -> Iterator[int]:
    for place in range(max((len(group) for group in groups), default=0)):
        yield from (group[place] for group in groups if place < len(group))


def _notable_rows(
    table: pl.DataFrame, roles: Roles, time: Rows, known: Rows, rng: np.random.Generator
) -> Iterable[Iterable[int]]:
    yield rng.integers(0, len(known), 24)
    spans = sorted(symbol_rows(table, roles), key=len, reverse=True)[:MAX_SYMBOLS]
    for rows in spans:
        rows = rows[np.argsort(known[rows], kind="stable")]
        if len(rows) < 3:
            continue
        yield [int(rows[0]), int(rows[1]), int(rows[-1])]
        yield _gaps(rows, time)
        yield _borders(rows, time, rng)
        yield _returns(table, roles, rows)
        yield _sizes(table, roles, rows)
        yield _missing(table, rows)


def _extremes(rows: Rows, score: NDArray[np.float64], count: int) -> Rows:
    score = np.where(np.isfinite(score), score, -np.inf)
    return rows[np.argsort(score)[::-1][:count]]


def _close(table: pl.DataFrame, roles: Roles) -> str | None:
    return next((name for name in roles.prices if name.lower().endswith("close")), next(iter(roles.prices), None))


def _returns(table: pl.DataFrame, roles: Roles, rows: Rows) -> Rows:
    name = _close(table, roles)
    if name is None:
        return rows[:0]
    values = table[name].cast(pl.Float64).to_numpy()[rows]
    with np.errstate(all="ignore"):
        moves = np.diff(np.log(values), prepend=np.nan)
    ends = [_extremes(rows, moves, 3), _extremes(rows, -moves, 3)]
    return np.stack([*ends, _extremes(rows, values, 3), _extremes(rows, -values, 3)], axis=1).reshape(-1)


def _sizes(table: pl.DataFrame, roles: Roles, rows: Rows) -> Rows:
    found = []
    if len(roles.highs) and len(roles.lows):
        high, low = (table[names[0]].cast(pl.Float64).to_numpy()[rows] for names in (roles.highs, roles.lows))
        with np.errstate(all="ignore"):
            found.append(_extremes(rows, high / low, 3))
    for name in roles.volumes[:2]:
        volume = table[name].cast(pl.Float64).to_numpy()[rows]
        found += [_extremes(rows, volume, 4), _extremes(rows, -volume, 2)]
    return np.concatenate(found) if found else rows[:0]


def _gaps(rows: Rows, time: Rows) -> Rows:
    steps = np.diff(time[rows], prepend=time[rows[0]])
    usual = np.median(steps)
    late = np.flatnonzero(steps > 1.5 * usual)
    return _extremes(rows[late], steps[late].astype(np.float64), 4)


def _borders(rows: Rows, time: Rows, rng: np.random.Generator) -> list[int]:
    """First rows of hours, days, weeks and months."""
    stamps = time[rows]
    months = stamps.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    found = []
    for period in (months, (stamps // NS_PER_DAY + 3) // 7, stamps // NS_PER_DAY, stamps // HOUR_NS):
        starts = rows[1:][np.diff(period) != 0]
        found += [int(row) for row in rng.permutation(starts)[:3]]
    return found


def _missing(table: pl.DataFrame, rows: Rows) -> Rows:
    flags = [
        (pl.col(n).is_null() | pl.col(n).cast(pl.Float64).is_nan()) for n, k in table.schema.items() if k.is_numeric()
    ]
    if not flags:
        return rows[:0]
    bad = table.select(pl.any_horizontal(*flags).fill_null(True)).to_series().to_numpy()[rows]
    starts = np.flatnonzero(np.diff(bad.astype(np.int8), prepend=0) == 1)
    return rows[starts][:4]
