"""The event loop: the same trades as labels promise, whatever the order of rows, and blind to the future."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from alphaloop.backtest.simulate import simulate
from alphaloop.core.clock import NS_PER_S
from alphaloop.core.costs import Costs
from alphaloop.data.synthetic import synthetic_bars
from alphaloop.labels.barrier import Barrier
from alphaloop.trading.plan import Plan
from alphaloop.trading.records import Reason

STEP = 60 * NS_PER_S
LOOSE = {"daily_drawdown": 0, "max_consecutive_losses": 0, "min_balance_fraction": 0, "max_open_positions": 100}


def plan(**parts):
    values = {"policy": {"threshold": 0.6}, "breakers": LOOSE}
    return Plan.parse(values | parts, "test")


def opinion(frame, seed=0, share=0.05):
    """Probabilities that are strong on few rows."""
    g = np.random.default_rng(seed)
    up = np.where(g.random(frame.height) < share, g.choice([0.1, 0.9], frame.height), 0.5)
    return np.column_stack([1 - up, up])


@pytest.fixture(scope="module")
def frame():
    frame = synthetic_bars(3000, symbols=("A", "B"), seed=1).frame
    return frame.with_columns(atr=pl.col("close") * 0.002)


@pytest.fixture(scope="module")
def atr(frame):
    return frame["atr"].to_numpy()


def test_a_trade_earns_what_its_label_promised(frame, atr):
    """Two roads to one number, label kernel and event engine, over every trade that brackets closed."""
    costs = Costs(fee_bps=4, spread_bps=3, slippage_bps=2, latency_s=7)
    label = Barrier(horizon_s=1800, take_profit_atr=1.2, stop_loss_atr=1.0)
    table = label.compute(frame, STEP, costs).select("symbol", "decided_ns", "net_long", "net_short")
    promised = {(s, t): (long, short) for s, t, long, short in table.rows()}
    exits = {"take_profit_atr": 1.2, "stop_loss_atr": 1.0, "timeout_s": 1800.0}
    result = simulate(frame, opinion(frame), (-1, 1), plan(exits=exits, costs=costs.model_dump()), atr=atr)
    settled = [t for t in result.trades if t.reason in (Reason.TAKE_PROFIT, Reason.STOP_LOSS)]
    assert len(settled) > 100
    assert {t.side for t in settled} == {1, -1}
    for trade in settled:
        long, short = promised[trade.symbol, trade.decided_ns]
        earned = trade.net / trade.entry_notional
        assert earned == pytest.approx(long if trade.side > 0 else short, abs=1e-9)


def test_the_order_of_rows_does_not_matter(frame, atr):
    P = opinion(frame)
    mixed = np.random.default_rng(0).permutation(frame.height)
    one = simulate(frame, P, (-1, 1), plan(), atr=atr).summary()
    assert simulate(frame[mixed], P[mixed], (-1, 1), plan(), atr=atr[mixed]).summary() == one
    assert one["trades"] > 50


def test_the_future_changes_no_closed_trade(frame, atr):
    P = opinion(frame)
    whole = simulate(frame, P, (-1, 1), plan(), atr=atr)
    for cut in np.random.default_rng(1).integers(frame["known_ns"].min(), frame["known_ns"].max(), 12):
        past = (frame["known_ns"] <= cut).to_numpy()
        part = simulate(frame.filter(past), P[past], (-1, 1), plan(), atr=atr[past])
        settled = [t for t in part.trades if t.reason is not Reason.END_OF_DATA]
        assert settled == list(whole.trades[: len(settled)])


def test_what_is_open_at_the_end_is_closed_at_the_last_close(frame, atr):
    P = np.full((frame.height, 2), 0.5)
    P[-3] = (0.0, 1.0)
    exits = {"take_profit_atr": 0.0, "stop_loss_atr": 0.0, "timeout_s": 86_400.0}
    free = {"fee_bps": 0, "spread_bps": 0, "slippage_bps": 0, "latency_s": 0}
    (trade,) = simulate(frame, P, (-1, 1), plan(exits=exits, costs=free), atr=atr).trades
    assert trade.reason is Reason.END_OF_DATA
    assert trade.entry_price == frame["open"][-2]
    assert trade.exit_price == frame["close"][-1]
    assert trade.closed_ns == frame["known_ns"][-1]


def test_an_order_on_the_last_bar_never_fills(frame, atr):
    P = np.full((frame.height, 2), 0.5)
    P[-1] = (0.0, 1.0)
    result = simulate(frame, P, (-1, 1), plan(), atr=atr)
    assert result.trades == ()
    assert result.summary()["net_return"] == 0.0


def test_the_warm_up_is_seen_and_not_traded(frame, atr):
    P = opinion(frame, share=0.5)
    result = simulate(frame, P, (-1, 1), plan(), atr=atr, warm_up_rows=500)
    first = frame["known_ns"].unique().sort()[500]
    assert min(trade.decided_ns for trade in result.trades) == first


def test_a_time_out_works_while_its_symbol_is_silent(frame, atr):
    """B stops trading after the entry; its time-out is still sent on A's time, and fills when B comes back."""
    times = frame["known_ns"].unique().sort()
    silent = (frame["symbol"] == "B") & frame["known_ns"].is_between(times[102], times[130])
    kept = frame.filter(~silent)
    P = np.full((kept.height, 2), 0.5)
    P[((kept["symbol"] == "B") & (kept["known_ns"] == times[100])).to_numpy()] = (0.0, 1.0)
    exits = {"take_profit_atr": 0.0, "stop_loss_atr": 0.0, "timeout_s": 300.0}
    costs = {"latency_s": 0}
    (trade,) = simulate(kept, P, (-1, 1), plan(exits=exits, costs=costs), atr=kept["atr"].to_numpy()).trades
    assert (trade.symbol, trade.reason) == ("B", Reason.TIMEOUT)
    assert trade.closed_ns == times[131] - STEP


def test_no_trade_leaves_every_figure_defined_or_none(frame, atr):
    summary = simulate(frame, np.full((frame.height, 2), 0.5), (-1, 1), plan(), atr=atr).summary()
    assert (summary["trades"], summary["net_return"], summary["max_drawdown"]) == (0, 0.0, 0.0)
    assert summary["win_rate"] is summary["profit_factor"] is summary["sharpe"] is None
    assert summary["exposure"] == 0.0


def test_no_bar_gives_an_empty_result(frame):
    result = simulate(frame.clear(), np.empty((0, 2)), (-1, 1), plan())
    assert result.summary()["trades"] == 0
    assert result.equity.is_empty()


def test_progress_reaches_the_end(frame, atr):
    seen = []
    simulate(frame, opinion(frame), (-1, 1), plan(), atr=atr, progress=lambda *step: seen.append(step))
    assert seen[-1] == ("backtest", frame.height, frame.height)


def test_a_trade_is_known_by_its_exact_fields(frame, atr):
    one = simulate(frame, opinion(frame), (-1, 1), plan(), atr=atr).summary()
    other = simulate(frame, opinion(frame), (-1, 1), plan(costs={"fee_bps": 5.0001}), atr=atr).summary()
    assert one["trades_digest"] != other["trades_digest"]
    assert one["trades"] == other["trades"]
