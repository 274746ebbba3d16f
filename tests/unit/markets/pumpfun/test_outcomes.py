"""What became of signals: the trade that a trader could have had, and what could not be seen."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import DataError, StateError
from alphaloop.markets.pumpfun.curve.quotes import buy_exact_in, buy_tokens, sell
from alphaloop.markets.pumpfun.curve.reserves import START, Reserves
from alphaloop.markets.pumpfun.events import AmmTrade, Complete, Create, Migration, Trade
from alphaloop.markets.pumpfun.outcomes.peaks import PeakBook
from alphaloop.markets.pumpfun.outcomes.records import Outcome
from alphaloop.markets.pumpfun.outcomes.settings import OutcomeSettings

T0 = 1_760_000_000 * NS_PER_S
SIZE = 100_000_000
NETWORK = 234_000
MINUTE = 60
HOUR = 3_600


@dataclass
class Town:
    """One token's curve and a book that watches it; seconds count from `T0`."""

    book: PeakBook = field(default_factory=PeakBook)
    mint: str = "M"
    reserves: Reserves = START
    count: int = 0

    def create(self, at=0.0, mint=None):
        self._event(
            Create,
            at,
            mint=mint or self.mint,
            name="",
            symbol="",
            uri="",
            bonding_curve="b",
            user="u",
            creator="c",
            virtual_sol=START.virtual_sol,
            virtual_token=START.virtual_token,
            real_token=START.real_token,
            supply=10**15,
        )

    def buy(self, at, sol):
        quote = buy_exact_in(self.reserves, round(sol * 1e9), partial_fill=True)
        return self._trade(at, quote, True)

    def sell(self, at, share):
        """Sell a share of what the curve has sold."""
        tokens = int((START.real_token - self.reserves.real_token) * share)
        return self._trade(at, sell(self.reserves, tokens), False)

    def tick(self, at):
        """Something happens to another token: the feed is alive."""
        self.create(at, mint=f"other{self.count}")

    def signal(self, at, name="s", price=None, kind="signal"):
        self.book.open(name, kind, self.mint, ns(at), self.reserves.price if price is None else price)

    def complete(self, at):
        self.buy(at, 200.0)
        self._event(Complete, at + 0.001, mint=self.mint, user="u", bonding_curve="b")

    def migrate(self, at, pool="P"):
        self._event(
            Migration,
            at,
            mint=self.mint,
            user="u",
            bonding_curve="b",
            pool=pool,
            token_amount=206_900_000_000_000,
            sol_amount=84_990_359_084,
            migration_fee=15_000_001,
        )

    def swap(self, at, base, quote, *, is_buy=True, tokens=10**12, sol=10**9, pool="P", virtual=0):
        self._event(
            AmmTrade,
            at,
            mint="",
            pool=pool,
            wallet="w",
            is_buy=is_buy,
            token_amount=tokens,
            sol_amount=sol,
            pool_base_before=base,
            pool_quote_before=quote,
            virtual_quote=virtual,
        )

    def outcomes(self):
        return {(outcome.signal_id, outcome.horizon_s): outcome for outcome in self.book.drain()}

    def _trade(self, at, quote, is_buy):
        self.reserves = quote.after
        self._event(
            Trade,
            at,
            mint=self.mint,
            wallet="w",
            is_buy=is_buy,
            sol_amount=quote.sol_amount,
            token_amount=quote.token_amount,
            virtual_sol=quote.after.virtual_sol,
            virtual_token=quote.after.virtual_token,
            real_sol=quote.after.real_sol,
            real_token=quote.after.real_token,
        )
        return quote.after

    def _event(self, kind, at, **values):
        self.count += 1
        self.book.update(
            kind(signature=f"s{self.count}", log_index=0, slot=1, event_ns=ns(at), known_ns=ns(at), **values)
        )


def ns(at):
    return T0 + round(at * NS_PER_S)


@pytest.fixture
def town():
    found = Town()
    found.create()
    found.buy(10, 1.0)
    return found


