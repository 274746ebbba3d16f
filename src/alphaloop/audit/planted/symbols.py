"""Leaks between the symbols of one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from alphaloop.audit.planted.cases import leak

if TYPE_CHECKING:
    import pandas


@leak("mean over each symbol's whole history", "relative", table="panel", reach_s=(3600, 108_000))
def symbol_mean(frame: pl.DataFrame) -> pl.DataFrame:
    """The mean of the group is the mean of its future too."""
    return frame.select("date", "symbol", relative=pl.col("close") / pl.col("close").mean().over("symbol"))


@leak("only in the second symbol", "change", table="panel", reach_s=(300, 300))
def second_symbol(frame: pl.DataFrame) -> pl.DataFrame:
    """One symbol's feed is stamped late, and was shifted too far to make up for it."""
    change = pl.col("close").pct_change()
    shifted = pl.when(pl.col("symbol") == "SYN-B").then(change.shift(-1)).otherwise(change)
    return frame.select("date", "symbol", change=shifted.over("symbol"))


@leak("shift from one symbol into the next", "before", table="panel", reach_s=(90_000, 108_000))
def shifted_across(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The symbols stand one below the other: the first row of each gets the last price of the one above."""
    return frame[["date", "symbol"]].assign(before=frame["close"].shift(1))
