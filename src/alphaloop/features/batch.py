"""Features of a whole table: the same machine as live, symbol by symbol, on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import DTypeLike, NDArray

from alphaloop.core.clock import iso
from alphaloop.core.errors import DataError
from alphaloop.core.settings import nearest
from alphaloop.features.kernels import machine as m
from alphaloop.features.kernels.order import out_of_order
from alphaloop.features.runner import Runner
from alphaloop.features.sets import FeatureSet
from alphaloop.features.state import NEVER
from alphaloop.features.stream import NO_SERIES, feature_dtype

TOGETHER = 16
"""Symbols that share one pass over the rows of the symbols they look at."""

COSTS = {
    m.ELEMENTWISE: 0.5,
    m.EMIT: 1.0,
    m.LOAD: 1.0,
    m.HOLD: 1.5,
    m.MOMENTS_ROWS: 7.0,
    m.EXTREME_ROWS: 6.0,
    m.EXTREME_TIME: 10.0,
    m.TOTAL_TIME: 14.0,
    m.MOMENTS_TIME: 17.0,
    m.SLOPE: 18.0,
    m.AUTOCORR: 26.0,
    m.SPECTRUM: 36.0,
    m.QUANTILE: 60.0,
}
"""Work of an instruction on a row in nanoseconds, about, to share it out; 4 for any other kind."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Where the rows of one symbol are, in order of time: a stretch of the table, or an index of its rows."""

    symbol: str
    start: int
    stop: int
    index: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return self.stop - self.start

    def places(self) -> NDArray[np.int64]:
        """The rows as an index."""
        return np.arange(self.start, self.stop) if self.index is None else self.index


@dataclass(frozen=True, eq=False)
class Table:
    """The columns that a program reads, and whose row each is."""

    columns: list[NDArray[np.float64]]
    times: NDArray[np.int64]
    series: list[Rows]


def compute(features: FeatureSet, frame: pl.DataFrame, threads: int | None, dtype: DTypeLike) -> pl.DataFrame:
    """Features of every row of a table; see `FeatureSet.compute`."""
    kind = feature_dtype(dtype)
    workers = threads or _cores()
    table = _read(features, frame)
    out = np.empty((len(features), len(table.times)), kind)
    if features.references:
        _share_out(workers, [_together(features, table, group, out) for group in _groups(features, table)])
    elif len(table.series) >= 2 * workers or workers == 1:
        _share_out(workers, _one_by_one(features, table, out, workers))
    else:
        _share_out(workers, [_some_features(features, table, part, out) for part in split(features, workers)])
    names = zip(features.names, out, strict=True)
    return pl.DataFrame([frame["symbol"], frame["known_ns"], *(pl.Series(name, row) for name, row in names)])


def _cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _share_out(workers: int, tasks: Sequence[Callable[[], None]]) -> None:
    if workers == 1 or len(tasks) == 1:
        for task in tasks:
            task()
        return
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(task) for task in tasks]:
            done.result()


def _one_by_one(features: FeatureSet, table: Table, out: NDArray[Any], workers: int) -> list[Callable[[], None]]:
    """Tasks, one a worker, that take symbols off one list; a worker's memory is of one series and stays in cache."""
    waiting, lock = iter(table.series), Lock()

    def work() -> None:
        runner = Runner(features.program, 1)
        while rows := _next(waiting, lock):
            runner.state.clear()
            _feed(runner, table, rows, out)

    return [work] * workers


def _next(waiting: Iterator[Rows], lock: Lock) -> Rows | None:
    with lock:
        return next(waiting, None)


def _some_features(features: FeatureSet, table: Table, part: Sequence[int], out: NDArray[Any]) -> Callable[[], None]:
    """A task that computes some of the features of all symbols."""

    def work() -> None:
        runner = Runner(features.select([features.names[i] for i in part]).program, 1)
        columns = [table.columns[features.inputs.index(name)] for name in runner.program.columns]
        # The features of a part are neighbours, so that their rows of the output are one stretch of it.
        mine = out[part[0] : part[-1] + 1]
        for rows in table.series:
            runner.state.clear()
            _feed(runner, Table(columns, table.times, []), rows, mine)

    return work


def _feed(runner: Runner, table: Table, rows: Rows, out: NDArray[Any]) -> None:
    if rows.index is None:
        here = slice(rows.start, rows.stop)
        runner.feed([column[here] for column in table.columns], table.times[here], 0, out, offset=rows.start)
    else:
        runner.feed(table.columns, table.times, 0, out, index=rows.index, target=rows.index)


def split(features: FeatureSet, parts: int) -> list[list[int]]:
    """Neighbouring features in `parts` groups of about equal work, for tables of fewer symbols than cores can share."""
    length = len(features)
    # What a feature adds to those before it, and to those after it: what it shares with its neighbours counts half.
    cost = _added(features) + _added(features.select(features.names[::-1]))[::-1]
    ends = np.searchsorted(np.cumsum(cost), cost.sum() * np.arange(1, parts) / parts) + 1
    groups = [group.tolist() for group in np.split(np.arange(length), np.minimum(ends, length))]
    return [group for group in groups if group]


