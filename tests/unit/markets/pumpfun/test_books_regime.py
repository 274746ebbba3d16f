"""The regime: rules in their order, confidence, and what is missing before there is enough history."""

from __future__ import annotations

import math

import pytest

from alphaloop.core.errors import RecipeError
from alphaloop.markets.pumpfun.books.regime import Regime, RegimeBook, RegimeSettings, Snapshot
from alphaloop.markets.pumpfun.books.regime_rules import judge

S = 1_000_000_000
HOUR_NS = 3_600 * S
START_NS = 1_750_000_200 * S  # a whole slice of ten minutes
LIMITS = RegimeSettings()
NORMAL = {"tokens_created_1h": 50, "tokens_created_7d": 50, "sol_volume_1h": 300, "sol_volume_24h": 7_000}
NORMAL |= {"graduation_rate_2h": 0.04, "graduation_rate_24h": 0.04, "graduation_rate_7d": 0.04}
BEAR = {"graduation_rate_24h": 0.01, "tokens_created_1h": 6, "sol_volume_1h": 10}
EUPHORIA = {"graduation_rate_2h": 0.12, "tokens_created_1h": 150, "sol_volume_1h": 1_500}


@pytest.mark.parametrize(
    ("changes", "regime", "confidence"),
    [
        ({}, Regime.BULL_NORMAL, 0.6),
        (BEAR, Regime.BEAR, 0.75),
        (BEAR | {"graduation_rate_24h": 0.015}, Regime.BEAR, 0.625),
        (BEAR | {"graduation_rate_24h": 0.02}, Regime.TRANSITION, 0.6),
        (BEAR | {"graduation_rate_24h": math.nan}, Regime.TRANSITION, 0.6),
        (EUPHORIA, Regime.BULL_EUPHORIA, 0.75),
        (dict.fromkeys(EUPHORIA, 1e9), Regime.BULL_EUPHORIA, 1.0),
        (EUPHORIA | {"sol_volume_1h": 500}, Regime.TRANSITION, 0.6),
        (BEAR | {"graduation_rate_2h": 0.9}, Regime.BEAR, 0.75),
        ({"tokens_created_7d": 101}, Regime.TRANSITION, 0.6),
        ({"tokens_created_7d": 100}, Regime.BULL_NORMAL, 0.6),
        ({"graduation_rate_7d": 0.02}, Regime.TRANSITION, 0.6),
        ({"tokens_created_7d": math.nan, "graduation_rate_7d": math.nan}, Regime.BULL_NORMAL, 0.6),
        ({"graduation_rate_2h": 0.03, "graduation_rate_7d": 0.03}, Regime.TRANSITION, 0.6),
        ({"graduation_rate_2h": math.nan}, Regime.TRANSITION, 0.0),
        ({"tokens_created_1h": math.nan}, Regime.TRANSITION, 0.0),
    ],
)
def test_rules(changes, regime, confidence):
    told, sure = judge(LIMITS, Snapshot(known_ns=0, **(NORMAL | changes)))
    assert told == regime
    assert sure == pytest.approx(confidence)


class Market:
    """A regime book fed with launches, trades and completions."""

    def __init__(self, pump, **limits):
        self.pump = pump
        self.chain, self.curve, self.book = pump.Chain(START_NS - 1), pump.Curve(), RegimeBook(RegimeSettings(**limits))

    def create(self, gap_ns=1, **fields):
        self.book.update(self.chain.create(f"coin{self.chain.made}", "maker", gap_ns, **fields))

    def buy(self, wallet, lamports=S, gap_ns=1, **fields):
        self.book.update(self.chain.trade(self.curve, "coin", wallet, lamports, buy=True, gap_ns=gap_ns, **fields))

    def complete(self, gap_ns=1):
        self.book.update(self.chain.complete("coin", "w", gap_ns))

    def at(self, hours):
        self.book.run(START_NS + round(hours * HOUR_NS))
        return self.book.snapshots()[-1]


@pytest.fixture
def market(pump):
    return Market(pump)


def missing(snapshot):
    return {name for name in snapshot.__struct_fields__ if math.isnan(getattr(snapshot, name))}


