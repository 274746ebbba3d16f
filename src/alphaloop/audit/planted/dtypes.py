"""Leaks in columns that are no floating-point numbers, and leaks that are hard to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from alphaloop.audit.planted.cases import leak

if TYPE_CHECKING:
    import pandas


@leak("in a column of words", "pattern", reach_s=(60, 60))
def candle_pattern(frame: pl.DataFrame) -> pl.DataFrame:
    """A reversal is named on its first candle."""
    up, next_up = pl.col("close") > pl.col("open"), (pl.col("close") > pl.col("open")).shift(-1)
    word = pl.when(up & ~next_up).then(pl.lit("top")).when(~up & next_up).then(pl.lit("bottom"))
    return frame.select("date", pattern=word.otherwise(pl.lit("none")))


@leak("in a column of integers", "streak", reach_s=(60, 3600))
def streak_length(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Each row of a streak knows how long the whole streak becomes."""
    sign = np.sign(frame["close"].diff()).fillna(0.0)
    streak = (sign != sign.shift()).cumsum()
    return frame[["date"]].assign(streak=streak.groupby(streak).transform("size").astype("int32"))


@leak("in a column of booleans", "swing_high", reach_s=(120, 120))
def swing_high(frame: pl.DataFrame) -> pl.DataFrame:
    """A swing high is confirmed two rows later, and marked at once; `rising` is innocent."""
    high = pl.col("high")
    swing = (high > high.shift(1)) & (high > high.shift(-1)) & (high > high.shift(-2))
    return frame.select("date", swing_high=swing, rising=pl.col("close") > pl.col("close").shift(1))


@leak("in a categorical column", "regime", reach_s=(3600, 64_800))
def volume_regime(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Busy or quiet compared with the median of the file."""
    busy = frame["volume"].rolling(10).mean() > frame["volume"].median()
    return frame[["date"]].assign(regime=busy.map({True: "busy", False: "quiet"}).astype("category"))


@leak("in a column of times", "peak_at", reach_s=(3540, 3540))
def time_of_peak(frame: pl.DataFrame) -> pl.DataFrame:
    """When the hour's high is reached, known in its first minute."""
    hour = pl.col("date").dt.truncate("1h")
    return frame.select("date", peak_at=pl.col("date").get(pl.col("high").arg_max()).over(hour))


@leak("a billionth of the next return", "momentum", reach_s=(60, 60))
def faint(frame: pl.DataFrame) -> pl.DataFrame:
    """Too small to see in any plot, and enough for a tree."""
    price = pl.col("close").log()
    return frame.select("date", momentum=price.diff(3) + 1e-9 * (price.shift(-1) - price))


@leak("under noise that is drawn anew each time", "noisy", reach_s=(60, 60))
def under_noise(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The function is not reproducible, and leaks."""
    move = frame["close"].shift(-1) / frame["close"] - 1.0
    return frame[["date"]].assign(noisy=move + 1e-4 * np.random.default_rng().standard_normal(len(frame)))
