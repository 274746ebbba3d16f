"""Small synthetic tables under the planted functions: the shapes that real files have, and the same bits every time."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alphaloop.core.random import stream

MINUTE_S = 60
HOUR_S = 3600
DAY_S = 86_400
FIRST_DAY_S = 1_709_510_400  # 2024-03-04, a Monday
VOLATILITY = 8e-4


def bars(opens_s: NDArray[np.int64], label: str) -> pl.DataFrame:
    """Draw bars that open at the given seconds (n,), with closes that never stand still for long and volume above 0."""
    rng = stream(0, "planted", label)
    n = len(opens_s)
    close = 100.0 * np.exp(np.cumsum(VOLATILITY * rng.standard_t(5, n)))
    first = close * np.exp(0.3 * VOLATILITY * rng.standard_normal(n))
    wide = 1.0 + VOLATILITY * np.abs(rng.standard_normal((2, n)))
    return pl.DataFrame(
        {
            "date": pl.from_epoch(pl.Series(opens_s), "s").dt.cast_time_unit("us").dt.replace_time_zone("UTC"),
            "open": first.round(3),
            "high": (np.maximum(first, close) * wide[0]).round(3),
            "low": (np.minimum(first, close) / wide[1]).round(3),
            "close": close.round(3),
            "volume": rng.lognormal(5.0, 0.8, n).round(2) + 1.0,
        }
    )


def steady() -> pl.DataFrame:
    """1,080 minutes without a gap, over one midnight."""
    return bars(FIRST_DAY_S + 15 * HOUR_S + MINUTE_S * np.arange(1080), "steady")


def sessions() -> pl.DataFrame:
    """Four days of 220 minutes each, with a few minutes missing now and then."""
    rng = stream(0, "planted", "holes")
    days = (np.arange(4) * DAY_S)[:, None] + 9 * HOUR_S + MINUTE_S * np.arange(220)
    opens = FIRST_DAY_S + days.reshape(-1)
    keep = np.ones(len(opens), np.bool_)
    for start in rng.choice(len(opens), 12, replace=False):
        keep[start : start + int(rng.integers(1, 9))] = False
    return bars(opens[keep], "sessions")


def gappy() -> pl.DataFrame:
    """Minutes of ten hours, a tenth of them missing in runs of up to twenty."""
    rng = stream(0, "planted", "gappy holes")
    opens = FIRST_DAY_S + 8 * HOUR_S + MINUTE_S * np.arange(600)
    keep = np.ones(len(opens), np.bool_)
    for start in rng.choice(len(opens) - 20, 9, replace=False):
        keep[start : start + int(rng.integers(2, 20))] = False
    return bars(opens[keep], "gappy")


def holed() -> pl.DataFrame:
    """700 minutes, all there, with closes and volumes missing now and then, alone or in short runs."""
    table = bars(FIRST_DAY_S + 9 * HOUR_S + MINUTE_S * np.arange(700), "holed")
    rng = stream(0, "planted", "holed")
    columns = []
    for name in ("close", "volume"):
        missing = np.zeros(len(table), np.bool_)
        for start in rng.choice(np.arange(5, 690), 20, replace=False):
            missing[start : start + int(rng.integers(1, 5))] = True
        columns.append(pl.when(~pl.Series(missing)).then(pl.col(name)).alias(name))
    return table.with_columns(columns)


def panel() -> pl.DataFrame:
    """Three symbols, 5-minute bars of 30 hours, one symbol below the other."""
    opens = FIRST_DAY_S + 300 * np.arange(360)
    return pl.concat([_named(bars(opens, name), name) for name in ("SYN-A", "SYN-B", "SYN-C")])


def mixed() -> pl.DataFrame:
    """5-minute bars of one symbol beside hourly bars of another, both stamped at their open."""
    fast = _named(bars(FIRST_DAY_S + 300 * np.arange(720), "fast"), "FAST")
    hour = _named(bars(FIRST_DAY_S + HOUR_S * np.arange(60), "hour"), "HOUR")
    return pl.concat([fast, hour]).sort("date", "symbol")


def feeds() -> pl.DataFrame:
    """Two symbols of the same minutes; the bars of SLOW arrive 3 minutes later than those of FAST (`known_at`)."""
    parts = []
    for name, late_s in (("FAST", MINUTE_S), ("SLOW", MINUTE_S + 180)):
        part = _named(bars(FIRST_DAY_S + 9 * HOUR_S + MINUTE_S * np.arange(400), name), name)
        parts.append(part.with_columns(known_at=pl.col("date") + pl.duration(seconds=late_s)))
    return pl.concat(parts).sort("known_at", "symbol")


def corrected() -> pl.DataFrame:
    """500 minutes of prices, every tenth of them corrected half an hour after it was published (`known_at`)."""
    table = bars(FIRST_DAY_S + 9 * HOUR_S + MINUTE_S * np.arange(500), "corrected").select("date", "close", "volume")
    table = table.with_columns(known_at=pl.col("date") + pl.duration(minutes=1))
    late = table.gather_every(10, 3).with_columns(
        close=(pl.col("close") * 1.004).round(3), known_at=pl.col("known_at") + pl.duration(minutes=30)
    )
    return pl.concat([table, late]).sort("known_at", "date")


def labelled() -> pl.DataFrame:
    """900 minutes with a venue, and with what the next minute does: `gain` (its return) and `up` (whether it rises)."""
    table = bars(FIRST_DAY_S + 9 * HOUR_S + MINUTE_S * np.arange(901), "labelled")
    rng = stream(0, "planted", "venues")
    gain = (pl.col("close").shift(-1) / pl.col("close") - 1.0).alias("gain")
    venue = pl.Series("venue", rng.choice(["north", "south", "east"], len(table)))
    return table.with_columns(venue, gain).with_columns(up=(pl.col("gain") > 0).cast(pl.Int8)).head(900)


def _named(table: pl.DataFrame, symbol: str) -> pl.DataFrame:
    return table.select(pl.lit(symbol).alias("symbol"), pl.all())


TABLES: dict[str, Callable[[], pl.DataFrame]] = {
    "steady": steady,
    "sessions": sessions,
    "gappy": gappy,
    "holed": holed,
    "panel": panel,
    "mixed": mixed,
    "feeds": feeds,
    "corrected": corrected,
    "labelled": labelled,
}


@cache
def build(name: str) -> pl.DataFrame:
    """Return the table of that name, drawn once per process."""
    return TABLES[name]()
