"""Scalers, encoders and selections that are fitted on rows which were still to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from alphaloop.audit.planted.cases import leak

if TYPE_CHECKING:
    import pandas

ALL_OF_IT = (3600.0, 64_800.0)


@leak("z-score over the file", "z", reach_s=ALL_OF_IT)
def global_z_score(frame: pl.DataFrame) -> pl.DataFrame:
    """Mean and deviation of all rows."""
    volume = pl.col("volume").log()
    return frame.select("date", z=(volume - volume.mean()) / volume.std())


@leak("min-max over the file", "place", reach_s=ALL_OF_IT)
def min_max(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The highest price of the file is 1."""
    close = frame["close"]
    return frame[["date"]].assign(place=(close - close.min()) / (close.max() - close.min()))


@leak("rank over the file", "rank", reach_s=ALL_OF_IT)
def ranked(frame: pl.DataFrame) -> pl.DataFrame:
    """The rank among all rows."""
    return frame.select("date", rank=pl.col("volume").rank() / pl.len())


@leak("quantile bins over the file", "bucket", reach_s=ALL_OF_IT)
def quantile_bins(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Bins with equally many of all rows in each."""
    import pandas as pd

    return frame[["date"]].assign(bucket=pd.qcut(frame["volume"], 8, labels=False))


@leak("winsorised at quantiles of the file", "clipped", reach_s=ALL_OF_IT)
def winsorised(frame: pl.DataFrame) -> pl.DataFrame:
    """Shows on the few extreme rows only."""
    change = pl.col("close").pct_change()
    return frame.select("date", clipped=change.clip(change.quantile(0.01), change.quantile(0.99)))


@leak("principal component of the file", "component", reach_s=ALL_OF_IT)
def principal_component(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The directions are those of all rows."""
    values = np.column_stack([frame["close"].diff(n).fillna(0.0) for n in (1, 2, 5, 10)])
    _, axes = np.linalg.eigh(np.cov(values.T))
    return frame[["date"]].assign(component=values @ (axes[:, -1] * np.sign(axes[0, -1])))


class Scaler:
    """The usual scaler with the usual two steps."""

    mean: np.ndarray
    scale: np.ndarray

    def fit(self, values: np.ndarray) -> Scaler:
        """Learn location and scale."""
        self.mean, self.scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        return self

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Apply them."""
        return np.asarray((values - self.mean) / self.scale)


@leak("scaler fitted on all rows", "move", "range", reach_s=ALL_OF_IT)
def scaled(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Fitted before the split."""
    values = np.column_stack([frame["close"].pct_change(), frame["high"] / frame["low"]])
    scaled = Scaler().fit(values).transform(values)
    return frame[["date"]].assign(move=scaled[:, 0], range=scaled[:, 1])


@leak("feature selected on all rows", "picked", table="labelled", target="gain")
def best_window(frame: pl.DataFrame) -> pl.DataFrame:
    """Of six windows the one whose past goes best with the target, over the file."""
    candidates = frame.select(pl.col("close").pct_change(n).fill_null(0.0).alias(f"{n}") for n in (1, 2, 3, 5, 8, 13))
    scores = [abs(np.corrcoef(values, frame["gain"].fill_null(0.0))[0, 1]) for values in candidates]
    return frame.select("date", candidates[:, int(np.argmax(scores))].alias("picked"))


@leak("target encoding before the split", "venue_rate", table="labelled", target="up", reach_s=ALL_OF_IT)
def target_encoded(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Each venue becomes the share of rises seen there, over all rows and the row's own."""
    return frame[["date"]].assign(venue_rate=frame.groupby("venue")["up"].transform("mean"))


@leak("trend line through the file", "above_trend", reach_s=ALL_OF_IT)
def detrended(frame: pl.DataFrame) -> pl.DataFrame:
    """The line is fitted to all rows."""
    rows = np.arange(frame.height)
    price = frame["close"].fill_null(strategy="forward").fill_null(0.0).to_numpy()
    line = np.polyval(np.polyfit(rows, price, 1), rows)
    return frame.select("date", pl.Series("above_trend", price - line))
