"""What a process finds when it takes an account over, and clocks that do not only go forward."""

from __future__ import annotations

import pytest

from alphaloop.core.errors import InputError
from alphaloop.trading.portfolio.engine import PortfolioEngine
from alphaloop.trading.portfolio.records import Failed, Filled, Opened, Place, Scored, Sent, Submit, Tick, Unsent
from portfolio_case import SOL, Desk, settings, strategies

S = 10**9


def successor(before: Desk, *, deliberate: bool = False, **changes: object) -> Desk:
    """The next process on the account, with other settings where asked for."""
    desk = Desk(0, made=settings(**changes) if changes else before.engine.settings)
    desk.now_ns = before.now_ns
    desk._number = before._number
    desk.tell(Opened, deliberate=deliberate, state=before.saved(), settings=desk.engine.settings.hash)
    return desk


def test_a_new_account_is_empty() -> None:
    desk = Desk(0)
    desk.tell(Opened, deliberate=True, state={}, settings="h")
    assert desk.outputs == []
    assert desk.state.account.balance == 0
    assert desk.score().stopped_by == "phase"


def test_everything_goes_on_where_it_was() -> None:
    before = Desk()
    before.hold("A")
    before.score("B")
    before.hold("C")
    before.warn("C")
    after = successor(before)
    assert after.saved() == before.saved()
    assert after.state.free == before.state.free
    assert after.engine.unproved() == before.engine.unproved()
    assert [trade.asset for trade in after.engine.watched()] == ["A", "C"]
    after.wait(4)
    assert after.sales[-1].step == 1
    after.land("sig2")
    assert after.trade("B").state == "open"
    assert after.score("D").trade_id == "t4"


def test_a_cool_down_outlives_a_restart_and_no_longer() -> None:
    before = Desk()
    before.hold("A")
    before.warn("A")
    before.land(before.last, price=1.0)
    before.wait(10)
    after = successor(before)
    assert after.score("A").stopped_by == "cool_down"
    after.wait(30 * 60 - 10, tick=False)
    assert after.score("A").stopped_by == ""


def test_what_was_booked_is_not_booked_again_by_the_next_process() -> None:
    before = Desk(breakers={"cool_down_s": 0.0})
    before.hold("A")
    before.warn("A")
    before.land()
    failure = {"signature": "found", "asset": "C", "reason": "no", "remedy": "requote", "cost": 70}
    before.tell(Failed, **failure)
    after = successor(before)
    new, balance = after.hold("A"), after.state.account.balance
    after.tell(Filled, signature="sig2", quantity=new.quantity, cash=5, traded=5, remaining=0, asset="A", side="sell")
    after.tell(Failed, **failure)
    assert after.state.account.balance == balance
    assert (str(new.state), new.received) == ("open", 0)


def test_bytes_of_a_dead_process_are_not_asked_for() -> None:
    before = Desk()
    before.score()
    before.tell(Unsent, signature="sig1", reason="429")
    after = successor(before)
    for _ in range(5):
        after.wait(2)
    assert after.of(Submit) == []
    assert after.engine.unproved() == {"sig1": 1_000}
    after.die()
    assert after.state.trades == {}


def test_an_entry_whose_transaction_was_never_made_does_not_hang() -> None:
    before = Desk()
    engine = before.engine
    signal = {"at_ns": before.now_ns, "signal_id": "s", "asset": "A", "source": "signal", "known_ns": before.now_ns}
    outputs = engine.apply(Scored(**signal, price=1.0, liquidity=1_000 * SOL, scores={"up": 0.9}))
    assert isinstance(outputs[-1], Place)
    assert before.trade().attempts == []
    after = successor(before)
    assert after.state.trades == {}
    assert "the process ended" in after.notices("entry_failed")[0]["reason"]
    assert after.engine.take_changes()[0][0].state == "failed"


@pytest.mark.parametrize("state", ["submitted", "open", "exit"])
def test_a_strategy_that_is_still_in_use_cannot_be_taken_away(state: str) -> None:
    before = Desk(strategies=strategies(gone={}, stays={"source": "else"}))
    before.score()
    if state != "submitted":
        before.land()
    if state == "exit":
        before.warn("A")
    with pytest.raises(InputError, match="trade t1 of A is not over and its strategy 'gone'"):
        successor(before, strategies=strategies(stays={}))
    changed = successor(before, strategies=strategies(gone={"take_profit": 1.1}))
    assert changed.trade().strategy == "gone"


