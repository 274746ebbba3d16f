"""Functions that the tests of the audit hand to it; nothing else imports this file."""

from __future__ import annotations

import pandas as pd
import polars as pl

from alphaloop.features import close, rsi
from alphaloop.labels import Horizon

MEANS: dict[str, float] = {}


def leaks_one_row(df: pl.DataFrame) -> pl.DataFrame:
    return df.with_columns(ahead=pl.col("close").shift(-1) / pl.col("close") - 1.0, fine=pl.col("close").diff())


def remembers(df: pl.DataFrame) -> pl.DataFrame:
    """The first call decides for all later ones: only fresh processes see it."""
    MEANS.setdefault("close", float(df["close"].mean() or 0.0))
    return df.select("date", z=pl.col("close") - MEANS["close"])


def after_jumps_only(df: pl.DataFrame) -> pl.DataFrame:
    jump = pl.col("close").pct_change().abs() > 0.03
    return df.select("date", x=pl.when(jump).then(pl.col("close").shift(-2)).otherwise(0.0))


def chooses_rows(df: pl.DataFrame) -> pl.DataFrame:
    return df.filter(pl.col("close").shift(-1) > pl.col("close")).select("date", "close")


def row_number(df: pl.DataFrame) -> pl.DataFrame:
    return df.select("date", age=pl.int_range(pl.len()), r=pl.col("close").log().diff())


def clean_pandas(df: pd.DataFrame) -> pd.DataFrame:
    out = df[["date"]].copy()
    past = df["close"].expanding(30)
    out["z"] = (df["close"] - past.mean()) / past.std()
    out["up"] = df["close"] > df["open"]
    out["word"] = pd.cut(df["close"].pct_change(), [-1, 0, 1], labels=["down", "up"])
    return out.dropna()


def needs_many(df: pl.DataFrame) -> pl.DataFrame:
    if len(df) < 100:
        raise ValueError("at least 100 rows are needed")
    return df.select(slow=pl.col("close").rolling_mean(100)).drop_nulls()


def by_time_index(df):
    return df["close"].resample("15min", label="right", closed="left").last().reindex(df.index, method="ffill")


def hides_target(df: pl.DataFrame) -> pl.DataFrame:
    return df.select("date", x=pl.col("y") * 2.0 + 1.0, fine=pl.col("close").diff())


class Maker:
    def make(self, df: pl.DataFrame) -> pl.DataFrame:
        return df.select(pl.col("close").diff())


def returns_number(df: pl.DataFrame) -> int:
    return len(df)


def always_fails(df: pl.DataFrame) -> pl.DataFrame:
    raise KeyError("price")


maker = Maker()
rsi_14 = rsi(close, 14)
LABEL = Horizon(horizon_s=300.0)
NUMBER = 3
