"""How much an entry spends, and what it must never spend."""

from __future__ import annotations

import pytest

from alphaloop.trading.portfolio.records import Drafted, Notice
from alphaloop.trading.portfolio.settings import Phase, RegimeEffect, Sizing
from alphaloop.trading.portfolio.sizing import size
from portfolio_case import FEE, RENT, SOL, TIP, Desk

FREE = 10 * SOL
PHASE = Phase(min_balance=1, max_open=1, size_fraction=0.1)


def sized(
    *,
    free: int = FREE,
    liquidity: int = 10_000 * SOL,
    p: float = 1.0,
    threshold: float = 0.8,
    phase: Phase = PHASE,
    factor: float = 1.0,
    **sizing: object,
) -> tuple[int, str]:
    usual = {"min_size": SOL // 50, "keep": SOL // 10, "liquidity_fraction": 0.02, "least_conviction": 0.5}
    made = Sizing.parse({**usual, **sizing}, "case")
    effect = RegimeEffect(size_factor=factor)
    return size(made, phase, effect, free=free, liquidity=liquidity, probability=p, threshold=threshold)


def test_a_share_of_the_free_balance_by_phase() -> None:
    assert sized() == (SOL, "")
    assert sized(phase=PHASE.model_copy(update={"size_fraction": 0.2})) == (2 * SOL, "")


@pytest.mark.parametrize(
    ("p", "threshold", "factor"),
    [(1.0, 0.8, 1.0), (0.95, 0.8, 0.75), (0.9, 0.8, 0.5), (0.8, 0.8, 0.5), (0.9, 0.6, 0.75), (1.0, 1.0, 1.0)],
)
def test_conviction_is_how_far_the_probability_is_on_the_way_from_its_threshold_to_one(
    p: float, threshold: float, factor: float
) -> None:
    found, _ = sized(p=p, threshold=threshold)
    assert found == pytest.approx(SOL * factor, abs=2)


def test_no_conviction_is_needed_where_the_settings_say_so() -> None:
    assert sized(p=0.8, least_conviction=1.0) == (SOL, "")
    found, limit = sized(p=0.8, least_conviction=0.0)
    assert (found, limit.split(" is ")[0]) == (0, "0 by the share of the balance")


def test_a_regime_scales() -> None:
    assert sized(factor=0.5) == (SOL // 2, "")
    assert sized(factor=3.0) == (3 * SOL, "")
    assert sized(factor=0.0)[0] == 0


def test_at_most_a_share_of_the_market() -> None:
    assert sized(liquidity=30 * SOL) == (30 * SOL * 2 // 100, "")
    assert sized(liquidity=SOL) == (SOL // 50, "")
    found, limit = sized(liquidity=SOL - 100)
    assert found == 0
    assert "share of the market" in limit


def test_an_unknown_market_allows_nothing() -> None:
    found, limit = sized(liquidity=0)
    assert (found, limit) == (0, "0 by the share of the market is below min_size 20000000")


@pytest.mark.parametrize("overhead", [0, SOL // 100])
def test_what_is_to_be_kept_is_never_spent_overhead_included(overhead: int) -> None:
    whole = PHASE.model_copy(update={"size_fraction": 1.0})
    assert sized(phase=whole, overhead=overhead) == (FREE - SOL // 10 - overhead, "")
    least = SOL // 10 + SOL // 50 + overhead
    assert sized(phase=whole, free=least, overhead=overhead) == (SOL // 50, "")
    found, limit = sized(phase=whole, free=least - 1, overhead=overhead)
    assert found == 0
    assert "balance to keep" in limit


def test_the_smallest_entry() -> None:
    small = PHASE.model_copy(update={"size_fraction": 0.002})
    assert sized(phase=small) == (SOL // 50, "")
    assert sized(phase=small, free=FREE - SOL)[0] == 0


def test_a_decision_that_is_too_small_says_so_and_spends_nothing() -> None:
    desk = Desk()
    decision = desk.score("A", liquidity=SOL // 100)
    assert (decision.stopped_by, decision.strategy, decision.size) == ("too_small", "plain", 0)
    assert "share of the market" in decision.detail
    assert decision.checks == {"plain": ""}
    assert desk.buys == []
    assert desk.state.trades == {}


def test_sizes_are_of_what_is_free_not_of_the_balance() -> None:
    desk = Desk()
    first, second = desk.score("A").size, desk.score("B").size
    assert first == 2 * SOL
    assert second == int((20 * SOL - first - FEE - TIP - RENT) * 0.1)


# -- a transaction that costs more than was foreseen ------------------------------------------------------------------


def drafted_by_hand(desk: Desk, most: int) -> list[object]:
    desk._made = lambda order: Drafted(  # type: ignore[method-assign]
        at_ns=desk.now_ns, order_id=order.order_id, signature="dear", last_valid=1_000, most=most
    )
    desk.score("A")
    return desk.outputs


def test_a_transaction_that_would_eat_into_what_is_kept_is_thrown_away() -> None:
    desk = Desk()
    spare = 20 * SOL - SOL // 10
    drafted_by_hand(desk, spare + 1)
    assert desk.state.trades == {}
    assert desk.state.free == desk.state.account.balance == 20 * SOL
    assert not [output for output in desk.outputs if type(output).__name__ == "Submit"]
    (failure,) = desk.notices("entry_failed")
    assert "sizing.overhead" in failure["reason"]
    assert any(isinstance(output, Notice) for output in desk.outputs)


def test_a_transaction_that_leaves_just_what_is_kept_goes_out() -> None:
    desk = Desk()
    drafted_by_hand(desk, 20 * SOL - SOL // 10)
    assert desk.state.free == SOL // 10
    assert [output.signature for output in desk.outputs if type(output).__name__ == "Submit"] == ["dear"]


def test_overhead_lets_the_largest_entry_pass() -> None:
    whole = [{"min_balance": 1, "max_open": 1, "size_fraction": 1.0}]
    assert Desk(phases=whole).score("A").size > 0
    greedy = Desk(phases=whole)
    greedy.score("A")
    assert greedy.state.trades == {}
    careful = Desk(phases=whole, sizing={"overhead": FEE + TIP + RENT})
    careful.score("A")
    assert careful.state.free == SOL // 10
    assert careful.trade().state == "submitted"