def test_a_record_amid_a_process_is_taken_over_as_it_is() -> None:
    """A journal that begins with it goes on to the same outputs as the process that never stopped."""
    desk = Desk()
    desk.hold("A")
    desk.warn("A")
    desk.tell(Unsent, signature=desk.last, reason="429")
    record = Opened(at_ns=desk.now_ns, deliberate=False, state=desk.saved(), settings="h", is_start=False)
    again = PortfolioEngine(desk.engine.settings)
    assert again.apply(record) == []
    assert again.state.save() == desk.engine.state.save()
    for _ in range(4):
        desk.now_ns += 2 * S
        tick = Tick(at_ns=desk.now_ns)
        outputs = desk.engine.apply(tick)
        assert again.apply(tick) == outputs
    assert again.state.save() == desk.engine.state.save()


# -- clocks -----------------------------------------------------------------------------------------------------------


def test_inputs_that_waited_do_not_turn_time_back() -> None:
    desk = Desk()
    desk.score()
    desk.wait(30)
    desk.tell(Sent, signature="sig1", at_ns=desk.now_ns - 20 * S)
    assert desk.state.now_ns == desk.now_ns
    assert desk.notices("clock_set_back") == []


@pytest.mark.parametrize("back_s", [2.0, 3_600.0, 86_400.0])
def test_a_clock_that_was_set_back_freezes_no_exit_and_stretches_no_wait(back_s: float) -> None:
    """Everything that is timed comes as long after now as it would have."""
    desk = Desk(breakers={"max_consecutive_losses": 1, "daily_drawdown": 0.0})
    held, leaving = desk.hold("A"), desk.hold("B")
    desk.hold("L")
    desk.mark("L", 0.3)
    desk.land(price=0.3)
    desk.warn("B")
    desk.tell(Unsent, signature=desk.last, reason="429")
    desk.wait(1)
    desk.wait(-back_s)
    assert [each["seconds"] for each in desk.notices("clock_set_back")] == [back_s]

    begun_ns = desk.now_ns

    def due(seconds: float) -> None:
        desk.now_ns = begun_ns + round(seconds * S)
        desk.wait(0)

    submitted = len(desk.of(Submit))
    due(0.999)
    assert len(desk.of(Submit)) == submitted
    due(1.0)
    assert desk.of(Submit)[submitted:] == [Submit(leaving.attempts[-1].signature, "sell", "B")]
    due(2.999)
    assert leaving.tries == 1
    due(3.0)
    assert leaving.tries == 2
    hold_left_s = 600 - 4
    due(hold_left_s - 0.001)
    assert held.exit_wanted == ""
    due(hold_left_s)
    assert held.exit_wanted == "timeout"
    due(898.999)
    assert desk.score("Z").stopped_by == "consecutive_losses"
    due(899.0)
    assert desk.score("Z").stopped_by == ""
    due(1_798.999)
    assert desk.score("L").stopped_by == "cool_down"
    due(1_799.0)
    assert desk.score("L").stopped_by == ""


def test_prices_count_after_the_clock_was_set_back() -> None:
    """Those that are read from the chain are stamped by this very clock."""
    desk = Desk()
    desk.hold()
    desk.mark("A", 1.2)
    desk.wait(-3_600)
    desk.wait(1)
    desk.mark("A", 0.1)
    assert desk.trade().exit_wanted == "stop_loss"


def test_a_clock_that_was_set_back_while_the_trader_was_away() -> None:
    before = Desk()
    before.hold()
    before.warn("A")
    before.now_ns -= 3_600 * S
    after = successor(before)
    assert after.notices("clock_set_back")
    after.wait(4)
    assert after.trade().tries == 2


def test_a_day_that_was_lost_stays_lost_over_a_midnight_that_comes_twice() -> None:
    from alphaloop.core.clock import NS_PER_DAY

    desk = Desk(breakers={"daily_drawdown": 0.03, "max_consecutive_losses": 0})
    desk.now_ns = (desk.now_ns // NS_PER_DAY + 1) * NS_PER_DAY + S
    desk.wait(0)
    desk.hold()
    desk.mark("A", 0.41)
    assert desk.score("B").stopped_by == "daily_drawdown"
    desk.wait(-60)
    assert desk.score("B").stopped_by == "daily_drawdown"
    desk.now_ns += NS_PER_DAY
    assert desk.score("B").stopped_by == "daily_drawdown"
    desk.now_ns += 61 * S
    assert desk.score("B").stopped_by == ""
