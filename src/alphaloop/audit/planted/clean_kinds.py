"""Clean functions of unusual manners: not reproducible, particular about rows, or with outputs of many kinds."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from alphaloop.audit.planted.cases import clean

if TYPE_CHECKING:
    import pandas

_AVERAGES: dict[tuple[int, int], pl.Series] = {}


@clean("noise with a fixed seed")
def seeded_noise(frame: pl.DataFrame) -> pl.DataFrame:
    """Drawn by position; it tells nothing and comes again the same."""
    noise = np.random.default_rng(7).standard_normal(frame.height)
    return frame.select("date", pl.Series("noise", noise), move=pl.col("close").pct_change())


@clean("noise without a seed")
def unseeded_noise(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Never twice the same."""
    jitter = 1e-4 * np.random.default_rng().standard_normal(len(frame))
    return frame[["date"]].assign(noise=jitter, move=frame["close"].pct_change() + jitter)


@clean("numpy's global random state")
def global_random_state(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Seeds it and draws from it."""
    np.random.seed(11)  # what people do
    return frame[["date"]].assign(jittered=frame["close"].diff() + np.random.normal(0.0, 1e-6, len(frame)))


@clean("warm-up rows dropped")
def dropped_warm_up(frame: pl.DataFrame) -> pl.DataFrame:
    """Shorter than its input, and without a key."""
    average = frame["close"].rolling_mean(20)
    return pl.DataFrame({"stretch": frame["close"] / average, "move": frame["close"].pct_change()}).drop_nulls()


@clean("words, whole numbers, booleans and categories")
def many_types(frame: pl.DataFrame) -> pl.DataFrame:
    """Everything but floating-point numbers."""
    move = pl.col("close").diff()
    side = pl.when(move > 0).then(pl.lit("up")).when(move < 0).then(pl.lit("down")).otherwise(pl.lit("flat"))
    return frame.select(
        "date", side=side, ticks=(move * 1000).round().cast(pl.Int64), rising=move > 0, group=side.cast(pl.Categorical)
    )


@clean("pandas categories")
def pandas_categories(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Fixed bins, named."""
    import pandas as pd

    bins = pd.cut(frame["close"].pct_change(), [-np.inf, -0.001, 0.001, np.inf], labels=["fall", "still", "rise"])
    return frame[["date"]].assign(move=bins)


@clean("raises below a minimum of rows")
def needs_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """Refuses tables too short for its window."""
    if frame.height < 120:
        raise ValueError(f"120 rows are needed, {frame.height} were given")
    return frame.select("date", deviation=pl.col("close").pct_change().rolling_std(60))


@clean("raises on missing values")
def refuses_missing(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Wants complete tables."""
    if frame[["open", "high", "low", "close", "volume"]].isna().to_numpy().any():
        raise ValueError("the table has missing values")
    return frame[["date"]].assign(deviation=frame["close"].rolling(30).std())


@clean("whole frame with columns added")
def added_columns(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Changes the frame it was given and returns it."""
    frame["range"] = frame["high"] - frame["low"]
    frame["average"] = frame["close"].rolling(10).mean()
    return frame


@clean("rows in another order, with their key", table="panel")
def reordered(frame: pl.DataFrame) -> pl.DataFrame:
    """Newest first and by symbol: the key says which row is which."""
    change = pl.col("close").pct_change().over("symbol")
    return frame.with_columns(change=change).sort("date", "symbol", descending=True).select("date", "symbol", "change")


@clean("series with a name")
def named_series(frame: pandas.DataFrame) -> pandas.Series:
    """A series on the frame's own index, its first rows dropped."""
    return frame["close"].rolling(15).std().dropna().rename("deviation")


@clean("array of two columns")
def bare_array(frame: pl.DataFrame) -> np.ndarray:
    """No names and no key."""
    close = frame["close"].fill_null(strategy="forward").to_numpy()
    moves = np.diff(np.log(close), prepend=np.nan)
    return np.column_stack([moves, np.sign(moves)])


@clean("cache with the right key")
def cached(frame: pl.DataFrame) -> pl.DataFrame:
    """What is kept between calls is looked up by all that it depends on."""
    key = (frame.height, zlib.crc32(frame["close"].to_numpy().tobytes()))
    if key not in _AVERAGES:
        _AVERAGES[key] = frame["close"].ewm_mean(span=20)
    return frame.select("date", _AVERAGES[key].alias("average"))


@clean("slow loop in Python")
def slow_loop(frame: pandas.DataFrame) -> pandas.DataFrame:
    """A stop that trails the highest close, one row at a time."""
    stop, stops = -np.inf, []
    for _, row in frame.iterrows():
        stop = max(stop, row["close"] * 0.99)
        if row["low"] < stop:
            stop = row["low"] * 0.99
        stops.append(stop)
    return frame[["date"]].assign(stop=stops)


@clean("lazy frame")
def lazy(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Returns a query."""
    return frame.select("date", total=pl.col("volume").rolling_sum_by("date", "30m"))
