"""Life-cycle, crowding and regime against naive recomputation over the whole list of events."""

from __future__ import annotations

import importlib.util
import math
import statistics
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from alphaloop.markets.pumpfun.books.regime import RegimeBook, RegimeSettings
from alphaloop.markets.pumpfun.events import Complete, Create, Trade

_SPEC = importlib.util.spec_from_file_location("token_books_case", Path(__file__).parents[1] / "token_books_case.py")
case = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(case)
S, EAGER, Feed, actions = case.S, case.EAGER, case.Feed, case.actions
is_tracked, market, same, shelf, trades = case.is_tracked, case.market, case.same, case.shelf, case.trades
FEW = settings(max_examples=40, deadline=None)


def naive_stage(known, mint, before, now_ns):
    """The table of the life-cycle module, over the whole history; the first event seen decides on the age."""
    own = [e for e in known if e.mint == mint and not getattr(e, "quote_mint", "")]
    if any(isinstance(e, Complete) for e in own):
        return 7
    creation = next((e.known_ns for e in own if isinstance(e, Create)), None)
    every = trades(known, mint)
    if now_ns - (every[-1].known_ns if every else own[0].known_ns) >= EAGER.dead_s * S:
        return 6
    age_s = math.inf if creation is None else (now_ns - creation) / S
    if age_s < EAGER.launch_s:
        return 0
    short, long = trades(known, mint, now_ns - 60 * S), trades(known, mint, now_ns - 300 * S)
    buys = sum(e.is_buy for e in short)
    sells, earlier = len(short) - buys, sum(e.is_buy for e in long) - buys
    smart = sum((e.sol_amount if e.is_buy else -e.sol_amount) for e in short if is_tracked(e.wallet))
    crowd = sum((e.sol_amount if e.is_buy else -e.sol_amount) for e in short if not is_tracked(e.wallet))
    if len({e.wallet for e in short if is_tracked(e.wallet) and not e.is_buy}) >= 2 and smart < 0 < crowd:
        return 4
    old = [e for e in every if e.known_ns <= now_ns - 60 * S]
    price, was = every[-1].price if every else math.nan, old[-1].price if old else 30.0 / 1_073_000_000.0
    minutes = (min(age_s, 300.0) - 60.0) / 60.0
    fresh = {e.wallet for e in short if e.is_buy} - {e.wallet for e in old if e.is_buy}
    if buys >= EAGER.euphoria_buys and smart + crowd >= EAGER.euphoria_sol * S and price >= 1.1 * was:
        return 3
    if buys > sells and buys >= EAGER.momentum_buys and fresh and buys * minutes >= 0.7 * earlier:
        return 2
    if buys > sells and age_s < 300 and buys * minutes >= earlier:
        return 1
    if sells >= buys or buys * minutes <= 0.5 * earlier:
        return 5
    return {2: 2, 3: 2, 4: 4, 0: 1 if age_s < 300 else 5, 1: 1 if age_s < 300 else 5}.get(before, 5)


@FEW
@given(actions)
def test_life_cycles_are_those_of_the_whole_history(drawn):
    books = shelf()
    book, feed, stages, changes = books[2], Feed(books), {}, []

    def judge(mint, now_ns):
        before = stages.get(mint)
        stages[mint] = naive_stage(feed.known, mint, before, now_ns)
        if stages[mint] != before:
            changes.append((mint, now_ns, before, stages[mint]))

    for event in market(drawn):
        for now_ns, ran in feed(event):
            if ran is book:
                for mint in [mint for mint, stage in stages.items() if stage < 6]:
                    judge(mint, now_ns)
        if not getattr(event, "quote_mint", "") and (not isinstance(event, Trade) or stages.get(event.mint, 6) == 6):
            judge(event.mint, event.known_ns)
        assert {mint: book.state(mint) for mint in stages} == stages
        assert book.state("never seen") is None
    told = sorted((c.known_ns, c.mint, c.after, c.before) for c in book.changes())
    assert told == sorted((now_ns, mint, after, before) for mint, now_ns, before, after in changes)


