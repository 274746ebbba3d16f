"""Missing values that are filled from what came later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from alphaloop.audit.planted.cases import leak

if TYPE_CHECKING:
    import pandas


@leak("backfill", "close", table="holed", reach_s=(60, 900))
def backfilled(frame: pandas.DataFrame) -> pandas.DataFrame:
    """A missing price becomes the next one that was seen."""
    return frame[["date"]].assign(close=frame["close"].bfill())


@leak("interpolation of missing values", "volume", table="holed", reach_s=(60, 900))
def interpolated(frame: pl.DataFrame) -> pl.DataFrame:
    """A straight line to the next value that was seen."""
    return frame.select("date", pl.col("volume").interpolate(), spread=pl.col("high") / pl.col("low") - 1.0)


@leak("interpolation over gaps in time", "close", table="gappy", reach_s=(0, 1260))
def regular_grid(frame: pl.DataFrame) -> pl.DataFrame:
    """The missing minutes are made up from both sides of the gap."""
    grid = frame.select("date", "close").upsample("date", every="1m")
    return grid.with_columns(pl.col("close").interpolate())


@leak("returns of backfilled prices", "change", table="holed", reach_s=(60, 900))
def filled_change(frame: pandas.DataFrame) -> pandas.Series:
    """The old default of pct_change, spelled out the wrong way round."""
    return frame["close"].bfill().pct_change().rename("change")


@leak("missing values become the median of the file", "volume", table="holed", reach_s=(3600, 42_000))
def median_filled(frame: pl.DataFrame) -> pl.DataFrame:
    """The median is of all rows, later ones too."""
    return frame.select("date", pl.col("volume").fill_null(pl.col("volume").median()))
