"""When a position is left, and why."""

from __future__ import annotations

import pytest

from alphaloop.trading.portfolio.exits import reason_to_leave
from alphaloop.trading.portfolio.records import Command, Mark
from alphaloop.trading.portfolio.settings import Strategy
from alphaloop.trading.portfolio.trades import Trade
from portfolio_case import SOL, START_NS, STRATEGY, Desk, strategies

S = 10**9


def reason(last: float, peak: float, held_s: float = 0.0, entry: float = 100.0, **changes: object) -> str | None:
    trade = Trade(
        trade_id="t1",
        signal_id="s",
        asset="A",
        source="signal",
        strategy="plain",
        score=0.9,
        budget=1,
        decided_ns=START_NS,
        context={},
        entry_price=entry,
        entered_ns=START_NS,
        last=last,
        peak=peak,
    )
    strategy = Strategy.parse({**STRATEGY, **changes}, "case")
    found = reason_to_leave(trade, strategy, START_NS + round(held_s * S))
    return None if found is None else str(found)


# Defaults: twice the entry, 0.4 of it, ten minutes, 15 % below a peak of 1.3 and more.
@pytest.mark.parametrize(
    ("last", "peak", "held_s", "expected"),
    [
        (200.0, 200.0, 0.0, "take_profit"),
        (199.99, 199.99, 0.0, None),
        (129.9, 129.9, 0.0, None),
        (110.5, 130.0, 0.0, None),
        (110.49, 130.0, 0.0, "trailing_stop"),
        (100.0, 129.99, 0.0, None),
        (40.01, 100.0, 0.0, None),
        (40.0, 100.0, 0.0, "stop_loss"),
        (1.0, 100.0, 0.0, "stop_loss"),
        (100.0, 100.0, 599.999, None),
        (100.0, 100.0, 600.0, "timeout"),
    ],
)
def test_each_rule_at_its_edge(last: float, peak: float, held_s: float, expected: str | None) -> None:
    assert reason(last, peak, held_s) == expected


def test_the_first_rule_that_says_so_is_the_reason() -> None:
    """Profit before trail, trail before stop, stop before time-out."""
    assert reason(250.0, 400.0, 999.0) == "take_profit"
    assert reason(30.0, 400.0, 999.0) == "trailing_stop"
    assert reason(30.0, 100.0, 999.0) == "stop_loss"
    assert reason(100.0, 100.0, 999.0) == "timeout"


def test_a_trail_that_is_armed_at_the_entry_leaves_no_work_for_a_stop_at_forty_per_cent() -> None:
    """Whatever way a price takes down, it is 15 % below its peak long before it is 60 % below the entry."""
    for price in range(99, 0, -1):
        first = reason(float(price), 100.0, trail_arm=1.0)
        assert first in (None, "trailing_stop")
        assert (first is None) == (price >= 85)
    # Armed at +30 % the stop is what ends a position that only falls.
    assert [p for p in range(99, 0, -1) if reason(float(p), 100.0) == "stop_loss"] == list(range(40, 0, -1))


def test_a_trail_of_no_width_is_off() -> None:
    assert reason(60.0, 190.0, trail_width=0.0) is None


def test_without_an_entry_price_only_time_counts() -> None:
    assert reason(100.0, 100.0, entry=0.0) is None
    assert reason(100.0, 100.0, 600.0, entry=0.0) == "timeout"


# -- in the engine ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ([1.5, 2.0], "take_profit"),
        ([1.2, 1.02], None),
        ([1.4, 1.2], None),
        ([1.4, 1.18], "trailing_stop"),
        ([0.5, 0.4], "stop_loss"),
    ],
)
def test_each_price_is_looked_at_as_it_comes(prices: list[float], expected: str | None) -> None:
    desk = Desk()
    desk.hold()
    for price in prices:
        desk.wait(1, tick=False)
        desk.mark("A", price)
    assert (desk.trade().exit_wanted or None) == expected
    assert len(desk.sales) == (1 if expected else 0)
    if expected:
        desk.land(price=prices[-1])
        (closed,) = desk.notices("trade_closed")
        assert closed["reason"] == expected
        trade = desk.engine.take_changes()[0][0]
        assert (trade.exit_wanted, trade.state, trade.exited_ns) == (expected, "closed", desk.now_ns)


def test_time_runs_out_without_any_price() -> None:
    desk = Desk()
    trade = desk.hold()
    desk.now_ns = trade.entered_ns + 600 * S - 1
    desk.wait(0)
    assert desk.sales == []
    desk.wait(1e-9)
    assert trade.exit_wanted == "timeout"
    assert len(desk.sales) == 1


