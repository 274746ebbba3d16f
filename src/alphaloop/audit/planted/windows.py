"""Windows that lie on the wrong side of the row, wholly or by a little."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from alphaloop.audit.planted.cases import leak

if TYPE_CHECKING:
    import pandas


@leak("centred window", "smooth", reach_s=(300, 300))
def centred_mean(frame: pl.DataFrame) -> pl.DataFrame:
    """Half of a centred window lies ahead."""
    return frame.with_columns(smooth=pl.col("close").rolling_mean(11, center=True))


@leak("next return as a feature", "next_return", reach_s=(60, 60))
def next_return(frame: pl.DataFrame) -> pl.DataFrame:
    """shift(-1) is the next row; the column beside it is innocent."""
    price = pl.col("close").log()
    return frame.select("date", log_return=price.diff(), next_return=price.shift(-1) - price)


@leak("expanding mean with the next row in it", "mean_so_far", reach_s=(60, 60))
def expanding_off_by_one(frame: pl.DataFrame) -> pl.DataFrame:
    """The sum is taken one row too late."""
    count = pl.int_range(2, pl.len() + 2)
    return frame.select("date", mean_so_far=pl.col("close").cum_sum().shift(-1) / count)


@leak("rolling over the reversed series", "deviation", reach_s=(1140, 1140))
def reversed_rolling(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Reversed to roll "from the newest", and reversed back: every window lies ahead."""
    deviation = frame["close"][::-1].rolling(20).std()[::-1]
    return frame[["date"]].assign(deviation=deviation)


@leak("highest price of the next half hour", "room_above", reach_s=(1800, 1800))
def future_high(frame: pandas.DataFrame) -> pandas.DataFrame:
    """A label that was left among the features, beside its innocent mirror image."""
    above = frame["high"].rolling(30).max().shift(-30) / frame["close"] - 1.0
    below = frame["low"].rolling(30).min() / frame["close"] - 1.0
    return frame[["date"]].assign(room_above=above, room_below=below)


@leak("cumulative sum from the end", "volume_left", reach_s=(3600, 64_800))
def volume_left(frame: pl.DataFrame) -> pl.DataFrame:
    """What is still to be traded in this file."""
    return frame.select("date", volume_left=pl.col("volume").cum_sum(reverse=True))


@leak("sorted newest first", "trend", reach_s=(600, 64_800))
def newest_first(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The average runs from the newest row to the oldest, and pandas aligns it back."""
    newest = frame.sort_values("date", ascending=False)
    return frame[["date", "close"]].assign(trend=newest["close"].ewm(span=12).mean())


@leak("convolution of mode same", "smooth", reach_s=(240, 240))
def convolved(frame: pandas.DataFrame) -> pandas.DataFrame:
    """`mode="same"` centres the kernel."""
    smooth = np.convolve(frame["close"].to_numpy(), np.ones(9) / 9.0, mode="same")
    return frame[["date"]].assign(smooth=smooth)


@leak("central difference", "speed", reach_s=(60, 60))
def central_difference(frame: pl.DataFrame) -> pl.DataFrame:
    """Numpy's gradient looks one row to each side."""
    return frame.select("date", pl.Series("speed", np.gradient(frame["close"].log().to_numpy())))


@leak(
    "warm-up cut at the wrong end",
    *("rsi", "atr", "band_position"),
    kinds=("misaligned",),
    reach_s=(720, 2220),
)
def cut_to_shortest(frame: pl.DataFrame) -> pl.DataFrame:
    """Each indicator loses its own warm-up, and then all are cut at the end to the shortest."""
    price = frame["close"]
    moves = price.diff()
    gains, losses = moves.clip(lower_bound=0.0), -moves.clip(upper_bound=0.0)
    average = price.rolling_mean(20)
    indicators = {
        "log_return": price.log().diff(),
        "rsi": 100.0 * gains.rolling_mean(13) / (gains.rolling_mean(13) + losses.rolling_mean(13)),
        "atr": moves.abs().rolling_mean(14),
        "band_position": (price - average) / (price - average).rolling_std(20),
    }
    stripped = {name: values.drop_nulls() for name, values in indicators.items()}
    shortest = min(len(values) for values in stripped.values())
    return pl.DataFrame({name: values.head(shortest) for name, values in stripped.items()})
