"""Operators that remember rows or their own value, against polars and textbook loops."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from alphaloop.features import (
    atr,
    close,
    diff,
    ema,
    hour_cos,
    hour_sin,
    in_session,
    lag,
    rsi,
    run_length,
    true_range,
    weekday_cos,
    weekday_sin,
    wilder,
)

Floats = NDArray[np.float64]
HOUR = 3_600_000_000_000


def textbook_wilder(x: Floats, n: int) -> Floats:
    out, first, average = np.full(len(x), np.nan), [], np.nan
    for i, value in enumerate(x):
        if np.isnan(value):
            continue
        if len(first) < n:
            first.append(value)
            average = np.sum(first) / n
        else:
            average = (average * (n - 1) + value) / n
        out[i] = average if len(first) == n else np.nan
    return out


@pytest.mark.parametrize("n", [1, 2, 17])
def test_lag_and_difference(compute: Callable[..., Floats], series: Floats, n: int) -> None:
    before = np.concatenate([np.full(n, np.nan), series[:-n]])
    np.testing.assert_array_equal(compute(lag(close, n), series), before)
    np.testing.assert_array_equal(compute(diff(close, n), series), series - before)


@pytest.mark.parametrize("n", [2, 12, 100])
def test_exponential_average_is_that_of_polars(compute: Callable[..., Floats], series: Floats, n: int) -> None:
    values = pl.Series(series).fill_nan(None)
    peer = values.ewm_mean(span=n, adjust=False, ignore_nulls=True, min_samples=n)
    wanted = pl.select(pl.when(values.is_null()).then(None).otherwise(peer)).to_series().to_numpy()
    np.testing.assert_allclose(compute(ema(close, n), series), wanted, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 14, 100])
def test_wilder_average_is_the_textbooks(compute: Callable[..., Floats], series: Floats, n: int) -> None:
    np.testing.assert_allclose(compute(wilder(close, n), series), textbook_wilder(series, n), rtol=1e-11, atol=1e-9)


def test_an_average_over_one_row_is_the_value(compute: Callable[..., Floats], series: Floats) -> None:
    np.testing.assert_array_equal(compute(ema(close, 1) + 0 * wilder(close, 1), series), series)


def test_relative_strength_is_the_textbooks(compute: Callable[..., Floats], series: Floats) -> None:
    change = np.concatenate([[np.nan], np.diff(series)])
    up, down = textbook_wilder(np.maximum(change, 0), 14), textbook_wilder(np.maximum(-change, 0), 14)
    with np.errstate(invalid="ignore"):
        wanted = 100 * up / (up + down)
    np.testing.assert_allclose(compute(rsi(close, 14), series), wanted, rtol=1e-9, atol=1e-9)


def test_true_range_reaches_to_the_close_before(compute: Callable[..., Floats]) -> None:
    bars = {
        "high": np.array([12.0, 11.0, 20.0, 9.0]),
        "low": np.array([9.0, 10.0, 19.0, 8.0]),
        "close": np.array([11.0, 10.0, 19.5, 8.5]),
    }
    np.testing.assert_array_equal(compute(true_range(), bars), [np.nan, 1.0, 10.0, 11.5])
    np.testing.assert_allclose(compute(atr(2), bars), [np.nan, np.nan, 5.5, 8.5])


def test_runs_count_equal_signs(compute: Callable[..., Floats]) -> None:
    x = np.array([1.0, 2.0, np.nan, 3.0, 0.0, -1.0, -2.0, 5.0, -1.0])
    np.testing.assert_array_equal(compute(run_length(close), x), [1, 2, np.nan, 3, 0, -1, -2, 1, -1])


def test_time_of_day_and_week_go_round(compute: Callable[..., Floats]) -> None:
    times = np.arange(1, 400) * HOUR // 2
    day = 2 * np.pi * (times / (24 * HOUR) % 1.0)
    week = 2 * np.pi * ((times - 4 * 24 * HOUR) / (7 * 24 * HOUR) % 1.0)
    rows = np.ones(len(times))
    for expr, wanted in (
        (hour_sin(), np.sin(day)),
        (hour_cos(), np.cos(day)),
        (weekday_sin(), np.sin(week)),
        (weekday_cos(), np.cos(week)),
    ):
        np.testing.assert_allclose(compute(expr + 0 * close, rows, times), wanted, atol=1e-12)


def test_week_begins_on_monday(compute: Callable[..., Floats]) -> None:
    monday = int(np.datetime64("2024-01-01T00:00:00", "ns").astype(np.int64))
    value = compute(weekday_sin() + 0 * close, np.ones(1), np.array([monday]))
    np.testing.assert_array_equal(value, [0.0])


@pytest.mark.parametrize(("start", "end"), [(8, 16.5), (22, 6), (0, 24)])
def test_sessions_are_half_open_and_may_run_over_midnight(
    compute: Callable[..., Floats], start: float, end: float
) -> None:
    times = np.arange(1, 200) * HOUR // 2
    hours = times / HOUR % 24.0
    inside = (hours >= start) & (hours < end) if start < end else (hours >= start) | (hours < end)
    got = compute(in_session(start, end) + 0 * close, np.ones(len(times)), times)
    np.testing.assert_array_equal(got, inside.astype(float))
