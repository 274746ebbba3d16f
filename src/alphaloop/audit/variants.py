"""Other pasts: the same file, changed so that what is rare in it happens every few rows.

A leak that acts only after a gap, only on a wild bar, only at a month's end, shows only where such rows are. Each
variant makes one such condition frequent; the audit then looks for leaks in the variant as it does in the file.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from alphaloop.audit.tables import Table

MINUTE_NS = 60 * 1_000_000_000


def vary(table: Table, name: str, rng: np.random.Generator) -> Table:
    """Return the variant `name` of a table; see `VARIANTS`."""
    return VARIANTS[name](table, rng)


def _prices(table: Table, factor: NDArray[np.float64]) -> Table:
    return table.put(**{name: table.numbers(name) * factor for name in table.roles.prices})


def _walk(table: Table, steps: NDArray[np.float64]) -> Table:
    """Prices times a walk whose log steps are `steps`, started anew for each symbol."""
    level = np.zeros(len(table))
    codes = table.symbols()
    for code in np.unique(codes):
        rows = table.order()
        rows = rows[codes[rows] == code]
        level[rows] = np.cumsum(steps[rows])
    return _prices(table, np.exp(level))


def volatile(table: Table, rng: np.random.Generator) -> Table:
    """Make moves many times as large as usual, within bars too."""
    wide = _walk(table, 0.02 * rng.standard_t(4, len(table)).clip(-6, 6))
    return _stretched(wide, 0.02 * np.abs(rng.standard_normal(len(table))))


def _stretched(table: Table, by: NDArray[np.float64]) -> Table:
    columns = {name: table.numbers(name) * (1.0 + by) for name in table.roles.highs}
    columns |= {name: table.numbers(name) / (1.0 + by) for name in table.roles.lows}
    return table.put(**columns)


def jumps(table: Table, rng: np.random.Generator) -> Table:
    """Jump by several percent every few rows."""
    hit = rng.random(len(table)) < 0.2
    return _walk(table, hit * rng.choice([-1.0, 1.0], len(table)) * rng.uniform(0.03, 0.25, len(table)))


def spikes(table: Table, rng: np.random.Generator) -> Table:
    """Single bars far off, and back at once."""
    hit = rng.random(len(table)) < 0.15
    return _prices(table, np.where(hit, np.exp(rng.choice([-1.0, 1.0], len(table)) * 0.3), 1.0))


def busy(table: Table, rng: np.random.Generator) -> Table:
    """Volume a hundred times the usual every few rows."""
    factor = np.where(rng.random(len(table)) < 0.2, 100.0, 1.0)
    names = table.roles.volumes or tuple(n for n in table.measures() if n not in table.roles.prices)
    return table.put(**{name: table.numbers(name) * factor for name in names})


def quiet(table: Table, rng: np.random.Generator) -> Table:
    """No volume every few rows."""
    hit = rng.random(len(table)) < 0.3
    return table.put(**{name: np.where(hit, 0.0, table.numbers(name)) for name in table.roles.volumes})


def flat(table: Table, rng: np.random.Generator) -> Table:
    """Repeat the row before, in runs."""
    rows = np.arange(len(table))
    keep = rng.random(len(table)) < 0.35
    codes = table.symbols()
    source = rows.copy()
    for code in np.unique(codes):
        own = table.order()
        own = own[codes[own] == code]
        kept = np.maximum.accumulate(np.where(keep[own], np.arange(len(own)), 0))
        source[own] = own[kept]
    names = [name for name in table.measures() if name != table.roles.target]
    return table.put(**{name: table.numbers(name)[source] for name in names})


def rounded(table: Table, rng: np.random.Generator) -> Table:
    """Prices on a coarse grid: round numbers, many of them equal."""
    columns = {}
    for name in table.roles.prices:
        values = table.numbers(name)
        scale = float(np.nanmedian(np.abs(values))) if np.isfinite(values).any() else 1.0
        grid = 10.0 ** np.floor(np.log10(max(scale, 1e-300))) / 1000.0
        columns[name] = np.maximum(np.round(values / grid) * grid, grid)
    return table.put(**columns)


def rising(table: Table, rng: np.random.Generator) -> Table:
    """Reach a new high on every row."""
    return _walk(table, np.full(len(table), 0.004) + 0.0005 * rng.standard_normal(len(table)))


def falling(table: Table, rng: np.random.Generator) -> Table:
    """Reach a new low on every row."""
    return _walk(table, np.full(len(table), -0.004) + 0.0005 * rng.standard_normal(len(table)))


def missing(table: Table, rng: np.random.Generator) -> Table:
    """Null in every column now and then, and in runs."""
    for name in table.measures():
        table = table.hide(name, _sprinkled(len(table), rng))
    return table


def not_numbers(table: Table, rng: np.random.Generator) -> Table:
    """NaN in every float column now and then, and in runs."""
    columns = {}
    for name in table.measures():
        if table.columns[name].values.dtype.kind == "f":  # type: ignore[union-attr]
            columns[name] = np.where(_sprinkled(len(table), rng), np.nan, table.numbers(name))
    return table.put(**columns)


def _sprinkled(n: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    starts = rng.random(n) < 0.08
    long = np.roll(starts & (rng.random(n) < 0.5), 1)
    return starts | long | np.roll(long, 1)


def gaps(table: Table, rng: np.random.Generator) -> Table:
    """Rows taken out, one to an hour's worth at a time: the stamps jump."""
    n = len(table)
    drop = np.zeros(n, np.bool_)
    at = 0
    while at < n:
        at += int(rng.integers(3, 25))
        width = int(rng.choice([1, 2, 5, 60], p=[0.5, 0.3, 0.15, 0.05]))
        drop[at : at + width] = True
        at += width
    return table.take(np.flatnonzero(~drop[_slots(table)]))


