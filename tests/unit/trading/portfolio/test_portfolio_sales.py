"""Sales that have to come true: they offer more with each try, and are never given up."""

from __future__ import annotations

import pytest

from alphaloop.trading.portfolio.records import Drafted, Failed, Holding, Learnt, Refused, Sent, Verify
from alphaloop.trading.portfolio.settings import DEFAULT_STEPS
from alphaloop.trading.portfolio.trades import MOST_ATTEMPTS
from portfolio_case import FEE, RENT, SOL, TIP, Desk

S = 10**9


def leaving(**changes: object) -> Desk:
    """A position whose first sale is under way."""
    desk = Desk(**changes)
    desk.hold()
    desk.warn("A")
    return desk


def steps(desk: Desk) -> list[tuple[int, int, float]]:
    return [(order.step, order.slippage_bps, order.tip_factor) for order in desk.sales]


def test_each_sale_offers_more_than_the_one_before_and_the_last_step_repeats() -> None:
    desk = leaving()
    for wait_s in (4, 4, 6, 15, 15):
        sold = len(desk.sales)
        desk.wait(wait_s - 0.001)
        assert len(desk.sales) == sold
        desk.wait(0.001)
        assert len(desk.sales) == sold + 1
    assert steps(desk) == [
        (0, 500, 1.0),
        (1, 1_500, 2.0),
        (2, 3_000, 4.0),
        (3, 10_000, 8.0),
        (4, 10_000, 8.0),
        (5, 10_000, 8.0),
    ]
    assert [order.order_id for order in desk.sales] == [f"t1.sell.{number}" for number in range(1, 7)]
    assert {order.quantity for order in desk.sales} == {desk.trade().quantity}
    assert [step.wait_s for step in DEFAULT_STEPS] == [4.0, 4.0, 6.0, 15.0]


def test_every_sale_beyond_the_patience_is_an_alarm_and_looks_into_the_wallet() -> None:
    desk = leaving(selling={"alarm_after": 2})
    assert desk.notices("exit_struggles") == desk.verifies == []
    desk.wait(4)
    assert desk.notices("exit_struggles") == []
    desk.wait(4)
    desk.wait(6)
    assert [each["tries"] for each in desk.notices("exit_struggles")] == [3, 4]
    assert desk.verifies == [Verify("A"), Verify("A")]


def test_sales_go_on_for_hours() -> None:
    """Nothing of a sale ever lands: always one is under way or timed, and the record stays small."""
    desk = leaving(selling={"most_unproved": 4})
    trade = desk.trade()
    for _ in range(600):
        desk.wait(60)
        for attempt in list(trade.unproved("sell")):
            if desk.now_ns - attempt.made_ns > 90 * S:
                desk.die(attempt.signature, after_s=0)
        assert trade.exit_wanted
        assert trade.state in ("open", "exit_submitted")
        assert trade.retry_ns - desk.now_ns <= 15 * S
        assert 0 < len(trade.attempts) <= MOST_ATTEMPTS
        assert len(trade.unproved("sell")) <= 4
    assert trade.tries > 400
    assert trade.attempts[0].side == "buy"
    assert set(desk.state.by_signature) == {attempt.signature for attempt in trade.attempts}
    desk.land(trade.unproved("sell")[0].signature)
    assert trade.state == "closed"


def test_so_many_sales_may_be_under_way_and_no_more() -> None:
    desk = leaving(selling={"most_unproved": 2})
    for _ in range(20):
        desk.wait(5)
    assert len(desk.sales) == 2
    desk.die()
    assert len(desk.sales) == 3


@pytest.mark.parametrize(
    ("remedy", "at_once"), [("requote", True), ("fund", False), ("give_up", False), ("wait", False)]
)
def test_a_sale_that_failed_is_tried_again(remedy: str, at_once: bool) -> None:
    desk = leaving()
    desk.fail(remedy)
    assert len(desk.sales) == (2 if at_once else 1)
    desk.wait(1.999)
    assert len(desk.sales) == (2 if at_once else 1)
    desk.wait(0.001)
    assert len(desk.sales) == 2
    assert steps(desk)[1] == (1, 1_500, 2.0)


def test_a_sale_that_died_is_tried_again_at_once() -> None:
    desk = leaving(selling={"most_unproved": 1})
    desk.die()
    assert len(desk.sales) == 2


def test_an_asset_that_moved_is_sold_where_it_is_now() -> None:
    desk = leaving()
    desk.fail("use_pool")
    assert desk.verifies == [Verify("A", refresh=True)]
    assert len(desk.sales) == 1
    desk.tell(Learnt, asset="A", context={"pool": "P"})
    desk.wait(2)
    assert [(order.venue, order.context) for order in desk.sales] == [("curve", {}), ("pool", {"pool": "P"})]


def test_stale_facts_are_read_again_before_the_next_sale() -> None:
    desk = leaving()
    desk.fail("refresh")
    assert desk.verifies == [Verify("A", refresh=True)]
    assert len(desk.sales) == 1
    desk.wait(2)
    assert [order.venue for order in desk.sales] == ["curve", "curve"]


def test_facts_that_cannot_be_read_hold_no_sale_up() -> None:
    desk = leaving()
    for _ in range(5):
        desk.fail("refresh")
        desk.wait(2)
    assert len(desk.sales) == 6


