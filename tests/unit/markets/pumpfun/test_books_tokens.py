"""Curve state, velocity and buyers; what is missing, what is packed, what is forgotten."""

from __future__ import annotations

import math

import pytest

from alphaloop.core.errors import FeatureError, RecipeError, StateError
from alphaloop.markets.pumpfun.books.tokens import TokenBook, TokenSettings
from alphaloop.markets.pumpfun.curve.reserves import START

S = 1_000_000_000
HOUR_NS = 3_600 * S


@pytest.fixture
def launch(pump):
    """A book that saw a coin's creation and its maker's buy of 1 SOL one second later."""
    chain, curve, book = pump.Chain(), pump.Curve(), TokenBook()
    created = chain.create("coin", "maker")
    first = chain.trade(curve, "coin", "maker", S, buy=True)
    for event in (created, first):
        book.update(event)
    return book, chain, curve, created.known_ns


def test_a_launch(launch):
    book, chain, curve, created_ns = launch
    told = book.features("coin", chain.known_ns)
    assert told["buys_60s"] == told["buys_300s"] == told["unique_buyers"] == 1
    assert told["sells_60s"] == told["sells_300s"] == 0
    assert told["sol_net_60s"] == 1.0
    assert told["buy_sell_ratio"] == 2.0
    assert told["virtual_sol"] == 31.0
    assert told["market_cap_sol"] == pytest.approx(31 / (curve.virtual_token / 1e6) * 1e9)
    assert book.curve("coin").real_token == curve.real_token
    assert book.progress("coin") == 1 - curve.real_token / START.real_token
    assert book.age_s("coin", created_ns + 90 * S) == 90.0


def test_velocity_is_per_minute_of_existence(launch):
    book, _, _, created_ns = launch
    assert book.features("coin", created_ns + S)["velocity"] == 6.0, "younger than 10 s counts as 10 s"
    assert book.features("coin", created_ns + 30 * S)["velocity"] == 2.0
    assert book.features("coin", created_ns + 60 * S)["velocity"] == 1.0
    assert book.features("coin", created_ns + 61 * S)["velocity"] == 0.0


def test_windows_are_open_at_their_beginning(launch):
    book, chain, _, _ = launch
    bought_ns = chain.known_ns
    assert book.features("coin", bought_ns + 60 * S - 1)["buys_60s"] == 1
    assert book.features("coin", bought_ns + 60 * S)["buys_60s"] == 0
    assert book.features("coin", bought_ns + 300 * S - 1)["buys_300s"] == 1
    assert book.features("coin", bought_ns + 300 * S)["buys_300s"] == 0
    assert list(book.recent_buyers("coin", 60, bought_ns + 60 * S - 1)) == ["maker"]
    assert book.recent_buyers("coin", 60, bought_ns + 60 * S) == {}


def test_what_was_never_seen_is_missing_and_not_zero(launch):
    book, chain, _, _ = launch
    assert all(math.isnan(value) for value in book.features("other", chain.known_ns).values())
    assert book.get("other") is None
    assert book.curve("other") is None
    assert book.live("other", chain.known_ns) == {}
    for value in (book.progress("other"), book.age_s("other", 0), book.buy_rank("other", "maker")):
        assert math.isnan(value)
    assert math.isnan(book.buy_rank("coin", "nobody"))
    assert book.buy_rank("coin", "maker") == 1


def test_a_coin_whose_creation_was_not_seen_has_no_ranks_and_at_first_no_windows(pump):
    chain, curve, book = pump.Chain(), pump.Curve(), TokenBook()
    book.update(chain.trade(curve, "coin", "w", S, buy=True))
    start_ns = chain.known_ns
    told = book.features("coin", start_ns + 59 * S)
    assert [name for name, value in told.items() if not math.isnan(value)] == ["virtual_sol", "market_cap_sol"]
    told = book.features("coin", start_ns + 60 * S)
    assert told["buys_60s"] == 0
    assert math.isnan(told["buys_300s"])
    assert not math.isnan(book.features("coin", start_ns + 300 * S)["buys_300s"])
    assert math.isnan(book.buy_rank("coin", "w"))
    book.update(chain.create("coin", "maker"))
    assert math.isnan(book.buy_rank("coin", "w")), "a late creation does not bring back earlier buyers"
    assert book.age_s("coin", chain.known_ns + S) == 1.0


def test_the_live_state_for_the_bus(launch):
    book, chain, curve, created_ns = launch
    live = book.live("coin", chain.known_ns)
    assert live["price"] == live["peak_price"] == book.get("coin").price
    assert (live["real_sol"], live["real_token"]) == (curve.real_sol, curve.real_token)
    assert (live["created_ns"], live["last_trade_ns"]) == (created_ns, chain.known_ns)
    assert (live["creator"], live["complete"], live["trades"]) == ("maker", False, 1)
    book.update(chain.complete("coin", "w"))
    assert book.live("coin", chain.known_ns)["complete"] is True
    assert book.progress("coin") == 1.0


