"""Higher time frames against polars' `group_by_dynamic`, whose bars are joined where they have closed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from alphaloop.core.errors import FeatureError
from alphaloop.core.random import stream
from alphaloop.features import (
    Expr,
    close,
    column,
    ema,
    high,
    higher,
    hour_sin,
    lag,
    low,
    mean,
    open,
    other,
    std,
    volume,
)

Floats = NDArray[np.float64]
MINUTE = 60_000_000_000
MONDAY = int(np.datetime64("2024-01-01T00:00:00", "ns").astype(np.int64))


@pytest.fixture(params=["whole", "gaps", "offset"])
def bars(request: pytest.FixtureRequest) -> pl.DataFrame:
    """Minute bars over some days: every minute, with gaps of minutes to hours, or beside the whole minute."""
    rng = stream(11, request.param)
    rows = 6000
    minutes = np.arange(1, rows + 1)
    if request.param == "gaps":
        minutes = np.cumsum(rng.choice([1, 1, 1, 1, 7, 61, 400], rows, p=[0.6, 0.1, 0.1, 0.15, 0.03, 0.01, 0.01]))
    known = MONDAY + minutes * MINUTE + (17_000_000_000 if request.param == "offset" else 0)
    price = 100 * np.exp(np.cumsum(rng.normal(0, 0.001, (5, rows)), axis=1))
    return pl.DataFrame(
        {
            "known_ns": known,
            "open": price[0],
            "high": price[:4].max(axis=0),
            "low": price[:4].min(axis=0),
            "close": price[3],
            "volume": price[4],
            "funding": price[4] - 100,
        }
    )


def closed_bars(bars: pl.DataFrame, every: str) -> pl.DataFrame:
    """Bars ``(start, end]`` by polars, with the moment from which each is known: a row at its end, or any later one."""
    frame = bars.with_columns(pl.from_epoch("known_ns", "ns").alias("t"))
    grouped = frame.group_by_dynamic("t", every=every, closed="right", label="right").agg(
        pl.first("open"), pl.max("high"), pl.min("low"), pl.last("close"), pl.sum("volume"), pl.last("funding")
    )
    return grouped.with_columns(pl.col("t").dt.timestamp("ns").alias("known_ns")).drop("t")


def held(bars: pl.DataFrame, values: pl.DataFrame, name: str) -> Floats:
    """Each row's newest value that was known then."""
    joined = bars.select("known_ns").join_asof(values.select("known_ns", name), on="known_ns", strategy="backward")
    return joined[name].to_numpy()


def columns(bars: pl.DataFrame) -> dict[str, Floats]:
    return {name: bars[name].to_numpy() for name in bars.columns if name != "known_ns"}


@pytest.mark.parametrize("every", ["30m", "1h", "4h", "1d"])
@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume", "funding"])
def test_each_number_of_a_bar(compute: Callable[..., Floats], bars: pl.DataFrame, every: str, name: str) -> None:
    wanted = held(bars, closed_bars(bars, every), name)
    got = compute(higher(every, column(name)), columns(bars), bars["known_ns"].to_numpy())
    np.testing.assert_allclose(got, wanted, rtol=1e-13)


EXPRESSIONS: dict[str, tuple[Expr, pl.Expr]] = {
    "ema": (
        ema(close, 5) - open,
        pl.col("close").ewm_mean(span=5, adjust=False, min_samples=5) - pl.col("open"),
    ),
    "score": (
        (close - mean(close, 9)) / std(close, 9),
        (pl.col("close") - pl.col("close").rolling_mean(9)) / pl.col("close").rolling_std(9),
    ),
    "range": ((high - low) / lag(volume, 2), (pl.col("high") - pl.col("low")) / pl.col("volume").shift(2)),
    "time": (hour_sin(), (2 * np.pi * (pl.col("known_ns") % (1440 * MINUTE)) / (1440 * MINUTE)).sin()),
}