def test_the_hold_counts_from_the_fill() -> None:
    desk = Desk()
    desk.score()
    desk.wait(500)
    desk.land()
    desk.wait(599)
    assert desk.sales == []


def test_prices_out_of_order_are_passed_over() -> None:
    desk = Desk()
    trade = desk.hold()
    desk.wait(10, tick=False)
    desk.mark("A", 1.1, age_s=2)
    desk.mark("A", 0.1, age_s=3)
    desk.mark("A", 0.1, age_s=2)
    assert (trade.last, trade.exit_wanted) == (1.1, "")
    desk.mark("A", 1.2, age_s=1.999)
    assert trade.last == 1.2


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_prices_that_are_none_are_passed_over(price: float) -> None:
    desk = Desk()
    trade = desk.hold()
    desk.mark("A", price)
    assert (trade.last, trade.peak, trade.exit_wanted) == (1.0, 1.0, "")


def test_prices_of_what_is_not_held_change_nothing() -> None:
    desk = Desk()
    before = desk.saved()
    assert desk.mark("A", 2.0) == []
    assert desk.saved() == before


def test_the_markets_facts_come_with_prices_and_are_used_for_orders() -> None:
    desk = Desk()
    desk.hold(context={"virtual_sol": 1})
    desk.tell(Mark, asset="A", price=1.1, known_ns=desk.now_ns, context={"virtual_sol": 2})
    desk.wait(1)
    desk.mark("A", 0.3)
    assert desk.sales[0].context == {"virtual_sol": 2}
    assert desk.sales[0].price == 0.3


def test_a_fall_while_the_purchase_was_under_way_is_seen_at_the_fill() -> None:
    """It may be the last price that ever comes."""
    desk = Desk()
    desk.score()
    desk.wait(1, tick=False)
    desk.mark("A", 0.3)
    assert desk.sales == []
    desk.wait(1, tick=False)
    desk.land(price=1.0)
    assert desk.trade().exit_wanted == "stop_loss"
    assert len(desk.sales) == 1


@pytest.mark.parametrize(("meanwhile", "peak"), [(1.5, 1.5), (0.7, 1.0)])
def test_the_peak_is_the_higher_of_fill_and_newest_price(meanwhile: float, peak: float) -> None:
    desk = Desk()
    desk.score()
    desk.wait(1, tick=False)
    desk.mark("A", meanwhile)
    desk.wait(1, tick=False)
    desk.land(price=1.0)
    trade = desk.trade()
    assert (trade.last, trade.peak) == (meanwhile, peak)


@pytest.mark.parametrize("meanwhile", [1.5, 0.3])
def test_a_price_of_before_the_fill_says_nothing_of_the_position(meanwhile: float) -> None:
    desk = Desk()
    desk.score()
    desk.wait(1, tick=False)
    desk.mark("A", meanwhile)
    filled_ns = desk.now_ns
    desk.wait(1, tick=False)
    desk.land(price=1.0, filled_ns=filled_ns)
    trade = desk.trade()
    assert (trade.last, trade.peak, trade.exit_wanted) == (1.0, 1.0, "")
    desk.mark("A", 1.1)
    assert desk.sales == []


def test_a_price_that_came_before_the_fill_was_read_counts() -> None:
    desk = Desk()
    desk.score()
    filled_ns = desk.now_ns
    desk.wait(1, tick=False)
    desk.mark("A", 0.3)
    desk.wait(1, tick=False)
    desk.land(price=1.0, filled_ns=filled_ns)
    assert desk.trade().exit_wanted == "stop_loss"


def test_a_hold_is_as_long_as_something_is_held_however_late_that_is_read() -> None:
    desk = Desk()
    desk.score()
    filled_ns = desk.now_ns
    desk.wait(7_200, tick=False)
    desk.land(price=1.0, filled_ns=filled_ns)
    assert desk.trade().entered_ns == filled_ns
    assert desk.trade().exit_wanted == "timeout"
    ahead = Desk()
    ahead.score()
    ahead.land(price=1.0, filled_ns=ahead.now_ns + 10**9)
    assert ahead.trade().entered_ns == ahead.now_ns
    behind = Desk()
    behind.score()
    behind.land(price=1.0, filled_ns=behind.now_ns - 60 * 10**9)
    assert behind.trade().entered_ns == behind.now_ns, "by the chain's clock it was bought before it was decided"


def test_a_price_of_before_the_fill_counts_when_it_is_told_again() -> None:
    """The chain's clock may be ahead of the collector's, and the coin may never trade again."""
    desk = Desk()
    desk.score()
    desk.wait(1, tick=False)
    known_ns = desk.now_ns
    desk.mark("A", 0.1)
    desk.wait(1, tick=False)
    desk.land(price=1.0, filled_ns=desk.now_ns)
    assert desk.sales == []
    desk.tell(Mark, asset="A", price=0.1, known_ns=known_ns)
    assert desk.trade().exit_wanted == "stop_loss"