@FEW
@given(actions)
def test_crowding_is_that_of_the_whole_history(drawn):
    books = shelf()
    book, feed = books[5], Feed(books)
    for event in market(drawn):
        feed(event)
        for mint in ("m0", "m1", "m2"):
            stakes = {}
            for e in trades(feed.known, mint):
                if is_tracked(e.wallet):
                    stakes[e.wallet] = stakes.get(e.wallet, 0) + (e.sol_amount if e.is_buy else -e.sol_amount)
            if books[0].get(mint) is None:
                expected = math.nan
            elif stakes:
                held, curve = sum(max(0, paid) for paid in stakes.values()), trades(feed.known, mint)[-1].real_sol
                expected = held / curve if curve else math.nan
            else:
                expected = 0.0
            assert same(book.ratio(mint), expected)


def naive_regime(known, outcomes, now_ns):
    started_ns = known[0].known_ns
    priced = [e for e in known if not getattr(e, "quote_mint", "") and e.known_ns < now_ns]

    def within(kind, span_s):
        return [e for e in priced if isinstance(e, kind) and e.known_ns >= now_ns - span_s * S]

    def rate(span_s):
        return len(within(Complete, span_s)) / len(within(Create, span_s)) if within(Create, span_s) else math.nan

    def whole(span_s, value):
        return value if started_ns <= now_ns - span_s * S else math.nan

    first = -(-started_ns // (600 * S)) * 600 * S
    average_s = min(7 * 86_400, (now_ns - first) // S)
    settled = [(hit, peak) for hit, at_ns, peak in outcomes if now_ns - 21_600 * S <= at_ns < now_ns]
    volume = {span: sum(e.sol_amount for e in within(Trade, span)) / 1e9 for span in (3_600, 86_400)}
    averaged = average_s >= 1_200
    return {
        "tokens_created_1h": whole(3_600, len(within(Create, 3_600))),
        "tokens_created_24h": whole(86_400, len(within(Create, 86_400))),
        "tokens_created_7d": len(within(Create, average_s)) * 3_600 / average_s if averaged else math.nan,
        "graduation_rate_2h": whole(7_200, rate(7_200)),
        "graduation_rate_24h": whole(86_400, rate(86_400)),
        "graduation_rate_7d": rate(average_s) if averaged else math.nan,
        "sol_volume_1h": whole(3_600, volume[3_600]),
        "sol_volume_24h": whole(86_400, volume[86_400]),
        "active_wallets_1h": whole(3_600, len({e.wallet for e in within(Trade, 3_600)})),
        "peak_multiple_6h": statistics.fmean(peak for _, peak in settled) if settled else math.nan,
        "hit_rate_2x_6h": sum(hit for hit, _ in settled) / len(settled) if settled else math.nan,
    }


@FEW
@given(actions, st.lists(st.integers(1, 12).map(lambda quarter: quarter / 4), min_size=140, max_size=140))
def test_inputs_of_the_regime_are_those_of_the_whole_history(drawn, peaks):
    book = RegimeBook(RegimeSettings(average_after_s=1_200))
    feed, outcomes = Feed([book]), []
    for event, peak in zip(market([(7 * gap, *rest) for gap, *rest in drawn]), peaks, strict=False):
        for now_ns, ran in feed(event):
            if ran is book:
                (snapshot,) = book.snapshots()
                naive = naive_regime(feed.known, outcomes, now_ns)
                assert all(same(getattr(snapshot, name), naive[name]) for name in naive), (snapshot, naive)
                assert book.features(now_ns)["sol_volume_1h"] is snapshot.sol_volume_1h
        if peak > 1:
            outcomes.append((peak >= 2, event.known_ns, peak))
            book.outcome(peak >= 2, event.known_ns, peak_multiple=peak)
