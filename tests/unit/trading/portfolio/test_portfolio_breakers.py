"""What stops entries, for how long, and that exits are never asked."""

from __future__ import annotations

import pytest

from alphaloop.core.clock import NS_PER_DAY, NS_PER_S
from alphaloop.core.errors import InputError
from alphaloop.trading.portfolio.records import Balance, Command, Opened
from portfolio_case import FEE, RENT, SOL, START_NS, TIP, Desk, settings

COST = FEE + TIP + RENT


def lose(desk: Desk, asset: str, price: float = 0.4) -> None:
    """One closed trade with a loss."""
    desk.hold(asset)
    desk.mark(asset, price)
    desk.land(price=price)
    assert asset not in desk.state.by_asset


# -- drawdown ---------------------------------------------------------------------------------------------------------


def holding_one_of_ten(**breakers: object) -> Desk:
    """Of ten at the day's start one is in a position that cost nothing besides."""
    desk = Desk(10 * SOL, breakers={"max_consecutive_losses": 0, **breakers})
    desk.score("A")
    desk.land(cash=-SOL)
    desk.wait(1)
    assert desk.state.equity == desk.state.panel.state.day_equity == 10 * SOL
    return desk


def test_the_days_loss_of_equity_stops_entries_until_midnight() -> None:
    desk = holding_one_of_ten(daily_drawdown=0.0625)
    desk.mark("A", 0.376)
    assert desk.notices("breaker_tripped") == []
    assert desk.state.panel.reason(desk.now_ns, 0) == ("", "")
    desk.mark("A", 0.375, age_s=-0.1)
    (tripped,) = desk.notices("breaker_tripped")
    assert tripped == {"breaker": "daily_drawdown", "equity": 9_375_000_000, "balance": 9 * SOL}
    stopped = desk.score("D")
    assert (stopped.stopped_by, stopped.strategy) == ("daily_drawdown", "plain")
    # Up again: the day is lost all the same.
    desk.mark("A", 9.0, age_s=-0.2)
    assert desk.score("D").stopped_by == "daily_drawdown"
    midnight = (START_NS // NS_PER_DAY + 1) * NS_PER_DAY
    desk.now_ns = midnight - 1
    assert desk.score("D").stopped_by == "daily_drawdown"
    desk.now_ns = midnight
    assert desk.score("D").stopped_by == ""
    assert len(desk.notices("breaker_tripped")) == 1


def test_the_new_day_counts_from_its_first_equity() -> None:
    desk = Desk(breakers={"daily_drawdown": 0.05, "max_consecutive_losses": 0}, sizing={"keep": SOL // 10})
    desk.hold("A")
    desk.mark("A", 0.5)
    assert desk.state.panel.state.day_equity == 20 * SOL
    desk.wait(86_400)
    assert desk.state.panel.state.day_equity == desk.state.equity < 20 * SOL
    assert desk.score("B").stopped_by == ""


def test_opening_a_position_is_no_drawdown_but_what_it_costs() -> None:
    desk = Desk()
    desk.hold("A")
    assert desk.state.equity == 20 * SOL - COST


def test_no_drawdown_where_it_is_turned_off() -> None:
    desk = Desk(breakers={"daily_drawdown": 0.0, "max_consecutive_losses": 0})
    for asset in "ABCDEFGH":
        lose(desk, asset, 0.01)
    assert desk.score("Z").stopped_by == ""


# -- losses in a row --------------------------------------------------------------------------------------------------


def test_five_losses_in_a_row_pause_entries_for_a_quarter_of_an_hour() -> None:
    desk = Desk(breakers={"daily_drawdown": 0.0})
    for asset in "ABCD":
        lose(desk, asset)
    assert desk.score("E").stopped_by == ""
    desk.land()
    desk.wait(1, tick=False)
    desk.mark("E", 0.4)
    desk.land(price=0.4)
    assert desk.notices("breaker_tripped")[0]["breaker"] == "consecutive_losses"
    paused = desk.score("F")
    assert paused.stopped_by == "consecutive_losses"
    assert "entries go on at 20" in paused.detail
    desk.wait(899.999)
    assert desk.score("F").stopped_by == "consecutive_losses"
    desk.wait(0.001)
    assert desk.score("F").stopped_by == ""
    assert desk.state.panel.state.losses == 0


def test_a_win_ends_the_run_and_a_nought_does_not() -> None:
    desk = Desk(breakers={"daily_drawdown": 0.0})
    for asset in "ABCD":
        lose(desk, asset)
    desk.hold("W")
    desk.mark("W", 3.0)
    desk.land(price=3.0)
    assert desk.state.panel.state.losses == 0
    for asset in "EFGH":
        lose(desk, asset)
    desk.hold("N")
    desk.warn("N")
    spent = desk.trade("N").spent
    desk.land(cash=spent)
    assert desk.state.panel.state.losses == 4
    assert desk.state.account.current_streak == -4
    lose(desk, "I")
    assert desk.score("Z").stopped_by == "consecutive_losses"


def test_a_failed_entry_is_no_loss_of_the_run() -> None:
    desk = Desk(breakers={"daily_drawdown": 0.0})
    for asset in "ABCD":
        lose(desk, asset)
    for asset in "EFG":
        desk.score(asset)
        desk.fail("give_up")
    assert desk.state.panel.state.losses == 4
    assert desk.state.account.failed_cost == 3 * FEE
    assert desk.score("Z").stopped_by == ""


def test_closes_during_the_pause_start_a_new_count() -> None:
    desk = Desk(breakers={"daily_drawdown": 0.0, "max_consecutive_losses": 1})
    desk.hold("A")
    desk.hold("B")
    until = []
    for asset in "AB":
        desk.mark(asset, 0.4)
        desk.land(price=0.4)
        until.append(desk.state.panel.state.paused_until_ns)
        desk.wait(100)
    assert until[1] - until[0] == 100 * NS_PER_S


# -- least balance ----------------------------------------------------------------------------------------------------


def halted() -> Desk:
    desk = Desk(SOL)
    desk.tell(Balance, amount=SOL * 8 // 100 - 1)
    return desk


def test_below_the_least_balance_the_account_is_halted_for_good() -> None:
    desk = Desk(SOL)
    desk.tell(Balance, amount=SOL * 8 // 100)
    assert not desk.state.panel.state.halted
    desk.tell(Balance, amount=SOL * 8 // 100 - 1)
    assert desk.state.panel.state.halted
    assert [each["breaker"] for each in desk.notices("breaker_tripped")] == ["min_balance"]
    desk.tell(Balance, amount=50 * SOL)
    desk.wait(10 * 86_400)
    decision = desk.score("A")
    assert decision.stopped_by == "min_balance"
    assert "deliberate restart" in decision.detail


def test_what_is_under_way_halts_nothing() -> None:
    desk = Desk(
        SOL // 5, sizing={"keep": SOL * 8 // 100}, phases=[{"min_balance": 1, "max_open": 9, "size_fraction": 0.5}]
    )
    desk.score("A")
    desk.wait(1)
    assert desk.state.free < desk.state.account.balance
    assert not desk.state.panel.state.halted


@pytest.mark.parametrize(("deliberate", "stopped"), [(True, ""), (False, "min_balance")])
def test_only_a_deliberate_restart_lifts_a_halt(deliberate: bool, stopped: str) -> None:
    before = halted()
    before.tell(Balance, amount=SOL)
    desk = Desk(0)
    desk.tell(Opened, deliberate=deliberate, state=before.saved(), settings="h")
    assert desk.score("A").stopped_by == stopped
    assert bool(desk.notices("halt_lifted")) == deliberate
    assert bool(desk.notices("still_halted")) != deliberate


def test_a_halt_that_was_lifted_comes_back_while_its_cause_lasts() -> None:
    before = halted()
    desk = Desk(0)
    desk.tell(Opened, deliberate=True, state=before.saved(), settings="h")
    desk.wait(1)
    assert desk.state.panel.state.halted


@pytest.mark.parametrize(("deliberate", "stopped"), [(True, ""), (False, "consecutive_losses")])
def test_only_a_deliberate_restart_ends_a_pause(deliberate: bool, stopped: str) -> None:
    before = Desk(breakers={"daily_drawdown": 0.0, "max_consecutive_losses": 1})
    lose(before, "A")
    desk = Desk(0, made=before.engine.settings)
    desk.now_ns = before.now_ns
    desk.tell(Opened, deliberate=deliberate, state=before.saved(), settings="h")
    assert desk.score("B").stopped_by == stopped
    if not deliberate:
        desk.wait(900)
        assert desk.score("B").stopped_by == ""


@pytest.mark.parametrize("deliberate", [True, False])
def test_no_restart_lifts_the_days_drawdown_or_the_kill_switch(deliberate: bool) -> None:
    before = Desk(breakers={"daily_drawdown": 0.05, "max_consecutive_losses": 0})
    lose(before, "A")
    assert before.score("B").stopped_by == "daily_drawdown"
    before.tell(Command, name="stop_entries", by="me")
    desk = Desk(0, made=before.engine.settings)
    desk.now_ns = before.now_ns
    desk.tell(Opened, deliberate=deliberate, state=before.saved(), settings="h")
    assert desk.score("B").stopped_by == "kill_switch"
    desk.tell(Command, name="resume")
    assert desk.score("B").stopped_by == "daily_drawdown"


def test_a_command_lifts_halt_and_pause() -> None:
    desk = halted()
    desk.tell(Balance, amount=SOL)
    assert desk.score("A").stopped_by == "min_balance"
    desk.tell(Command, name="clear_halt", by="me")
    assert desk.score("A").stopped_by == ""


# -- kill switch and unproved orders ----------------------------------------------------------------------------------


def test_a_person_stops_entries_and_resumes_them() -> None:
    desk = Desk()
    desk.tell(Command, name="stop_entries", by="me")
    assert desk.score("A").stopped_by == "kill_switch"
    desk.tell(Command, name="resume", by="me")
    assert desk.score("A").stopped_by == ""
    assert [each["name"] for each in desk.notices("command")] == ["stop_entries", "resume"]


def test_an_unknown_command_changes_nothing_not_even_the_time() -> None:
    desk = Desk()
    before = desk.saved()
    desk.now_ns += 10**12
    with pytest.raises(InputError, match="stop_entries, resume"):
        desk.tell(Command, name="sell_everything")
    with pytest.raises(InputError, match="no position in 'X'"):
        desk.tell(Command, name="force_exit", asset="X")
    assert desk.saved() == before


def test_so_many_orders_may_be_unproved_and_no_more() -> None:
    desk = Desk(99 * SOL, breakers={"max_unproved": 2})
    desk.score("A")
    desk.score("B")
    decision = desk.score("C")
    assert decision.stopped_by == "max_unproved"
    assert decision.detail == "2 orders are submitted and not proved, 2 may be"
    desk.land("sig1")
    assert desk.score("C").stopped_by == ""


def test_sales_count_as_unproved_too() -> None:
    desk = Desk(99 * SOL, breakers={"max_unproved": 1})
    desk.hold("A")
    desk.warn("A")
    desk.wait(4)
    assert len(desk.trade().unproved("sell")) == 2
    assert desk.state.unproved_orders == 1
    assert desk.score("B").stopped_by == "max_unproved"


# -- exits are never asked --------------------------------------------------------------------------------------------


BREAKERS = ["min_balance", "kill_switch", "daily_drawdown", "consecutive_losses", "max_unproved"]


@pytest.mark.parametrize("breaker", BREAKERS)
def test_every_exit_goes_on_whatever_is_tripped(breaker: str) -> None:
    falls = 0.04 if breaker == "daily_drawdown" else 0.0
    desk = Desk(breakers={"max_unproved": 1, "max_consecutive_losses": 1, "daily_drawdown": falls})
    for asset in "ABCD":
        desk.hold(asset)
    if breaker == "min_balance":
        desk.tell(Balance, amount=1)
        desk.tell(Balance, amount=20 * SOL)
    elif breaker == "kill_switch":
        desk.tell(Command, name="stop_entries")
    elif breaker == "daily_drawdown":
        desk.mark("D", 0.41)
    else:
        desk.mark("D", 0.3)
        if breaker == "consecutive_losses":
            desk.land(price=0.3)
    assert desk.score("Z").stopped_by == breaker
    sold = len(desk.sales)
    desk.warn("A")
    desk.mark("B", 2.5)
    desk.wait(700)
    assert {order.asset for order in desk.sales[sold:]} >= {"A", "B", "C"}


# -- money from outside -----------------------------------------------------------------------------------------------


def test_deposits_are_no_profit_and_withdrawals_no_loss() -> None:
    desk = Desk(10 * SOL, breakers={"daily_drawdown": 0.3})
    account = desk.state.account
    assert (account.balance, account.deposited, account.total_pnl) == (10 * SOL, 10 * SOL, 0)
    desk.tell(Balance, amount=4 * SOL)
    desk.wait(1)
    assert desk.notices("breaker_tripped") == []
    assert (account.balance, account.deposited, account.total_pnl) == (4 * SOL, 4 * SOL, 0)
    assert desk.state.panel.state.day_equity == 4 * SOL
    # A deposit hides no loss of before: the fall is of what was there and came.
    desk.hold("A")
    desk.mark("A", 0.5)
    loss = 4 * SOL - desk.state.equity
    desk.tell(Balance, amount=account.balance + 6 * SOL)
    assert desk.state.panel.state.day_equity - desk.state.equity == loss
    assert account.deposited == 10 * SOL
    assert [each["change"] for each in desk.notices("balance_corrected")] == [10 * SOL, -6 * SOL, 6 * SOL]


def test_a_balance_that_was_read_while_something_is_under_way_says_nothing() -> None:
    desk = Desk()
    desk.score("A")
    desk.tell(Balance, amount=1)
    assert desk.state.account.balance == 20 * SOL
    desk.land()
    desk.tell(Balance, amount=desk.state.account.balance)
    assert len(desk.notices("balance_corrected")) == 1


def test_settings_in_which_an_entry_could_halt_the_account_are_refused() -> None:
    from alphaloop.core.errors import RecipeError

    with pytest.raises(RecipeError, match="keep is below"):
        settings(sizing={"keep": SOL // 20})