@pytest.mark.parametrize("every", ["30m", "2h"])
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_operators_run_over_closed_bars(
    compute: Callable[..., Floats], bars: pl.DataFrame, every: str, name: str
) -> None:
    expr, peer = EXPRESSIONS[name]
    values = closed_bars(bars, every).select("known_ns", peer.fill_null(np.nan).alias("value"))
    got = compute(higher(every, expr) + 0 * close, columns(bars), bars["known_ns"].to_numpy())
    np.testing.assert_allclose(got, held(bars, values, "value"), rtol=1e-9, atol=1e-12)


def test_windows_by_time_count_from_the_close_of_the_bar(compute: Callable[..., Floats], bars: pl.DataFrame) -> None:
    hourly = closed_bars(bars, "1h").with_columns(pl.from_epoch("known_ns", "ns").alias("t"))
    peer = hourly.rolling("t", period="6h", closed="right").agg(pl.mean("close")).with_columns(hourly["known_ns"])
    first = hourly["known_ns"][0]
    peer = peer.with_columns(pl.when(pl.col("known_ns") - first >= 360 * MINUTE).then("close").otherwise(np.nan))
    got = compute(higher("1h", mean(close, "6h")), columns(bars), bars["known_ns"].to_numpy())
    np.testing.assert_allclose(got, held(bars, peer, "close"), rtol=1e-12)


def test_two_bars_may_close_on_one_row(compute: Callable[..., Floats]) -> None:
    """The row at 11:00 comes after a gap: it closes what was open of 09:00 to 10:00, then its own bar."""
    known = MONDAY + np.array([570, 580, 660, 661]) * MINUTE
    x = np.array([1.0, 2.0, 4.0, 8.0])
    np.testing.assert_array_equal(compute(higher("1h", close), x, known), [np.nan, np.nan, 4.0, 4.0])
    np.testing.assert_array_equal(compute(higher("1h", lag(close, 1)), x, known), [np.nan, np.nan, 2.0, 2.0])
    np.testing.assert_array_equal(compute(higher("1h", volume), {"volume": x}, known), [np.nan, np.nan, 4.0, 4.0])


def test_a_bar_is_never_shown_before_it_has_closed(compute: Callable[..., Floats]) -> None:
    known = MONDAY + np.arange(1, 181) * MINUTE
    x = np.arange(180.0)
    shown = compute(higher("1h", close), x, known)
    assert np.isnan(shown[:59]).all()
    assert set(shown[59:119]) == {59.0}
    assert set(shown[119:179]) == {119.0}
    assert shown[179] == 179.0


def test_weeks_begin_on_monday(compute: Callable[..., Floats]) -> None:
    known = MONDAY + np.arange(1, 8 * 24 + 1) * 60 * MINUTE
    shown = compute(higher("1w", close), np.arange(8 * 24.0), known)
    assert np.isnan(shown[: 7 * 24 - 1]).all()
    assert set(shown[7 * 24 - 1 :]) == {7 * 24 - 1.0}


def test_a_missing_value_inside_a_bar_is_missing_in_what_covers_it(compute: Callable[..., Floats]) -> None:
    known = MONDAY + np.arange(1, 121) * MINUTE
    x = np.arange(120.0)
    x[30] = np.nan
    rows = dict.fromkeys(("open", "high", "low", "close", "volume"), x)
    for number, first_hour in ((open, 0.0), (high, np.nan), (low, np.nan), (close, 59.0), (volume, np.nan)):
        shown = compute(higher("1h", number), rows, known)
        np.testing.assert_array_equal(shown[59], first_hour)
        assert not np.isnan(shown[119])


def test_what_has_no_meaning_inside_is_refused() -> None:
    with pytest.raises(FeatureError, match=r"higher\(\) inside higher"):
        higher("4h", close / higher("1d", close))
    with pytest.raises(FeatureError, match=r"other\(\) inside higher"):
        higher("4h", close / other("BTC", close))
    with pytest.raises(FeatureError, match="duration '4x'"):
        higher("4x", close)
