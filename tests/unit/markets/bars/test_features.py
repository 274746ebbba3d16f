"""The bars feature set as a whole: what it promises beyond the formulas, which `test_oracle` checks."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from alphaloop.data.bars import read_bars
from alphaloop.features import FeatureSet
from alphaloop.markets.bars import describe
from alphaloop.markets.bars.features import BARS, CONTEXT

NS = 1_000_000_000
MONDAY_S = 1_700_438_400
STEPS = [60, 300, 900, 3600, 14_400]
FAMILIES = {
    "bollinger": 4,
    "trend": 11,
    "momentum": 9,
    "range": 3,
    "volatility": 5,
    "volume": 4,
    "candle": 4,
    "session": 7,
    "m30": 3,
    "h1": 3,
    "h4": 3,
    "d1": 3,
}
BOUNDS = {
    "share": (0, 1),
    "sign": (-1, 1),
    "flag": (0, 1),
    "cycle": (-1, 1),
    "bars": (-10, 10),
    "ratio": (-100, 100),
    "log return": (-3, 3),
}


def walk(rows: int, step_s: int, seed: int = 0, start_s: int = MONDAY_S) -> pl.DataFrame:
    """Regular bars of a random walk with continuous prices, so that no window is flat."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 2e-3, rows)))
    open_ = np.concatenate([[100.0], close[:-1]]) * (1 + random.normal(0, 1e-4, rows))
    up, down = np.abs(random.normal(0, 1e-3, (2, rows))) * close
    return pl.DataFrame(
        {
            "symbol": ["A"] * rows,
            "known_ns": (start_s + step_s * np.arange(1, rows + 1)) * NS,
            "open": open_,
            "high": np.maximum(open_, close) + up,
            "low": np.minimum(open_, close) - down,
            "close": close,
            "volume": random.lognormal(3, 1, rows),
        }
    )


def numbers(frame: pl.DataFrame, features: FeatureSet = BARS) -> np.ndarray:
    return features.compute(frame, dtype=np.float64).select(features.names).to_numpy()


def test_has_59_features_in_named_families() -> None:
    assert len(BARS) == len(set(BARS.names)) == 59
    assert {family: len(list(members)) for family, members in groupby(BARS.families)} == FAMILIES
    for feature in BARS.features:
        assert feature.unit in BOUNDS, feature.name
        assert feature.description
        assert not feature.description.endswith(".")


def test_order_and_formulas_are_frozen() -> None:
    """A change here makes every trained artifact incompatible. If that is meant, write down the new hash."""
    assert BARS.hash == "dac7860e3e4bf4acff4902af34c28b1eaf9e856274717c6f43a3fdecde45608d"


def test_reference_page_is_what_the_generator_writes() -> None:
    page = Path(__file__).parents[4] / describe.PAGE
    assert page.read_text() == describe.page(), "stale: run `make reference`"


def test_reads_nothing_but_the_bar() -> None:
    assert BARS.inputs == ("close", "high", "low", "open", "volume")
    assert BARS.references == ()


def test_no_feature_moves_with_the_price_level_or_the_unit_of_volume() -> None:
    frame = walk(3_000, 900)
    prices = [pl.col(name) * 1024 for name in ("open", "high", "low", "close")]
    other = frame.with_columns(*prices, pl.col("volume") * 8)
    # Powers of two change no mantissa, so the averages agree to the bit; logarithms and sums may round.
    np.testing.assert_allclose(numbers(other), numbers(frame), rtol=1e-9, atol=1e-12)


def test_context_is_in_price_units() -> None:
    frame = walk(200, 900)
    other = frame.with_columns(pl.col("open", "high", "low", "close") * 4)
    np.testing.assert_allclose(numbers(other, CONTEXT), 4 * numbers(frame, CONTEXT), rtol=1e-12)
    assert set(CONTEXT.names).isdisjoint(BARS.names)


@pytest.mark.parametrize("step_s", STEPS)
def test_every_value_is_there_after_the_warm_up(step_s: int) -> None:
    for start_s in (MONDAY_S, MONDAY_S + 7 * step_s):
        warm_up = BARS.warm_up(step_s)
        values = numbers(walk(warm_up + 50, step_s, start_s=start_s))
        assert np.isfinite(values[warm_up:]).all()
    assert BARS.warm_up(60) < 7 * 1440