def test_before_the_first_judgement_every_feature_is_missing(market):
    assert market.book.current() == (Regime.TRANSITION, 0.0)
    assert all(math.isnan(value) for value in market.book.features(START_NS).values())
    market.at(0)
    told = market.book.features(START_NS)
    assert {name: told[name] for name in told if not math.isnan(told[name])} == {
        "market_regime": Regime.TRANSITION,
        "regime_confidence": 0.0,
    }, "a judgement without inputs is one"


def test_an_input_is_missing_until_its_window_is_full(market):
    market.create()
    market.create()
    market.complete()
    market.buy("w")
    outcomes = {"peak_multiple_6h", "hit_rate_2x_6h"}
    day = {name for name in Snapshot.__struct_fields__ if name.endswith(("24h", "7d"))}
    hour = {"tokens_created_1h", "sol_volume_1h", "active_wallets_1h"}
    assert missing(market.at(5 / 6)) == outcomes | day | hour | {"graduation_rate_2h"}
    assert missing(market.at(1)) == outcomes | day | {"graduation_rate_2h"}
    assert missing(market.at(2)) == outcomes | day
    told = market.at(24)
    assert missing(told) == outcomes | {"graduation_rate_2h"}, "no token was created in two hours: no rate"
    assert (told.graduation_rate_24h, told.graduation_rate_7d) == (0.5, 0.5)
    assert told.tokens_created_7d == 2 / 24
    assert missing(market.at(24 * 8)) == outcomes | {name for name in told.__struct_fields__ if "graduation" in name}


def test_counts_of_the_last_hour(market):
    market.create()
    market.buy("a")
    market.buy("a", 2 * S)
    market.buy("b")
    market.create(quote_mint="USDC")
    market.buy("c", quote_mint="USDC")
    told = market.at(1)
    assert (told.tokens_created_1h, told.sol_volume_1h, told.active_wallets_1h) == (1, 4.0, 2)
    market.buy("a", gap_ns=HOUR_NS - 10)
    told = market.at(7 / 6)
    assert (told.tokens_created_1h, told.sol_volume_1h, told.active_wallets_1h) == (0, 1.0, 1)
    assert market.at(13 / 6).active_wallets_1h == 0


def test_an_event_at_the_moment_of_judgement_belongs_to_the_next(market):
    market.create()
    market.create(HOUR_NS - 1)
    assert market.at(1).tokens_created_1h == 2
    market.create()
    assert market.at(1).tokens_created_1h == 2
    assert market.at(7 / 6).tokens_created_1h == 2


def test_outcomes_of_own_signals(market):
    market.create()
    market.book.outcome(True, START_NS + S, peak_multiple=4.0)
    market.book.outcome(False, START_NS + S)
    market.book.outcome(False, START_NS + 2 * S, peak_multiple=1.0)
    told = market.at(1)
    assert told.hit_rate_2x_6h == pytest.approx(1 / 3)
    assert told.peak_multiple_6h == 2.5
    assert market.book.features(told.known_ns)["hit_rate_2x_6h"] == told.hit_rate_2x_6h
    assert math.isnan(market.at(6.5).hit_rate_2x_6h)


def test_a_quiet_market_becomes_a_bear(market):
    for _ in range(25 * 6):
        market.create(HOUR_NS // 6)
    told = market.at(25)
    assert market.book.current() == (Regime.BEAR, 0.5 + 0.5 * min(1 - 6 / 15, 1.0)) == (told.code, told.confidence)


def test_a_busy_market_becomes_euphoric(market):
    for number in range(330):
        market.create(HOUR_NS // 150)
        market.buy("w", 10 * S)
        market.curve = market.pump.Curve()
        if number % 5 == 0:
            market.complete()
    assert market.at(13 / 6).code == Regime.BULL_EUPHORIA


def test_slices_older_than_a_week_and_wallets_older_than_an_hour_are_gone(market):
    for _ in range(200):
        market.create(HOUR_NS)
        market.buy(f"w{market.chain.made}")
        market.book.run((market.chain.known_ns // (600 * S) + 1) * 600 * S)
    assert len(market.book.state.slices) <= 169
    assert len(market.book.state.seen_in) == 1


def test_a_cadence_that_does_not_divide_an_hour_is_refused():
    with pytest.raises(RecipeError, match="every_s must divide an hour, got 700"):
        RegimeSettings.parse({"every_s": 700}, "settings.toml")
