"""What must hold for any fills, any bars and any signals."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alphaloop.backtest.simulate import simulate
from alphaloop.core.clock import NS_PER_S
from alphaloop.trading.feed import BarFeed
from alphaloop.trading.ledger import Ledger
from alphaloop.trading.money import fee_of, notional, to_nano
from alphaloop.trading.plan import Plan
from alphaloop.trading.policy import choose
from alphaloop.trading.records import Fill, Reason, Signal
from alphaloop.trading.results import digest
from alphaloop.trading.session import Session

STEP = 60 * NS_PER_S
SYMBOLS = ("A", "B", "C")

prices = st.floats(1e-9, 1e9, allow_nan=False, allow_infinity=False)
quantities = st.integers(1, 10**24)


@given(prices, quantities)
def test_products_are_rounded_by_less_than_one_and_against_the_trader(price, quantity):
    exact = Fraction(price) * quantity
    assert 0 <= notional(price, quantity, paid=True) - exact < 1
    assert 0 <= exact - notional(price, quantity, paid=False) < 1


@given(st.integers(0, 10**30), st.floats(0, 0.1))
def test_fees_are_never_negative_and_never_too_small(amount, rate):
    assert 0 <= fee_of(amount, rate) - Fraction(rate) * amount < 1


@st.composite
def fills(draw):
    """Fills that one account may see: positions grow and shrink and never cross zero."""
    held = dict.fromkeys(SYMBOLS, 0)
    made = []
    for _ in range(draw(st.integers(1, 40))):
        symbol = draw(st.sampled_from(SYMBOLS))
        side = draw(st.sampled_from((1, -1)))
        most = abs(held[symbol]) if held[symbol] * side < 0 else 10**15
        quantity = draw(st.integers(1, most))
        price = draw(prices)
        amount = notional(price, quantity, paid=side > 0)
        held[symbol] += side * quantity
        made.append(Fill(1, symbol, side, quantity, price, amount, fee_of(amount, 1e-3), 0, 0, Reason.ENTRY))
    return made


@given(fills())
def test_the_books_balance_after_every_fill(made):
    ledger = Ledger(10**18)
    for number, fill in enumerate(made, 1):
        cash, fees = ledger.cash, ledger.fees
        ledger.apply(fill)
        assert ledger.balance() == 0
        assert ledger.cash - cash == -fill.side * fill.notional - fill.fee
        assert ledger.fees - fees == fill.fee >= 0
        assert all(ledger.quantities.values())
        assert ledger.quantities.keys() == ledger.costs.keys()
        assert Ledger.rebuilt(10**18, made[:number]) == ledger
    assert Ledger.restored(json.loads(json.dumps(ledger.state()))) == ledger


@given(fills())
def test_a_flat_account_gained_what_it_realised_less_fees(made):
    ledger = Ledger.rebuilt(10**18, made)
    for symbol, quantity in list(ledger.quantities.items()):
        side = -1 if quantity > 0 else 1
        ledger.apply(Fill(1, symbol, side, abs(quantity), 1.0, abs(quantity), 3, 0, 0, Reason.TIMEOUT))
    assert ledger.costs == {}
    assert ledger.cash == 10**18 + ledger.realised - ledger.fees


@st.composite
def plans(draw):
    choice = lambda *values: draw(st.sampled_from(values))  # noqa: E731
    return Plan.parse(
        {
            "policy": {"threshold": 0.6, "side": choice("both", "long", "short"), "cool_down_s": choice(0, 150)},
            "sizing": {
                "method": choice("fraction", "risk"),
                "fraction": choice(0.1, 0.9),
                "max_exposure": choice(0.5, 3.0),
                "quantity_step": choice(1e-9, 0.01),
            },
            "exits": {
                "take_profit_atr": choice(0.0, 1.0, 3.0),
                "stop_loss_atr": choice(0.7, 2.0),
                "trailing_atr": choice(0.0, 0.8),
                "trailing_arm_atr": choice(0.0, 1.0),
                "timeout_s": choice(0.0, 90.0, 600.0),
                "target_order": choice("market", "limit"),
            },
            "breakers": {
                "daily_drawdown": choice(0, 0.02),
                "max_consecutive_losses": choice(0, 2),
                "max_open_positions": choice(1, 3),
            },
            "costs": {"latency_s": choice(0.0, 1.0, 20.0, 61.0, 200.0)},
        },
        "drawn",
    )


@st.composite
def markets(draw):
    """A few symbols with gaps, rough prices and strong opinions."""
    seed, n = draw(st.integers(0, 2**32 - 1)), draw(st.integers(2, 120))
    g = np.random.default_rng(seed)
    frames = []
    for symbol in SYMBOLS[: draw(st.integers(1, 3))]:
        close = 100.0 * np.exp(np.cumsum(g.normal(0, 0.004, n)))
        open_ = np.append(100.0, close[:-1]) * np.exp(g.normal(0, 0.002, n) * (g.random(n) < 0.3))
        high = np.maximum(open_, close) * np.exp(np.abs(g.normal(0, 0.002, n)))
        low = np.minimum(open_, close) * np.exp(-np.abs(g.normal(0, 0.002, n)))
        opened = (np.arange(n) + 1_700_000_000 // 60) * STEP
        frame = {"symbol": [symbol] * n, "open_ns": opened, "known_ns": opened + STEP}
        frame |= {"open": open_, "high": high, "low": low, "close": close, "atr": close * 0.004}
        up = g.beta(1.5, 1.5, n)
        frames.append(pl.DataFrame(frame | {"up": up}).filter(pl.Series(g.random(n) < 0.9)))
    return pl.concat(frames)


def backtest(market, plan):
    p = market["up"].to_numpy()
    return simulate(market, np.column_stack([1 - p, p]), (-1, 1), plan, atr=market["atr"].to_numpy())


@settings(max_examples=60, deadline=None)
@given(markets(), plans())
def test_any_run_adds_up(market, plan):
    result = backtest(market, plan)
    summary = result.summary()
    assert to_nano(plan.initial_cash) + sum(t.net for t in result.trades) == to_nano(summary["final_equity"])
    assert 0 <= summary["max_drawdown"] < 1
    for trade in result.trades:
        assert trade.fees >= 0
        assert trade.quantity > 0
        assert trade.decided_ns <= trade.opened_ns <= trade.closed_ns
        assert trade.net == trade.side * (trade.exit_notional - trade.entry_notional) - trade.fees
    by_symbol = {}
    for trade in sorted(result.trades, key=lambda t: (t.opened_ns, t.closed_ns)):
        assert by_symbol.get(trade.symbol, 0) <= trade.decided_ns
        by_symbol[trade.symbol] = trade.closed_ns
    marks = np.append(plan.initial_cash, result.curve.points)
    peak = np.maximum.accumulate(marks)
    assert summary["max_drawdown"] == pytest.approx(float(((peak - marks) / peak).max()), abs=1e-12)
    equity = result.equity
    assert equity["known_ns"].to_list() == result.times.tolist()
    assert equity.is_empty() or equity["equity"][-1] == summary["final_equity"]


@settings(max_examples=60, deadline=None)
@given(markets(), plans(), st.floats(0.1, 0.9))
def test_the_future_changes_no_trade_that_was_closed(market, plan, share):
    assume(len(market))
    times = market["known_ns"].unique().sort()
    cut = times[int(share * (len(times) - 1))]
    whole, part = backtest(market, plan), backtest(market.filter(pl.col("known_ns") <= cut), plan)
    settled = [t for t in part.trades if t.reason is not Reason.END_OF_DATA]
    assert digest(settled) == digest(whole.trades[: len(settled)])
    rest = whole.trades[len(settled) :]
    assert all(trade.closed_ns >= cut or trade.reason is Reason.END_OF_DATA for trade in rest)


@settings(max_examples=60, deadline=None)
@given(markets(), plans(), st.integers(1, 30))
def test_step_by_step_with_restarts_is_the_same_run(market, plan, every):
    """The road of the live trader: all bars of a time shown, everything saved and restored in between."""
    feed = BarFeed.of(market)
    p = market["up"].to_numpy()[feed.order]
    sides, confidences = choose(np.column_stack([1 - p, p]), (-1, 1), plan.policy, None)
    rows, atr = list(feed.rows()), feed.frame["atr"].to_list()
    session = Session(plan)
    for number, (start, end) in enumerate(zip(feed.starts[:-1], feed.starts[1:], strict=True)):
        signals = [
            Signal(rows[i][0], rows[i][6], atr[i], int(sides[i]), float(confidences[i]))
            for i in range(start, end)
            if sides[i]
        ]
        session.dispatch(session.step(rows[start][2], rows[start:end], signals))
        if number % every == 0:
            state = json.loads(json.dumps(session.state(), allow_nan=False))
            trades, session = session.trades, Session(plan)
            session.restore(state, trades)
    if len(feed):
        session.finish(int(feed.times[-1]))
    assert session.trades == list(backtest(market, plan).trades)


@settings(max_examples=30, deadline=None)
@given(markets(), plans())
def test_fills_alone_rebuild_the_ledger(market, plan):
    feed = BarFeed.of(market)
    session = Session(plan)
    for start, end in zip(feed.starts[:-1], feed.starts[1:], strict=True):
        bars = list(feed.rows(int(start), int(end)))
        session.dispatch(session.step(bars[0][2], bars, [Signal(b[0], b[6], b[6] * 0.004, 1, 0.9) for b in bars]))
        assert session.engine.ledger.balance() == 0
        assert session.engine.ledger == Ledger.rebuilt(to_nano(plan.initial_cash), session.fills)
