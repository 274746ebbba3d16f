"""Leaks that show on few rows, or on none of this file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from alphaloop.audit.planted.cases import leak

if TYPE_CHECKING:
    import pandas


@leak("only at the border of days", "overnight", table="sessions", reach_s=(60, 80_000))
def overnight_gap(frame: pl.DataFrame) -> pl.DataFrame:
    """The last row of a day knows the next day's open."""
    day = pl.col("date").dt.date()
    gap = pl.col("open").shift(-1) / pl.col("close") - 1.0
    return frame.select("date", overnight=pl.when(day != day.shift(-1)).then(gap).otherwise(0.0))


@leak("only at extremes of volume", "climax", reach_s=(60, 60))
def volume_climax(frame: pandas.DataFrame) -> pandas.DataFrame:
    """A climax counts only if the price turns on the next row."""
    busy = frame["volume"] > 6.0 * frame["volume"].rolling(60).median()
    turned = frame["close"].diff() * frame["close"].diff().shift(-1) < 0
    return frame[["date"]].assign(climax=np.where(busy & turned, frame["volume"], 0.0))


@leak("only after a gap in time", "reopening", table="gappy", reach_s=(60, 60))
def reopening(frame: pl.DataFrame) -> pl.DataFrame:
    """The first price after a break is replaced by the steadier second one."""
    broke = pl.col("date").diff() > pl.duration(minutes=3)
    return frame.select("date", reopening=pl.when(broke).then(pl.col("close").shift(-1)).otherwise(pl.col("close")))


@leak("only where a value is missing, and none is in this file", "repaired", reach_s=(60, 3600))
def neighbours_mean(frame: pandas.DataFrame) -> pandas.DataFrame:
    """A missing price becomes the mean of its neighbours."""
    close = frame["close"]
    return frame[["date"]].assign(repaired=close.fillna((close.shift(1) + close.shift(-1)) / 2.0))


@leak("only on the last row", "signal", reach_s=(60, 60))
def repainted(frame: pl.DataFrame) -> pl.DataFrame:
    """The newest row is held back as unconfirmed, so every row changes once the next one is there."""
    newest = pl.int_range(pl.len()) == pl.len() - 1
    signal = pl.col("close").diff().sign()
    return frame.select("date", signal=pl.when(newest).then(0.0).otherwise(signal))


@leak("only at jumps that this file does not have", "shock", reach_s=(60, 60))
def bad_tick_filter(frame: pandas.DataFrame) -> pandas.DataFrame:
    """A jump of 3 % is believed only if the next row confirms it."""
    move = frame["close"].pct_change()
    reverted = move * move.shift(-1) < 0
    return frame[["date"]].assign(shock=move.where(~((move.abs() > 0.03) & reverted), 0.0))


@leak("only without volume, which this file never is", "price", reach_s=(60, 60))
def traded_price(frame: pl.DataFrame) -> pl.DataFrame:
    """Without trades the next open is taken as the better price."""
    quiet = pl.col("volume") == 0.0
    return frame.select("date", price=pl.when(quiet).then(pl.col("open").shift(-1)).otherwise(pl.col("close")))


@leak("only in flat runs, which this file does not have", "direction", reach_s=(60, 7200))
def flat_run(frame: pl.DataFrame) -> pl.DataFrame:
    """Where the price has stood still for four rows, the direction is that of the row which ends it."""
    move = pl.col("close").diff()
    still = pl.all_horizontal((pl.col("close") == pl.col("close").shift(n)) for n in (1, 2, 3))
    return frame.select("date", direction=pl.when(still).then(move.shift(-1).sign()).otherwise(move.sign()))