def test_the_peak_stays_when_the_price_falls(launch):
    book, chain, curve, _ = launch
    peak = book.get("coin").price
    book.update(chain.trade(curve, "coin", "maker", curve.held["maker"] // 2, buy=False))
    assert book.get("coin").price < peak == book.get("coin").peak_price


def test_reserves_are_those_of_the_event_and_never_recomputed(launch):
    book, chain, curve, _ = launch
    book.update(chain.trade(curve, "coin", "w", S, buy=True, virtual_sol=99 * S, mayhem=True))
    assert book.curve("coin").virtual_sol == 99 * S


def test_coins_of_other_quotes_are_counted_and_ignored(pump):
    chain, curve, book = pump.Chain(), pump.Curve(), TokenBook()
    book.update(chain.create("coin", "maker", quote_mint="USDC"))
    book.update(chain.trade(curve, "coin", "w", S, buy=True, quote_mint="USDC"))
    assert (book.foreign, book.get("coin")) == (2, None)


def test_a_quiet_token_is_packed_and_comes_back_as_it_was(launch):
    book, chain, curve, _ = launch
    before = book.live("coin", chain.known_ns + 400 * S)
    quiet_ns = chain.known_ns + HOUR_NS
    book.run(quiet_ns - 60 * S)
    assert book.counts() == {"live": 1, "packed": 0}
    book.run(quiet_ns + 60 * S)
    assert book.counts() == {"live": 0, "packed": 1}
    assert book.live("coin", chain.known_ns + 400 * S) == before
    assert book.get("coin").window == []
    assert book.buy_rank("coin", "maker") == 1
    book.update(chain.trade(curve, "coin", "second", S, buy=True, gap_ns=2 * HOUR_NS))
    assert book.counts() == {"live": 1, "packed": 0}
    assert (book.buy_rank("coin", "maker"), book.buy_rank("coin", "second")) == (1, 2)


def test_a_busy_token_keeps_its_windows_and_nothing_older(launch):
    book, chain, curve, _ = launch
    made = []
    for number in range(600):
        made.append(chain.trade(curve, "coin", f"w{number}", S // 1000, buy=number % 3 > 0 or number < 3, gap_ns=2 * S))
        book.update(made[-1])
        told = book.features("coin", chain.known_ns)
        short, long = made[-30:], made[-150:]
        if number >= 150:
            assert told["buys_60s"] == sum(trade.is_buy for trade in short)
            assert told["sells_300s"] == sum(not trade.is_buy for trade in long)
            assert len(book.recent_buyers("coin", 300, chain.known_ns)) == told["buys_300s"]
    assert len(book.get("coin").window) <= 2 * 150 + 1


def test_an_active_token_stays_live(launch):
    book, chain, curve, _ = launch
    for _ in range(5):
        book.update(chain.trade(curve, "coin", "w", S // 10, buy=True, gap_ns=HOUR_NS - 60 * S))
        book.run(chain.known_ns)
    assert book.counts() == {"live": 1, "packed": 0}


def test_a_token_that_stays_quiet_is_forgotten_for_good(launch):
    book, chain, curve, _ = launch
    last_ns = chain.known_ns
    book.run(last_ns + 2 * HOUR_NS)
    book.run(last_ns + 7 * 24 * HOUR_NS - 60 * S)
    assert book.counts() == {"live": 0, "packed": 1}
    book.run(last_ns + 7 * 24 * HOUR_NS + 60 * S)
    assert book.counts() == {"live": 0, "packed": 0}
    assert book.get("coin") is None
    book.update(chain.trade(curve, "coin", "maker", S, buy=True, gap_ns=8 * 24 * HOUR_NS))
    assert math.isnan(book.features("coin", chain.known_ns)["unique_buyers"])
    assert book.features("coin", chain.known_ns)["buys_60s"] == 1, "no trade was missed in the window"


def test_a_woken_token_is_not_forgotten_by_an_old_appointment(launch):
    book, chain, curve, _ = launch
    book.run(chain.known_ns + 2 * HOUR_NS)
    book.update(chain.trade(curve, "coin", "w", S, buy=True, gap_ns=6 * 24 * HOUR_NS))
    book.run(chain.known_ns + 2 * HOUR_NS)
    book.run(chain.known_ns + 25 * HOUR_NS)
    assert book.counts() == {"live": 0, "packed": 1}


def test_a_window_longer_than_what_is_kept_is_refused(launch):
    book, chain, _, _ = launch
    with pytest.raises(FeatureError, match="got 301; ask for at most 300"):
        book.recent_buyers("coin", 301, chain.known_ns)


def test_a_damaged_state_is_refused(launch):
    book, _, _, _ = launch
    with pytest.raises(StateError, match="tokens"):
        book.restore(b"nonsense")


def test_settings_that_contradict_each_other_are_refused():
    with pytest.raises(RecipeError, match="forget_after_s must be longer than pack_after_s = 3600"):
        TokenSettings.parse({"forget_after_s": 3_600}, "settings.toml")