def test_a_wallet_that_is_said_to_lack_the_asset_is_looked_into() -> None:
    desk = leaving()
    desk.fail("check_holding")
    assert desk.verifies == [Verify("A")]
    desk.wait(2)
    assert len(desk.sales) == 2


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("remedy", ["wait", "refresh", "use_pool", "give_up", "requote", "anything"])
def test_a_sale_that_cannot_be_made_is_tried_again_after_a_pause_at_the_same_step(remedy: str) -> None:
    desk = Desk()
    desk.hold()
    desk.refusal = remedy
    desk.warn("A")
    for number in range(1, 8):
        assert len(desk.sales) == number
        assert desk.trade().state == "open"
        desk.wait(1.999)
        assert len(desk.sales) == number
        desk.wait(0.001)
    assert {order.step for order in desk.sales} == {0}
    levels = [notice.level for notice in desk.outputs if getattr(notice, "event", "") == "sale_refused"]
    assert levels == ["warning"] * 4 + ["error"] * 4
    desk.refusal = ""
    desk.wait(2)
    assert desk.trade().state == "exit_submitted"
    assert desk.trade().refusals == 0
    desk.land()
    assert desk.state.trades == {}


def test_a_refusal_that_says_where_to_sell_is_followed() -> None:
    desk = Desk()
    desk.hold()
    desk.refusal = "use_pool"
    desk.warn("A")
    assert desk.verifies == [Verify("A", refresh=True)]
    desk.refusal = ""
    desk.wait(2)
    assert [order.venue for order in desk.sales] == ["curve", "pool"]


def test_an_entry_that_cannot_be_made_is_given_up() -> None:
    desk = Desk()
    desk._made = lambda order: Refused(at_ns=desk.now_ns, order_id=order.order_id, reason="mayhem", remedy="wait")  # type: ignore[method-assign]
    decision = desk.score()
    assert decision.trade_id == "t1"
    assert desk.state.trades == {}
    assert desk.notices("entry_failed")[0]["reason"] == "mayhem"
    (trade,), account = desk.engine.take_changes()
    assert (trade.state, trade.reason, account) == ("failed", "mayhem", True)


def test_a_transaction_for_an_order_that_nobody_placed_is_a_defect() -> None:
    from alphaloop.core.errors import StateError

    desk = Desk()
    with pytest.raises(StateError, match="no trade waits for order"):
        desk.tell(Drafted, order_id="t9.buy.1", signature="s", last_valid=1, most=1)


# -- partial sales and the wallet -------------------------------------------------------------------------------------


def test_what_a_sale_left_over_is_sold_too() -> None:
    desk = leaving()
    bought = desk.trade().quantity
    desk.land(price=2.0, share=0.25)
    trade = desk.trade()
    assert (trade.quantity, trade.state) == (bought - bought // 4, "open")
    assert desk.verifies == [Verify("A")]
    desk.tell(Holding, asset="A", quantity=trade.quantity)
    desk.wait(2)
    assert desk.sales[1].quantity == trade.quantity
    desk.land(price=1.0)
    assert trade.state == "closed"
    assert trade.exit_price == pytest.approx(1.25)
    assert trade.sold == bought
    assert trade.received == bought // 4 * 2 + (bought - bought // 4) - 2 * (FEE + TIP)
    assert desk.state.account.total_pnl == trade.net == trade.received - trade.spent


def test_a_landed_sale_keeps_others_back_until_it_is_read_but_not_for_long() -> None:
    from alphaloop.trading.portfolio.records import Landed

    desk = leaving(selling={"doubt_s": 10.0})
    desk.tell(Landed, signature=desk.last, slot=1)
    for _ in range(4):
        desk.wait(2.4)
    assert len(desk.sales) == 1
    desk.wait(2.4)
    assert len(desk.sales) == 2


# -- entries ----------------------------------------------------------------------------------------------------------


def test_an_entry_that_missed_its_price_is_tried_once_more_on_the_same_terms() -> None:
    desk = Desk()
    desk.score(context={"k": 1})
    desk.wait(2)
    desk.sends = False
    desk.fail("requote", cost=7)
    assert desk.trade().state == "intent"  # nothing of it is under way until the new one is sent
    desk.tell(Sent, signature=desk.last)
    assert [(order.order_id, order.amount, order.step) for order in desk.buys] == [
        ("t1.buy.1", 2 * SOL, 0),
        ("t1.buy.2", 2 * SOL, 1),
    ]
    assert desk.buys[0].slippage_bps == desk.buys[1].slippage_bps
    assert desk.trade().state == "submitted"
    desk.fail("requote", cost=8)
    assert len(desk.buys) == 2
    assert desk.state.trades == {}
    account = desk.state.account
    assert (account.failed_cost, account.balance, account.total_trades) == (15, 20 * SOL - 15, 0)


@pytest.mark.parametrize(
    ("after_s", "remedy", "tries"),
    [(5.0, "requote", 2), (5.001, "requote", 1), (1.0, "use_pool", 1), (1.0, "refresh", 1), (1.0, "fund", 1)],
)
def test_only_a_young_entry_and_only_a_missed_price_is_tried_again(after_s: float, remedy: str, tries: int) -> None:
    desk = Desk()
    desk.score()
    desk.wait(after_s)
    desk.fail(remedy)
    assert len(desk.buys) == tries


def test_an_entry_that_may_still_land_is_not_tried_again() -> None:
    desk = Desk(entry_tries=9, entry_retry_s=60.0)
    desk.score()
    for _ in range(50):
        desk.wait(1)
    assert len(desk.buys) == 1
    desk.die(after_s=1)
    assert len(desk.buys) == 2


def test_a_retry_that_the_balance_does_not_bear_any_more_ends_the_entry() -> None:
    whole = [{"min_balance": 1, "max_open": 1, "size_fraction": 1.0}]
    desk = Desk(phases=whole, sizing={"overhead": FEE + TIP + RENT})
    desk.score()
    desk.tell(Failed, signature=desk.last, reason="slippage", remedy="requote", cost=1)
    assert len(desk.buys) == 2
    assert desk.state.trades == {}
    assert "may be spent" in desk.notices("entry_failed")[0]["reason"]
