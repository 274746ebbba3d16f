"""Books of tokens against naive recomputation over the whole list of events, at every event."""

from __future__ import annotations

import importlib.util
import math
import statistics
from itertools import combinations
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaloop.markets.pumpfun.books.bundles import BundleSettings
from alphaloop.markets.pumpfun.books.candles import CandleBook
from alphaloop.markets.pumpfun.books.washing import WashBook, WashSettings
from alphaloop.markets.pumpfun.curve.reserves import START
from alphaloop.markets.pumpfun.events import Trade

_SPEC = importlib.util.spec_from_file_location("token_books_case", Path(__file__).parents[1] / "token_books_case.py")
case = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(case)
S, Feed, actions, born = case.S, case.Feed, case.actions, case.born
market, same, shelf, trades = case.market, case.same, case.shelf, case.trades
FEW = settings(max_examples=40, deadline=None)


def naive_features(known, mint, now_ns):
    short, long = trades(known, mint, now_ns - 60 * S), trades(known, mint, now_ns - 300 * S)
    every, birth = trades(known, mint), born(known, mint)
    history_ns = now_ns - known[0].known_ns
    has_short, has_long = birth is not None or history_ns >= 60 * S, birth is not None or history_ns >= 300 * S
    buys, long_buys = sum(e.is_buy for e in short), sum(e.is_buy for e in long)
    net = sum(e.sol_amount if e.is_buy else -e.sol_amount for e in short)
    minutes = 1.0 if birth is None else min(60 * S, max(10 * S, now_ns - birth)) / (60 * S)
    last = every[-1] if every else None
    price = last.price if last else 30.0 / 1_073_000_000.0
    return {
        "buys_60s": buys if has_short else math.nan,
        "sells_60s": len(short) - buys if has_short else math.nan,
        "buys_300s": long_buys if has_long else math.nan,
        "sells_300s": len(long) - long_buys if has_long else math.nan,
        "velocity": buys / minutes if has_short else math.nan,
        "unique_buyers": len({e.wallet for e in every if e.is_buy}) if birth is not None else math.nan,
        "sol_net_60s": net / 1e9 if has_short else math.nan,
        "buy_sell_ratio": (long_buys + 1) / (len(long) - long_buys + 1) if has_long else math.nan,
        "virtual_sol": (last.virtual_sol if last else 30 * S) / 1e9,
        "market_cap_sol": price * 1e9,
    }


@FEW
@given(actions)
def test_token_features_are_those_of_the_whole_history_at_every_moment(drawn):
    books = shelf()
    feed = Feed(books)
    for event in market(drawn):
        for _ in feed(event):
            pass
        for mint in {e.mint for e in feed.known if not getattr(e, "quote_mint", "")}:
            for wait_ns in (0, 1, 5 * S, 60 * S - 1, 60 * S, 300 * S):
                now_ns = event.known_ns + wait_ns
                told, naive = books[0].features(mint, now_ns), naive_features(feed.known, mint, now_ns)
                assert told.keys() == naive.keys()
                assert all(same(told[name], naive[name]) for name in naive), (mint, now_ns, told, naive)
            flow, short = books[0].get(mint).flow(now_ns), trades(feed.known, mint, now_ns - 60 * S)
            old = [e for e in trades(feed.known, mint) if e.known_ns <= now_ns - 60 * S]
            fresh = {e.wallet for e in short if e.is_buy} - {e.wallet for e in old if e.is_buy}
            assert flow.new_buyers_60s == len(fresh)
            assert flow.price_60s_ago == (old[-1].price if old else START.price)
            buyers = list(dict.fromkeys(e.wallet for e in trades(feed.known, mint) if e.is_buy))
            for wallet in ("w0", "w5"):
                rank = buyers.index(wallet) + 1 if wallet in buyers and born(feed.known, mint) else math.nan
                assert same(books[0].buy_rank(mint, wallet), rank)
            for seconds in (17, 300):
                recent = {}
                for trade in trades(feed.known, mint, event.known_ns - seconds * S):
                    if trade.is_buy:
                        recent[trade.wallet] = recent.get(trade.wallet, 0) + trade.sol_amount
                told = books[0].recent_buyers(mint, seconds, event.known_ns)
                assert list(told.items()) == list(recent.items())


