"""What the wallet says against what was booked: believed when it insists, and never at the cost of a position."""

from __future__ import annotations

import pytest

from alphaloop.core.errors import InputError, StateError
from alphaloop.trading.portfolio.records import Adopted, Filled, Holding, Learnt, Verify
from portfolio_case import SOL, Desk

S = 10**9


def say(desk: Desk, quantity: int) -> None:
    desk.tell(Holding, asset="A", quantity=quantity)


def test_a_node_that_lags_behind_the_purchase_closes_nothing() -> None:
    desk = Desk()
    trade = desk.hold()
    say(desk, 0)
    assert trade.state == "open"
    desk.wait(5)
    say(desk, 0)
    assert trade.state == "open"
    say(desk, trade.quantity)
    desk.wait(20)
    say(desk, 0)
    assert trade.state == "open"
    assert desk.notices("holding_differs") == []


def test_a_wallet_that_insists_is_believed() -> None:
    desk = Desk()
    trade = desk.hold()
    say(desk, 0)
    assert desk.verifies == []
    desk.wait(14.999)
    assert desk.verifies == []
    desk.wait(0.001)
    assert desk.verifies == [Verify("A")]
    say(desk, 0)
    assert trade.state == "closed"
    assert (trade.exit_wanted, trade.received) == ("manual", 0)
    assert "no sale of ours explains it" in trade.reason
    assert desk.state.account.total_losses == 1
    assert desk.state.account.balance == desk.state.account.deposited - trade.spent
    (differs,) = desk.notices("holding_differs")
    assert (differs["expected"], differs["found"]) == (trade.bought, 0)


def test_a_wallet_that_does_not_answer_is_asked_again_and_again() -> None:
    desk = Desk()
    desk.hold()
    say(desk, 0)
    desk.wait(15)
    for _ in range(5):
        desk.wait(2)
    assert len(desk.verifies) == 6
    for _ in range(4):  # not at every tick
        desk.wait(0.1)
    assert len(desk.verifies) == 6


def test_less_than_was_booked_is_sold_as_it_is() -> None:
    desk = Desk()
    trade = desk.hold()
    say(desk, 100)
    desk.wait(15)
    say(desk, 99)
    assert (trade.state, trade.quantity, trade.missing_ns) == ("open", 99, 0)
    assert desk.state.equity == desk.state.account.balance + 99
    desk.warn("A")
    assert desk.sales[0].quantity == 99


def test_more_than_was_booked_is_none_of_the_trades_business() -> None:
    desk = Desk()
    trade = desk.hold()
    before = desk.saved()
    say(desk, trade.quantity + 1)
    assert desk.saved() == before


def test_holdings_of_what_is_not_held_say_nothing() -> None:
    desk = Desk()
    say(desk, 5)
    desk.score()
    before = desk.saved()
    say(desk, 0)
    assert desk.saved() == before


def test_an_exit_goes_on_while_the_wallet_is_doubted() -> None:
    desk = Desk()
    desk.hold()
    desk.warn("A")
    say(desk, 0)
    desk.wait(4)
    desk.wait(4)
    assert len(desk.sales) == 3


def test_nothing_is_closed_while_a_sale_may_explain_it_and_no_more_are_tried() -> None:
    """Every sale dies unseen, since nothing is there: without a look into the wallet that would go on for ever."""
    desk = Desk()
    trade = desk.hold()
    desk.warn("A")
    say(desk, 0)
    desk.wait(4)
    desk.wait(11)
    say(desk, 0)
    assert trade.is_gone
    sold = len(desk.sales)
    for _ in range(20):
        desk.wait(2)
    assert len(desk.sales) == sold
    for attempt in list(trade.unproved("sell")):
        say(desk, 0)
        assert trade.state == "exit_submitted"
        desk.die(attempt.signature, after_s=1)
        desk.wait(1)
    assert len(desk.sales) == sold
    assert trade.state == "open"
    assert desk.verifies[-1] == Verify("A")
    say(desk, 0)
    assert trade.state == "closed"
    assert desk.state.trades == {}