def _added(features: FeatureSet) -> NDArray[np.float64]:
    """Work that each feature adds to that of the features before it: its instructions end with its own `EMIT`."""
    kinds = features.program.code[:, m.KIND]
    work = np.cumsum([COSTS.get(int(kind), 4.0) for kind in kinds])
    return np.diff(work[kinds == m.EMIT], prepend=0.0)


def _groups(features: FeatureSet, table: Table) -> list[tuple[list[Rows], list[Rows]]]:
    """Groups of symbols, each with all referenced symbols; those are themselves shown in the first group only."""
    known = {rows.symbol: rows for rows in table.series}
    for symbol in features.references:
        if symbol not in known:
            raise DataError(
                f"feature set {features.name!r} looks at symbol {symbol!r}, which the table lacks; "
                f"add its rows, or {nearest(symbol, list(known))}"
            )
    references = [known[symbol] for symbol in features.references]
    others = [rows for rows in table.series if rows.symbol not in features.references]
    groups = [others[i : i + TOGETHER] for i in range(0, len(others), TOGETHER)] or [[]]
    return [(references, group) for group in groups]


def _together(
    features: FeatureSet, table: Table, group: tuple[list[Rows], list[Rows]], out: NDArray[Any]
) -> Callable[[], None]:
    """A task that pushes a group of symbols in order of time, the referenced ones first."""
    references, others = group
    shown = not others or others[0] is next(r for r in table.series if r.symbol not in features.references)

    def work() -> None:
        series = [*references, *others]
        runner = Runner(features.program, len(series))
        runner.refer(range(len(references)))
        index = np.concatenate([rows.places() for rows in series])
        ids = np.repeat(np.arange(len(series)), [len(rows) for rows in series])
        # Stable, so that rows of one time stay in the order of the series.
        order = np.argsort(table.times[index], kind="stable")
        index, ids = index[order], ids[order]
        target = index if shown else np.where(ids < len(references), -1, index)
        runner.feed(table.columns, table.times, ids, out, index=index, target=target)

    return work


def _read(features: FeatureSet, frame: pl.DataFrame) -> Table:
    """Check a table and take from it what the features need, without copying what is laid out as it should be."""
    for name in ("symbol", "known_ns", *features.inputs):
        if name not in frame.columns:
            raise DataError(
                f"the table has no column {name!r}, which {features.name!r} needs; {nearest(name, frame.columns)}"
            )
    if frame["known_ns"].dtype != pl.Int64 or frame["known_ns"].null_count() or frame["symbol"].null_count():
        kind = frame["known_ns"].dtype
        raise DataError(f"known_ns is {kind}; give a symbol and Int64 UTC nanoseconds on every row, none missing")
    columns = []
    for name in features.inputs:
        if not frame[name].dtype.is_numeric() and frame[name].dtype != pl.Boolean:
            raise DataError(f"column {name!r} is of type {frame[name].dtype}, not a number; convert it first")
        columns.append(frame[name].cast(pl.Float64).to_numpy())
    times = frame["known_ns"].to_numpy()
    return Table(columns, times, [_in_order(rows, times) for rows in _by_symbol(frame)])


def _by_symbol(frame: pl.DataFrame) -> list[Rows]:
    runs = frame.select(pl.col("symbol").cast(pl.String).rle()).unnest("symbol")
    symbols, lengths = runs["value"].to_list(), runs["len"].to_numpy().astype(np.int64)
    if len(set(symbols)) == len(symbols):
        stops = np.cumsum(lengths)
        return [Rows(*each) for each in zip(symbols, (stops - lengths).tolist(), stops.tolist(), strict=True)]
    places = frame.select(pl.col("symbol").cast(pl.String), place=pl.int_range(pl.len(), dtype=pl.Int64))
    grouped = places.group_by("symbol", maintain_order=True).agg("place")
    each = zip(grouped["symbol"].to_list(), grouped["place"], strict=True)
    return [Rows(symbol, 0, len(place), place.to_numpy()) for symbol, place in each]


def _in_order(rows: Rows, times: NDArray[np.int64]) -> Rows:
    """The same rows in order of time; two of one time are refused."""
    mine = times[rows.start : rows.stop] if rows.index is None else times[rows.index]
    newest = np.array([NEVER])
    if out_of_order(mine, NO_SERIES, 0, newest) < 0:
        return rows
    order = np.argsort(mine, kind="stable")
    row = out_of_order(mine[order], NO_SERIES, 0, newest)
    if row >= 0:
        when = iso(int(mine[order[row]]))
        raise DataError(f"symbol {rows.symbol!r} has two rows known at {when}; keep one of them")
    return Rows(rows.symbol, 0, len(rows), rows.places()[order])
