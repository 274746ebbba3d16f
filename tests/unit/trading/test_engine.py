"""The engine: events in, intents out."""

from __future__ import annotations

import json

import pytest

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import StateError
from alphaloop.trading.engine import Engine
from alphaloop.trading.money import NANO
from alphaloop.trading.plan import Plan
from alphaloop.trading.records import Amend, Drop, Fill, Reason, Signal

STEP = 60 * NS_PER_S
SETTINGS = {
    "sizing": {"fraction": 0.1},
    "exits": {"take_profit_atr": 2.0, "stop_loss_atr": 1.0, "timeout_s": 300.0},
    "costs": {"fee_bps": 0, "spread_bps": 0, "slippage_bps": 0, "latency_s": 0},
    "initial_cash": 1000.0,
}


def engine(**changes):
    values = {key: SETTINGS.get(key, {}) for key in ("policy", "sizing", "exits", "breakers", "costs")}
    for key, change in changes.items():
        values[key] = values[key] | change
    return Engine(Plan.parse(values | {"initial_cash": 1000.0}, "test"))


def signal(symbol="A", side=1, confidence=0.7, atr=5.0):
    return Signal(symbol, 100.0, atr, side, confidence)


def filled(order, price=100.0, now=STEP):
    amount = round(order.quantity * price)
    return Fill(
        order.order_id, order.symbol, order.side, order.quantity, price, amount, 0, now - STEP, now, order.reason
    )


def bracket(order, price, now, reason=Reason.STOP_LOSS):
    amount = round(order.quantity * price)
    return Fill(order.order_id, order.symbol, -order.side, order.quantity, price, amount, 0, now, now, reason)


def bar(now, high, low, close, symbol="A"):
    return (symbol, now - STEP, now, 100.0, float(high), float(low), float(close))


def test_a_signal_becomes_an_order_with_its_brackets():
    made = engine()
    (order,) = made.on_signals(0, [signal()])
    assert (order.symbol, order.side, order.quantity, order.reason) == ("A", 1, NANO, Reason.ENTRY)
    assert (order.stop_distance, order.target_distance, order.expires_ns) == (5.0, 10.0, 300 * NS_PER_S)


def test_one_position_per_symbol():
    made = engine()
    made.on_signals(0, [signal()])
    assert made.on_signals(STEP, [signal()]) == []
    assert made.skipped == {"position_open": 1}


def test_the_most_confident_is_served_first_and_ties_go_by_name():
    made = engine(breakers={"max_open_positions": 3})
    signals = [signal("D", confidence=0.6), signal("C"), signal("B"), signal("A", confidence=0.9)]
    assert [order.symbol for order in made.on_signals(0, signals)] == ["A", "B", "C"]
    assert made.skipped == {"max_open_positions": 1}


@pytest.mark.parametrize("atr", [float("nan"), 0.0, -1.0, float("inf")])
def test_distances_need_an_atr(atr):
    made = engine()
    assert made.on_signals(0, [signal(atr=atr)]) == []
    assert made.skipped == {"no_atr": 1}
    free = engine(exits={"take_profit_atr": 0.0, "stop_loss_atr": 0.0})
    assert len(free.on_signals(0, [signal(atr=atr)])) == 1


def test_too_small_is_skipped():
    made = engine(sizing={"min_notional": 200.0})
    assert made.on_signals(0, [signal()]) == []
    assert made.skipped == {"too_small": 1}
    assert made.positions == {}


def test_exposure_counts_what_is_on_its_way():
    made = engine(sizing={"fraction": 0.6, "max_exposure": 1.0})
    first, second = made.on_signals(0, [signal("A"), signal("B")])
    assert (first.quantity, second.quantity) == (6 * NANO, 4 * NANO)


def test_a_time_out_leaves_once():
    made = engine()
    (order,) = made.on_signals(0, [signal()])
    assert made.wake_ns > 10**18
    made.on_report(filled(order))
    assert made.wake_ns == 300 * NS_PER_S
    assert made.on_timer(300 * NS_PER_S - 1) == []
    (exit_order,) = made.on_timer(300 * NS_PER_S)
    assert (exit_order.side, exit_order.quantity, exit_order.reason) == (-1, NANO, Reason.TIMEOUT)
    assert made.on_timer(400 * NS_PER_S) == []
    trade = made.on_report(filled(exit_order, 103.0, 301 * NS_PER_S))
    assert (trade.net, trade.reason) == (3 * NANO, Reason.TIMEOUT)
    assert made.positions == {}
    assert made.orders == {}


def test_a_bracket_cancels_the_exit_order():
    made = engine()
    (order,) = made.on_signals(0, [signal()])
    made.on_report(filled(order))
    made.on_timer(300 * NS_PER_S)
    trade = made.on_report(bracket(order, 95.0, 301 * NS_PER_S))
    assert (trade.reason, trade.net) == (Reason.STOP_LOSS, -5 * NANO)
    assert made.orders == {}


def test_breakers_never_stop_an_exit():
    made = engine(breakers={"max_consecutive_losses": 1, "daily_drawdown": 0.001, "min_balance_fraction": 0.999})
    first, second = made.on_signals(0, [signal("A"), signal("B")])
    made.on_report(filled(first))
    made.on_report(filled(second))
    made.on_report(bracket(first, 50.0, 2 * STEP))
    made.mark(2 * STEP)
    assert made.on_signals(2 * STEP, [signal("C")]) == []
    assert [order.symbol for order in made.on_timer(300 * NS_PER_S)] == ["B"]


