from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from alphaloop.data.bars import Bars, read_bars
from alphaloop.data.quality import report
from alphaloop.data.sessions import CONTINUOUS, DAILY, UNKNOWN, WEEKDAYS, find_session
from alphaloop.data.synthetic import synthetic_bars

HOUR = 3_600 * 10**9
MONDAY = 1_704_067_200 * 10**9  # 2024-01-01T00:00:00Z, a Monday


def keep(bars: Bars, expression: pl.Expr) -> Bars:
    return Bars(bars.frame.filter(expression), bars.step_ns, bars.source, bars.sha256)


def change(bars: Bars, row: int, **values: float) -> Bars:
    at = pl.int_range(pl.len()) == row
    columns = [pl.when(at).then(value).otherwise(pl.col(name)).alias(name) for name, value in values.items()]
    return Bars(bars.frame.with_columns(columns), bars.step_ns, bars.source, bars.sha256)


def test_clean_bars_have_nothing_to_report() -> None:
    found = report(synthetic_bars(30_000, symbols=("A", "B"), seed=1))
    assert (found.rows, found.step_s, [part.symbol for part in found.symbols]) == (60_000, 60.0, ["A", "B"])
    for part in found.symbols:
        assert part.session == CONTINUOUS
        assert (part.gaps.count, part.missing_in_session, part.repeated_bars) == (0, 0.0, 0)
        assert (part.first, part.last) == ("2024-01-01T00:00:00Z", "2024-01-21T20:00:00Z")
        assert not part.last_bar_suspect
        assert not any(move.suspect for move in part.largest_moves)


def test_the_report_is_plain_json() -> None:
    bars = synthetic_bars(50, symbols=("A",))
    unknown = Bars(bars.frame.with_columns(volume=pl.lit(float("nan"))), bars.step_ns, "x", "y")
    assert (
        json.loads(json.dumps(report(unknown).to_dict(), allow_nan=False))["symbols"][0]["unknown_volume_share"] == 1.0
    )


def test_gaps_are_counted_and_placed() -> None:
    bars = synthetic_bars(100, symbols=("A",))
    gaps = report(keep(bars, ~pl.int_range(pl.len()).is_in([10, 50, 51, 52]))).symbols[0].gaps
    assert (gaps.count, gaps.missing_bars, gaps.missing_share, gaps.longest_s) == (2, 4, 0.04, 180.0)
    assert (gaps.first, gaps.longest) == ("2024-01-01T00:10:00Z", "2024-01-01T00:50:00Z")


def test_flat_repeated_and_empty_bars_are_counted() -> None:
    bars = synthetic_bars(100, symbols=("A",))
    still = dict.fromkeys(("open", "high", "low", "close"), 5.0)
    for row in (20, 21, 22, 60):
        bars = change(bars, row, **still, volume=7.0)
    bars = change(bars, 80, volume=0.0)
    part = report(bars).symbols[0]
    assert (part.flat_share, part.longest_flat, part.repeated_bars, part.zero_volume_share) == (0.04, 3, 2, 0.01)


def test_a_price_that_jumps_and_comes_back_is_suspect_and_one_that_stays_is_not() -> None:
    bars = synthetic_bars(2_000, symbols=("A",), seed=2)
    close = bars.frame["close"].to_numpy()
    spike = report(change(bars, 700, close=close[700] * 1.5)).symbols[0].largest_moves
    (wrong,) = [move for move in spike if move.suspect]
    assert (wrong.time, round(wrong.log_return, 1)) == ("2024-01-01T11:41:00Z", 0.4)
    shifted = close * np.where(np.arange(2_000) >= 700, 1.5, 1.0)
    level = Bars(bars.frame.with_columns(close=pl.Series(shifted)), bars.step_ns, "x", "y")
    assert not any(move.suspect for move in report(level).symbols[0].largest_moves)


def test_an_unfinished_last_bar_is_suspect() -> None:
    bars = synthetic_bars(2_000, symbols=("A",), seed=2)
    price = bars.frame["open"][-1]
    cut = change(bars, 1_999, high=price, low=price, close=price, volume=0.001)
    assert report(cut).symbols[0].last_bar_suspect
    silent = Bars(cut.frame.with_columns(volume=pl.lit(float("nan"))), bars.step_ns, "x", "y")
    assert report(silent).symbols[0].last_bar_suspect


def test_one_bar_and_a_standing_price_are_described() -> None:
    one = report(synthetic_bars(1, symbols=("A",))).symbols[0]
    assert (one.rows, one.largest_moves, one.session) == (1, (), UNKNOWN)
    bars = synthetic_bars(200, symbols=("A",))
    flat = bars.frame.with_columns(pl.lit(5.0).alias(name) for name in ("open", "high", "low", "close"))
    assert report(Bars(flat, bars.step_ns, "x", "y")).symbols[0].largest_moves == ()


def hours(weeks: int, is_open: object) -> np.ndarray:
    grid = MONDAY + HOUR * np.arange(weeks * 168, dtype=np.int64)
    of_week = np.arange(weeks * 168) % 168
    return grid[is_open(of_week)]


def test_sessions_are_recognised() -> None:
    everything = find_session(hours(3, lambda hour: hour >= 0), HOUR)
    assert (everything.pattern, everything.open_hours, everything.missing_share) == (CONTINUOUS, 168, 0.0)
    weekdays = find_session(hours(4, lambda hour: hour < 5 * 24 - 2), HOUR)
    assert (weekdays.pattern, weekdays.open_hours) == (WEEKDAYS, 118)
    daily = find_session(hours(4, lambda hour: (hour < 120) & (hour % 24 >= 14) & (hour % 24 < 21)), HOUR)
    assert (daily.pattern, daily.open_hours, daily.missing_share) == (DAILY, 35, 0.0)
    assert find_session(hours(1, lambda hour: hour >= 0), HOUR).pattern == UNKNOWN


def test_missing_bars_count_only_in_usual_hours() -> None:
    times = hours(4, lambda hour: hour < 120)
    found = find_session(np.delete(times, [5, 6]), HOUR)
    assert found.pattern == WEEKDAYS
    assert found.missing_share == pytest.approx(2 / 480)


def test_steps_longer_than_an_hour_have_fewer_slots() -> None:
    times = MONDAY + 4 * HOUR * np.arange(6 * 7 * 4, dtype=np.int64)
    found = find_session(times, 4 * HOUR)
    assert (found.pattern, found.open_hours, found.missing_share) == (CONTINUOUS, 42, 0.0)


@pytest.mark.real
def test_recorded_markets_are_recognised(real_data: Path) -> None:
    gold = report(read_bars(real_data / "fx_gold" / "XAUUSD_M15_2023_2024.parquet", timezone="UTC")).symbols[0]
    assert gold.session == WEEKDAYS
    assert gold.missing_in_session < 0.1 < gold.gaps.missing_share
    coin = report(read_bars(real_data / "crypto_1m" / "binance_futures_BTCUSDT_1m.parquet")).symbols[0]
    assert (coin.session, coin.gaps.count) == (CONTINUOUS, 0)