def test_the_entry_is_late_and_pays_everything(town):
    town.signal(10)
    before = town.buy(10.9, 2.0)
    town.buy(11.5, 5.0)
    town.tick(700)
    outcome = town.outcomes()["s", 600]
    quote = buy_exact_in(before, SIZE)
    cost = quote.total + NETWORK
    assert outcome.entry_known_ns == ns(11)
    assert outcome.entry_price == pytest.approx((cost / 1e9) / (quote.token_amount / 1e6), rel=1e-12)
    sale = sell(town.reserves, quote.token_amount)
    assert outcome.tradable_multiple == sale.total / cost
    assert outcome.final_multiple == sale.total / cost
    assert outcome.raw_multiple == town.reserves.price / outcome.price
    assert outcome.tradable_multiple < outcome.raw_multiple


def test_an_event_known_when_the_order_arrives_is_before_it(town):
    town.signal(10)
    before = town.buy(11, 2.0)
    town.tick(12)
    town.tick(700)
    entry = town.outcomes()["s", 600]
    quote = buy_exact_in(before, SIZE)
    assert entry.entry_price == pytest.approx(((quote.total + NETWORK) / 1e9) / (quote.token_amount / 1e6), rel=1e-12)


def test_the_price_before_the_entry_counts_raw_but_cannot_be_sold(town):
    town.signal(10)
    high = town.buy(10.5, 30.0)
    low = town.sell(10.9, 0.9)
    town.tick(700)
    outcome = town.outcomes()["s", 600]
    assert outcome.raw_multiple == pytest.approx(high.price / outcome.price)
    quote = buy_exact_in(low, SIZE)
    assert outcome.tradable_multiple == pytest.approx(sell(low, quote.token_amount).total / (quote.total + NETWORK))
    assert outcome.tradable_multiple < 0.99 < 2 < outcome.raw_multiple
    assert outcome.peak_ns == ns(10.5)


def test_horizons_are_half_open_to_the_left(town):
    town.signal(10)
    town.buy(10 + 600, 10.0)
    town.buy(10 + 600.000001, 20.0)
    town.tick(10 + 1800)
    found = town.outcomes()
    first = found["s", 600]
    assert first.peak_ns == ns(610)
    assert first.resolved_ns == ns(610)
    assert ("s", 1800) not in found
    town.tick(10 + 1800.1)
    later = town.outcomes()["s", 1800]
    assert later.raw_multiple > first.raw_multiple
    assert later.peak_ns == ns(610.000001)


def test_a_signal_that_never_rises_has_multiple_one_at_its_own_time(town):
    town.signal(10)
    town.sell(20, 0.5)
    town.tick(700)
    outcome = town.outcomes()["s", 600]
    assert outcome.raw_multiple == 1.0
    assert outcome.peak_ns == ns(10)
    assert outcome.tradable_multiple < 1.0
    assert outcome.final_price == town.reserves.price


def test_five_horizons_come_in_the_order_of_time_and_then_nothing_is_left(town):
    town.signal(10)
    town.tick(86_400 + 11)
    found = town.book.drain()
    assert [outcome.horizon_s for outcome in found] == [600, 1800, 3600, 14_400, 86_400]
    assert town.book.following == 0
    assert town.book.drain() == []


def test_nothing_is_settled_by_the_clock_alone(town):
    town.signal(10)
    town.book.run(ns(7000))
    assert town.book.drain() == []


def test_death_is_the_moment_of_a_silence(town):
    town.signal(10)
    town.buy(100, 1.0)
    town.buy(700, 1.0)
    town.tick(4000)
    found = town.outcomes()
    assert found["s", 600].died_ns == ns(400)
    assert found["s", 3600].died_ns == ns(400)
    assert found["s", 3600].raw_multiple > found["s", 600].raw_multiple


def test_a_living_token_has_not_died(town):
    town.signal(10)
    for minute in range(1, 12):
        town.buy(10 + 60 * minute, 0.1)
    town.tick(700)
    assert town.outcomes()["s", 600].died_ns is None


def test_death_after_the_horizon_is_not_known_at_it(town):
    town.signal(10)
    for minute in range(1, 8):
        town.buy(10 + 60 * minute, 0.1)
    town.tick(10 + 3601)
    found = town.outcomes()
    assert found["s", 600].died_ns is None
    assert found["s", 1800].died_ns == ns(10 + 420 + 300)


