"""From a signal to an order, or to the one thing that stopped it."""

from __future__ import annotations

import pytest

from alphaloop.trading.portfolio.entry import CHECKS, ORDER
from alphaloop.trading.portfolio.records import Notice, Place, Submit
from portfolio_case import FEE, RENT, SOL, STRATEGY, TIP, Desk, strategies

VETO = {**STRATEGY, "dead_model": "dead", "dead_threshold": 0.3}


def test_the_six_checks_are_those_of_the_plan_in_its_order() -> None:
    assert CHECKS == ("score_threshold", "dead_probability", "phase", "slot", "open_position", "cool_down")
    assert sorted(ORDER, key=ORDER.__getitem__) == [*CHECKS, ""]


def wrong(desk: Desk, check: str) -> dict[str, object]:
    """Make `check` and all after it say no; gives what the signal has to be for that."""
    at = CHECKS.index(check)
    signal: dict[str, object] = {"scores": {"up": 0.9, "dead": 0.1}}
    if at <= CHECKS.index("score_threshold"):
        signal["scores"] = {"up": 0.79, "dead": 0.9}
    elif at <= CHECKS.index("dead_probability"):
        signal["scores"] = {"up": 0.9, "dead": 0.9}
    return signal


@pytest.mark.parametrize("check", CHECKS)
def test_the_first_check_that_says_no_is_the_one_that_is_told(check: str) -> None:
    """Everything from `check` on says no at once; the earlier ones say yes."""
    at = CHECKS.index(check)
    needed = 2 if at <= CHECKS.index("phase") else 1
    desk = Desk(
        balance=SOL // 2,
        strategies={"veto": {**VETO, "min_phase": needed}, "other": {**STRATEGY, "source": "else"}},
        phases=[
            {"min_balance": SOL // 5, "max_open": 1 if at <= CHECKS.index("slot") else 3},
            {"min_balance": SOL, "max_open": 3},
        ],
    )
    if at < CHECKS.index("cool_down"):
        desk.score("A", source="else")
    else:
        desk.hold("A", source="else")
        desk.warn("A")
        desk.land()
    desk.state.cool_until_ns["A"] = desk.now_ns + 1
    decision = desk.score("A", **wrong(desk, check))
    assert decision.checks == {"veto": check}
    assert decision.stopped_by == check
    assert decision.strategy == decision.trade_id == ""
    assert decision.size == 0


def test_an_order_is_made_and_everything_that_led_to_it_is_recorded() -> None:
    desk = Desk(strategies={"veto": VETO})
    signal = {"scores": {"up": 0.9, "dead": 0.1}, "models": {"up": "id"}, "regime": "bull", "context": {"k": 1}}
    decision = desk.score("A", signal_id="x", known_ns=7, price=3.0, **signal)
    assert decision.stopped_by == ""
    assert decision.checks == {"veto": ""}
    assert (decision.strategy, decision.size, decision.trade_id) == ("veto", 2 * SOL, "t1")
    assert (decision.signal_id, decision.asset, decision.source, decision.price) == ("x", "A", "signal", 3.0)
    assert (decision.at_ns, decision.known_ns) == (desk.now_ns, 7)
    assert (decision.scores, decision.models, decision.regime) == (signal["scores"], {"up": "id"}, "bull")
    assert (decision.phase, decision.balance, decision.equity, decision.open_positions) == (3, 20 * SOL, 20 * SOL, 0)
    order = desk.buys[0]
    assert (order.order_id, order.side, order.asset, order.amount, order.quantity) == (
        "t1.buy.1",
        "buy",
        "A",
        2 * SOL,
        0,
    )
    assert (order.slippage_bps, order.tip_factor, order.step, order.venue) == (1_000, 1.0, 0, "curve")
    assert (order.price, order.context) == (3.0, {"k": 1})
    assert [type(output) for output in desk.outputs if not isinstance(output, Notice)] == [
        type(decision),
        Place,
        Submit,
    ]
    trade = desk.trade()
    assert (trade.signal_id, trade.strategy, trade.score, trade.budget) == ("x", "veto", 0.9, 2 * SOL)
    assert desk.state.free == 20 * SOL - 2 * SOL - FEE - TIP - RENT


@pytest.mark.parametrize(
    ("p", "stopped"), [(0.8, ""), (0.7999999, "score_threshold"), (float("nan"), "score_threshold")]
)
def test_the_score_must_reach_its_threshold(p: float, stopped: str) -> None:
    assert Desk().score("A", p).stopped_by == stopped


def test_a_model_that_said_nothing_stops() -> None:
    desk = Desk()
    assert desk.score("A", scores={}).stopped_by == "score_threshold"
    assert desk.score("A", scores={"another": 0.99}).stopped_by == "score_threshold"


@pytest.mark.parametrize(
    ("dead", "stopped"),
    [(0.2999, ""), (0.3, "dead_probability"), (float("nan"), "dead_probability"), (None, "dead_probability")],
)
def test_the_veto_needs_less_than_its_limit_and_never_a_guess(dead: float | None, stopped: str) -> None:
    scores = {"up": 0.9} if dead is None else {"up": 0.9, "dead": dead}
    decision = Desk(strategies={"veto": VETO}).score("A", scores=scores)
    assert decision.stopped_by == stopped
    assert ("no model" in decision.detail) == (dead is None)


def test_a_strategy_without_a_veto_does_not_ask() -> None:
    assert Desk().score("A", scores={"up": 0.9, "dead": 1.0}).stopped_by == ""


def test_signals_of_another_source_are_for_nobody() -> None:
    decision = Desk().score("A", source="genesis_signal")
    assert (decision.stopped_by, decision.checks) == ("no_strategy", {})


# -- phases and slots -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("balance", "phase"),
    [(SOL // 5 - 1, 0), (SOL // 5, 1), (SOL - 1, 1), (SOL, 2), (10 * SOL - 1, 2), (10 * SOL, 3), (99 * SOL, 3)],
)
def test_the_free_balance_decides_the_phase(balance: int, phase: int) -> None:
    for needed in (1, 2, 3):
        desk = Desk(balance, strategies={"only": {**STRATEGY, "min_phase": needed}})
        decision = desk.score()
        assert decision.phase == phase
        assert decision.checks["only"] == ("" if phase >= needed else "phase")


def test_what_is_under_way_is_not_free() -> None:
    """Falling below a phase's limit disables its strategies at once, even while the order may still die."""
    desk = Desk(10 * SOL, strategies=strategies(high={"min_phase": 3}, low={"model": "low"}))
    assert desk.score("A", scores={"low": 0.9}).phase == 3
    again = desk.score("B", scores={"up": 0.9, "low": 0.9})
    assert (again.phase, again.checks, again.strategy) == (2, {"high": "phase", "low": ""}, "low")
    desk.die("sig2")
    desk.die("sig1")
    back = desk.score("C", scores={"up": 0.9, "low": 0.9})
    assert (back.phase, back.strategy) == (3, "high")


def test_slots_count_what_is_open_or_opening() -> None:
    desk = Desk(5 * SOL)
    assert desk.score("A").stopped_by == ""
    desk.land()
    assert desk.score("B").stopped_by == ""
    third = desk.score("C")
    assert (third.stopped_by, third.open_positions) == ("slot", 2)
    assert "2 positions are open, phase 2 allows 2" in third.detail
    desk.die()
    assert desk.score("C").stopped_by == ""


def test_one_position_for_an_asset_whatever_the_strategy() -> None:
    desk = Desk(strategies=strategies(a={}, b={"source": "else"}))
    desk.score("A")
    assert desk.score("A", source="else").stopped_by == "open_position"
    desk.land()
    assert desk.score("A", source="else").stopped_by == "open_position"


def test_an_asset_is_barred_while_a_sale_of_it_may_still_land() -> None:
    desk = Desk(breakers={"cool_down_s": 0.0})
    desk.hold()
    desk.warn("A")
    first = desk.last
    desk.wait(4)
    desk.land(first)
    assert desk.state.open_positions == 0
    assert desk.score("A").stopped_by == "open_position"
    desk.die()
    assert desk.score("A").stopped_by == ""


def test_a_failed_entry_frees_its_slot_and_cools_nothing() -> None:
    desk = Desk()
    desk.score("A")
    desk.die()
    assert desk.state.trades == {}
    assert desk.score("A").stopped_by == ""


@pytest.mark.parametrize("way", ["take_profit", "stop", "timeout", "warning", "manual", "gone"])
def test_any_close_cools_the_asset_and_no_other(way: str) -> None:
    from alphaloop.trading.portfolio.records import Command, Holding

    desk = Desk()
    desk.hold("A")
    if way == "gone":
        desk.tell(Holding, asset="A", quantity=0)
        desk.wait(15)
        desk.tell(Holding, asset="A", quantity=0)
    else:
        {
            "take_profit": lambda: desk.mark("A", 2.0),
            "stop": lambda: desk.mark("A", 0.4),
            "timeout": lambda: desk.wait(600),
            "warning": lambda: desk.warn("A"),
            "manual": lambda: desk.tell(Command, name="force_exit", asset="A"),
        }[way]()
        desk.land()
    assert desk.state.trades == {}
    assert desk.score("B").stopped_by == ""
    desk.wait(1_799.999)
    assert desk.score("A").stopped_by == "cool_down"
    desk.wait(0.001)
    assert desk.score("A").stopped_by == ""


# -- choosing ---------------------------------------------------------------------------------------------------------


def test_of_those_that_pass_the_highest_priority_enters_once() -> None:
    desk = Desk(
        strategies=strategies(
            low={"priority": 1},
            high={"priority": 9, "model": "strict"},
            middle={"priority": 5},
            middle_too={"priority": 5},
        )
    )
    decision = desk.score("A", scores={"up": 0.9, "strict": 0.95})
    assert (decision.strategy, len(desk.buys)) == ("high", 1)
    decision = desk.score("B", scores={"up": 0.9, "strict": 0.5})
    assert decision.strategy == "middle"
    assert decision.checks == {"high": "score_threshold", "middle": "", "middle_too": "", "low": ""}


def test_where_nobody_passes_the_one_that_came_furthest_is_told() -> None:
    desk = Desk(
        balance=SOL // 2,
        strategies=strategies(
            a={"model": "other", "priority": 9}, b={"min_phase": 2}, c={"min_phase": 3, "priority": 3}
        ),
    )
    decision = desk.score("A", scores={"up": 0.9, "other": 0.1})
    assert decision.checks == {"a": "score_threshold", "c": "phase", "b": "phase"}
    assert decision.stopped_by == "phase"
    assert "the strategy needs 3" in decision.detail


def test_sentences_of_the_checks_have_their_numbers() -> None:
    desk = Desk(strategies={"veto": VETO})
    decision = desk.score("A", scores={"up": 0.9, "dead": 0.4567})
    assert decision.detail == "dead gives 0.4567, less than 0.3000 is needed"
    desk = Desk(regimes={"bear": {"add_threshold": 0.05}})
    assert desk.score("A", 0.84, regime="bear").detail == "up gives 0.8400, at least 0.8500 is needed"
    assert desk.score("A", scores={}).detail == "no model 'up' has scored the signal"
    desk.hold("A")
    assert desk.score("A").detail == "a position in this asset is open or under way"
    desk.warn("A")
    desk.land()
    assert desk.score("A").detail == "a trade of this asset closed lately"


# -- regimes ----------------------------------------------------------------------------------------------------------


def test_a_regime_raises_thresholds_and_changes_sizes() -> None:
    desk = Desk(regimes={"bear": {"add_threshold": 0.05, "size_factor": 0.5}})
    assert desk.score("A", 0.84, regime="bear").stopped_by == "score_threshold"
    assert desk.score("A", 0.851, regime="bear").size == SOL
    assert desk.score("B", 0.84, regime="bull").stopped_by == ""


def test_a_regime_may_lower_a_threshold_and_enlarge_a_size() -> None:
    desk = Desk(regimes={"bull": {"add_threshold": -0.1, "size_factor": 2.0}})
    assert desk.score("A", 0.701, regime="bull").size == 4 * SOL
    assert desk.score("B", 0.69, regime="bull").stopped_by == "score_threshold"


def test_a_threshold_beyond_one_is_reached_by_nobody() -> None:
    desk = Desk(regimes={"bear": {"add_threshold": 0.5}})
    assert desk.score("A", 1.0, regime="bear").stopped_by == "score_threshold"


def test_conviction_counts_from_the_threshold_that_the_regime_made() -> None:
    desk = Desk(regimes={"bear": {"add_threshold": 0.1}}, sizing={"least_conviction": 0.0})
    assert desk.score("A", 0.95, regime="bear").size == pytest.approx(SOL, abs=2)
    desk.die()
    assert desk.score("A", 0.95).size == pytest.approx(1.5 * SOL, abs=2)


def test_a_price_from_before_the_signal_is_not_the_newest() -> None:
    desk = Desk()
    desk.score("A", price=1.0)
    desk.mark("A", 0.3, age_s=1)
    assert desk.trade().last == 1.0


def test_the_first_decision_of_a_day_begins_it() -> None:
    desk = Desk(breakers={"max_consecutive_losses": 0})
    desk.hold("A")
    desk.mark("A", 0.5)
    desk.wait(86_400, tick=False)
    equity = desk.state.equity
    desk.score("B")
    assert desk.state.panel.state.day_equity == equity
