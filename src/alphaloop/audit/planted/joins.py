"""Joins that bring in what was not known yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from alphaloop.audit.planted.cases import leak

if TYPE_CHECKING:
    import pandas


@leak("as-of join forward", "fixing", reach_s=(540, 540))
def forward_asof(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Every tenth minute is a fixing, and each row gets the next one."""
    import pandas as pd

    fixings = frame.loc[::10, ["date", "close"]].rename(columns={"close": "fixing"})
    return pd.merge_asof(frame[["date", "volume"]], fixings, on="date", direction="forward")


@leak("as-of join to the nearest", "fixing", reach_s=(240, 300))
def nearest_asof(frame: pl.DataFrame) -> pl.DataFrame:
    """The nearest fixing is a later one for half of the rows."""
    fixings = frame.gather_every(10).select("date", fixing="close")
    return frame.select("date", "volume").join_asof(fixings, on="date", strategy="nearest")


@leak("late correction", "close", table="corrected", reach_s=(1800, 1800))
def newest_version(frame: pl.DataFrame) -> pl.DataFrame:
    """The corrected price stands where the first one was seen."""
    newest = frame.sort("known_at").unique("date", keep="last", maintain_order=True)
    return newest.sort("date").select("date", "close")


@leak("another symbol's bar that is not over", "hour_close", table="mixed", reach_s=(3300, 3300))
def hour_in_progress(frame: pl.DataFrame) -> pl.DataFrame:
    """Both are stamped at their open, but the hour is known an hour later."""
    fast = frame.filter(pl.col("symbol") == "FAST")
    hour = frame.filter(pl.col("symbol") == "HOUR").select("date", hour_close="close")
    return fast.select("date", "symbol", "close").join_asof(hour, on="date")


@leak("another symbol's bar that has not arrived", "gap", table="feeds", reach_s=(180, 180))
def same_minute(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Joined on the minute, though one feed is three minutes late."""
    fast, slow = (frame[frame["symbol"] == name].set_index("date") for name in ("FAST", "SLOW"))
    gap = (fast["close"] / slow["close"]).reindex(fast.index).to_numpy()
    return fast.reset_index()[["date", "symbol"]].assign(gap=gap)
