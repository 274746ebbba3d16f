"""Bundles: buckets of five seconds, two scores, and who stood together before."""

from __future__ import annotations

import math

import pytest

from alphaloop.markets.pumpfun.books.bundles import BundleBook, BundleSettings
from alphaloop.markets.pumpfun.books.tokens import TokenBook

S = 1_000_000_000
BUCKET_NS = 5 * S


class Market:
    """A token book and a bundle book; each coin has its own curve."""

    def __init__(self, pump, **limits):
        self.pump, self.chain, self.curves = pump, pump.Chain(1_750_000_000 * S), {}
        self.tokens = TokenBook()
        self.book = BundleBook(BundleSettings(**limits), self.tokens)

    def buy(self, mint, *amounts, wallets="abcdefgh", gap_ns=1, buy=True):
        curve = self.curves.setdefault(mint, self.pump.Curve())
        for wallet, amount in zip(wallets, amounts, strict=False):
            event = self.chain.trade(curve, mint, wallet, amount, buy=buy, gap_ns=gap_ns)
            self.tokens.update(event)
            self.book.update(event)

    def next_bucket(self, buckets=1):
        self.chain.known_ns = (self.chain.known_ns // BUCKET_NS + buckets) * BUCKET_NS - 1


@pytest.fixture
def market(pump):
    made = Market(pump)
    made.next_bucket()
    return made


def test_equal_amounts_are_uniform_and_weak_evidence(market):
    market.buy("coin", S, S, S)
    (bundle,) = market.book.of("coin")
    assert (bundle.wallets, bundle.lamports, bundle.uniformity, bundle.cobuys) == (3, 3 * S, 1.0, 0.0)
    assert bundle.start_ns == market.chain.known_ns // BUCKET_NS * BUCKET_NS
    assert market.book.confidence("coin") == pytest.approx(0.6)
    assert market.book.strongest("coin") == bundle


def test_uniformity_is_one_minus_the_coefficient_of_variation_by_its_limit(market):
    market.buy("coin", S, S, 4 * S)  # mean 2, standard deviation sqrt(2)
    market.buy("other", 9 * S, 10 * S, 11 * S)  # cv = sqrt(2 / 3) / 10
    assert market.book.of("coin")[0].uniformity == 0.0
    assert market.book.of("other")[0].uniformity == pytest.approx(1 - math.sqrt(2 / 3) / 10 / 0.5)


def test_two_wallets_are_no_bundle_but_counted(market):
    market.buy("coin", S, S)
    assert market.book.confidence("coin") == 0.0
    assert market.book.largest_bucket("coin") == 2
    assert market.book.strongest("coin") is None


def test_one_wallet_thrice_is_one_wallet(market):
    market.buy("coin", S, S, S, wallets="aaa")
    assert market.book.largest_bucket("coin") == 1
    assert market.book.confidence("coin") == 0.0


def test_buckets_do_not_run_together(market):
    market.buy("coin", S, S)
    market.next_bucket()
    market.buy("coin", S, wallets="c")
    assert market.book.confidence("coin") == 0.0
    assert market.book.largest_bucket("coin") == 2


def test_sells_and_foreign_coins_make_no_bundle(market):
    market.buy("coin", 3 * S, wallets="abc")
    market.next_bucket()
    curve = market.curves["coin"]
    for fields in ({"quote_mint": "USDC"}, {"is_buy": False}):
        for wallet in "abc":
            market.book.update(market.chain.trade(curve, "coin", wallet, S, buy=True, gap_ns=1, **fields))
    assert market.book.largest_bucket("coin") == 1


def test_pairs_that_stood_together_before_raise_the_confidence(market):
    market.buy("first", S, 2 * S, 7 * S, wallets="abc")
    market.next_bucket()
    market.buy("second", S, 2 * S, 7 * S, wallets="abx")
    (bundle,) = market.book.of("second")
    assert (bundle.uniformity, bundle.cobuys) == (0.0, 1 / 3)
    assert market.book.confidence("second") == pytest.approx(0.8 / 3)
    market.next_bucket()
    market.buy("third", S, S, S, wallets="abc")
    assert market.book.of("third")[0].cobuys == 1.0
    assert market.book.confidence("third") == pytest.approx(1 - 0.4 * 0.2)


def test_the_same_coin_and_the_same_bucket_are_no_earlier_company(market):
    market.buy("coin", S, S, S)
    market.buy("other", S, S, S)
    assert market.book.of("other")[0].cobuys == 0.0
    market.next_bucket()
    market.buy("coin", S, S, S)
    assert market.book.of("coin")[1].cobuys == 1.0, "they stood together in the other coin by now"
    alone = Market(market.pump)
    alone.buy("coin", S, S, S)
    alone.next_bucket()
    alone.buy("coin", S, S, S)
    assert alone.book.of("coin")[1].cobuys == 0.0


def test_company_is_forgotten_after_a_day(pump):
    for buckets, share in ((24 * 720, 1.0), (24 * 720 + 1, 0.0)):
        market = Market(pump)
        market.next_bucket()
        market.buy("first", S, S, S)
        market.next_bucket(buckets)
        market.buy("second", S, S, S)
        assert market.book.of("second")[0].cobuys == share
        assert len(market.book.state.companies) == share, "what is forgotten is also gone"


def test_a_bundle_that_made_room_for_a_newer_one_does_not_take_it_along(pump):
    market = Market(pump, memory_bundles=1, memory_s=10)
    for mint, share in (("first", 0.0), ("second", 1.0), ("other", 0.0), ("third", 1.0)):
        market.next_bucket()
        market.buy(mint, S, S, S, wallets="xyz" if mint == "other" else "abc")
        assert market.book.of(mint)[0].cobuys == share
    assert sorted(market.book.state.memory) == list("abcxyz")


def test_only_the_first_wallets_of_a_crowd_are_compared(pump):
    market = Market(pump, max_wallets=3)
    market.next_bucket()
    market.buy("first", *[S] * 6)
    market.next_bucket()
    market.buy("second", *[S] * 6, wallets="fedcba")
    assert market.book.of("second")[0].cobuys == 0.0
    assert market.book.largest_bucket("second") == 6


def test_old_bundles_are_let_go_and_new_ones_handed_out_once(market):
    market.buy("coin", S, S, S)
    made = market.book.of("coin")
    market.next_bucket()
    market.buy("other", S)
    assert market.book.found() == made
    assert market.book.found() == []
    end_ns = made[0].start_ns + BUCKET_NS
    market.book.run(end_ns + 900 * S - 1)
    assert market.book.confidence("coin") == pytest.approx(0.6)
    market.book.run(end_ns + 900 * S)
    assert market.book.confidence("coin") == 0.0
    assert market.book.state.bundles == {}


def test_a_coin_that_was_never_seen_has_no_confidence(market):
    assert math.isnan(market.book.confidence("coin"))
    assert math.isnan(market.book.largest_bucket("coin"))