def test_what_was_thought_gone_and_is_there_is_sold() -> None:
    desk = Desk()
    trade = desk.hold()
    desk.warn("A")
    say(desk, 0)
    desk.wait(15)
    say(desk, 0)
    desk.wait(10)
    sold = len(desk.sales)
    say(desk, trade.quantity)
    assert not trade.is_gone
    desk.wait(2)
    assert len(desk.sales) == sold + 1


def test_the_sale_that_explains_it_is_booked() -> None:
    desk = Desk()
    trade = desk.hold()
    desk.warn("A")
    say(desk, 0)
    desk.wait(15)
    say(desk, 0)
    desk.land("sig2")
    assert trade.state == "closed"
    assert trade.received > 0


def test_a_part_sale_settles_what_was_missing() -> None:
    desk = Desk()
    trade = desk.hold()
    desk.warn("A")
    say(desk, trade.quantity // 2)
    desk.land(share=0.5)
    assert (trade.missing_ns, trade.is_gone) == (0, False)


def test_newer_facts_replace_older_ones() -> None:
    desk = Desk()
    trade = desk.hold(context={"a": 1})
    desk.tell(Learnt, asset="A", context={"b": 2})
    assert trade.context == {"b": 2}
    assert desk.tell(Learnt, asset="B", context={}) == []


# -- taking over ------------------------------------------------------------------------------------------------------


def adopt(desk: Desk, **fields: object) -> list[object]:
    usual: dict[str, object] = {"asset": "A", "quantity": 1_000, "cost": 4_000, "strategy": "plain"}
    return desk.tell(Adopted, **{**usual, **fields})


def test_a_holding_that_nobody_knew_of_is_a_position_from_then_on() -> None:
    desk = Desk()
    adopt(desk, context={"k": 1})
    trade = desk.trade()
    assert (trade.state, trade.quantity, trade.entry_price, trade.strategy) == ("open", 1_000, 4.0, "plain")
    account = desk.state.account
    assert account.balance == 20 * SOL == account.deposited - trade.spent
    assert desk.notices("position_adopted")[0]["asset"] == "A"
    assert desk.score("A").stopped_by == "open_position"
    desk.wait(1, tick=False)
    desk.mark("A", 8.0)
    assert desk.sales[0].quantity == 1_000
    desk.tell(Filled, signature="sig1", quantity=1_000, cash=7_000, traded=8_000, remaining=0)
    assert account.total_pnl == 3_000
    assert account.balance == account.deposited + trade.net


def test_its_hold_counts_from_the_purchase_where_that_is_known() -> None:
    desk = Desk()
    adopt(desk, bought_ns=desk.now_ns - 590 * S)
    desk.wait(9)
    assert desk.sales == []
    desk.wait(1)
    assert desk.trade().exit_wanted == "timeout"


@pytest.mark.parametrize(("bought_s_ago", "leaves"), [(100, True), (30, False), (None, False)])
def test_a_warning_since_its_purchase_counts(bought_s_ago: int | None, leaves: bool) -> None:
    desk = Desk()
    adopt(desk, bought_ns=0 if bought_s_ago is None else desk.now_ns - bought_s_ago * S)
    desk.warn("A", age_s=60)
    assert bool(desk.trade().exit_wanted) == leaves


def test_what_cost_nothing_is_left_by_time_alone() -> None:
    desk = Desk()
    adopt(desk, cost=0)
    desk.mark("A", 1.0)
    assert desk.sales == []
    desk.wait(600)
    assert desk.trade().exit_wanted == "timeout"


@pytest.mark.parametrize("fields", [{"strategy": "unknown"}, {"quantity": 0}, {"cost": -1}])
def test_what_cannot_be_taken_over_changes_nothing(fields: dict[str, object]) -> None:
    desk = Desk()
    before = desk.saved()
    with pytest.raises(InputError):
        adopt(desk, **fields)
    assert desk.saved() == before


def test_what_a_trade_explains_is_not_taken_over_again() -> None:
    desk = Desk()
    desk.hold()
    with pytest.raises(StateError, match="held by trade t1"):
        adopt(desk)