def test_a_graduated_token_without_pool_trades_is_missing_not_zero(town):
    town.signal(10)
    town.complete(100)
    town.migrate(105)
    town.tick(10 + 3601)
    found = town.outcomes()
    assert len(found) == 3
    for outcome in found.values():
        assert not outcome.observed
        assert outcome.raw_multiple is None
        assert outcome.tradable_multiple is None
        assert outcome.final_price is None
        assert outcome.final_multiple is None
        assert outcome.peak_ns is None
        assert outcome.died_ns is None
        assert outcome.graduated
        assert "graduated at" in outcome.reason
        assert "no trade of the pool was recorded" in outcome.reason
        assert outcome.least_raw > 10


def test_what_ended_before_the_graduation_is_whole(town):
    town.signal(10)
    for minute in range(1, 12):
        town.buy(10 + 60 * minute, 0.1)
    town.complete(800)
    town.tick(4000)
    found = town.outcomes()
    assert found["s", 600].observed
    assert not found["s", 600].graduated
    assert not found["s", 1800].observed
    assert found["s", 1800].least_tradable >= found["s", 600].tradable_multiple


@pytest.mark.parametrize("virtual", [0, 17_584_505_294, -(10**9)], ids=["none", "lent", "fees waiting"])
def test_a_graduated_token_is_followed_into_its_pool(town, virtual):
    """The migration tells the lamports that prices are made from; a trade the vault's, and what is beside them."""
    town.signal(10)
    town.complete(100)
    town.migrate(105)
    base, quote = 206_900_000_000_000, 84_990_359_084
    town.swap(110, base, quote - virtual, sol=40 * 10**9, tokens=66 * 10**12, virtual=virtual)
    base, quote = base - 66 * 10**12, quote + 40 * 10**9
    town.tick(10 + 601)
    outcome = town.outcomes()["s", 600]
    assert outcome.observed
    assert outcome.graduated
    assert outcome.reason == ""
    assert outcome.final_price == pytest.approx((quote / 1e9) / (base / 1e6))
    entry = buy_exact_in(Reserves(*state_at_10(town)), SIZE)
    gross = entry.token_amount * quote // (base + entry.token_amount)
    net = gross - math.ceil(gross * 125 / 10_000)
    assert outcome.tradable_multiple == net / (entry.total + NETWORK)
    assert outcome.peak_ns == ns(110)


def state_at_10(town):
    after = buy_exact_in(START, 10**9).after
    return after.virtual_token, after.virtual_sol, after.real_token, after.real_sol


def test_between_curve_and_pool_nothing_can_be_sold(town):
    town.signal(10)
    town.buy(50, 20.0)
    sold = sell(town.reserves, buy_exact_in(Reserves(*state_at_10(town)), SIZE).token_amount)
    town.complete(100)
    town.tick(10 + 601)
    outcome = town.outcomes()["s", 600]
    assert "its pool has not opened" in outcome.reason
    assert outcome.least_tradable == sold.total / (entry_cost(town) + NETWORK)
    assert outcome.least_raw > 10


def entry_cost(town):
    return buy_exact_in(Reserves(*state_at_10(town)), SIZE).total


def test_a_curve_that_completes_before_the_order_arrives_cannot_be_entered(town):
    town.signal(10)
    town.complete(10.5)
    town.migrate(10.8)
    town.swap(20, 206_900_000_000_000, 84_990_359_084)
    town.tick(700)
    outcome = town.outcomes()["s", 600]
    assert outcome.observed
    assert outcome.entry_price is None
    assert outcome.tradable_multiple is None
    assert outcome.raw_multiple > 10
    assert outcome.reason == "no entry: the curve was complete"


@pytest.mark.parametrize(("moved", "at", "seen"), [(0, 400, True), (1, 400, False), (1, 60, True)])
def test_a_pool_that_moved_unseen_was_not_followed(town, moved, at, seen):
    """Reserves that nobody was told of are noticed after a silence; in a busy pool neighbours may swap places."""
    town.signal(10)
    town.complete(20)
    town.migrate(21)
    town.swap(at, 206_900_000_000_000 - moved, 84_990_359_084)
    town.tick(2_000)
    found = town.outcomes()
    for horizon_s in (600, 1_800):
        outcome = found["s", horizon_s]
        assert outcome.observed is seen
        assert (outcome.raw_multiple is None) is not seen
        assert ("trades of its pool were missed from" in outcome.reason) is not seen


