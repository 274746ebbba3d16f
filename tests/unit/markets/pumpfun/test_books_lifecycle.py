"""Eight states: each condition at its limit, events that change a state at once, and what the clock changes."""

from __future__ import annotations

import math

import pytest

from alphaloop.core.errors import RecipeError
from alphaloop.markets.pumpfun.books.lifecycle import Change, LifecycleBook, LifecycleSettings, Stage, stage_by_flow
from alphaloop.markets.pumpfun.books.token_state import Flow
from alphaloop.markets.pumpfun.books.tokens import TokenBook

S = 1_000_000_000
LIMITS = LifecycleSettings()


def flow(**changes):
    values = {"buys_60s": 12, "sells_60s": 3, "net_60s": 2 * S, "buys_300s": 40, "sells_300s": 10}
    return Flow(**(values | {"new_buyers_60s": 6, "price_60s_ago": 1.0} | changes))


@pytest.mark.parametrize(
    ("changes", "age_s", "price", "stage"),
    [
        ({}, 600, 1.1, Stage.MOMENTUM),
        ({"buys_60s": 9, "buys_300s": 30}, 600, 1.1, None),
        ({"new_buyers_60s": 4}, 600, 1.1, None),
        ({"buys_300s": 80}, 600, 1.1, Stage.MOMENTUM),  # 12 a minute after 17 a minute
        ({"buys_300s": 81}, 600, 1.1, None),
        ({"buys_300s": 108}, 600, 1.1, Stage.DECLINE),  # 12 a minute after 24 a minute
        ({"sells_60s": 12}, 600, 1.1, Stage.DECLINE),
        ({"buys_60s": 30, "net_60s": 10 * S}, 600, 1.3, Stage.EUPHORIA),
        ({"buys_60s": 29, "net_60s": 10 * S}, 600, 1.3, Stage.MOMENTUM),
        ({"buys_60s": 30, "net_60s": 10 * S - 1}, 600, 1.3, Stage.MOMENTUM),
        ({"buys_60s": 30, "net_60s": 10 * S}, 600, 1.29, Stage.MOMENTUM),
        ({"buys_60s": 4, "buys_300s": 8}, 120, 1.0, Stage.EARLY_ACCUMULATION),  # 4 in the first minute, 4 in the second
        ({"buys_60s": 4, "buys_300s": 9}, 120, 1.0, None),
        ({"buys_60s": 4, "buys_300s": 12}, 120, 1.0, Stage.DECLINE),
        ({"buys_60s": 4, "buys_300s": 8}, 300, 1.0, None),
        ({"buys_60s": 0, "sells_60s": 0, "buys_300s": 0}, 120, 1.0, Stage.DECLINE),
    ],
)
def test_conditions_of_the_flow(changes, age_s, price, stage):
    assert stage_by_flow(LIMITS, flow(**changes), price, age_s) == stage
    if age_s >= 300:
        assert stage_by_flow(LIMITS, flow(**changes), price, math.inf) == stage


class Market:
    """A token book and a life-cycle book, fed and run together."""

    def __init__(self, pump, tracked=()):
        self.chain, self.curve, self.tokens = pump.Chain(1_750_000_020 * S - 1), pump.Curve(), TokenBook()
        self.book = LifecycleBook(LIMITS, self.tokens, lambda wallet: wallet in tracked)

    def take(self, event):
        self.tokens.update(event)
        self.book.update(event)
        return self.book.state("coin")

    def create(self):
        return self.take(self.chain.create("coin", "maker", 1))

    def trade(self, wallet, amount, *, buy=True, gap_ns=S):
        return self.take(self.chain.trade(self.curve, "coin", wallet, amount, buy=buy, gap_ns=gap_ns))

    def run(self, after_s):
        self.chain.known_ns += after_s * S
        self.book.run(self.chain.known_ns)
        return self.book.state("coin")


@pytest.fixture
def market(pump):
    return Market(pump)


def test_a_short_life(market):
    assert market.create() == Stage.LAUNCH
    created_ns = market.chain.known_ns
    for number in range(5):
        assert market.trade(f"w{number}", S // 10) == Stage.LAUNCH
    assert market.run(54) == Stage.LAUNCH
    assert market.run(1) == Stage.EARLY_ACCUMULATION
    assert market.run(10) == Stage.DECLINE
    assert market.run(234) == Stage.DECLINE
    assert market.run(1) == Stage.DEAD
    assert market.trade("w9", S) == Stage.DECLINE, "the first trade after death is judged at once"
    assert market.take(market.chain.complete("coin", "w9")) == Stage.GRADUATED
    assert [change.after for change in market.book.changes()] == [0, 1, 5, 6, 5, 7]
    assert market.book.changes() == []
    assert market.run(1_000) == Stage.GRADUATED
    assert market.tokens.get("coin").created_ns == created_ns


def test_changes_say_when_and_from_what(market):
    market.create()
    first_ns = market.chain.known_ns
    market.run(60)
    assert market.book.changes() == [
        Change("coin", first_ns, None, Stage.LAUNCH),
        Change("coin", first_ns + 60 * S, Stage.LAUNCH, Stage.DECLINE),
    ]


def test_momentum_settles_and_does_not_flicker(market):
    market.create()
    for number in range(30):
        market.trade(f"w{number}", S // 100, gap_ns=4 * S)
    assert market.run(0) == Stage.MOMENTUM
    for number in range(8):
        market.trade(f"v{number}", S // 100, gap_ns=7 * S)
    assert market.run(0) == Stage.MOMENTUM, "8 buys a minute meet no condition: momentum stays"


@pytest.mark.parametrize("crowd_buys", [True, False])
def test_distribution_is_tracked_wallets_selling_into_a_buying_crowd(pump, crowd_buys):
    market = Market(pump, tracked=("smart1", "smart2"))
    market.create()
    for wallet in ("smart1", "smart2", "crowd"):
        market.trade(wallet, S)
    market.run(120)
    for wallet in ("smart1", "smart2"):
        market.trade(wallet, market.curve.held[wallet], buy=False)
    market.trade("crowd", S if crowd_buys else market.curve.held["crowd"], buy=crowd_buys)
    assert market.run(1) == (Stage.DISTRIBUTION if crowd_buys else Stage.DECLINE)


def test_one_seller_is_no_distribution(pump):
    market = Market(pump, tracked=("smart1", "smart2"))
    market.create()
    market.trade("smart1", S)
    market.run(120)
    market.trade("crowd", 3 * S)
    for _ in range(2):
        market.trade("smart1", market.curve.held["smart1"] // 2, buy=False)
    assert market.run(1) != Stage.DISTRIBUTION


def test_a_token_whose_creation_was_not_seen_counts_as_old(market):
    assert market.trade("w", S) == Stage.DECLINE, "a single buy: no condition holds, and it is not young"
    assert market.book.state("other") is None


def test_the_dead_and_the_graduated_cost_nothing(market):
    market.create()
    market.run(300)
    assert market.book.state("coin") == Stage.DEAD
    empty = LifecycleBook(LIMITS, market.tokens, lambda wallet: False)
    market.book.changes()
    assert market.book.save() == empty.save()


def test_limits_in_the_wrong_order_are_refused():
    with pytest.raises(RecipeError, match="early_s must be at least launch_s"):
        LifecycleSettings.parse({"launch_s": 400}, "settings.toml")
