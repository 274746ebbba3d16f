"""Clean functions that look like leaks: none of them may be reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from alphaloop.audit.planted.cases import clean

if TYPE_CHECKING:
    import pandas


@clean("expanding z-score")
def expanding_z_score(frame: pl.DataFrame) -> pl.DataFrame:
    """Mean and deviation of the rows so far."""
    volume, count = pl.col("volume"), pl.int_range(1, pl.len() + 1)
    mean = volume.cum_sum() / count
    variance = (volume * volume).cum_sum() / count - mean * mean
    return frame.select("date", z=(volume - mean) / variance.clip(1e-9, None).sqrt())


@clean("exponential averages, the index kept")
def exponential(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Two averages and their difference."""
    fast, slow = (frame["close"].ewm(span=span, adjust=False).mean() for span in (12, 26))
    import pandas as pd

    return pd.DataFrame({"fast": fast, "slow": slow, "macd": fast - slow})


@clean("on-balance volume")
def on_balance_volume(frame: pl.DataFrame) -> pl.DataFrame:
    """A cumulative sum from the start."""
    signed = pl.col("volume") * pl.col("close").diff().sign().fill_null(0.0)
    return frame.select("date", obv=signed.cum_sum())


@clean("resampled with the label on the right")
def right_label(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Quarter hours stand at their end; a minute bar sees those over at its own close."""
    ends = frame["date"] + np.timedelta64(60, "s")
    quarter = frame.set_index("date")["close"].resample("15min", label="right", closed="left").last()
    return frame[["date"]].assign(close_15m=quarter.reindex(ends, method="ffill").to_numpy())


@clean("hours that are over")
def closed_hour(frame: pl.DataFrame) -> pl.DataFrame:
    """The as-of join asks at the row's close for hours by their end."""
    hours = frame.group_by_dynamic("date", every="1h").agg(range=pl.col("high").max() - pl.col("low").min())
    hours = hours.select(over=pl.col("date") + pl.duration(hours=1), hour_range="range")
    closes = frame.select("date", closed=pl.col("date") + pl.duration(minutes=1))
    return closes.join_asof(hours, left_on="closed", right_on="over").select("date", "hour_range")


@clean("as-of join backward")
def backward_asof(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The last fixing so far."""
    import pandas as pd

    fixings = frame.loc[::10, ["date", "close"]].rename(columns={"close": "fixing"})
    return pd.merge_asof(frame[["date", "volume"]], fixings, on="date", direction="backward")


@clean("fill forward", table="holed")
def filled_forward(frame: pl.DataFrame) -> pl.DataFrame:
    """A missing value becomes the last one that was seen."""
    return frame.select("date", pl.col("close", "volume").fill_null(strategy="forward"))


@clean("first version of corrected prices", table="corrected")
def first_version(frame: pl.DataFrame) -> pl.DataFrame:
    """What was known when the row was."""
    return frame.sort("known_at").unique("date", keep="first", maintain_order=True).select("date", "close")


@clean("other symbol's closed hours", table="mixed")
def closed_hour_of_other(frame: pl.DataFrame) -> pl.DataFrame:
    """The hourly bar counts from its end, asked for at the end of the 5-minute bar."""
    fast = frame.filter(pl.col("symbol") == "FAST")
    fast = fast.select("date", "symbol", closed=pl.col("date") + pl.duration(minutes=5))
    hour = frame.filter(pl.col("symbol") == "HOUR")
    hour = hour.select(over=pl.col("date") + pl.duration(hours=1), hour_close="close")
    return fast.join_asof(hour, left_on="closed", right_on="over").select("date", "symbol", "hour_close")


@clean("shift within each symbol", table="panel")
def shifted_within(frame: pl.DataFrame) -> pl.DataFrame:
    """Windows and shifts that never leave a symbol."""
    change = pl.col("close").pct_change().over("symbol")
    average = pl.col("close").rolling_mean(12).over("symbol")
    return frame.select("date", "symbol", change=change, stretch=pl.col("close") / average)


@clean("rank across symbols at the same moment", table="panel")
def ranked_across(frame: pandas.DataFrame) -> pandas.DataFrame:
    """All bars of one stamp are known together."""
    change = frame.groupby("symbol")["close"].pct_change()
    return frame[["date", "symbol"]].assign(rank=change.groupby(frame["date"]).rank(pct=True))


@clean("earlier targets that are known by now", table="labelled", target="up")
def past_targets(frame: pl.DataFrame) -> pl.DataFrame:
    """The target of the row before resolves at this row's close."""
    return frame.select("date", hit_rate=pl.col("up").shift(1).cast(pl.Float64).rolling_mean(20))


@clean("time of day")
def time_of_day(frame: pl.DataFrame) -> pl.DataFrame:
    """Functions of the stamp alone."""
    angle = (pl.col("date").dt.hour().cast(pl.Int32) * 60 + pl.col("date").dt.minute()) * (2 * np.pi / 1440)
    return frame.select("date", sine=angle.sin(), cosine=angle.cos(), weekday=pl.col("date").dt.weekday())


@clean("day so far", table="sessions")
def day_so_far(frame: pl.DataFrame) -> pl.DataFrame:
    """High, low and turnover since the day began."""
    day = pl.col("date").dt.date()
    high, low = pl.col("high").cum_max().over(day), pl.col("low").cum_min().over(day)
    return frame.select(
        "date", place=(pl.col("close") - low) / (high - low), turnover=pl.col("volume").cum_sum().over(day)
    )
