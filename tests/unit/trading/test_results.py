"""The figures, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from alphaloop.core.clock import NS_PER_DAY
from alphaloop.trading.curve import EquityCurve
from alphaloop.trading.records import Reason, Trade
from alphaloop.trading.results import Result, digest

HOUR = NS_PER_DAY // 24


def trade(net, opened=0, closed=HOUR, symbol="A"):
    return Trade(symbol, 1, 10**9, opened, opened, closed, 1.0, 1.0, 10**9, 10**9 + net, 0, net, Reason.TIMEOUT, 0.7)


def result(trades, equities=(), hours=48):
    curve = EquityCurve(100.0)
    for hour, equity in equities:
        curve.mark(hour * HOUR, equity)
    return Result(tuple(trades), curve, 100.0, np.arange(hours, dtype=np.int64) * HOUR, hours, {})


def test_shares_of_winners():
    summary = result([trade(30), trade(-10), trade(-5), trade(0)]).summary()
    assert summary["win_rate"] == 0.25
    assert summary["profit_factor"] == 2.0
    assert result([trade(5)]).summary()["profit_factor"] is None


def test_exposure_counts_overlapping_positions_once():
    trades = [trade(1, 0, 10 * HOUR), trade(1, 5 * HOUR, 15 * HOUR, "B"), trade(1, 20 * HOUR, 25 * HOUR)]
    assert result(trades, hours=41).summary()["exposure"] == 0.5


def test_sharpe_is_daily_and_quiet_days_count():
    made = result([], [(5, 110.0), (20, 101.0), (60, 103.02)], hours=96)
    returns = np.array([0.01, 0.0, 0.02, 0.0])
    assert made.summary()["sharpe"] == pytest.approx(returns.mean() / returns.std(ddof=1) * math.sqrt(365))
    assert result([], [(5, 110.0)], hours=24).summary()["sharpe"] is None


def test_drawdown_is_from_the_highest_peak():
    assert result([], [(1, 120.0), (2, 90.0), (3, 130.0), (4, 100.0)]).summary()["max_drawdown"] == 0.25


def test_equity_stands_still_between_marks():
    equity = result([], [(2, 110.0), (2, 120.0), (5, 90.0)], hours=7).equity
    assert equity["equity"].to_list() == [100.0, 100.0, 120.0, 120.0, 120.0, 90.0, 90.0]


def test_the_digest_knows_the_order():
    assert digest([trade(1), trade(2)]) != digest([trade(2), trade(1)])
    assert digest([]) == digest([])


def test_the_table_speaks_quote_units():
    row = result([trade(25 * 10**7)]).table().row(0, named=True)
    assert (row["quantity"], row["net"], row["reason"]) == (1.0, 0.25, "timeout")
    assert result([]).table().is_empty()
