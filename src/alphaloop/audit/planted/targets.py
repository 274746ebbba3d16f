"""Columns that are the answer, or nothing."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from alphaloop.audit.planted import tables
from alphaloop.audit.planted.cases import leak

if TYPE_CHECKING:
    import pandas


@leak("target with a little noise", "edge", table="labelled", kinds=("target_copy", "lookahead"), target="gain")
def noisy_copy(frame: pl.DataFrame) -> pl.DataFrame:
    """The target under another name; `spread` beside it is innocent."""
    noise = 1e-6 * np.random.default_rng(3).standard_normal(frame.height)
    return frame.select("date", edge=pl.col("gain") + pl.Series(noise), spread=pl.col("high") - pl.col("low"))


@leak("mean of the target with the row's own in it", "hit_rate", table="labelled", target="up")
def own_target(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The mean should end one row earlier."""
    return frame[["date"]].assign(hit_rate=frame["up"].rolling(20).mean())


@leak("constant column", "quality", kinds=("constant",))
def constant(frame: pl.DataFrame) -> pl.DataFrame:
    """Says the same on every row, so it says nothing."""
    return frame.select("date", "close", quality=pl.lit(1.0))


@cache
def _published() -> pl.DataFrame:
    price = pl.col("close").log()
    return tables.build("steady").select("date", forecast=price.shift(-5) - price)


@leak("forecast that was made with hindsight", "forecast", kinds=("future_copy",), reach_s=(300, 300))
def hindsight(frame: pl.DataFrame) -> pl.DataFrame:
    """Looked up by date in a file that was written when all was over: it does not move with the table at all."""
    return frame.select("date", "close").join(_published(), on="date", how="left", maintain_order="left")
