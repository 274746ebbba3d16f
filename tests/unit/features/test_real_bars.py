"""Recorded minute bars: what holds for made-up prices holds for real ones, gaps, flat runs and all."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from alphaloop.data.bars import read_bars
from alphaloop.features import (
    Feature,
    FeatureSet,
    close,
    ema,
    higher,
    highest,
    kurtosis,
    mean,
    other,
    rsi,
    std,
    total,
    volume,
)

pytestmark = pytest.mark.real

FEATURES = FeatureSet(
    "real",
    [
        Feature("std", std(close, 60)),
        Feature("kurtosis", kurtosis(close, 60)),
        Feature("high", highest(close, "4h")),
        Feature("volume", total(volume, 30)),
        Feature("rsi", rsi(close, 14)),
        Feature("hourly", higher("1h", ema(close, 12))),
    ],
)


@pytest.fixture(scope="module")
def bars(real_data: Path) -> pl.DataFrame:
    """Some 20,000 minutes of a coin that often stands still."""
    return read_bars(real_data / "crypto_1m" / "binance_futures_XMRUSDT_1m.parquet").frame.head(20_000)


def test_table_is_stream_is_oracle(bars: pl.DataFrame) -> None:
    computed = FEATURES.compute(bars, dtype=np.float64)
    stream = FEATURES.stream(dtype=np.float64)
    columns = {name: bars[name].to_numpy() for name in FEATURES.inputs}
    times = bars["known_ns"].to_numpy()
    edges = [0, 1, 2, 61, 1_000, 1_001, 9_999, len(bars)]
    chunks = [
        stream.push({name: column[a:b] for name, column in columns.items()}, times[a:b]) for a, b in pairwise(edges)
    ]
    np.testing.assert_array_equal(np.vstack(chunks), computed.select(FEATURES.names).to_numpy())
    close_, volume_ = bars["close"], bars["volume"]
    for name, peer in {"std": close_.rolling_std(60), "volume": volume_.rolling_sum(30)}.items():
        wanted = peer.to_numpy()
        scale = np.nanmax(np.abs(wanted))
        np.testing.assert_allclose(computed[name].to_numpy(), wanted, rtol=1e-8, atol=1e-12 * scale)


def test_two_symbols_and_their_pair(real_data: Path, bars: pl.DataFrame) -> None:
    btc = read_bars(real_data / "crypto_1m" / "binance_futures_BTCUSDT_1m.parquet").frame
    name = btc["symbol"][0]
    pair = FeatureSet("pair", [Feature("ratio", mean(close / other(name, close, 60), 5))])
    both = pl.concat([bars, btc.filter(pl.col("known_ns").is_in(bars["known_ns"].implode()))])
    computed = pair.compute(both, dtype=np.float64).filter(symbol=bars["symbol"][0])
    joined = bars.join_asof(btc.select("known_ns", btc="close"), on="known_ns", tolerance=60_000_000_000)
    wanted = (joined["close"] / joined["btc"]).rolling_mean(5).to_numpy()
    np.testing.assert_allclose(computed["ratio"].to_numpy(), wanted, rtol=1e-10)
