"""Reports of the chain in any order, late, twice: money is exact and nothing happens twice."""

from __future__ import annotations

import itertools

import pytest

from alphaloop.core.errors import StateError
from alphaloop.trading.portfolio.records import (
    Command,
    Dead,
    Drafted,
    Failed,
    Filled,
    Landed,
    Learnt,
    NotStored,
    Sent,
    Submit,
    Unsent,
    Verify,
)
from portfolio_case import FEE, SOL, TIP, Desk

COST = FEE + TIP


def test_a_round_trip_to_the_last_unit() -> None:
    desk = Desk()
    decision = desk.score("A", price=2.0)
    trade = desk.trade()
    assert trade.state == "submitted"
    desk.tell(Landed, signature="sig1", slot=5)
    assert trade.state == "landed"
    assert desk.state.account.balance == 20 * SOL
    quantity = 900_000_000
    desk.tell(Filled, signature="sig1", quantity=quantity, cash=-2_002_025_000, traded=2 * SOL, details={"slot": 5})
    assert (trade.state, trade.quantity, trade.bought) == ("open", quantity, quantity)
    assert trade.entry_price == 2 * SOL / quantity
    assert (trade.spent, trade.received) == (2_002_025_000, 0)
    assert trade.attempts[0].details == {"slot": 5}
    assert desk.state.account.balance == desk.state.free == 20 * SOL - 2_002_025_000
    (opened,) = desk.notices("trade_opened")
    assert opened["spent"] == 2_002_025_000
    desk.wait(1)
    desk.warn("A")
    assert trade.state == "exit_submitted"
    assert desk.state.free == desk.state.account.balance - COST
    desk.tell(Filled, signature="sig2", quantity=quantity, cash=1_899_975_000, traded=1_900_000_000, remaining=0)
    account = desk.state.account
    assert (trade.state, trade.net) == ("closed", 1_899_975_000 - 2_002_025_000)
    assert trade.exit_price == 1_900_000_000 / quantity
    assert (account.balance, account.total_pnl) == (20 * SOL + trade.net, trade.net)
    assert (account.total_trades, account.total_wins, account.total_losses, account.current_streak) == (1, 0, 1, -1)
    assert account.win_rate == 0.0
    assert desk.state.trades == desk.state.by_asset == desk.state.by_signature == {}
    assert decision.trade_id == "t1"