def test_too_little_left_to_buy_is_no_entry():
    town = Town(PeakBook(OutcomeSettings(size_sol=5.0)))
    town.create()
    left = 10**12
    quote = buy_tokens(START, START.real_token - left)
    town._trade(5, quote, True)
    town.signal(5)
    town.tick(700)
    assert town.outcomes()["s", 600].reason == "no entry: too little was left to buy"


def test_a_gap_makes_what_ends_after_it_missing(town):
    town.signal(10)
    town.buy(20, 10.0)
    town.tick(650)
    assert town.outcomes()["s", 600].observed
    town.book.gap(ns(700), ns(900), "the socket was closed")
    town.buy(950, 50.0)
    town.signal(950, "t")
    town.tick(950 + 3601)
    found = town.outcomes()
    lost = found["s", 1800]
    assert not lost.observed
    assert lost.tradable_multiple is None
    assert lost.raw_multiple is None
    assert "the socket was closed" in lost.reason
    assert lost.least_raw is None
    assert lost.least_tradable is None
    assert found["t", 1800].observed


def test_a_gap_ends_the_horizons_that_it_swallows_too(town):
    town.signal(10)
    town.book.gap(ns(500), ns(5000))
    town.tick(5001)
    found = town.outcomes()
    assert not any(outcome.observed for outcome in found.values())
    assert len(found) == 3


def test_an_entry_inside_a_gap_is_none(town):
    town.signal(10)
    town.book.gap(ns(10.2), ns(40))
    town.buy(50, 1.0)
    town.tick(700)
    outcome = town.outcomes()["s", 600]
    assert outcome.entry_price is None
    assert outcome.least_tradable is None
    assert outcome.reason.startswith("not everything was seen")


def test_a_death_before_a_gap_is_known(town):
    town.signal(10)
    town.tick(500)
    town.book.gap(ns(500), ns(560))
    town.tick(10 + 601)
    outcome = town.outcomes()["s", 600]
    assert not outcome.observed
    assert outcome.died_ns == ns(310)


def test_the_end_of_a_recording_is_no_outcome(town):
    town.signal(10)
    town.buy(20, 40.0)
    town.tick(700)
    town.book.end(ns(700))
    found = town.outcomes()
    assert found["s", 600].observed
    assert {horizon for (_, horizon), each in found.items() if not each.observed} == {1800, 3600, 14_400, 86_400}
    last = found["s", 86_400]
    assert last.reason.startswith("the recording ends at")
    assert last.tradable_multiple is None
    assert last.least_tradable is None, "a hit before the end would be kept, and a miss would not"
    assert found["s", 600].tradable_multiple > 2
    assert town.book.following == 0


def test_a_cut_after_a_graduation_hides_what_was_reached_before(town):
    town.signal(10)
    town.buy(20, 60.0)
    town.complete(100)
    town.book.end(ns(700))
    found = town.outcomes()
    assert found["s", 600].reason.startswith("graduated")
    assert found["s", 600].least_tradable > 2
    assert found["s", 1800].reason.startswith("the recording ends")
    assert found["s", 1800].least_tradable is None
    assert found["s", 1800].died_ns is None


def test_a_token_that_was_never_seen_has_no_outcome():
    town = Town()
    town.signal(10, price=3e-8)
    town.tick(700)
    outcome = town.outcomes()["s", 600]
    assert not outcome.observed
    assert outcome.reason == "the token's reserves were never seen"
    assert outcome.entry_price is None


def test_a_launch_keeps_its_reserves_until_its_window_ends():
    town = Town()
    town.create()
    town.tick(59)
    town.signal(60, kind="genesis")
    town.tick(700)
    outcome = town.outcomes()["s", 600]
    assert outcome.kind == "genesis"
    assert outcome.observed
    assert outcome.entry_price is not None


def test_coins_of_another_quote_are_counted_and_left_out(town):
    town._event(
        Trade,
        20,
        mint=town.mint,
        wallet="w",
        is_buy=True,
        sol_amount=0,
        token_amount=1,
        virtual_sol=10**15,
        virtual_token=1,
        real_sol=0,
        real_token=1,
        quote_mint="USDC",
    )
    assert town.book.foreign == 1


def test_a_signal_is_followed_once(town):
    town.signal(10)
    town.signal(10)
    town.tick(700)
    assert len(town.book.drain()) == 1


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan, math.inf])
def test_a_signal_needs_a_price(town, price):
    with pytest.raises(DataError, match="its price is"):
        town.signal(10, price=price)


