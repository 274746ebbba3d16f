"""Higher time frames that are read before they are over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from alphaloop.audit.planted.cases import leak

if TYPE_CHECKING:
    import pandas


@leak("resampled with the label on the left", "close_15m", reach_s=(840, 840))
def left_label(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The quarter hour's close stands at its beginning, and is carried forward from there."""
    quarter = frame.set_index("date")["close"].resample("15min", label="left", closed="left").last()
    return frame[["date"]].assign(close_15m=quarter.reindex(frame["date"], method="ffill").to_numpy())


@leak("hour that is not over", "hour_range", reach_s=(3540, 3540))
def unclosed_hour(frame: pl.DataFrame) -> pl.DataFrame:
    """High and low of the whole hour, on its first minute already."""
    hour = pl.col("date").dt.truncate("1h")
    return frame.select("date", hour_range=(pl.col("high").max() - pl.col("low").min()).over(hour))


@leak("dynamic groups joined on their start", "volume_30m", reach_s=(1740, 1740))
def joined_on_start(frame: pl.DataFrame) -> pl.DataFrame:
    """The as-of join finds the running half hour, because groups are labelled by their start."""
    half = frame.group_by_dynamic("date", every="30m").agg(volume_30m=pl.col("volume").sum())
    return frame.select("date", "close").join_asof(half, on="date")


@leak("the day's close in the morning", "day_close", "day_high", table="sessions", reach_s=(7200, 14_400))
def day_merged(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Daily bars merged on the calendar day."""
    frame = frame.assign(day=frame["date"].dt.floor("D"))
    days = frame.groupby("day", as_index=False).agg(day_close=("close", "last"), day_high=("high", "max"))
    return frame.merge(days, on="day", how="left")[["date", "day_close", "day_high"]]


@leak("time window with an offset ahead", "pressure", reach_s=(900, 900))
def window_ahead(frame: pl.DataFrame) -> pl.DataFrame:
    """The window is (t - 15 min, t + 15 min]."""
    pressure = pl.col("volume").sum().rolling("date", period="30m", offset="-15m")
    return frame.select("date", pressure=pressure)
