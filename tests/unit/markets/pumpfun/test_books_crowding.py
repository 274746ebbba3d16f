"""Crowding: stakes of tracked wallets by the SOL in the curve, as of the last trade."""

from __future__ import annotations

import math

import pytest

from alphaloop.core.errors import RecipeError
from alphaloop.markets.pumpfun.books.crowding import CrowdingBook, CrowdingSettings
from alphaloop.markets.pumpfun.books.tokens import TokenBook

S = 1_000_000_000


class Market:
    """A token book and a crowding book over one coin; `tracked` may change."""

    def __init__(self, pump):
        self.chain, self.curve, self.tokens, self.tracked = pump.Chain(), pump.Curve(), TokenBook(), {"smart"}
        self.book = CrowdingBook(CrowdingSettings(), self.tokens, lambda wallet: wallet in self.tracked)

    def trade(self, wallet, amount, *, buy=True, gap_ns=S):
        event = self.chain.trade(self.curve, "coin", wallet, amount, buy=buy, gap_ns=gap_ns)
        self.tokens.update(event)
        self.book.update(event)
        return event.sol_amount

    def ratio(self):
        return self.book.ratio("coin")


@pytest.fixture
def market(pump):
    return Market(pump)


def test_without_tracked_wallets_the_ratio_is_known_to_be_zero(market):
    assert math.isnan(market.book.ratio("coin"))
    assert math.isnan(market.book.penalty("coin"))
    market.trade("crowd", S)
    assert (market.book.ratio("coin"), market.book.penalty("coin")) == (0.0, 0.0)


def test_the_ratio_is_that_of_the_last_trade_whatever_the_clock_did(market):
    market.trade("crowd", 3 * S)
    market.trade("smart", S)
    assert (market.ratio(), market.book.penalty("coin")) == (0.25, pytest.approx(0.0625)), "known at once"
    market.trade("crowd", 6 * S)
    assert market.ratio() == 0.1
    market.book.run(market.chain.known_ns + 60 * S)
    assert market.ratio() == 0.1


def test_the_sum_of_stakes_is_that_of_the_wallets(market):
    market.tracked |= {"smart2", "smart3"}
    for step in range(60):
        wallet = ("smart", "smart2", "smart3", "crowd")[step % 4]
        held = market.curve.held.get(wallet, 0)
        if step % 3 == 2 and held:
            market.trade(wallet, held // 2, buy=False)
        else:
            market.trade(wallet, (step % 5 + 1) * S // 7)
        stakes = market.book.state.tokens["coin"]
        assert stakes.held == sum(max(paid, 0) for paid in stakes.wallets.values())


def test_a_stake_is_never_negative_and_never_offsets_another(market):
    market.tracked.add("smart2")
    market.trade("smart", S)
    market.trade("crowd", 20 * S)
    taken = market.trade("smart", market.curve.held["smart"], buy=False)
    assert taken > S
    market.trade("smart2", 2 * S)
    assert market.ratio() == 2 * S / market.curve.real_sol


def test_a_wallet_counts_from_its_first_trade_while_tracked(market):
    market.trade("late", 5 * S)
    market.tracked.add("late")
    market.trade("late", S)
    assert market.ratio() == 1 / 6
    market.tracked.clear()
    market.trade("late", 4 * S)
    assert market.ratio() == 5 / 10, "it stays in sight when it is tracked no more"


def test_an_empty_curve_has_no_ratio(market):
    market.trade("smart", S)
    market.trade("smart", market.curve.held["smart"], buy=False)
    market.curve.real_sol = 0
    market.trade("smart", 0)
    assert math.isnan(market.ratio())


@pytest.mark.parametrize(("others", "penalty"), [(9, 0.0), (4, 0.0), (1.5, 0.25), (0.25, 0.5)])
def test_the_penalty_rises_with_the_ratio(market, others, penalty):
    market.trade("smart", S)
    market.trade("crowd", round(others * S))
    assert market.ratio() == 1 / (1 + others)
    assert market.book.penalty("coin") == pytest.approx(penalty)


def test_stakes_are_dropped_after_a_day_without_a_trade(market):
    market.trade("smart", S)
    quiet_ns = market.chain.known_ns + 86_400 * S
    market.book.run(quiet_ns - 60 * S)
    assert market.book.ratio("coin") == 1.0
    market.trade("crowd", S, gap_ns=3_600 * S)
    market.book.run(quiet_ns + 60 * S)
    assert market.book.ratio("coin") == 0.5
    market.book.run(quiet_ns + 3_660 * S)
    assert market.book.ratio("coin") == 0.0
    assert market.book.state.tokens == {}


def test_a_line_that_does_not_rise_is_refused():
    with pytest.raises(RecipeError, match=r"full_ratio must be above from_ratio = 0\.2"):
        CrowdingSettings.parse({"full_ratio": 0.2}, "settings.toml")
