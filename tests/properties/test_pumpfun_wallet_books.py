"""The books about wallets against naive recomputation over the whole list of events, and themselves restored."""

from __future__ import annotations

import importlib.util
import math
import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.books.graph import pair
from alphaloop.markets.pumpfun.books.intelligence import Intelligence
from alphaloop.markets.pumpfun.events import AmmTrade, AnyEvent, Complete, Create, Trade


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
QUICK = case.QUICK
SEEDS = st.integers(0, 10**6)


def fed(events: list[AnyEvent]) -> tuple[Intelligence, Any]:
    intelligence = Intelligence(QUICK)
    clock = case.Clockwork(intelligence)
    for event in events:
        clock.feed(event)
    return intelligence, clock


# Naive recomputation


@dataclass
class Episode:
    """A coin from its first event until it was over."""

    created_ns: int
    creator: str
    slot: int
    events: list[AnyEvent] = field(default_factory=list)
    over_ns: int | None = None

    @property
    def trades(self) -> list[Trade]:
        return [event for event in self.events if isinstance(event, Trade)]

    @property
    def graduated_ns(self) -> int:
        return next((event.known_ns for event in self.events if isinstance(event, Complete)), 0)


def run_at(ns: int, every_s: int) -> int:
    return -(-ns // (every_s * NS_PER_S)) * every_s * NS_PER_S


def over_at(episode: Episode) -> int:
    seen = max([episode.created_ns, *(event.known_ns for event in episode.trades)])
    if episode.graduated_ns:
        return run_at(episode.graduated_ns + QUICK.wallets.graduated_keep_s * NS_PER_S, QUICK.wallets.every_s)
    return run_at(seen + QUICK.wallets.coin_idle_s * NS_PER_S, QUICK.wallets.every_s)


def episodes(events: list[AnyEvent]) -> list[Episode]:
    current: dict[str, Episode] = {}
    found = []
    end = events[-1].known_ns
    for event in events:
        episode = current.get(event.mint)
        if episode is not None and over_at(episode) <= event.known_ns:
            episode.over_ns = over_at(episode)
            del current[event.mint]
            episode = None
        if isinstance(event, Trade | Create) and event.quote_mint:
            continue
        if episode is None:
            if not isinstance(event, Trade | Create):
                continue
            created = event.known_ns if isinstance(event, Create) else 0
            episode = current[event.mint] = Episode(created, event.creator, event.slot)
            found.append(episode)
        episode.events.append(event)
    for episode in current.values():
        if over_at(episode) <= end:
            episode.over_ns = over_at(episode)
    return found


@dataclass
class Naive:
    """What a wallet's record should say, from plain lists."""

    ranks: list[int] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    buy_ages: list[float] = field(default_factory=list)
    buys: list[Trade] = field(default_factory=list)
    sells: int = 0
    entries: int = 0
    graduated: int = 0
    realised: int = 0
    trips: list[tuple[int, int, int, float, float]] = field(default_factory=list)  # end, spent, received, hold, capture
    written_off: list[tuple[int, int, float]] = field(default_factory=list)

    @property
    def closed(self) -> list[tuple[int, int, float]]:
        return [(spent, received, capture) for _, spent, received, _, capture in self.trips] + self.written_off


def naive(events: list[AnyEvent], wallet: str) -> Naive:
    result = Naive()
    for episode in episodes(events):
        order = list(dict.fromkeys(trade.wallet for trade in episode.trades if trade.is_buy))
        mine = [e for e in episode.events if isinstance(e, Trade | AmmTrade) and e.wallet == wallet]
        buys = [e for e in mine if isinstance(e, Trade) and e.is_buy]
        result.buys += buys
        result.sells += sum(isinstance(e, Trade) and not e.is_buy for e in mine)
        if wallet in order:
            result.entries += 1
            result.graduated += bool(episode.graduated_ns)
            if episode.created_ns:
                result.ranks.append(order.index(wallet) + 1)
                result.ages.append((buys[0].known_ns - episode.created_ns) / NS_PER_S)
        if episode.created_ns:
            result.buy_ages += [(buy.known_ns - episode.created_ns) / NS_PER_S for buy in buys]
        _profit(result, episode, mine)
    return result


def _profit(result: Naive, episode: Episode, mine: list[Trade | AmmTrade]) -> None:
    """One wallet in one coin, lot by lot; every lot is [units left, cost left, bought at]."""

    def best(since: int, until: int) -> float:
        return max(t.price for t in episode.trades if since <= t.known_ns <= until)

    lots: list[list[int]] = []
    opened = bought = spent = received = sold = 0
    held = 0.0
    for event in mine:
        if isinstance(event, Trade) and event.is_buy:
            if not lots and not bought:
                opened = event.known_ns
            lots.append([event.token_amount, event.wallet_sol, event.known_ns])
            bought, spent = bought + event.token_amount, spent + event.wallet_sol
            continue
        if event.is_buy or not bought:
            continue
        proceeds = event.wallet_sol if isinstance(event, Trade) else event.sol_amount
        matched = min(event.token_amount, sum(lot[0] for lot in lots))
        mine_of_it = proceeds * matched // event.token_amount
        rest, cost = matched, 0
        while rest:
            lot = lots[0]
            take = min(rest, lot[0])
            share = lot[1] * take // lot[0]
            held += take * (event.known_ns - lot[2]) / NS_PER_S
            lot[0], lot[1], cost, rest = lot[0] - take, lot[1] - share, cost + share, rest - take
            if not lot[0]:
                lots.pop(0)
        sold, received = sold + matched, received + mine_of_it
        result.realised += mine_of_it - cost
        if bought - sold <= QUICK.wallets.dust_fraction * bought:
            capture = min(1.0, received / (bought * best(opened, event.known_ns) * 1000))
            result.realised -= sum(lot[1] for lot in lots)
            result.trips.append((event.known_ns, spent, received, held / sold, capture))
            lots, opened, bought, spent, received, sold, held = [], 0, 0, 0, 0, 0, 0.0
    if bought and episode.over_ns is not None and not episode.graduated_ns:
        result.realised -= sum(lot[1] for lot in lots)
        capture = min(1.0, received / (bought * best(opened, episode.over_ns) * 1000))
        result.written_off.append((spent, received, capture))


def close_to(got: float, expected: float) -> bool:
    return got == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)


