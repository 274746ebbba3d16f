"""Filters and transforms that take the series as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from alphaloop.audit.planted.cases import leak

if TYPE_CHECKING:
    import pandas


@leak("Fourier filter of the whole series", "slow", reach_s=(3600, 64_800))
def fourier_low_pass(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Each smoothed row is made of all rows."""
    close = frame["close"].to_numpy()
    spectrum = np.fft.rfft(close)
    spectrum[40:] = 0.0
    return frame[["date"]].assign(slow=np.fft.irfft(spectrum, len(close)))


@leak("filter run both ways", "smooth", reach_s=(600, 64_800))
def both_ways(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Without delay, because the second pass comes from the future; one pass alone is innocent."""
    once = frame["close"].ewm(span=10).mean()
    return frame[["date"]].assign(once=once, smooth=once[::-1].ewm(span=10).mean()[::-1])


@leak("wavelet blocks", "level", reach_s=(420, 420))
def haar_blocks(frame: pl.DataFrame) -> pl.DataFrame:
    """The coarse level of a Haar transform: the mean of eight rows stands on each of the eight."""
    block = pl.int_range(pl.len()) // 8
    return frame.select("date", level=pl.col("close").mean().over(block))