@FEW
@given(actions)
def test_candles_are_those_of_a_grouped_table(drawn):
    book = CandleBook()
    events = market(drawn)
    Feed([book]).all(events)
    book.run(1 << 62)
    rows = [
        {"mint": e.mint, "start_ns": e.known_ns // (60 * S) * 60 * S, "price": e.price, "sol": e.sol_amount}
        | {"tokens": e.token_amount, "buys": int(e.is_buy), "sells": int(not e.is_buy)}
        for e in events
        if isinstance(e, Trade) and not e.quote_mint
    ]
    told = {(c.mint, c.start_ns): c for c in book.closed()}
    assert book.closed() == []
    if not rows:
        assert not told
        return
    price, keys = pl.col("price"), ["mint", "start_ns"]
    ends = [
        price.first().alias("open"),
        price.max().alias("high"),
        price.min().alias("low"),
        price.last().alias("close"),
    ]
    naive = pl.DataFrame(rows).group_by(keys).agg(*ends, pl.col("sol", "tokens", "buys", "sells").sum())
    assert len(told) == naive.height
    for row in naive.iter_rows(named=True):
        candle = told[row["mint"], row["start_ns"]]
        assert {name: getattr(candle, name) for name in row} == row


def naive_bundles(known, limits):
    """Every bucket with two wallets or more: (mint, bucket) -> uniformity, co-buys, confidence, wallets."""
    paid = {}
    for e in known:
        if isinstance(e, Trade) and e.is_buy and not e.quote_mint:
            bucket = paid.setdefault((e.known_ns // (5 * S), e.mint), {})
            bucket[e.wallet] = bucket.get(e.wallet, 0) + e.sol_amount
    big = {key: list(wallets)[: limits.max_wallets] for key, wallets in paid.items() if len(wallets) >= 3}
    found = {}
    for (bucket, mint), wallets in paid.items():
        if len(wallets) < 2:
            continue
        if len(wallets) < 3:
            found[bucket, mint] = (0.0, 0.0, 0.0, 2)
            continue
        amounts = [float(amount) for amount in wallets.values()]
        uniformity = max(0.0, 1.0 - statistics.pstdev(amounts) / statistics.fmean(amounts) / limits.cv_limit)

        def company(wallet, bucket=bucket):
            stood = [key for key, members in big.items() if wallet in members and key[0] < bucket]
            return {key for key in stood[-limits.memory_bundles :] if (key[0] + 1) * 5 > bucket * 5 - limits.memory_s}

        pairs = list(combinations(list(wallets)[: limits.max_wallets], 2))
        share = sum(any(key[1] != mint for key in company(a) & company(b)) for a, b in pairs) / len(pairs)
        confidence = 1 - (1 - limits.uniformity_weight * uniformity) * (1 - limits.cobuy_weight * share)
        found[bucket, mint] = (uniformity, share, confidence, len(wallets))
    return found


@FEW
@given(actions, st.sampled_from([BundleSettings(), BundleSettings(memory_s=20, memory_bundles=2, max_wallets=3)]))
def test_bundles_are_those_of_the_whole_history(drawn, limits):
    books = shelf(bundles=limits)
    book, feed, swept_ns = books[3], Feed(books), None
    for event in market(drawn):
        for now_ns, ran in feed(event):
            swept_ns = now_ns if ran is book else swept_ns
        found = naive_bundles(feed.known, limits)
        for mint in ("m0", "m1", "m2", "m3"):
            if books[0].get(mint) is None:
                assert math.isnan(book.confidence(mint))
                continue
            kept = [v for (b, m), v in found.items() if m == mint and (swept_ns or 0) - (b + 1) * 5 * S < 900 * S]
            assert book.confidence(mint) == pytest.approx(max((v[2] for v in kept), default=0.0), abs=1e-12)
            lone = 1.0 if any(e.is_buy for e in trades(feed.known, mint)) else 0.0
            assert book.largest_bucket(mint) == max((v[3] for v in kept), default=lone)
            assert [b.wallets for b in book.of(mint)] == [v[3] for v in kept]


def naive_wash(known, mint, limits):
    last, washed, total = {}, 0, 0
    for e in trades(known, mint):
        row, before = 0, last.get(e.wallet)
        if before and before[0].is_buy != e.is_buy and e.known_ns - before[0].known_ns <= limits.gap_s * S:
            sizes = sorted((e.token_amount, before[0].token_amount))
            row = before[1] + 1 if sizes[0] >= limits.similarity * sizes[1] else 0
        last[e.wallet] = (e, row)
        total += e.sol_amount
        washed += e.sol_amount if row > limits.free_reversals else 0
    return washed / total if total else math.nan


@FEW
@given(actions, st.sampled_from([WashSettings(similarity=0.2, gap_s=60), WashSettings(free_reversals=0, gap_s=5)]))
def test_washing_is_that_of_the_whole_history(drawn, limits):
    book = WashBook(limits)
    feed = Feed([book])
    for event in market(drawn):
        for _ in feed(event):
            pass
        assert all(same(book.share(mint), naive_wash(feed.known, mint, limits)) for mint in ("m0", "m1", "m2"))


@FEW
@given(actions, st.integers(1, 9))
def test_books_that_are_saved_and_restored_go_on_to_the_same_bits(drawn, every):
    events = market(drawn)
    straight, broken = Feed(shelf()).all(events), Feed(shelf())
    for number, event in enumerate(events):
        if number % every == 0:
            states, broken.books = [book.save() for book in broken.books], shelf()
            for book, state in zip(broken.books, states, strict=True):
                book.restore(state)
                assert book.save() == state
        for _ in broken(event):
            pass
    assert [book.save() for book in broken.books] == [book.save() for book in straight.books]


@FEW
@given(actions)
def test_reading_changes_nothing_and_packing_moves_no_feature(drawn):
    events = market(drawn)
    quiet, packing, keeping = Feed(shelf()), Feed(shelf()), Feed(shelf(pack_after_s=500_000))
    for event in events:
        for feed in (quiet, packing, keeping):
            for _ in feed(event):
                pass
        for mint in ("m0", "m1", "m2", "m3"):
            told = []
            for feed in (packing, keeping):
                tokens, _, lifecycle, bundles, wash, crowding, regime = feed.books
                now_ns = event.known_ns + 30 * S
                told.append(
                    (
                        tokens.features(mint, now_ns),
                        tokens.live(mint, now_ns),
                        tokens.recent_buyers(mint, 300, now_ns),
                        [tokens.buy_rank(mint, f"w{wallet}") for wallet in range(8)],
                        (tokens.curve(mint), tokens.progress(mint), tokens.age_s(mint, now_ns), lifecycle.state(mint)),
                        (bundles.of(mint), bundles.confidence(mint), wash.share(mint), crowding.penalty(mint)),
                        regime.features(now_ns),
                    )
                )
            assert repr(told[0]) == repr(told[1])
    assert [book.save() for book in quiet.books] == [book.save() for book in packing.books]
