"""A quiet bar taken in at a glance leaves the account as a whole step would."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from alphaloop.backtest.simulate import simulate
from alphaloop.core.clock import NS_PER_S
from alphaloop.data.synthetic import synthetic_bars
from alphaloop.trading.plan import Plan
from alphaloop.trading.session import Session


@pytest.mark.parametrize("trailing_atr", [0.0, 3.0])
@pytest.mark.parametrize("symbols", [("A",), ("A", "B")])
def test_a_glance_is_a_step(monkeypatch, symbols, trailing_atr):
    # B's bars close between those of the others, so that several positions do not mean several bars at a time.
    later = pl.when(pl.col("symbol") == "B").then(30 * NS_PER_S).otherwise(0)
    frame = synthetic_bars(3_000, symbols=symbols, seed=3).frame.with_columns(pl.col("open_ns", "known_ns") + later)
    atr = 2e-3 * frame["close"].to_numpy()
    up = np.where(np.random.default_rng(5).random(len(frame)) < 0.03, 0.9, 0.4)
    left = frame.height // len(symbols) - np.arange(frame.height) % (frame.height // len(symbols))
    # The last position of each symbol is open, and quiet, when the bars end.
    up[left < 150] = 0.4
    up[left == 5] = 0.9
    exits = {"take_profit_atr": 9, "stop_loss_atr": 6, "timeout_s": 7200, "trailing_atr": trailing_atr}
    plan = Plan.parse(
        {
            "policy": {"threshold": 0.6, "side": "long"},
            "exits": exits,
            "breakers": {"daily_drawdown": 0.01, "max_open_positions": 2},
        },
        "test",
    )

    def run():
        result = simulate(frame, np.column_stack([1 - up, up]), (-1, 1), plan, atr=atr)
        return result.trades, result.summary(), result.curve.points, result.curve.points_ns

    taken = []
    glance = Session.glance
    monkeypatch.setattr(Session, "glance", lambda self, bar: taken.append(glance(self, bar)) or taken[-1])
    quick = run()
    monkeypatch.setattr(Session, "glance", lambda self, bar: False)
    assert quick == run()
    assert any(taken) == (not trailing_atr)
    assert len(quick[0]) > 10
    assert {trade.reason.value for trade in quick[0]} >= {"end_of_data"}