@pytest.mark.parametrize("step_s", STEPS)
def test_values_move_and_stay_within_bounds(step_s: int) -> None:
    days = 10
    values = numbers(walk(max(days * 86_400 // step_s, 400), step_s))
    for j, feature in enumerate(BARS.features):
        known = values[np.isfinite(values[:, j]), j]
        lowest, highest = BOUNDS[feature.unit]
        assert known.min() >= lowest, feature.name
        assert known.max() <= highest, feature.name
        assert known.min() < known.max(), f"{feature.name} is constant"


def test_missing_volume_silences_the_volume_family_alone() -> None:
    frame = walk(2_000, 900)
    whole, without = numbers(frame), numbers(frame.with_columns(volume=pl.lit(float("nan"))))
    volume = np.array([family == "volume" for family in BARS.families])
    assert np.isnan(without[:, volume]).all()
    np.testing.assert_array_equal(without[:, ~volume], whole[:, ~volume])


@pytest.mark.parametrize("silent", [True, False])
def test_a_flat_market_is_nan_or_defined_and_recovers(silent: bool) -> None:
    frame = walk(4_000, 900)
    flat = pl.int_range(pl.len()).is_between(1_000, 1_999)
    level = frame["close"][999]
    changes = [
        pl.when(flat).then(level).otherwise(pl.col(name)).alias(name) for name in ("open", "high", "low", "close")
    ]
    volume = pl.when(flat & pl.lit(silent)).then(0.0).otherwise(pl.col("volume")).alias("volume")
    values = numbers(frame.with_columns(*changes, volume))
    assert not np.isinf(values).any()
    assert (np.abs(values[np.isfinite(values)]) < 1e3).all()
    at = dict(zip(BARS.names, values[1_990], strict=True))
    assert np.isnan(at["bb_position"])
    assert at["bb_width"] == at["bar_return"] == at["volatility_20"] == at["consecutive_direction"] == 0
    assert np.isfinite(values[2_700:]).all()


def test_the_future_changes_no_past() -> None:
    frame = walk(3_000, 900)
    cut = 1_777
    later = pl.int_range(pl.len()) >= cut
    other = frame.with_columns(pl.when(later).then(pl.col(c) * 3).otherwise(pl.col(c)).alias(c) for c in BARS.inputs)
    np.testing.assert_array_equal(numbers(other)[:cut], numbers(frame)[:cut])
    np.testing.assert_array_equal(numbers(frame.head(cut)), numbers(frame)[:cut])


def test_rows_pushed_one_by_one_give_the_bits_of_the_whole_table() -> None:
    frame = walk(700, 900)
    whole = BARS.compute(frame).select(BARS.names).to_numpy()
    stream = BARS.stream(("A",))
    columns = {name: frame[name].to_numpy() for name in BARS.inputs}
    known = frame["known_ns"].to_numpy()
    for i in range(len(frame)):
        row = stream.push({name: x[i : i + 1] for name, x in columns.items()}, known[i : i + 1], ["A"])
        np.testing.assert_array_equal(row[0], whole[i])


@pytest.mark.parametrize(("step_s", "same"), [(3600, ("m30", "h1")), (14_400, ("m30", "h1", "h4"))])
def test_a_higher_frame_no_longer_than_the_step_is_the_bar_itself(step_s: int, same: tuple[str, ...]) -> None:
    values = BARS.compute(walk(500, step_s), dtype=np.float64)
    for name in ("trend", "rsi_norm", "price_vs_ema"):
        columns = [values[f"{prefix}_{name}"].to_numpy() for prefix in same]
        for column in columns[1:]:
            np.testing.assert_array_equal(column, columns[0])
    at_base = values[f"{same[0]}_rsi_norm"].to_numpy()
    np.testing.assert_allclose(at_base, values["rsi_14"].to_numpy(), rtol=1e-12)


@pytest.mark.real
def test_no_feature_is_constant_or_infinite_on_a_recorded_file(real_data: Path) -> None:
    bars = read_bars(real_data / "crypto_1m" / "binance_futures_ETHUSDT_1m.parquet")
    values = numbers(bars.frame)
    assert not np.isinf(values).any()
    assert np.isfinite(values[BARS.warm_up(60) :]).mean() > 0.999
    spread = np.nanmax(values, axis=0) - np.nanmin(values, axis=0)
    assert (spread > 0).all()


@pytest.mark.real
@pytest.mark.parametrize("name", ["XAUUSD_M15_2023_2024", "EURUSD_H1_bidask_2007_2018", "EURUSD_H4_2012_2022"])
def test_works_on_recorded_files_of_other_steps_and_without_volume(real_data: Path, name: str) -> None:
    bars = read_bars(real_data / "fx_gold" / f"{name}.parquet", timezone="UTC")
    values = numbers(bars.frame)
    assert not np.isinf(values).any()
    share = np.isfinite(values[BARS.warm_up(bars.step_ns / NS) :]).mean(axis=0)
    volume = np.array([family == "volume" for family in BARS.families])
    assert (share[~volume] > 0.98).all(), [n for n, s in zip(BARS.names, share, strict=True) if s <= 0.98]
    assert (share[volume] == 0).all() if "bidask" in name else (share[volume] > 0.98).all()