def test_mayhem_coins_are_looked_at_after_every_event(town):
    """Their product moves, so a lower price may pay more."""
    town.signal(10)
    town.tick(12)
    entry = buy_exact_in(Reserves(*state_at_10(town)), SIZE)
    deep = Reserves(town.reserves.virtual_token * 1000, town.reserves.virtual_sol * 999, 10**15, 10**12)
    values = {"wallet": "w", "is_buy": True, "sol_amount": 1, "token_amount": 1, "mayhem": True, "mint": town.mint}
    town._event(
        Trade,
        20,
        virtual_sol=deep.virtual_sol,
        virtual_token=deep.virtual_token,
        real_sol=deep.real_sol,
        real_token=deep.real_token,
        **values,
    )
    town.tick(700)
    outcome = town.outcomes()["s", 600]
    assert outcome.raw_multiple == 1.0
    assert outcome.tradable_multiple == sell(deep, entry.token_amount).total / (entry.total + NETWORK)


def test_memory_ends_with_the_signals(town):
    for second in range(11, 4000, 30):
        town.tick(second)
    assert len(town.book._idle) <= 1 + 900 // 30 + 1
    town.signal(4001)
    town.tick(4001 + 86_401)
    assert town.book.following == 0
    assert not town.book._markets


def test_a_foreign_state_is_refused(town):
    with pytest.raises(StateError, match="cannot be read"):
        town.book.restore(b"\xc1")
    state = PeakBook(OutcomeSettings(horizons_s=(600, 3600))).save()
    with pytest.raises(StateError, match="2 horizons"):
        town.book.restore(state)


def test_rows_come_back_as_outcomes(town):
    town.signal(10)
    town.tick(700)
    outcome = town.book.drain()[0]
    assert Outcome.from_row({**outcome.to_row(), "more": 1}) == outcome
    with pytest.raises(DataError, match="cannot be read"):
        Outcome.from_row({"signal_id": "s"})


def test_the_deciding_event_is_no_outcome_in_whichever_order_it_comes():
    """A book that is told of the signal first must come to the same."""
    town = Town()
    town.create()
    town.book.open("s", "signal", town.mint, ns(10), START.price)
    town.buy(10, 50.0)
    town.sell(20, 1.0)
    town.tick(700)
    outcome = town.outcomes()["s", 600]
    assert outcome.raw_multiple == pytest.approx(1.0, abs=1e-6)
    assert outcome.tradable_multiple < 1.0


def test_a_deep_pool_may_pay_more_at_a_lower_price():
    town = Town(PeakBook(OutcomeSettings(size_sol=20.0, pool_fee_bps=0)))
    town.create()
    town.signal(1)
    town.buy(10, 60.0)
    entry = buy_exact_in(START, 20 * 10**9)
    on_curve = sell(town.reserves, entry.token_amount).total
    price = town.reserves.price
    town.complete(100)
    deep = 10**20
    lower = round(0.97 * price * 1e3 * deep)
    town._event(
        Migration,
        105,
        mint=town.mint,
        user="u",
        bonding_curve="b",
        pool="P",
        token_amount=deep,
        sol_amount=lower,
        migration_fee=0,
    )
    town.swap(106, deep, lower, tokens=0, sol=0)
    town.tick(700)
    outcome = town.outcomes()["s", 600]
    assert outcome.tradable_multiple == (entry.token_amount * lower // (deep + entry.token_amount)) / (
        entry.total + NETWORK
    )
    assert outcome.tradable_multiple * (entry.total + NETWORK) > on_curve


def test_the_best_offer_stays_the_best(town):
    """A mayhem coin is looked at after every event, also after worse ones."""
    town.signal(10)
    town.tick(12)
    values = {"wallet": "w", "is_buy": True, "sol_amount": 1, "token_amount": 1, "mayhem": True, "mint": town.mint}
    for at, factor in ((20, 3), (30, 2)):
        reserves = {"virtual_sol": town.reserves.virtual_sol * factor, "virtual_token": town.reserves.virtual_token}
        town._event(Trade, at, **reserves, real_sol=10**12, real_token=10**14, **values)
    town.tick(700)
    outcome = town.outcomes()["s", 600]
    assert outcome.tradable_multiple > 1.4 * outcome.final_multiple
