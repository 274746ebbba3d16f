"""The last known value of another symbol, against polars' as-of join."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from alphaloop.core.errors import DataError, FeatureError
from alphaloop.core.random import stream
from alphaloop.features import Feature, FeatureSet, close, ema, higher, lag, other

SECOND = 1_000_000_000


def features(max_age_s: float | None = None) -> FeatureSet:
    return FeatureSet(
        "pairs",
        [
            Feature("ratio", close / other("BTC", close, max_age_s)),
            Feature("trend", other("BTC", ema(close, 5), max_age_s) - lag(close, 2)),
        ],
    )


@pytest.fixture
def table() -> pl.DataFrame:
    """Three symbols at irregular times, often the same."""
    frames = []
    for symbol in ("ADA", "BTC", "ETH"):
        rng = stream(21, symbol)
        times = 1_700_000_000 * SECOND + np.cumsum(rng.choice([1, 1, 2, 30], 400)) * SECOND
        price = np.exp(np.cumsum(rng.normal(0, 0.01, 400)))
        frames.append(pl.DataFrame({"symbol": symbol, "known_ns": times, "close": price}))
    return pl.concat(frames)


def oracle(table: pl.DataFrame, max_age_s: float | None) -> pl.DataFrame:
    mine = table.with_columns(before=pl.col("close").shift(2).over("symbol"), row=pl.int_range(pl.len()))
    btc = table.filter(symbol="BTC").select(
        "known_ns", btc="close", average=pl.col("close").ewm_mean(span=5, adjust=False, min_samples=5)
    )
    tolerance = None if max_age_s is None else int(max_age_s * SECOND)
    joined = mine.sort("known_ns").join_asof(btc, on="known_ns", tolerance=tolerance).sort("row")
    return joined.select(
        (pl.col("close") / pl.col("btc")).fill_null(np.nan).alias("ratio"),
        (pl.col("average") - pl.col("before")).fill_null(np.nan).alias("trend"),
    )


@pytest.mark.parametrize("max_age_s", [None, 5, 0])
def test_value_is_the_newest_that_was_known(table: pl.DataFrame, max_age_s: float | None) -> None:
    got = features(max_age_s).compute(table, dtype=np.float64)
    wanted = oracle(table, max_age_s)
    for name in wanted.columns:
        np.testing.assert_allclose(got[name].to_numpy(), wanted[name].to_numpy(), rtol=1e-12)


def test_many_symbols_and_few_are_one(table: pl.DataFrame) -> None:
    """More symbols than share one pass: each has what it has alone with its reference."""
    many = pl.concat([table, *(table.filter(symbol="ADA").with_columns(symbol=pl.lit(f"S{i:02}")) for i in range(40))])
    got = features().compute(many)
    alone = features().compute(table).filter(symbol="ADA")["ratio"].to_numpy()
    for i in range(40):
        np.testing.assert_array_equal(got.filter(symbol=f"S{i:02}")["ratio"].to_numpy(), alone)
    np.testing.assert_array_equal(got["known_ns"].to_numpy(), many["known_ns"].to_numpy())


def test_higher_time_frame_of_another_symbol(table: pl.DataFrame) -> None:
    one = FeatureSet("one", [Feature("h", other("BTC", higher("1m", close)))])
    alone = FeatureSet("one", [Feature("h", higher("1m", close))])
    btc = alone.compute(table.filter(symbol="BTC"), dtype=np.float64)
    joined = table.filter(symbol="ADA").join_asof(btc, on="known_ns")
    got = one.compute(table, dtype=np.float64).filter(symbol="ADA")
    np.testing.assert_array_equal(got["h"].to_numpy(), joined["h"].fill_null(np.nan).to_numpy())


def test_table_without_the_reference_is_refused(table: pl.DataFrame) -> None:
    with pytest.raises(DataError, match="looks at symbol 'BTC', which the table lacks"):
        features().compute(table.filter(pl.col("symbol") != "BTC"))


def test_reference_alone_sees_itself(table: pl.DataFrame) -> None:
    got = features().compute(table.filter(symbol="BTC"), dtype=np.float64)
    assert set(got["ratio"]) == {1.0}


def test_push_orders_the_rows_of_a_moment() -> None:
    stream_ = features().stream(["ADA", "BTC"], np.float64)
    got = stream_.push({"close": [1.0, 2.0, 3.0, 8.0]}, [10, 10, 20, 20], ["ADA", "BTC", "ADA", "BTC"])
    np.testing.assert_array_equal(got[:, 0], [0.5, 1.0, 3.0 / 8.0, 1.0])


def test_reference_that_comes_too_late_is_refused() -> None:
    stream_ = features().stream(["ADA"], np.float64)
    assert stream_.symbols == ("ADA", "BTC")
    stream_.push({"close": [1.0]}, [10], "ADA")
    with pytest.raises(DataError, match=r"'BTC': a row known at .* came after rows of .* referenced symbols first"):
        stream_.push({"close": [2.0]}, [10], "BTC")
    stream_.push({"close": [2.0]}, [11], "BTC")
    np.testing.assert_array_equal(stream_.push({"close": [3.0]}, [11], "ADA")[:, 0], [1.5])


def test_references_of_each_other_are_known_in_the_order_of_their_names() -> None:
    pair = FeatureSet("two", [Feature("a", other("A", close)), Feature("b", other("B", close))])
    rows = pl.DataFrame({"symbol": ["B", "B", "A", "A"], "known_ns": [1, 2, 1, 2], "close": [10.0, 20.0, 1.0, 2.0]})
    got = pair.compute(rows, dtype=np.float64)
    np.testing.assert_array_equal(got["a"].to_numpy(), [1.0, 2.0, 1.0, 2.0])
    np.testing.assert_array_equal(got["b"].to_numpy(), [10.0, 20.0, np.nan, 10.0])


def test_impossible_settings_are_refused() -> None:
    for symbol, expr, age, message in (
        ("", close, None, "leads nowhere"),
        ("BTC", other("ETH", close), None, r"other\(\) inside other"),
        ("BTC", close, -1, "at least 0"),
    ):
        with pytest.raises(FeatureError, match=message):
            other(symbol, expr, age)