def holes(table: Table, rng: np.random.Generator) -> Table:
    """No row missing, but minutes, hours or days of time between some rows."""
    slots = _slots(table)
    width = rng.choice([0, 7, 95, 3000], p=[0.85, 0.07, 0.05, 0.03], size=int(slots.max(initial=0)) + 1)
    return table.retime(table.time + np.cumsum(width)[slots] * MINUTE_NS)


def hourly(table: Table, rng: np.random.Generator) -> Table:
    """Put an hour and a bit between rows, so that hours and days end all the time."""
    return _respaced(table, 61 * MINUTE_NS)


def quarter_hourly(table: Table, rng: np.random.Generator) -> Table:
    """Fifteen minutes between rows, on the clock: every fourth row begins an hour."""
    return _respaced(table, 15 * MINUTE_NS)


def daily(table: Table, rng: np.random.Generator) -> Table:
    """Thirty-one hours between rows, so that days, weeks, months and the year end all the time."""
    return _respaced(table, 31 * 60 * MINUTE_NS)


def _respaced(table: Table, step: int) -> Table:
    first = int(table.time.min()) if len(table) else 0
    first -= first % (15 * MINUTE_NS)
    return table.retime(first + _slots(table) * step)


def _slots(table: Table) -> NDArray[np.int64]:
    """0, 1, 2, ... for the distinct times, in order."""
    return np.unique(table.time, return_inverse=True)[1].astype(np.int64)


def thinned(table: Table, rng: np.random.Generator) -> Table:
    """Some rows of some symbols missing, so that symbols no longer come in step."""
    return table.take(np.flatnonzero(rng.random(len(table)) < 0.7))


def worthless(table: Table, rng: np.random.Generator) -> Table:
    """Prices of zero now and then."""
    hit = rng.random(len(table)) < 0.15
    return table.put(**{name: np.where(hit, 0.0, table.numbers(name)) for name in table.roles.prices})


def alone(table: Table, rng: np.random.Generator) -> Table:
    """One symbol only."""
    return table.take(np.flatnonzero(table.codes == rng.choice(np.unique(table.codes))))


VARIANTS: dict[str, Callable[[Table, np.random.Generator], Table]] = {
    "missing values": missing,
    "jumps": jumps,
    "gaps": gaps,
    "calendar borders": hourly,
    "volume bursts": busy,
    "spikes": spikes,
    "NaN values": not_numbers,
    "volatile": volatile,
    "flat runs": flat,
    "holes in time": holes,
    "months": daily,
    "zero volume": quiet,
    "rising": rising,
    "falling": falling,
    "round prices": rounded,
    "quarter hours": quarter_hourly,
    "zero prices": worthless,
    "symbols out of step": thinned,
    "one symbol": alone,
}