def mean(values: list[float]) -> float:
    return statistics.fmean(values) if values else math.nan


def middle(values: list[float]) -> float:
    return statistics.median(values) if values else math.nan


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_profits_and_behaviour_equal_naive_recomputation(seed: int) -> None:
    market = case.Market(seed)
    events = market.events(350)
    intelligence, _ = fed(events)
    for wallet in market.wallets:
        # A wallet that stayed away was forgotten; that has a test of its own.
        if intelligence.wallets.find(wallet) is None or gap(events, wallet) >= QUICK.wallets.wallet_idle_s * NS_PER_S:
            continue
        check(intelligence, wallet, naive(events, wallet), market.now)


def gap(events: list[AnyEvent], wallet: str) -> int:
    times = [e.known_ns for e in events if isinstance(e, Trade) and not e.quote_mint and e.wallet == wallet]
    return max((b - a for a, b in zip(times, [*times[1:], events[-1].known_ns], strict=True)), default=0)


def check(intelligence: Intelligence, wallet: str, expected: Naive, now_ns: int) -> None:
    record = intelligence.wallets.find(wallet)
    assert record is not None
    results = record.results
    closed, sizes = expected.closed, [buy.sol_amount / 1e9 for buy in expected.buys]
    assert (results.realised if results else 0) == expected.realised
    assert (results.closed if results else 0) == len(closed)
    assert (results.wins if results else 0) == sum(received > spent for spent, received, _ in closed)
    assert (results.spent if results else 0) == sum(spent for spent, _, _ in closed)
    assert (results.received if results else 0) == sum(received for _, received, _ in closed)
    assert (results.gains if results else 0) == sum(max(0, received - spent) for spent, received, _ in closed)
    trips = sorted(expected.trips)
    kept = trips[-QUICK.wallets.recent_trips :]
    answer = intelligence.wallet(wallet, now_ns)
    expected_answer = {
        "wallet_graduation_rate": expected.graduated / expected.entries if expected.entries else math.nan,
        "wallet_avg_buy_rank": mean(expected.ranks),
        "wallet_trades_at": len(expected.buys) + expected.sells,
        "tokens_traded": expected.entries,
        "pct_top10_entries": mean([rank <= 10 for rank in expected.ranks]),
        "avg_seconds_after_creation": mean(expected.ages),
        "pct_buys_under_60s": mean([age < 60 for age in expected.buy_ages]),
        "pct_buys_under_300s": mean([age < 300 for age in expected.buy_ages]),
        "avg_sol_per_buy": mean(sizes),
        "median_sol_per_buy": middle(
            [b.sol_amount / 1e9 for b in sorted(expected.buys, key=lambda b: b.known_ns)][-QUICK.wallets.recent_buys :]
        ),
        "sol_size_stddev": statistics.stdev(sizes) if len(sizes) > 1 else math.nan,
        "max_single_buy": max(sizes, default=math.nan),
        "avg_hold_seconds": mean([hold for _, _, _, hold, _ in trips]),
        "median_hold_seconds": middle([hold for _, _, _, hold, _ in kept]),
        "win_rate": mean([received > spent for spent, received, _ in closed]),
        "avg_return_multiple": mean([received / spent for spent, received, _ in closed]),
        "capture_efficiency": mean([capture for _, _, capture in closed]),
        "buys_per_active_hour": len(sizes) / len({b.known_ns // (3600 * NS_PER_S) for b in expected.buys})
        if sizes
        else math.nan,
    }
    for name, value in expected_answer.items():
        tolerance = 1e-6 if name == "median_hold_seconds" else 1e-9
        assert answer[name] == pytest.approx(value, rel=tolerance, abs=1e-9, nan_ok=True), name


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_co_buys_equal_naive_recomputation(seed: int) -> None:
    market = case.Market(seed, wallets=6, coins=4)
    # Within the first memory of co-buys and of edges nothing is forgotten, so that every pair of entries counts.
    events = [event for event in market.events(150) if event.known_ns < case.START_NS + 3000 * NS_PER_S]
    intelligence, _ = fed(events)
    entered: dict[str, int] = defaultdict(int)
    rows = []
    for episode in episodes(events):
        firsts: dict[str, Trade] = {}
        for trade in episode.trades:
            if trade.is_buy and trade.wallet not in firsts:
                firsts[trade.wallet] = trade
        rows += [(trade.known_ns, id(episode), trade.wallet) for trade in firsts.values()]
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    before: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for now, coin, wallet in sorted(rows):
        entered[wallet] += 1
        for then, other in before[coin][-(QUICK.wallets.recent_entrances - 1) :]:
            near = now - then <= QUICK.graph.window_s * NS_PER_S
            if near and min(entered[wallet], entered[other]) >= QUICK.graph.min_entries:
                found[other, wallet].append((now - then) / NS_PER_S)
        before[coin].append((now, wallet))
    for one in market.wallets:
        for other in market.wallets:
            if one < other and entered[one] and entered[other]:
                compare_pair(intelligence, one, other, found)


def compare_pair(intelligence: Intelligence, one: str, other: str, found: dict[tuple[str, str], list[float]]) -> None:
    first, second = intelligence.wallets.find(one), intelligence.wallets.find(other)
    assert first is not None
    assert second is not None
    low, high = (one, other) if first.number < second.number else (other, one)
    ahead, behind = found[low, high], found[high, low]
    edge = intelligence.graph.edge(pair(first.number, second.number))
    if len(ahead) + len(behind) < 2:
        assert edge is None
        return
    assert edge is not None
    assert (edge.count, edge.low_first) == (len(ahead) + len(behind), len(ahead))
    signed = ahead + [-delay for delay in behind]
    assert edge.delay_s == pytest.approx(statistics.fmean(signed), abs=1e-9)
    assert edge.delay_sd_s == pytest.approx(statistics.stdev(signed), abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_creators_equal_naive_recomputation(seed: int) -> None:
    market = case.Market(seed)
    events = market.events(350)
    intelligence, _ = fed(events)
    end, rules = events[-1].known_ns, QUICK.creators
    launched = [episode for episode in episodes(events) if episode.created_ns]
    for creator in market.wallets[:3]:
        mine = [episode for episode in launched if episode.creator == creator]
        answer = intelligence.creator(creator, end)
        if not mine:
            assert all(math.isnan(value) for value in answer.values())
            continue
        judged = []
        for episode in mine:
            last = max([episode.created_ns, *(t.known_ns for t in episode.trades)])
            if not episode.graduated_ns and run_at(last + rules.dead_after_s * NS_PER_S, rules.every_s) <= end:
                judged.append((last - episode.created_ns) / NS_PER_S)
        graduated = sum(bool(episode.graduated_ns) for episode in mine)
        rugs = sum(rugged(episode, end) for episode in mine)
        assert answer["creator_tokens"] == len(mine)
        assert answer["creator_launches_24h"] == len(mine)
        assert close_to(answer["creator_avg_lifetime_s"], mean(judged))
        ended = len(judged) + graduated
        assert close_to(answer["creator_rug_rate"], rugs / ended if ended else math.nan)
        assert close_to(answer["creator_graduation_rate"], graduated / ended if ended else math.nan)
        assert answer["creator_insider_pct"] == pytest.approx(mean([insider_share(e) for e in mine]), abs=1e-12)


def insiders_of(episode: Episode) -> list[Trade]:
    inside = {episode.creator}
    limit = episode.created_ns + QUICK.creators.rug_within_s * NS_PER_S
    found = []
    for trade in episode.trades:
        if trade.is_buy and trade.slot <= episode.slot + QUICK.creators.insider_slots:
            inside.add(trade.wallet)
        if trade.wallet in inside and trade.known_ns <= limit:
            found.append(trade)
    return found


def insider_share(episode: Episode) -> float:
    held = most = 0
    for trade in insiders_of(episode):
        held += trade.token_amount if trade.is_buy else -trade.token_amount
        most = max(most, held)
    return most / 1_000_000_000_000_000


def rugged(episode: Episode, end: int) -> bool:
    trades, rules = episode.trades, QUICK.creators
    last = max([episode.created_ns, *(t.known_ns for t in trades)])
    if episode.graduated_ns or run_at(last + rules.dead_after_s * NS_PER_S, rules.every_s) > end or not trades:
        return False
    bought = sum(t.token_amount for t in insiders_of(episode) if t.is_buy)
    sold = sum(t.token_amount for t in insiders_of(episode) if not t.is_buy)
    peak, start = max(t.price for t in trades), 30 / 1_073_000_000
    fell = peak - trades[-1].price >= rules.rug_given_back * (peak - start)
    large = insider_share(episode) >= rules.rug_share
    return bought > 0 and large and sold >= rules.rug_sold * bought and fell


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_decay_equals_naive_recomputation(seed: int) -> None:
    market = case.Market(seed)
    intelligence = Intelligence(QUICK)
    for wallet in market.wallets[:4]:
        intelligence.track(wallet)
    clock = case.Clockwork(intelligence)
    events = market.events(300)
    for event in [*events, case.create((market.now - case.T0) / NS_PER_S + 4000, "the end")]:
        clock.feed(event)
    expected: dict[str, list[float]] = {wallet: [0.0] * 8 for wallet in market.wallets[:4]}
    kept: dict[str, list[float]] = {wallet: [0.0] * 8 for wallet in market.wallets[:4]}
    for episode in episodes(events):
        entered: dict[str, int] = {}
        for trade in episode.trades:
            if trade.is_buy:
                entered.setdefault(trade.wallet, trade.known_ns)
        mint = episode.events[0].mint
        same = [t for t in events if isinstance(t, Trade) and t.mint == mint and not t.quote_mint]
        prices = [(t.known_ns, t.price) for t in same]
        for wallet, start in entered.items():
            if wallet in expected and not gap(events, wallet) >= QUICK.wallets.wallet_idle_s * NS_PER_S:
                for index, delay in enumerate(QUICK.decay.delays_s):
                    begin, end = start + delay * NS_PER_S, start + QUICK.decay.horizon_s * NS_PER_S
                    entry = [value for ns, value in prices if ns <= begin][-1]
                    top = max([entry, *(value for ns, value in prices if begin <= ns <= end)])
                    expected[wallet][index] += math.log(top / entry)
                    kept[wallet][index] += follower(same, begin, end)
    for wallet, left in expected.items():
        record = intelligence.wallets.find(wallet)
        curve = intelligence.decay.curve(record.number) if record else None
        if curve is not None and gap(events, wallet) < QUICK.wallets.wallet_idle_s * NS_PER_S:
            assert curve.left == pytest.approx(left, abs=1e-9)
            assert curve.kept == pytest.approx(kept[wallet], abs=1e-5), "to the lamports of its roundings"


def follower(trades: list[Trade], begin: int, end: int) -> float:
    """What a buy of 0.1 SOL at `begin` and its sale at `end` bring by the outcomes' terms; prices in fractions."""
    bought, sold = ([t for t in trades if t.known_ns <= at][-1] for at in (begin, end))
    paid, net = 0.1, 0.1 / 1.0125
    tokens = bought.virtual_token * net / (bought.virtual_sol / 1e9 + net)
    gross = tokens * sold.virtual_sol / 1e9 / (sold.virtual_token + tokens)
    return gross * (1 - 0.0125) / (paid + 0.000234) - 1


# Against themselves


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.data())
def test_restoring_at_any_event_changes_no_bit(seed: int, data: st.DataObject) -> None:
    market = case.Market(seed)
    events = market.events(260)
    cuts = data.draw(st.lists(st.integers(1, len(events) - 1), min_size=1, max_size=3))
    undisturbed, _ = fed(events)
    intelligence, clock = Intelligence(QUICK), None
    clock = case.Clockwork(intelligence)
    for index, event in enumerate(events):
        if index in cuts:
            saved = [book.save() for book in intelligence.books]
            intelligence = Intelligence(QUICK)
            for book, state in zip(intelligence.books, saved, strict=True):
                book.restore(state)
            due, clock = clock.due, case.Clockwork(intelligence)
            clock.due = due
        clock.feed(event)
    for left, right in zip(undisturbed.books, intelligence.books, strict=True):
        assert left.save() == right.save(), left.name
    assert repr(case.answers(undisturbed, market)) == repr(case.answers(intelligence, market))


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.integers(20, 200))
def test_what_was_answered_never_changes(seed: int, at: int) -> None:
    answered = []
    for future in (1, 2):
        market = case.Market(seed)
        intelligence, clock = fed(market.events(at))
        now, wallet = market.now, market.wallets[0]
        given_out = [
            intelligence.wallet(wallet, now),
            intelligence.creator(wallet, now),
            intelligence.social(wallet, market.coins[0], now),
            intelligence.buyers([(wallet, 1.0)], now),
        ]
        answered.append((repr(case.answers(intelligence, market)), repr(given_out)))
        market.random.seed(future)
        for event in market.events(150):
            clock.feed(event)
        # What was handed out is not the books' own and does not move with them.
        assert repr(given_out) == answered[-1][1]
    assert answered[0] == answered[1]


def test_the_score_at_a_buy_is_the_one_known_then() -> None:
    market = case.Market(3)
    intelligence = Intelligence(QUICK)
    clock = case.Clockwork(intelligence)
    seen: list[tuple[int, str, float]] = []
    scored_ns: dict[str, int] = {}
    for event in market.events(600):
        clock.feed(event)
        if isinstance(event, Trade) and event.is_buy and not event.quote_mint:
            record = intelligence.wallets.find(event.wallet)
            assert record is not None
            score = intelligence.alpha.score(record.number)
            seen.append(
                (event.known_ns, event.wallet, intelligence.wallet(event.wallet, event.known_ns)["alpha_score"])
            )
            if score is not None:
                assert score.scored_ns <= event.known_ns
                assert score.scored_ns % (QUICK.alpha.every_s * NS_PER_S) == 0
                assert score.scored_ns >= scored_ns.get(event.wallet, 0)
                scored_ns[event.wallet] = score.scored_ns
    assert scored_ns
    assert any(alpha == alpha for _, _, alpha in seen)
