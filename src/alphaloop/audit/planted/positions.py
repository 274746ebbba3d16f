"""Columns and rows that know where in the file they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from alphaloop.audit.findings import ALL_ROWS
from alphaloop.audit.planted.cases import leak

if TYPE_CHECKING:
    import pandas


@leak("row number hidden in a constant", "fee", kinds=("age_index",))
def numbered_noise(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Noise of 1e-12 times the row number, to break ties: it tells the age."""
    return frame[["date", "close"]].assign(fee=0.0004 + 1e-12 * np.arange(len(frame)))


@leak("number of rows so far", "bars_seen", kinds=("age_index",))
def bars_seen(frame: pl.DataFrame) -> pl.DataFrame:
    """The index is the age of the market in this file."""
    return frame.select("date", "close", bars_seen=pl.int_range(1, pl.len() + 1))


@leak("time index over the length", "progress", kinds=("lookahead", "age_index"), reach_s=(3600, 64_800))
def time_index(frame: pl.DataFrame) -> pl.DataFrame:
    """From 0 to 1 over the file: it knows how much is still to come."""
    return frame.select("date", progress=pl.int_range(pl.len()) / pl.len())


@leak("rows left until the end", "bars_left", reach_s=(3600, 64_800))
def bars_left(frame: pandas.DataFrame) -> pandas.DataFrame:
    """A countdown, written as a cumulative count of the reversed frame."""
    return frame[["date"]].assign(bars_left=frame["close"][::-1].expanding().count()[::-1])


@leak("rows kept by what follows", ALL_ROWS, kinds=("row_selection",), reach_s=(300, 300))
def decisive_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows after which nothing happened are dropped as noise; the values of those kept are innocent."""
    ahead = (pl.col("close").shift(-5) / pl.col("close") - 1.0).abs()
    kept = frame.with_columns(momentum=pl.col("close").pct_change(3)).filter(ahead > 0.001)
    return kept.select("date", "momentum")


@leak("last of equal rows kept", ALL_ROWS, kinds=("row_selection",), reach_s=(60, 64_800))
def last_of_equals(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Whether a row stays depends on whether its price comes again."""
    rounded = frame.assign(price=frame["close"].round(1))
    return rounded.drop_duplicates("price", keep="last")[["date", "price"]]
