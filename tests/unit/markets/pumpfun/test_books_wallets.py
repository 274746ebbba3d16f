"""First in, first out; what is forgotten; behaviour on small examples."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import RecipeError, StateError
from alphaloop.markets.pumpfun.books import samples
from alphaloop.markets.pumpfun.books.agenda import Agenda
from alphaloop.markets.pumpfun.books.intelligence import Intelligence, IntelligenceSettings
from alphaloop.markets.pumpfun.books.peaks_since import Peaks
from alphaloop.markets.pumpfun.books.profits import Position
from alphaloop.markets.pumpfun.books.roster import WalletSettings
from alphaloop.markets.pumpfun.books.wallets import WalletBook


def _load() -> ModuleType:
    tests = next(parent for parent in Path(__file__).resolve().parents if parent.name == "tests")
    path = tests / "pumpfun_wallet_case.py"
    spec = importlib.util.spec_from_file_location("pumpfun_wallet_case", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


case = _load()
T0, SOL = case.T0, case.SOL
create, trade, price, complete, sale_in_pool = case.create, case.trade, case.price, case.complete, case.sale_in_pool


def book(*events: object, **settings: object) -> WalletBook:
    made = WalletBook(WalletSettings(**settings))
    for event in events:
        made.update(event)
    return made


def test_a_sale_takes_the_oldest_lot_first() -> None:
    position = Position.opened(100, 1000, T0)
    position.buy(100, 3000, T0 + 10 * NS_PER_S)
    assert position.sell(150, 6000, T0 + 20 * NS_PER_S) == 6000 - 1000 - 1500
    assert (position.left, position.cost_left) == (50, 1500)
    assert position.held == pytest.approx(100 * 20 + 50 * 10)


def test_what_is_sold_beyond_what_was_bought_brings_nothing() -> None:
    position = Position.opened(100, 1000, T0)
    assert position.sell(400, 8001, T0) == 2000 - 1000
    assert (position.left, position.received, position.sold) == (0, 2000, 100)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 10**15), st.integers(0, 10**14)), max_size=40))
def test_costs_add_up_to_the_lamport(steps: list[tuple[bool, int, int]]) -> None:
    position = Position.opened(10**13 + 1, 7 * 10**9 + 3, T0)
    realised = 0
    for is_buy, units, lamports in steps:
        if is_buy:
            position.buy(units, lamports, T0)
        else:
            realised += position.sell(units, lamports, T0)
    assert position.spent - position.cost_left == position.received - realised
    assert position.bought - position.sold == position.left


def test_fees_are_part_of_the_profit() -> None:
    wallets = book(
        create(0),
        trade(1, "a", 1.0, 1000, fee=10_000_000, creator_fee=3_000_000),
        trade(5, "a", -1.5, 1000, fee=15_000_000, cashback=4_000_000),
    )
    record = wallets.find("a")
    assert record is not None
    assert record.results is not None
    assert record.results.realised == 1_500_000_000 - 19_000_000 - 1_013_000_000
    assert record.results.wins == 1
    assert record.results.seconds == pytest.approx(4.0)


def test_dust_does_not_keep_a_round_trip_open() -> None:
    wallets = book(trade(1, "a", 1.0, 1000), trade(2, "a", -2.0, 990))
    record = wallets.find("a")
    assert record is not None
    assert record.results is not None
    assert record.results.closed == 1
    assert record.results.realised == 2 * SOL - SOL
    book_open = book(trade(1, "a", 1.0, 1000), trade(2, "a", -2.0, 989)).find("a")
    assert book_open is not None
    assert book_open.results is not None
    assert book_open.results.closed == 0
    assert book_open.results.realised == 2 * SOL - SOL * 989 // 1000


def test_the_second_round_trip_in_a_coin_is_no_second_entry() -> None:
    wallets = book(create(0), *(trade(1 + i, "a", 1.0 if i % 2 == 0 else -1.0, 1000) for i in range(4)))
    record = wallets.find("a")
    assert record is not None
    assert (record.entries, record.buys, record.sells) == (1, 2, 2)
    assert record.results is not None
    assert record.results.closed == 2


def test_capture_compares_with_the_best_price_while_held() -> None:
    # 1,000 tokens; the best price while held is 4e-7 SOL: at most 0.0004 SOL for them; later prices do not count.
    wallets = book(
        trade(1, "a", 0.0001, 1_000_000_000, **price(1e-7)),
        trade(2, "b", 1.0, 1, **price(4e-7)),
        trade(3, "a", -0.0002, 1_000_000_000, **price(2e-7)),
        trade(4, "b", 1.0, 1, **price(9e-7)),
    )
    record = wallets.find("a")
    assert record is not None
    assert record.results is not None
    assert record.results.captures == pytest.approx(0.5)
    assert record.results.multiples == pytest.approx(2.0)


def test_a_dead_coin_is_written_off_and_a_graduated_one_is_not() -> None:
    wallets = book(
        create(0),
        trade(1, "a", 1.0, 1000),
        trade(2, "a", -0.7, 500),
        create(3, "g"),
        trade(4, "a", 1.0, 1000, mint="g"),
        complete(5, "g"),
        every_s=60,
        coin_idle_s=600,
        graduated_keep_s=600,
    )
    record = wallets.find("a")
    assert record is not None
    wallets.run(T0 + 600 * NS_PER_S)
    assert wallets.coin("m") is not None
    assert wallets.coin("g") is not None
    wallets.run(T0 + 660 * NS_PER_S)
    assert wallets.coin("m") is None
    assert wallets.coin("g") is None
    assert record.results is not None
    assert (record.results.closed, record.results.wins, record.results.realised) == (1, 0, -300_000_000)
    assert record.graduated == 1
    assert record.results.trips == 0


def test_sales_in_the_pool_end_round_trips() -> None:
    wallets = book(create(0), trade(1, "a", 1.0, 1000), complete(2), sale_in_pool(9, "a", 5.0, 1000))
    record = wallets.find("a")
    assert record is not None
    assert record.results is not None
    assert (record.results.wins, record.results.realised) == (1, 4 * SOL)
    assert record.trades == 1


def test_a_coin_that_comes_back_was_not_seen_created() -> None:
    wallets = book(create(0), trade(1, "a", 1.0, 1000), every_s=60, coin_idle_s=600)
    wallets.run(T0 + 660 * NS_PER_S)
    wallets.update(trade(700, "a", 1.0, 1000))
    record = wallets.find("a")
    assert record is not None
    assert (record.entries, record.ranked, record.rank_sum) == (2, 1, 1)
    assert wallets.step is not None
    assert (wallets.step.entry, wallets.step.rank) == (True, 0)


def test_a_wallet_that_stays_away_is_forgotten_and_begins_anew() -> None:
    wallets = book(trade(1, "a", 1.0, 1000), trade(2000, "b", 1.0, 1000), every_s=60, wallet_idle_s=3600)
    wallets.mourn("reader")
    wallets.run(T0 + 3540 * NS_PER_S)
    assert wallets.find("a") is not None
    wallets.run(T0 + 3660 * NS_PER_S)
    assert wallets.find("a") is None
    assert wallets.find("b") is not None
    assert list(wallets.take_forgotten("reader").values()) == ["a"]
    wallets.update(trade(3700, "a", 1.0, 1000))
    record = wallets.find("a")
    assert record is not None
    assert (record.buys, record.number) == (1, 2)


def test_coins_of_another_quote_are_counted_and_left_out() -> None:
    wallets = book(create(0, quote_mint="usd"), trade(1, "a", 1.0, 1000, quote_mint="usd"))
    assert wallets.state.foreign == 2
    assert wallets.find("a") is None
    assert wallets.step is None


def test_ranks_and_ages_come_from_the_creation() -> None:
    wallets = book(create(0), *(trade(30 * (i + 1), f"w{i}", 0.5, 1000) for i in range(11)), trade(331, "w10", 0.1, 1))
    last = wallets.find("w10")
    assert last is not None
    assert (last.rank_sum, last.top10, last.age_sum) == (11, 0, pytest.approx(330.0))
    assert (last.aged_buys, last.under_60, last.under_300) == (2, 0, 0)
    second = wallets.find("w1")
    assert second is not None
    assert (second.rank_sum, second.top10, second.under_60, second.under_300) == (2, 1, 0, 1)


def test_an_unknown_wallet_has_no_numbers_but_zero_trades() -> None:
    answer = Intelligence().wallet("nobody", T0)
    assert len(answer) == 24
    zero = {"wallet_trades_at", "tokens_traded", "is_bot", "is_copy_trader"}
    assert {name for name, value in answer.items() if value == 0.0} == zero
    assert all(math.isnan(value) for name, value in answer.items() if name not in zero)


def test_buyers_of_whom_nothing_is_known() -> None:
    intelligence = Intelligence()
    nobody = intelligence.buyers([], T0)
    assert nobody.pop("tracked_buyers") == 0.0
    assert all(math.isnan(value) for value in nobody.values())
    fresh = intelligence.buyers([("a", 1.0), ("b", 2.0)], T0)
    assert (fresh["fresh_wallet_pct"], fresh["known_buyer_pct"]) == (1.0, 0.0)
    unscored = {"avg_alpha", "max_alpha", "alpha_weighted_sol", "pct_alpha_over_70"}
    assert {name for name, value in fresh.items() if math.isnan(value)} >= unscored, (
        "nobody has a score: not a score of 0"
    )


@given(st.lists(st.integers(-(2**63), 2**63 - 1)), st.integers(1, 9))
def test_a_sample_keeps_the_last_numbers(values: list[int], most: int) -> None:
    kept = b""
    for value in values:
        kept = samples.added(kept, value, most)
    assert list(samples.numbers(kept)) == values[-most:]
    for back in range(1, samples.count(kept) + 1):
        assert samples.nth_last(kept, back) == values[-back]


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 9)), min_size=1), st.integers(0, 40))
def test_peaks_since_any_moment(steps: list[tuple[int, int]], since: int) -> None:
    peaks, now, pushed = Peaks(), 0, []
    for step, value in steps:
        now += step
        peaks.push(now, float(value))
        pushed.append((now, float(value)))
    expected = max((value for ns, value in pushed if ns >= since), default=math.nan)
    assert peaks.since(since) == pytest.approx(expected, nan_ok=True)


def test_an_agenda_hands_out_at_the_first_run_at_or_after_the_moment() -> None:
    agenda = Agenda(10)
    agenda.add("late", 31 * NS_PER_S)
    agenda.add("on time", 20 * NS_PER_S)
    agenda.add("early", 11 * NS_PER_S)
    assert list(agenda.due(10 * NS_PER_S)) == []
    assert list(agenda.due(20 * NS_PER_S)) == ["on time", "early"]
    agenda.add("past", 5 * NS_PER_S)
    assert list(agenda.due(40 * NS_PER_S)) == ["past", "late"]


def test_a_damaged_state_is_refused() -> None:
    for each in Intelligence().books:
        with pytest.raises(StateError, match=f"book '{each.name}', 3 bytes"):
            each.restore(b"\xc1ab")


def test_settings_that_do_not_agree_are_refused() -> None:
    for wrong, words in (
        ({"wallets": {"judged_from_buys": 50}}, "judged_from_buys is 50"),
        ({"wallets": {"recent_entries": 5}}, "recent_entries"),
        ({"wallets": {"coin_idle_s": 600}}, "coin_idle_s"),
        ({"decay": {"delays_s": [0, 9, 5]}}, "must rise"),
    ):
        with pytest.raises(RecipeError, match=words):
            IntelligenceSettings.parse(wrong, "settings.toml")