def test_cool_down_is_the_symbols_own():
    made = engine(policy={"cool_down_s": 120.0})
    (order,) = made.on_signals(0, [signal()])
    made.on_report(filled(order))
    made.on_report(bracket(order, 105.0, 2 * STEP, Reason.TAKE_PROFIT))
    assert made.on_signals(4 * STEP - 1, [signal()]) == []
    assert made.skipped == {"cool_down": 1}
    assert len(made.on_signals(4 * STEP - 1, [signal("B")])) == 1
    assert len(made.on_signals(4 * STEP, [signal()])) == 1


def test_a_dropped_entry_frees_the_symbol_and_a_dropped_exit_keeps_it():
    made = engine()
    (order,) = made.on_signals(0, [signal()])
    assert made.on_report(Drop(order.order_id, "A", STEP, "expired")) is None
    assert made.positions == {}
    (order,) = made.on_signals(STEP, [signal()])
    made.on_report(filled(order, now=2 * STEP))
    (exit_order,) = made.on_timer(10 * STEP)
    made.on_report(Drop(exit_order.order_id, "A", 11 * STEP, "rejected"))
    assert len(made.on_timer(11 * STEP)) == 1


def test_reports_that_fit_nothing_are_refused():
    made = engine()
    (order,) = made.on_signals(0, [signal()])
    with pytest.raises(StateError):
        made.on_report(bracket(order, 90.0, STEP))
    made.on_report(filled(order))
    with pytest.raises(StateError):
        made.on_report(filled(order))


def test_the_trailing_stop_arms_follows_and_never_loosens():
    made = engine(exits={"trailing_atr": 1.0, "trailing_arm_atr": 1.0, "take_profit_atr": 0.0})
    (order,) = made.on_signals(0, [signal()])
    made.on_report(filled(order, now=STEP))
    assert made.on_bar(bar(STEP, 104.9, 99, 104)) is None
    assert made.on_bar(bar(2 * STEP, 106, 100, 105)) == Amend("A", 101.0, 2 * STEP)
    assert made.on_bar(bar(3 * STEP, 106, 102, 103)) is None
    assert made.on_bar(bar(4 * STEP, 108, 102, 103)) == Amend("A", 103.0, 4 * STEP)


def test_the_trailing_stop_of_a_short_mirrors():
    made = engine(exits={"trailing_atr": 1.0, "take_profit_atr": 0.0, "stop_loss_atr": 3.0})
    (order,) = made.on_signals(0, [signal(side=-1)])
    made.on_report(filled(order, now=STEP))
    assert made.on_bar(bar(2 * STEP, 101, 96, 97)) == Amend("A", 101.0, 2 * STEP)
    assert made.on_bar(bar(3 * STEP, 101, 97, 98)) is None


def test_a_bar_that_began_before_the_entry_counts_with_its_close_only():
    made = engine(exits={"trailing_atr": 0.5, "take_profit_atr": 0.0})
    (order,) = made.on_signals(0, [signal()])
    late = filled(order, now=STEP)._replace(event_ns=1)
    made.on_report(late)
    assert made.on_bar(bar(STEP, 150, 99, 100)) == Amend("A", 97.5, STEP)


def test_equity_is_marked_at_the_last_close():
    made = engine()
    (order,) = made.on_signals(0, [signal(side=-1)])
    made.on_report(filled(order))
    made.on_bar(bar(STEP, 104, 99, 104))
    made.mark(STEP)
    assert made.curve.equity == 996.0
    assert made.curve.max_drawdown == pytest.approx(0.004)


def test_it_goes_on_elsewhere():
    made = engine(
        exits={"trailing_atr": 1.0, "stop_loss_atr": 0.0, "take_profit_atr": 0.0}, policy={"cool_down_s": 600.0}
    )
    first, second, _ = made.on_signals(0, [signal("A"), signal("B"), signal("C")])
    made.on_report(filled(first))
    made.on_report(filled(second))
    made.on_bar(bar(STEP, 104, 99, 104))
    made.mark(STEP)
    made.on_report(bracket(second, 90.0, 2 * STEP))
    made.on_timer(300 * NS_PER_S)
    other = Engine(made.plan)
    other.restore(json.loads(json.dumps(made.state(), allow_nan=False)))
    assert other.state() == made.state()
    assert other.wake_ns == made.wake_ns
    assert other.on_signals(5 * STEP, [signal("B"), signal("D")]) == made.on_signals(
        5 * STEP, [signal("B"), signal("D")]
    )
    assert other.state() == made.state()


def test_a_daily_drawdown_counts_from_the_days_highest_equity_and_lasts_until_midnight():
    day = 86_400 * NS_PER_S
    made = engine(
        breakers={"daily_drawdown": 0.01}, exits={"timeout_s": 1e6, "stop_loss_atr": 0.0, "take_profit_atr": 0.0}
    )
    (order,) = made.on_signals(day - 3 * STEP, [signal()])
    made.on_report(filled(order, now=day - 2 * STEP))
    for now, close in ((day - 2 * STEP, 120.0), (day - STEP, 110.3)):
        made.on_bar(bar(now, close, close, close))
        made.mark(now)
    assert len(made.on_signals(day - STEP, [signal("B")])) == 1
    made.on_bar(bar(day, 120, 109, 109.8))
    made.mark(day - 1)
    assert made.on_signals(day - 1, [signal("C")]) == []
    assert made.skipped == {"daily_drawdown": 1}
    assert len(made.on_signals(day, [signal("C")])) == 1
    made.on_bar(bar(day + STEP, 120, 109, 100.1))
    made.mark(day + STEP)
    assert len(made.on_signals(day + STEP, [signal("D")])) == 1
    made.on_bar(bar(day + 2 * STEP, 120, 99, 99.0))
    made.mark(day + 2 * STEP)
    assert made.on_signals(day + 2 * STEP, [signal("E")]) == []