def fills(desk: Desk) -> list[object]:
    """Everything that may be told of a purchase that landed."""
    now = {"at_ns": desk.now_ns, "signature": "sig1"}
    fill = Filled(**now, quantity=2 * SOL, cash=-2 * SOL - COST, traded=2 * SOL, remaining=2 * SOL)
    return [Sent(**now), Landed(**now, slot=1), fill, Unsent(**now, reason="late"), Dead(**now)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_reports_of_a_purchase_in_any_order_and_twice_lead_to_one_position(order: tuple[int, ...]) -> None:
    """Sent, landed, filled, and an answer that it was not taken, which comes too late."""
    desk = Desk()
    desk.sends = False
    desk.score()
    for number in [*order, *order]:
        desk._apply(fills(desk)[number])
    trade = desk.trade()
    assert (trade.state, trade.quantity, trade.spent) == ("open", 2 * SOL, 2 * SOL + COST)
    assert desk.state.account.balance == desk.state.free == 20 * SOL - trade.spent
    assert len(desk.notices("trade_opened")) == 1
    assert desk.notices("late_landing") == []
    desk._apply(fills(desk)[4])
    assert trade.state == "open"
    assert [attempt.state for attempt in trade.attempts] == ["filled"]


def two_sales() -> Desk:
    """A position with two sales under way, sig2 and sig3."""
    desk = Desk()
    desk.hold()
    desk.warn("A")
    desk.wait(4)
    assert len(desk.trade().unproved("sell")) == 2
    return desk


@pytest.mark.parametrize("fill_first", [True, False])
@pytest.mark.parametrize("winner", ["sig2", "sig3"])
@pytest.mark.parametrize("loser_is", ["failed", "dead"])
def test_of_two_sales_one_lands_and_one_does_not(fill_first: bool, winner: str, loser_is: str) -> None:
    desk = two_sales()
    trade = desk.trade()
    loser = "sig3" if winner == "sig2" else "sig2"
    cost = 7_000 if loser_is == "failed" else 0

    def lose() -> None:
        if loser_is == "failed":
            desk.fail("check_holding", loser, cost)
        else:
            desk.die(loser, after_s=0)

    before = desk.state.account.balance
    if fill_first:
        desk.land(winner, price=1.5)
        assert trade.state == "closed"
        assert desk.state.by_asset["A"] is trade
        pnl = desk.state.account.total_pnl
        lose()
        assert desk.state.account.total_pnl == pnl - cost
    else:
        lose()
        # A third may have been tried by now; it cannot do anything any more.
        desk.land(winner, price=1.5)
    for attempt in list(trade.unproved()):
        desk.die(attempt.signature, after_s=0)
    account = desk.state.account
    assert account.balance - before == int(trade.bought * 1.5) - COST - cost
    assert account.balance == account.deposited + trade.received - trade.spent
    assert account.total_pnl == trade.net
    assert (account.total_trades, account.total_wins) == (1, 1)
    assert desk.state.trades == {}
    assert desk.state.free == account.balance


def test_two_sales_that_both_landed_for_parts_are_both_booked() -> None:
    desk = two_sales()
    trade = desk.trade()
    half = trade.quantity // 2
    first = {"quantity": half, "cash": half - COST, "traded": half, "remaining": trade.quantity - half}
    second = {"quantity": trade.quantity - half, "cash": half * 2 - COST, "traded": half * 2, "remaining": 0}
    desk.tell(Filled, signature="sig3", **second)
    assert trade.state == "closed"
    desk.tell(Filled, signature="sig2", **first)
    account = desk.state.account
    assert trade.received == half * 3 - 2 * COST
    assert account.total_pnl == trade.net
    assert account.balance == account.deposited + trade.net
    assert account.total_trades == 1
    assert desk.state.trades == {}


def test_a_purchase_that_was_thought_dead_may_land_after_all() -> None:
    """A node that lags said so; the money is gone, and the position there."""
    desk = Desk(entry_retry_s=60.0)
    desk.score()
    desk.die(after_s=1)
    assert len(desk.buys) == 2
    desk.land("sig1")
    trade = desk.trade()
    assert trade.state == "open"
    assert desk.notices("late_landing")[0]["thought"] == "dead"
    quantity, spent, price = trade.quantity, trade.spent, trade.entry_price
    desk.land("sig2", price=0.5)
    assert trade.quantity == quantity + 4 * SOL
    assert trade.spent == 2 * spent
    assert trade.entry_price == pytest.approx((price * quantity + 2 * SOL) / trade.quantity)
    assert desk.state.account.balance == desk.state.free == 20 * SOL - trade.spent
    desk.wait(1)
    desk.warn("A")
    assert desk.sales[-1].quantity == trade.quantity


def test_a_purchase_that_was_thought_dead_and_lands_after_the_end_is_paid_for() -> None:
    desk = Desk(entry_retry_s=60.0)
    desk.score()
    desk.die(after_s=1)
    desk.land("sig2")
    desk.wait(1)
    desk.warn("A")
    desk.wait(4)
    desk.land("sig3")
    trade = desk.trade()
    assert trade.state == "closed"
    desk.tell(Filled, signature="sig1", quantity=5, cash=-2 * SOL, traded=2 * SOL)
    account = desk.state.account
    assert account.balance == account.deposited + trade.received - trade.spent
    assert account.total_pnl == trade.net
    assert (trade.state, trade.quantity) == ("closed", 0)
    assert len(desk.notices("late_landing")) == 1


def test_a_cost_that_comes_after_death_is_paid_and_leads_to_nothing() -> None:
    desk = two_sales()
    desk.die("sig2", after_s=0)
    sold, before = len(desk.sales), desk.state.account.balance
    desk.fail("requote", "sig2", 11)
    desk.fail("requote", "sig2", 11)
    assert len(desk.sales) == sold
    assert desk.state.account.balance == before - 11


def test_what_was_handed_over_is_under_way() -> None:
    desk = Desk()
    desk.sends = False
    desk.score()
    trade = desk.trade()
    assert (str(trade.attempts[0].state), str(trade.state)) == ("drafted", "intent")
    desk.tell(Sent, signature=desk.last)
    assert (str(trade.attempts[0].state), str(trade.state)) == ("sent", "submitted")


def test_a_failure_that_was_none_is_taken_back() -> None:
    desk = two_sales()
    trade, before = desk.trade(), desk.state.account.balance
    spent = trade.spent
    desk.fail("fund", "sig2", 11)
    assert trade.spent == spent + 11
    desk.tell(Filled, signature="sig2", quantity=trade.quantity, cash=500, traded=600, remaining=0)
    assert trade.spent == spent
    assert desk.state.account.balance == before + 500
    assert (trade.received, trade.attempts[1].cost) == (500, 0)
    assert desk.state.account.total_pnl == trade.net


def test_a_purchase_that_bought_nothing_is_a_failure_with_a_cost() -> None:
    desk = Desk()
    desk.score()
    desk.tell(Filled, signature="sig1", quantity=0, cash=-9_000, traded=0)
    assert desk.state.trades == {}
    assert desk.state.account.failed_cost == 9_000
    assert desk.state.account.balance == 20 * SOL - 9_000


def test_reports_of_what_is_over_come_too_late_for_everything() -> None:
    desk = two_sales()
    signatures = ("sig1", "sig2", "sig3")
    filled = [told for told in desk.told if isinstance(told, Filled)]
    desk.land("sig2")
    filled += [told for told in desk.told if isinstance(told, Filled)][1:]
    desk.die("sig3", after_s=0)
    assert desk.state.trades == {}
    before = desk.saved()
    for signature in signatures:
        for kind, more in ((Sent, {}), (Unsent, {"reason": "x"}), (Dead, {})):
            assert desk.tell(kind, signature=signature, **more) == []
        assert desk.tell(Failed, signature=signature, reason="x", remedy="requote", cost=99) == []
    for fill in filled:
        assert desk.tell(Landed, signature=fill.signature, slot=1) == []
        desk._apply(fill)
    assert desk.saved() == before
    assert desk.notices("unexplained_fill") == desk.notices("unexplained_landing") == []


def test_an_old_trades_fill_is_never_booked_to_a_new_one() -> None:
    desk = Desk(breakers={"cool_down_s": 0.0})
    desk.hold()
    desk.warn("A")
    desk.land()
    old = [told for told in desk.told if isinstance(told, Filled)]
    new = desk.hold("A")
    before = desk.saved()
    for fill in old:
        named = Filled(
            at_ns=desk.now_ns,
            signature=fill.signature,
            quantity=fill.quantity,
            cash=fill.cash,
            traded=fill.traded,
            remaining=fill.remaining,
            asset="A",
            side="buy" if fill.cash < 0 else "sell",
        )
        desk._apply(named)
    assert desk.saved() == before
    assert new.state == "open"


def test_fills_are_remembered_for_a_while_and_then_forgotten() -> None:
    desk = Desk()
    desk.hold()
    desk.warn("A")
    desk.land()
    assert set(desk.state.filled_until_ns) == {"sig1", "sig2"}
    desk.wait(899.9)
    assert len(desk.state.filled_until_ns) == 2
    desk.wait(0.1)
    assert desk.state.filled_until_ns == {}
    desk.tell(Landed, signature="sig1", slot=1)
    assert desk.notices("unexplained_landing") == [{"signature": "sig1"}]


# -- what no row tells of ---------------------------------------------------------------------------------------------


def test_a_sale_that_no_row_tells_of_closes_its_trade() -> None:
    desk = Desk()
    trade = desk.hold()
    fill = {"quantity": trade.quantity, "cash": 3 * SOL, "traded": 3 * SOL, "remaining": 0}
    desk.tell(Filled, signature="found", asset="A", side="sell", **fill)
    assert trade.state == "closed"
    assert trade.received == 3 * SOL
    assert desk.state.account.balance == desk.state.account.deposited + trade.net
    desk.tell(Filled, signature="found", asset="A", side="sell", **fill)
    assert trade.received == 3 * SOL
    assert desk.notices("unexplained_fill") == []


@pytest.mark.parametrize(
    ("held", "asset", "side"), [(False, "A", "buy"), (False, "A", "sell"), (True, "B", "sell"), (True, "A", "buy")]
)
def test_what_fits_no_trade_is_told_and_not_booked(held: bool, asset: str, side: str) -> None:
    desk = Desk()
    if held:
        desk.hold("A")
    before = desk.saved()
    desk.tell(Filled, signature="odd", asset=asset, side=side, quantity=5, cash=-5, traded=5)
    assert desk.saved() == before
    assert [each["signature"] for each in desk.notices("unexplained_fill")] == ["odd"]


def test_a_sale_of_what_was_never_bought_is_no_defect() -> None:
    desk = Desk()
    desk.score()
    desk.tell(Filled, signature="odd", asset="A", side="sell", quantity=5, cash=5, traded=5, remaining=0)
    assert desk.trade().state == "submitted"
    assert len(desk.notices("unexplained_fill")) == 1


FAILURE = {"signature": "found", "reason": "x", "remedy": "requote", "cost": 70, "asset": "A"}


def test_a_failure_that_no_row_tells_of_is_paid_by_its_trade_once_and_leads_to_nothing() -> None:
    desk = Desk()
    trade = desk.hold()
    balance, spent = desk.state.account.balance, trade.spent
    assert [type(one).__name__ for one in desk.tell(Failed, **FAILURE)] == ["Notice"]
    assert (trade.state, trade.tries) == ("open", 0)
    assert desk.tell(Failed, **FAILURE) == []
    assert (trade.spent, desk.state.account.balance) == (spent + 70, balance - 70)
    desk.warn("A")
    desk.land()
    before = desk.saved()
    # Its trade is over, and it is known all the same.
    assert desk.tell(Failed, **FAILURE) == []
    assert desk.saved() == before


def test_a_failure_that_is_remembered_does_not_hide_a_fill_of_the_same_transaction() -> None:
    """A fork may take back what failed, and let it land."""
    desk = Desk()
    desk.tell(Failed, **FAILURE)
    desk.tell(Filled, signature="found", asset="A", side="sell", quantity=5, cash=5, traded=5, remaining=0)
    assert [each["signature"] for each in desk.notices("unexplained_fill")] == ["found"]


def test_a_failure_that_no_trade_is_left_for_is_a_stray_cost_once() -> None:
    desk = Desk()
    balance = desk.state.account.balance
    for _ in range(2):
        desk.tell(Failed, **FAILURE)
    account = desk.state.account
    assert (account.balance, account.stray_cost) == (balance - 70, 70)
    assert account.balance == account.deposited - account.stray_cost
    assert [each["cost"] for each in desk.notices("stray_failure")] == [70]


def test_units_that_nobody_knew_of_are_told_of() -> None:
    desk = Desk()
    desk.hold()
    desk.warn("A")
    desk.land(remaining=17)
    assert desk.notices("holding_left")[0]["quantity"] == 17


# -- storing and handing over -----------------------------------------------------------------------------------------


def test_an_entry_that_could_not_be_stored_is_given_up_unseen() -> None:
    desk = Desk()
    desk.sends = False
    desk.score()
    desk.tell(NotStored, signature="sig1", reason="disk full")
    assert desk.state.trades == {}
    assert desk.state.free == 20 * SOL
    assert desk.notices("entry_failed")[0]["reason"] == "disk full"


@pytest.mark.parametrize("kind", ["sent", "unsent"])
def test_bytes_that_somebody_may_have_seen_are_not_given_up(kind: str) -> None:
    desk = Desk()
    desk.sends = False
    desk.score()
    desk.tell(Sent, signature="sig1") if kind == "sent" else desk.tell(Unsent, signature="sig1", reason="time-out")
    assert desk.trade().state == "submitted"
    desk.tell(NotStored, signature="sig1", reason="disk full")
    assert desk.trade().state == "submitted"
    desk.land("sig1")
    assert desk.trade().state == "open"


def test_a_sale_is_never_given_up_because_it_could_not_be_stored() -> None:
    desk = two_sales()
    desk.tell(NotStored, signature="sig2", reason="disk full")
    assert len(desk.trade().unproved("sell")) == 2


def test_a_second_purchase_that_could_not_be_stored_ends_no_trade_that_the_first_one_opened() -> None:
    desk = Desk(entry_retry_s=60.0)
    desk.score()
    desk.sends = False
    desk.die(after_s=1)
    desk.land("sig1")
    desk.tell(NotStored, signature="sig2", reason="disk full")
    assert desk.trade().state == "open"
    assert desk.trade().unproved() == []


def test_bytes_that_nobody_took_are_handed_over_again() -> None:
    desk = Desk()
    desk.sends = False
    desk.score()
    for _ in range(2):
        desk.tell(Unsent, signature="sig1", reason="429")
        desk.wait(1.999)
        submitted = len(desk.of(Submit))
        desk.wait(0.001)
        assert desk.of(Submit)[submitted:] == [Submit("sig1", "buy", "A")]
    desk.wait(60)
    assert len(desk.of(Submit)) == 3
    assert [each["reason"] for each in desk.notices("not_submitted")] == ["429"] * 2


def test_a_purchase_that_nobody_took_is_not_handed_over_when_its_moment_is_past() -> None:
    desk = Desk(entry_retry_s=5.0)
    desk.score()
    desk.wait(3.001)
    desk.tell(Unsent, signature="sig1", reason="429")
    desk.wait(60)
    assert len(desk.of(Submit)) == 1
    assert desk.trade().unproved(), "it may have been taken all the same"


def test_a_sale_that_nobody_took_is_handed_over_however_late_it_is() -> None:
    desk = Desk()
    desk.hold()
    desk.warn("A")
    desk.wait(600, tick=False)
    desk.tell(Unsent, signature="sig2", reason="429")
    desk.wait(2)
    assert desk.of(Submit)[2:3] == [Submit("sig2", "sell", "A")]


@pytest.mark.parametrize("end", ["warned", "forced", "stopped", "halted", "fallen"])
def test_a_purchase_is_no_more_wanted_once_its_exit_is_or_entries_are_forbidden(end: str) -> None:
    desk = Desk()
    desk.sends = False
    desk.score()
    assert desk.state.wants("sig1")
    if end == "warned":
        desk.warn("A")
    elif end == "forced":
        desk.tell(Command, name="force_exit", asset="A")
    elif end == "stopped":
        desk.tell(Command, name="stop_entries")
    elif end == "halted":
        desk.state.panel.state.halted = True
    else:
        desk.state.panel.state.fallen_day = desk.now_ns // (86_400 * 10**9)
    assert not desk.state.wants("sig1")
    desk.tell(Unsent, signature="sig1", reason="429")
    submitted = len(desk.of(Submit))
    desk.wait(2)
    assert len(desk.of(Submit)) == submitted
    assert desk.trade().unproved(), "it may have been taken all the same"


def test_a_sale_is_wanted_as_long_as_something_is_held() -> None:
    desk = two_sales()
    desk.tell(Command, name="stop_entries")
    assert desk.state.wants("sig2")
    desk.land("sig3")
    assert not desk.state.wants("sig2")
    assert not desk.state.wants("unknown")


def test_the_limit_of_orders_under_way_does_not_take_back_what_it_let_through() -> None:
    desk = Desk(breakers={"max_unproved": 1})
    desk.sends = False
    desk.score()
    assert desk.state.wants("sig1")


def test_a_purchase_that_failed_is_not_tried_again_where_entries_are_forbidden() -> None:
    desk = Desk()
    desk.score()
    desk.tell(Command, name="stop_entries")
    desk.fail("requote")
    assert len(desk.buys) == 1
    assert desk.state.trades == {}


def test_facts_are_read_again_when_a_sale_vanished() -> None:
    """Who simulates it and finds that it fails says nothing."""
    desk = Desk()
    desk.hold()
    desk.warn("A")
    desk.die()
    assert Verify("A", refresh=True) in desk.verifies
    assert len(desk.sales) == 2, "the next one does not wait for that"
    desk = Desk(entry_tries=1)
    desk.score()
    desk.die()
    assert desk.verifies == []


def test_where_an_asset_trades_is_what_was_read_last() -> None:
    desk = Desk()
    desk.hold()
    desk.warn("A")
    desk.fail("use_pool")
    assert desk.trade().venue == "pool"
    desk.wait(1)
    desk.tell(Learnt, asset="A", context={"complete": False}, venue="curve")
    assert desk.trade().venue == "pool", "a node that lags does not know better than the chain"
    desk.wait(29)
    desk.tell(Learnt, asset="A", context={"complete": False}, venue="curve")
    assert desk.trade().venue == "curve"
    desk.tell(Learnt, asset="A", context={"complete": True}, venue="pool")
    desk.tell(Learnt, asset="A", context={"complete": True})
    assert desk.trade().venue == "pool"


def test_a_sale_that_was_made_for_a_pool_tells_where_it_trades() -> None:
    desk = Desk()
    desk.hold()
    desk.warn("A")
    (sale,) = desk.sales
    made = {"order_id": sale.order_id, "signature": "there", "last_valid": 9, "most": FEE, "venue": "pool"}
    desk.tell(Drafted, **made)
    assert desk.trade().venue == "pool"


def test_what_a_token_keeps_of_a_transfer_is_not_held() -> None:
    desk = Desk()
    desk.score()
    desk.land(quantity=1_000, traded=2_000, remaining=990)
    trade = desk.trade()
    assert (trade.quantity, trade.bought, trade.entry_price) == (990, 1_000, 2.0)
    other = Desk()
    other.score()
    other.land(quantity=1_000, remaining=-1)
    assert other.trade().quantity == 1_000


@pytest.mark.parametrize("end", ["land", "fail", "die", "sent"])
def test_bytes_whose_fate_is_known_are_not_handed_over_again(end: str) -> None:
    desk = Desk(entry_tries=1)
    desk.score()
    desk.tell(Unsent, signature="sig1", reason="429")
    if end == "land":
        desk.land()
    elif end == "fail":
        desk.fail("give_up")
    elif end == "die":
        desk.die(after_s=0)
    else:
        desk.tell(Sent, signature="sig1")
    desk.wait(10)
    assert len(desk.of(Submit)) == 1


# -- the life of a trade ----------------------------------------------------------------------------------------------


def test_a_step_that_no_trade_takes_is_a_defect() -> None:
    from alphaloop.trading.portfolio.trades import ENDED, STEPS, TradeState

    desk = Desk()
    trade = desk.hold()
    with pytest.raises(StateError, match="trade t1 of A is open and cannot become failed"):
        trade.step(TradeState.FAILED)
    assert set(STEPS) == set(TradeState)
    assert all(not STEPS[state] for state in ENDED)


def test_changes_are_told_once() -> None:
    desk = Desk()
    desk.score()
    trades, account = desk.engine.take_changes()
    assert ([trade.trade_id for trade in trades], account) == (["t1"], True)
    assert desk.engine.take_changes() == ([], False)
    desk.wait(1)
    assert desk.engine.take_changes() == ([], False)
    desk.land()
    trades, account = desk.engine.take_changes()
    assert ([trade.state for trade in trades], account) == (["open"], True)
    desk.mark("A", 1.1)
    assert [trade.peak for trade in desk.engine.take_changes()[0]] == [1.1]
    desk.wait(1, tick=False)
    desk.mark("A", 1.05)
    assert desk.engine.take_changes() == ([], False)


def test_what_is_unproved_is_told_with_the_height_until_which_it_may_land() -> None:
    desk = two_sales()
    desk.score("B")
    assert desk.engine.unproved() == {"sig2": 1_000, "sig3": 1_000, "sig4": 1_000}
    desk.tell(Landed, signature="sig4", slot=1)
    assert "sig4" in desk.engine.unproved()
    desk.land("sig4")
    assert set(desk.engine.unproved()) == {"sig2", "sig3"}
