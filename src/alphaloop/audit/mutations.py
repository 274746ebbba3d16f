"""Other futures: what may stand after a cut without moving anything before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from alphaloop.audit.tables import Table

Mask = NDArray[np.bool_]

GAP_NS = 3 * 86_400 * 1_000_000_000 + 7 * 60 * 1_000_000_000


def mutate(table: Table, kind: str, future: Mask, rng: np.random.Generator) -> Table:
    """Change every row of `future` and none of the others.

    Parameters
    ----------
    table : Table
    kind : one of `KINDS`
    future : bool (n,)
        Rows that may change; the target column, where there is one, changes by `hide_target`.
    rng : numpy.random.Generator

    Returns
    -------
    Table
        As long as `table`, except for ``truncated``.
    """
    return KINDS[kind](table, future, rng)


def truncated(table: Table, future: Mask, rng: np.random.Generator) -> Table:
    """End the table at the cut."""
    return table.take(np.flatnonzero(~future))


def noise(table: Table, future: Mask, rng: np.random.Generator) -> Table:
    """Another plausible market: bars stay valid, prices walk elsewhere, text and other values change rows."""
    rows = np.flatnonzero(future)
    changed = _shuffle_others(table, rows, rng)
    drift = np.exp(0.3 * rng.standard_normal() + np.cumsum(0.01 * rng.standard_normal(len(rows))))
    factor = drift * np.exp(0.02 * rng.standard_normal(len(rows)))
    columns = _price_columns(table, rows, factor, rng)
    for name in table.measures():
        if name in columns:
            continue
        values = table.numbers(name)
        part = rng.permutation(values[rows])
        if name in table.roles.volumes:
            part = part * np.exp(rng.standard_normal(len(rows)))
        elif table.columns[name].values.dtype.kind == "b":  # type: ignore[union-attr]
            part = (rng.random(len(rows)) < 0.5).astype(np.float64)
        else:
            part = part + _spread(values) * rng.standard_normal(len(rows))
        values[rows] = part
        columns[name] = values
    return changed.put(**columns)


def not_numbers(table: Table, future: Mask, rng: np.random.Generator) -> Table:
    """NaN in every number that can say so."""
    columns = {}
    for name in _floats(table):
        values = table.numbers(name)
        values[future] = np.nan
        columns[name] = values
    return table.put(**columns)


def nulls(table: Table, future: Mask, rng: np.random.Generator) -> Table:
    """Null in every number."""
    for name in table.measures():
        table = table.hide(name, future)
    return table


def tenfold(table: Table, future: Mask, rng: np.random.Generator) -> Table:
    """All numbers ten times as large."""
    return _scaled(table, future, 10.0)


def tenth(table: Table, future: Mask, rng: np.random.Generator) -> Table:
    """All numbers a tenth."""
    return _scaled(table, future, 0.1)


def permuted(table: Table, future: Mask, rng: np.random.Generator) -> Table:
    """Put the same rows in another order, under the old stamps."""
    rows = np.flatnonzero(future)
    return _moved(table, rows, rng.permutation(rows))


def backwards(table: Table, future: Mask, rng: np.random.Generator) -> Table:
    """Put the same rows from last to first, under the old stamps."""
    rows = np.flatnonzero(future)
    return _moved(table, rows, rows[::-1])


def frozen(table: Table, future: Mask, rng: np.random.Generator) -> Table:
    """Let the market stand still at its last known price, without trades."""
    columns = {}
    past = np.flatnonzero(~future)
    last = past[np.argmax(table.known[past])] if len(past) else 0
    anchor = next((n for n in table.roles.prices if n.lower().endswith("close")), None)
    for name in table.measures():
        values = table.numbers(name)
        source = values if anchor is None or name not in table.roles.prices else table.numbers(anchor)
        values[future] = 0.0 if name in table.roles.volumes else source[last]
        columns[name] = values
    return table.put(**columns)


def delayed(table: Table, future: Mask, rng: np.random.Generator) -> Table:
    """Let the same rows come days later."""
    return table.retime(table.time + np.where(future, GAP_NS, 0))


def extreme(table: Table, future: Mask, rng: np.random.Generator) -> Table:
    """All numbers a thousand times as large, and noisy: what shows through the noise of a column that is not exact."""
    return _scaled(noise(table, future, rng), future, 1000.0)


KINDS: dict[str, Callable[[Table, Mask, np.random.Generator], Table]] = {
    "truncated": truncated,
    "noise": noise,
    "NaN": not_numbers,
    "null": nulls,
    "scaled x10": tenfold,
    "scaled x0.1": tenth,
    "permuted": permuted,
    "reversed": backwards,
    "constant": frozen,
    "delayed": delayed,
    "extreme": extreme,
}
SAME_LENGTH = tuple(kind for kind in KINDS if kind not in ("truncated", "extreme"))


def _price_columns(
    table: Table, rows: NDArray[np.int64], factor: NDArray[np.float64], rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    """Prices times one factor a row, moved inside the bar where a bar has a high and a low."""
    columns = {}
    for name in table.roles.prices:
        values = table.numbers(name)
        values[rows] *= factor
        columns[name] = values
    if len(table.roles.highs) == 1 and len(table.roles.lows) == 1:
        high, low = columns[table.roles.highs[0]][rows], columns[table.roles.lows[0]][rows]
        for name in set(table.roles.prices) - {*table.roles.highs, *table.roles.lows}:
            columns[name][rows] = low + (high - low) * rng.random(len(rows))
    return columns


def _scaled(table: Table, future: Mask, factor: float) -> Table:
    columns = {}
    for name in table.measures():
        values = table.numbers(name)
        values[future] *= factor
        columns[name] = values
    return table.put(**columns)


def _moved(table: Table, rows: NDArray[np.int64], source: NDArray[np.int64]) -> Table:
    """Values of `source` written into `rows`; stamps, symbols and known times stay."""
    order = np.arange(len(table))
    order[rows] = source
    fixed = {*table.roles.times, table.roles.symbol, table.roles.time}
    columns = {n: column if n in fixed else column.take(order) for n, column in table.columns.items()}
    return replace(table, columns=columns)


def _shuffle_others(table: Table, rows: NDArray[np.int64], rng: np.random.Generator) -> Table:
    """Text, categories and lists change rows."""
    order = np.arange(len(table))
    order[rows] = rng.permutation(rows)
    fixed = {*table.roles.times, table.roles.symbol, table.roles.time}
    columns = {
        name: column.take(order) if column.values is None and name not in fixed else column
        for name, column in table.columns.items()
    }
    return replace(table, columns=columns)


def _floats(table: Table) -> list[str]:
    return [n for n in table.measures() if table.columns[n].values.dtype.kind == "f"]  # type: ignore[union-attr]


def _spread(values: NDArray[np.float64]) -> float:
    finite = values[np.isfinite(values)]
    return float(np.std(finite)) or 1.0 if len(finite) else 1.0