def test_a_price_of_before_the_signal_is_not_taken_for_one_of_after_the_fill() -> None:
    desk = Desk()
    desk.score(price=1.0)
    desk.mark("A", 0.3, age_s=1)
    desk.land(price=1.0)
    trade = desk.trade()
    assert (trade.last, trade.peak, trade.exit_wanted) == (1.0, 1.0, "")


def test_the_peak_begins_at_the_fill() -> None:
    desk = Desk()
    trade = desk.hold(price=1.0)
    assert trade.peak == 1.0
    desk.mark("A", 1.4)
    desk.wait(1, tick=False)
    desk.mark("A", 1.3)
    assert (trade.peak, trade.last) == (1.4, 1.3)


def test_each_trade_is_left_by_the_rules_of_its_own_strategy() -> None:
    desk = Desk(strategies=strategies(short={"take_profit": 1.2}, long={"take_profit": 5.0, "source": "else"}))
    desk.hold("A")
    desk.hold("B", source="else")
    desk.mark("A", 1.25)
    desk.mark("B", 1.25)
    assert [order.asset for order in desk.sales] == ["A"]


# -- warnings ---------------------------------------------------------------------------------------------------------


def test_a_warning_is_above_everything_and_at_once() -> None:
    desk = Desk()
    desk.hold()
    desk.warn("A")
    assert desk.trade().exit_wanted == "anti_signal"
    assert len(desk.sales) == 1


def test_a_warning_while_the_purchase_is_unproved_sells_at_the_fill() -> None:
    desk = Desk()
    desk.score()
    desk.wait(1)
    desk.warn("A")
    assert desk.trade().exit_wanted == "anti_signal"
    assert desk.sales == []
    desk.wait(30)
    desk.land()
    (order,) = desk.sales
    assert order.quantity == desk.trade().quantity > 0
    desk.land()
    assert desk.notices("trade_closed")[0]["reason"] == "anti_signal"


def test_a_warning_while_the_purchase_is_unproved_makes_no_further_purchase() -> None:
    desk = Desk()
    desk.score()
    desk.warn("A")
    desk.fail("requote")
    assert len(desk.buys) == 1
    assert desk.state.trades == {}


def test_a_warning_of_before_the_signal_is_no_news() -> None:
    desk = Desk()
    desk.score()
    desk.land()
    desk.warn("A", age_s=0.001)
    assert desk.trade().exit_wanted == ""


def test_a_warning_between_the_signal_and_its_decision_counts() -> None:
    """The features know nothing of it, however late the trader comes to decide."""
    desk = Desk()
    desk.score(known_ns=desk.now_ns - 3 * S)
    desk.warn("A", age_s=1)
    assert desk.trade().exit_wanted == "anti_signal"


def test_a_warning_at_the_very_moment_of_the_signal_counts() -> None:
    desk = Desk()
    desk.score()
    desk.warn("A")
    assert desk.trade().exit_wanted == "anti_signal"


def test_warnings_of_other_assets_and_of_the_past_change_nothing() -> None:
    desk = Desk()
    desk.hold()
    desk.warn("B")
    desk.warn("A")
    first = desk.last
    desk.wait(4)
    desk.land(first)
    before = desk.saved()
    assert desk.state.by_asset["A"].state == "closed"
    assert desk.warn("A") == []
    assert desk.saved() == before


def test_the_first_reason_stays() -> None:
    desk = Desk()
    desk.hold()
    desk.mark("A", 2.5)
    desk.warn("A")
    desk.tell(Command, name="force_exit", asset="A")
    assert desk.trade().exit_wanted == "take_profit"
    assert len(desk.sales) == 1


# -- by hand ----------------------------------------------------------------------------------------------------------


def test_a_person_forces_an_exit() -> None:
    desk = Desk()
    desk.hold()
    desk.tell(Command, name="force_exit", asset="A", by="me")
    assert len(desk.sales) == 1
    desk.land()
    assert desk.notices("trade_closed")[0]["reason"] == "manual"


def test_a_person_forces_an_exit_of_what_is_not_proved_yet() -> None:
    desk = Desk()
    desk.score()
    desk.tell(Command, name="force_exit", asset="A")
    assert desk.sales == []
    desk.land()
    assert len(desk.sales) == 1


def test_equity_follows_prices_and_totals_follow_trades() -> None:
    desk = Desk()
    desk.hold("A")
    cash = desk.state.account.balance
    desk.mark("A", 1.5)
    assert desk.state.equity == cash + 3 * SOL
    assert [trade.asset for trade in desk.engine.watched()] == ["A"]
