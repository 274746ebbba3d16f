"""Bots, alpha, discovery, creators, co-buys, clusters, copying, operators and decay on examples worked by hand."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from types import ModuleType

import pytest

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import RecipeError
from alphaloop.markets.pumpfun.books.decay import DecaySettings
from alphaloop.markets.pumpfun.books.graph import Edge, pair
from alphaloop.markets.pumpfun.books.intelligence import Intelligence, IntelligenceSettings
from alphaloop.markets.pumpfun.events import AnyEvent


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
create, trade, price, complete = case.create, case.trade, case.price, case.complete


def fed(*events: AnyEvent, until: float = 0.0, **settings: object) -> Intelligence:
    """Books fed with events and run until `until` seconds after T0."""
    intelligence = Intelligence(IntelligenceSettings.model_validate(settings))
    clock = case.Clockwork(intelligence)
    for event in sorted(events, key=lambda event: event.known_ns):
        clock.feed(event)
    if until:
        clock.feed(create(until, "the end", "nobody"))
    return intelligence


def number(intelligence: Intelligence, wallet: str) -> int:
    record = intelligence.wallets.find(wallet)
    assert record is not None
    return record.number


# Bots


def test_many_coins_in_two_hours_make_a_bot_at_the_next_look() -> None:
    def entries(count: int, apart: float) -> list[AnyEvent]:
        return [trade(1 + apart * i, "w", 0.5, 1000, mint=f"m{i}") for i in range(count)]

    assert fed(*entries(20, 300), until=9000).is_bot("w")
    assert not fed(*entries(19, 300), until=9000).is_bot("w")
    assert not fed(*entries(20, 400), until=9000).is_bot("w")
    assert not fed(*entries(20, 10)).is_bot("w")
    assert fed(*entries(20, 300), until=9000).bots.state.patterns == {0: "high_frequency"}


def test_many_tiny_buys_make_a_bot() -> None:
    def buys(count: int, sol: float) -> list[AnyEvent]:
        return [trade(1 + i, "w", sol, 1000) for i in range(count)]

    assert fed(*buys(30, 0.019), until=4000).bots.state.patterns == {0: "micro_buyer"}
    assert not fed(*buys(30, 0.021), until=4000).is_bot("w")
    assert not fed(*buys(29, 0.019), until=4000).is_bot("w")


def test_quick_round_trips_make_a_bot() -> None:
    def trips(count: int, hold: float) -> list[AnyEvent]:
        return [
            event
            for i in range(count)
            for event in (trade(1 + 60 * i, "w", 0.5, 1000), trade(1 + 60 * i + hold, "w", -0.5, 1000))
        ]

    assert fed(*trips(10, 19), until=4000).bots.state.patterns == {0: "quick_flipper"}
    assert not fed(*trips(10, 21), until=4000).is_bot("w")
    assert not fed(*trips(9, 19), until=4000).is_bot("w")


def test_a_verdict_ends() -> None:
    events = [trade(1 + i, "w", 0.01, 1000) for i in range(30)]
    assert fed(*events, until=8990, bots={"memory_s": 7200}).is_bot("w")
    assert not fed(*events, until=9100, bots={"memory_s": 7200}).is_bot("w")


# Alpha


def skilled(wallet: str = "w", coins: int = 12, gain: float = 3.0) -> list[AnyEvent]:
    """Early entries, each sold at the peak; every second coin graduates."""
    events: list[AnyEvent] = []
    for i in range(coins):
        begin, mint = 1 + 100.0 * i, f"{wallet}-{i}"
        events += [
            create(begin, mint, f"dev{i}"),
            trade(begin + 1, wallet, 0.001, 10_000_000_000, mint=mint, **price(1e-7)),
            trade(begin + 60, wallet, -0.001 * gain, 10_000_000_000, mint=mint, **price(1e-7 * gain)),
        ]
        if i % 2:
            events.append(complete(begin + 61, mint))
    return events


def test_alpha_has_seven_parts_that_add_up() -> None:
    intelligence = fed(*skilled(), until=2000)
    score = intelligence.alpha.score(number(intelligence, "w"))
    record = intelligence.wallets.find("w")
    assert record is not None
    assert score is not None
    parts = intelligence.alpha.parts(record, score.scored_ns)
    assert parts["graduation"] == 1.0
    assert parts["win"] == 1.0
    assert parts["capture"] == 1.0
    assert parts["timing"] == pytest.approx(0.5 + 0.5 * (1 - math.log(2) / math.log(601)))
    assert parts["consistency"] == pytest.approx(11 / 12)
    assert parts["return_size"] == pytest.approx(1.0)
    assert parts["recency"] == pytest.approx(0.5 * 12 / 50 + 0.5, abs=0.01)
    weights = {"graduation": 0.2, "win": 0.2, "capture": 0.15, "timing": 0.15}
    expected = 100 * sum(weights.get(part, 0.1) * value for part, value in parts.items())
    assert score.alpha == pytest.approx(expected)
    assert score.confidence == pytest.approx(12 / 50)


def test_alpha_needs_ten_coins_and_waits_for_its_round() -> None:
    assert math.isnan(fed(*skilled(coins=9), until=2000).alpha_of("w"))
    assert math.isnan(fed(*skilled(coins=10)).alpha_of("w"))
    assert fed(*skilled(coins=10), until=2000).alpha_of("w") > 60
    assert fed(*skilled(coins=10, gain=0.4), until=2000).alpha_of("w") < 60


def test_a_bot_has_an_alpha_of_at_most_thirty() -> None:
    intelligence = fed(*skilled(coins=24), until=3800)
    assert intelligence.is_bot("w")
    assert intelligence.alpha_of("w") == 30.0


# Discovery


def test_early_buyers_that_held_are_tracked_from_the_graduation_on() -> None:
    events = [
        create(0, creator="dev"),
        trade(1, "dev", 1.0, 1000),
        trade(2, "held", 1.0, 1000),
        trade(3, "half", 1.0, 1000),
        trade(4, "sold", 1.0, 1000),
        trade(5, "late", 1.0, 1000),
        trade(6, "half", -1.0, 500),
        trade(7, "sold", -1.0, 501),
    ]
    before = fed(*events, discovery={"early_buyers": 4})
    assert not before.discovery.tracked
    after = fed(*events, complete(8), discovery={"early_buyers": 4})
    assert list(after.discovery.tracked) == ["held", "half"]
    assert after.discovery.tracked["held"].source == "graduation"
    assert after.discovery.tracked["held"].mint == "m"


def test_wallets_beside_a_tracked_one_are_candidates_and_promoted_by_their_alpha() -> None:
    intelligence = Intelligence()
    intelligence.track("guru")
    clock = case.Clockwork(intelligence)
    beside = [
        trade(1995, "long before", 0.5, 10),
        trade(2010, "before", 0.5, 10),
        trade(2015, "guru", 0.5, 10),
        trade(2020, "w", 0.5, 10),
        trade(2026, "long after", 0.5, 10),
    ]
    for event in [*skilled(coins=10), *beside, trade(2100, "w", 0.5, 10, mint="other")]:
        clock.feed(event)
    assert list(intelligence.discovery.state.candidates) == ["before", "w"]
    assert not intelligence.is_tracked("w")
    clock.feed(create(5000, "the end"))
    assert intelligence.discovery.tracked["w"].source == "signal"
    assert list(intelligence.discovery.state.candidates) == ["before"]


def test_tracking_by_hand_ends_by_hand() -> None:
    intelligence = fed(*skilled(coins=24), until=3800)
    assert intelligence.is_bot("w")
    intelligence.track("w")
    clock = case.Clockwork(intelligence)
    clock.feed(trade(4000, "w", 0.5, 10, mint="n"))
    clock.feed(create(8000, "n2"))
    assert intelligence.is_tracked("w")
    intelligence.untrack("w")
    assert not intelligence.is_tracked("w")


def test_a_tracked_wallet_that_turns_out_a_bot_stays_while_its_capped_alpha_is_high_enough() -> None:
    graduates = [create(-9, mint="first"), trade(-8, "w", 0.5, 1000, mint="first"), complete(-7, mint="first")]
    able = fed(*graduates, *skilled(coins=24), until=3800)
    assert able.is_tracked("w")
    assert (able.classes("w")["is_bot"], able.alpha_of("w")) == (1.0, 30.0), "a signal of a bot says so"
    strict = fed(*graduates, *skilled(coins=24), until=3800, discovery={"drop_alpha": 31})
    assert strict.is_bot("w")
    assert not strict.is_tracked("w")


def test_a_bot_of_which_nothing_else_is_known_is_not_tracked() -> None:
    graduates = [
        create(0, creator="dev"),
        trade(1, "w", 0.5, 1000),
        complete(2),
    ]
    tiny = [trade(10 + i, "w", 0.01, 1000, mint="n") for i in range(40)]
    assert fed(*graduates, *tiny).is_tracked("w")
    assert not fed(*graduates, *tiny, until=4000).is_tracked("w")
    known = [create(4100, mint="late"), trade(4101, "w", 0.5, 1000, mint="late"), complete(4102, mint="late")]
    assert not fed(*graduates, *tiny, *known).is_tracked("w"), "a known bot does not come to be tracked"


# Creators


def rug(begin: float, mint: str) -> list[AnyEvent]:
    first = create(begin, mint, "dev")
    return [
        first,
        trade(begin + 0.01, "dev", 1.0, 50_000_000_000_000, mint=mint, slot=first.slot, **price(5e-8)),
        trade(begin + 0.02, "friend", 1.0, 50_000_000_000_000, mint=mint, slot=first.slot, **price(6e-8)),
        trade(begin + 30, "victim", 1.0, 1000, mint=mint, **price(9e-8)),
        trade(begin + 40, "dev", -1.0, 50_000_000_000_000, mint=mint, **price(5e-8)),
        trade(begin + 50, "friend", -1.0, 50_000_000_000_000, mint=mint, **price(3e-8)),
    ]


def honest(begin: float, mint: str, life: float) -> list[AnyEvent]:
    return [
        create(begin, mint, "dev"),
        *(trade(begin + life * (i + 1) / 10, f"{mint}{i}", 0.5, 1000, mint=mint, **price(3e-8)) for i in range(10)),
    ]


def test_a_creator_that_sells_out_is_risky() -> None:
    bad = fed(*rug(1, "r1"), *rug(100, "r2"), *rug(200, "r3"), until=8000).creator("dev", T0 + 8000 * NS_PER_S)
    good = fed(*honest(1, "h1", 3000), *honest(100, "h2", 4000), until=9000).creator("dev", T0 + 9000 * NS_PER_S)
    assert (bad["creator_rug_rate"], bad["creator_tokens"], bad["creator_launches_24h"]) == (1.0, 3.0, 3.0)
    assert bad["creator_avg_lifetime_s"] == pytest.approx(50.0)
    assert bad["creator_insider_pct"] == pytest.approx(0.1)
    assert good["creator_rug_rate"] == 0.0
    assert good["creator_risk_score"] < 20 < 45 < bad["creator_risk_score"]
    rug_part, life_part = (3 + 0.6) / 5, 1 - math.log(1 + 50 / 60) / math.log(61)
    expected = 100 * (0.35 * rug_part + 0.15 * life_part + 0.2 * 0.5 + 0.15 * 0.0 + 0.15 * 0.3)
    assert bad["creator_risk_score"] == pytest.approx(expected)


def test_one_launch_gives_no_risk_and_an_unknown_creator_nothing() -> None:
    intelligence = fed(*rug(1, "r1"), until=8000)
    assert math.isnan(intelligence.creator("dev", T0)["creator_risk_score"])
    assert all(math.isnan(value) for value in intelligence.creator("stranger", T0).values())


def test_a_first_launch_has_no_graduation_rate_until_it_is_settled() -> None:
    first = [create(0, "one", "dev"), trade(1, "w", 0.5, 1000, mint="one")]
    rate = "creator_graduation_rate"
    assert math.isnan(fed(*first).creator("dev", T0)[rate]), "not the same as a creator who never succeeds"
    assert fed(*first, until=6000).creator("dev", T0)[rate] == 0.0, "judged dead"
    assert fed(*first, complete(2, "one")).creator("dev", T0)[rate] == 1.0
    second = [create(10, "two", "dev"), trade(11, "w", 0.5, 1000, mint="two")]
    assert fed(*first, complete(2, "one"), *second).creator("dev", T0)[rate] == 1.0, "the second is still open"


def test_a_judgement_is_taken_back_when_the_coin_lives_on() -> None:
    events, now = honest(1, "h1", 1000), T0 + 8000 * NS_PER_S
    assert fed(*events, until=8000).creator("dev", now)["creator_avg_lifetime_s"] == pytest.approx(1000)
    alive = fed(*events, trade(7000, "x", 0.5, 1, mint="h1"), until=8000).creator("dev", now)
    assert math.isnan(alive["creator_avg_lifetime_s"])
    over = fed(*events, trade(7000, "x", 0.5, 1, mint="h1"), until=12_000).creator("dev", now)
    assert over["creator_avg_lifetime_s"] == pytest.approx(6999)


def test_launches_leave_the_last_day() -> None:
    intelligence = fed(create(0, "a"), create(100, "b"))
    day = 86_400 * NS_PER_S
    assert intelligence.creator("dev", T0 + day - 1)["creator_launches_24h"] == 2
    assert intelligence.creator("dev", T0 + day)["creator_launches_24h"] == 1


# The co-buy graph


def together(*orders: tuple[str, ...], apart: float = 1.0, size: float = 0.5) -> list[AnyEvent]:
    """One coin for each order of wallets, ten minutes apart."""
    return [
        trade(1 + 600 * coin + apart * place, wallet, size * (1 + place), 1000, mint=f"c{coin}")
        for coin, order in enumerate(orders)
        for place, wallet in enumerate(order)
    ]


def test_an_edge_begins_at_the_second_co_buy_within_the_memory() -> None:
    graph = {"min_entries": 1, "first_s": 3600}
    soon = fed(*together(("a", "b"), ("b", "a"), ("a", "b")), graph=graph)
    edge = soon.graph.edge(pair(0, 1))
    assert edge == Edge(3, 2, pytest.approx(1 / 3), pytest.approx(8 / 3), edge.seen_ns if edge else 0)
    assert soon.social("a", "c0", T0)["cobuy_degree"] == 1.0
    once = fed(*together(("a", "b")), graph=graph)
    assert once.graph.edge(pair(0, 1)) is None
    far = [trade(1 + 9000 * i + k, wallet, 0.5, 1, mint=f"c{i}") for i in (0, 1) for k, wallet in enumerate("ab")]
    assert fed(*far, graph=graph).graph.edge(pair(0, 1)) is None
    assert fed(*far, graph=graph | {"first_s": 9000}).graph.edge(pair(0, 1)) is not None


def test_an_idle_edge_is_dropped_with_its_degree_its_cluster_and_its_copy_pair() -> None:
    settings = {
        "graph": {"min_entries": 1, "edge_idle_s": 7200},
        "clusters": {"strong_cobuys": 2},
        "copying": {"min_copies": 3},
    }
    events = together(*[("a", "b")] * 4)
    before = fed(*events, until=3700, **settings)
    assert before.social("b", "c0", T0)["cluster_size"] == 2.0
    assert before.classes("b")["is_copy_trader"] == 1.0
    after = fed(*events, until=15_000, **settings)
    assert after.social("b", "c0", T0) == pytest.approx(
        {
            "cobuy_degree": 0.0,
            "cluster_size": 1.0,
            "cluster_avg_alpha": math.nan,
            "cluster_graduation_rate": math.nan,
            "wallet_pagerank": math.nan,
            "cluster_cobuyers_here": 0.0,
        },
        nan_ok=True,
    )
    assert after.classes("b")["is_copy_trader"] == 0.0
    assert after.follower_weight("b") == 1.0
    assert after.clusters.state.links == {}


def test_the_number_of_edges_and_first_co_buys_is_bounded() -> None:
    names = [f"w{i}" for i in range(12)]
    orders = [tuple(names)] * 3
    bounded = fed(*together(*orders, apart=0.1), graph={"min_entries": 1, "max_edges": 20, "max_first": 10})
    assert len(bounded.graph.state.edges) <= 20
    assert len(bounded.graph.state.first) < 10
    degrees: dict[int, int] = {}
    for key in bounded.graph.state.edges:
        for end in (key >> 32, key & 0xFFFFFFFF):
            degrees[end] = degrees.get(end, 0) + 1
    assert degrees == bounded.graph.state.degrees


def test_clusters_are_components_and_the_leader_ranks_first() -> None:
    events = together(*[("lead", "f1", "f2"), ("x", "y")] * 4)
    found = fed(*events, until=7300, graph={"min_entries": 1})
    social = found.social("lead", "c0", T0)
    assert (social["cluster_size"], social["cluster_cobuyers_here"]) == (3.0, 2.0)
    assert found.social("lead", "c1", T0)["cluster_cobuyers_here"] == 0.0
    assert found.social("x", "c1", T0)["cluster_size"] == 2.0
    ranks = [found.social(wallet, "c0", T0)["wallet_pagerank"] for wallet in ("lead", "f1", "f2")]
    assert ranks == sorted(ranks, reverse=True)
    assert sum(ranks) == pytest.approx(3.0, abs=1e-6)


def test_a_component_that_is_too_large_is_cut_where_it_is_weak() -> None:
    strong = [("a", "b"), ("c", "d")] * 5
    bridge = [("b", "c")] * 3
    graph, clusters = {"min_entries": 1}, {"strong_share": 0.0}
    whole = fed(*together(*strong, *bridge), until=9000, graph=graph, clusters=clusters)
    assert whole.social("a", "c0", T0)["cluster_size"] == 4.0
    cut = fed(*together(*strong, *bridge), until=9000, graph=graph, clusters=clusters | {"max_cluster": 3})
    assert [cut.social(wallet, "c0", T0)["cluster_size"] for wallet in "abcd"] == [2.0, 2.0, 2.0, 2.0]


def test_clusters_are_the_same_however_often_they_were_made() -> None:
    market = case.Market(11, wallets=20, coins=6)
    events = market.events(700)
    intelligence = fed(*events, **case.QUICK.model_dump())
    links = intelligence.clusters.state.links
    for cluster in intelligence.clusters.state.clusters.values():
        for member in cluster.members:
            assert intelligence.clusters.state.cluster_of[member] in intelligence.clusters.state.clusters
    inside = {frozenset(cluster.members) for cluster in intelligence.clusters.state.clusters.values()}
    afresh = Intelligence(case.QUICK)
    for book, source in zip(afresh.books, intelligence.books, strict=True):
        book.restore(source.save())
    afresh.clusters.cluster_anew(dict.fromkeys(links))
    assert {frozenset(cluster.members) for cluster in afresh.clusters.state.clusters.values()} == inside


# Copying


def test_the_three_kinds_of_copying() -> None:
    graph = {"min_entries": 1}
    exact = fed(*together(*[("a", "b")] * 6, apart=1.5), until=4000, graph=graph)
    (found,) = exact.copying.pairs(number(exact, "b"))
    assert (found.kind, found.copies, found.consistency, found.delay_s) == ("exact", 6, 1.0, 1.5)
    assert (exact.follower_weight("b"), exact.follower_weight("a")) == (0.25, 1.0)
    assert exact.classes("b")["is_copy_trader"] == 1.0
    assert exact.classes("a")["is_copy_trader"] == 0.0
    delayed = fed(*together(*[("a", "b")] * 6, apart=15), until=4000, graph=graph)
    assert [p.kind for p in delayed.copying.pairs(1)] == ["delayed"]
    assert delayed.follower_weight("b") == 0.5
    mutual = fed(*together(*[("a", "b"), ("b", "a")] * 3, apart=15), until=4000, graph=graph)
    assert (mutual.follower_weight("a"), mutual.follower_weight("b")) == (0.75, 0.75)
    assert mutual.classes("b")["is_copy_trader"] == 0.0
    few = fed(*together(*[("a", "b")] * 4), until=4000, graph=graph)
    assert few.follower_weight("b") == 1.0


# Operators


def bursts(count: int, sizes: tuple[float, float], slots: tuple[int, int] = (1, 1)) -> list[AnyEvent]:
    return [
        trade(1 + 60 * i + place * 0.01, wallet, size, 1000, mint=f"c{i}", slot=1000 * i + slot)
        for i in range(count)
        for place, (wallet, size, slot) in enumerate(zip(("a", "b"), sizes, slots, strict=True))
    ]


def test_equal_buys_in_one_slot_again_and_again_are_one_operator() -> None:
    linked = fed(*bursts(3, (0.5, 0.505)))
    assert (linked.operator("b"), linked.operator("a")) == ("a", "a")
    assert linked.operators.wallets(number(linked, "a")) == [0, 1]
    assert fed(*bursts(2, (0.5, 0.505))).operator("b") is None
    assert fed(*bursts(3, (0.5, 0.52))).operator("b") is None
    assert fed(*bursts(3, (0.5, 0.5), slots=(1, 2))).operator("b") is None


def house(wallets: tuple[str, ...], launches: int, begin: float = 1.0) -> list[AnyEvent]:
    """A creator whose coins the wallets enter in the slot of the creation, each with an amount of its own."""
    events: list[AnyEvent] = []
    for i in range(launches):
        at, mint = begin + 60 * i, f"h{begin}{i}"
        first = create(at, mint, "dev")
        events += [first, trade(at + 0.01, "dev", 0.1, 10, mint=mint, slot=first.slot)]
        for k, wallet in enumerate(wallets):
            events.append(trade(at + 0.1 + k / 100, wallet, 0.3 + k / 5, 10, mint=mint, slot=first.slot))
    return events


def test_wallets_that_come_with_a_creators_launches_are_of_its_house() -> None:
    linked = fed(*house(("s1", "s2"), 3))
    assert [linked.operator(wallet) for wallet in ("dev", "s1", "s2")] == ["dev", "dev", "dev"]
    assert fed(*house(("s1", "s2"), 2)).operator("s1") is None
    elsewhere = [trade(300 + 60 * i, "s1", 0.5, 10, mint=f"o{i}") for i in range(4)]
    often = [*house(("s1", "s2"), 2), *elsewhere, *house(("s1",), 2, begin=900.0)]
    assert fed(*often).operator("s1") == "dev"
    assert fed(*often, operators={"house_share": 0.6}).operator("s1") is None


def test_an_operator_outlives_a_forgotten_wallet() -> None:
    burst = [
        trade(1 + 60 * i + place * 0.01, wallet, 0.5, 1000, mint=f"c{i}", slot=1000 * i)
        for i in range(3)
        for place, wallet in enumerate(("a", "b", "c"))
    ]
    later = [trade(5000, wallet, 0.5, 1, mint="n") for wallet in ("b",)]
    later += [trade(5001, "c", 0.5, 1, mint="n")]
    for until, kept in ((8000, 3), (9100, 2)):
        left = fed(*burst, *later, until=until, wallets={"wallet_idle_s": 6000})
        assert left.wallets.find("a") is None
        assert (left.operator("c"), left.operator("b")) == ("b", "b")
        assert len(left.operators.state.operator_of) == kept


# Decay


def test_decay_measures_what_is_left_after_each_delay() -> None:
    events: list[AnyEvent] = []
    for i in range(5):
        begin, mint, stock = 1 + 4000.0 * i, f"c{i}", {"real_token": 10**15}
        events += [
            trade(begin, "w", 0.5, 1000, mint=mint, **price(1e-7), **stock),
            trade(begin + 15, "x", 0.5, 1000, mint=mint, **price(2e-7), **stock),
            trade(begin + 100, "x", 0.5, 1000, mint=mint, **price(4e-7), **stock),
            trade(begin + 1801, "x", 0.5, 1000, mint=mint, **price(9e-7), **stock),
        ]
    intelligence = Intelligence()
    intelligence.track("w")
    clock = case.Clockwork(intelligence)
    for event in [*events, create(25_000, "the end")]:
        clock.feed(event)
    curve = intelligence.decay.curve(number(intelligence, "w"))
    assert curve is not None
    two = math.log(2)
    # At 15 s exactly the price is already doubled; after 100 s nothing is left; what comes after 1800 s is too late.
    # From 1 s to 15 s half of it goes.
    assert [left / 5 for left in curve.left] == pytest.approx([2 * two, 2 * two, two, two, two, 0, 0, 0])
    classes = intelligence.classes("w")
    assert classes["optimal_follow_delay_s"] == 1.0
    assert classes["alpha_half_life_s"] == pytest.approx(15.0)
    assert intelligence.decay.state.coins == {}
    assert math.isnan(fed(*events, until=25_000).classes("w")["alpha_half_life_s"])


def follow(*then: tuple[float, float], until: float = 25_000) -> tuple[dict[str, float], list[float]]:
    """Five entries at a price of 1e-7, the prices that come so many seconds later, and what followers kept."""
    intelligence = Intelligence()
    intelligence.track("w")
    clock = case.Clockwork(intelligence)
    for i in range(5):
        begin, mint, stock = 1 + 4000.0 * i, f"c{i}", {"real_token": 10**15, "real_sol": 10 * NS_PER_S}
        clock.feed(trade(begin, "w", 0.5, 1000, mint=mint, **price(1e-7), **stock))
        for later, level in then:
            clock.feed(trade(begin + later, "x", 0.5, 1000, mint=mint, **price(level), **stock))
    clock.feed(create(until, "the end"))
    curve = intelligence.decay.curve(number(intelligence, "w"))
    return intelligence.classes("w"), [kept / curve.entries for kept in curve.kept] if curve else []


def test_the_best_delay_is_the_one_at_which_followers_kept_most() -> None:
    crowd = (0.5, 2e-7), (40, 1e-7), (90, 4e-7), (200, 1.5e-7)
    classes, kept = follow(*crowd)
    assert classes["optimal_follow_delay_s"] == 60.0, "bought in the dip, at 1e-7, and sold at 1.5e-7"
    assert kept[4] == max(kept)
    assert 0.40 < kept[4] < 0.5 * (1 - 0.025), "less than the price rose: fees, network and the own effect on prices"
    assert kept[0] == kept[1] < -0.25, "those who jumped in at 2e-7, whatever the peak of 4e-7 promised"
    assert kept[6] == pytest.approx(-0.0282, abs=2e-3), "nothing moved from 300 s on: only costs"


def test_where_followers_kept_nothing_there_is_no_best_delay() -> None:
    classes, kept = follow((10, 0.9e-7), (400, 4e-7), (1700, 0.8e-7))
    assert max(kept) < 0
    assert math.isnan(classes["optimal_follow_delay_s"])
    assert not math.isnan(classes["alpha_half_life_s"]), "there was a rise, but who sells the top?"


def test_a_follower_who_came_after_the_curve_was_sold_out_paid_and_kept_nothing() -> None:
    intelligence = Intelligence()
    intelligence.track("w")
    clock = case.Clockwork(intelligence)
    for i in range(5):
        begin, mint = 1 + 4000.0 * i, f"c{i}"
        clock.feed(trade(begin, "w", 0.5, 1000, mint=mint, **price(1e-7), real_token=10**15))
        clock.feed(trade(begin + 20, "x", 0.5, 1000, mint=mint, **price(3e-7), real_token=0))
    clock.feed(create(25_000, "the end"))
    curve = intelligence.decay.curve(number(intelligence, "w"))
    assert curve is not None
    assert [round(kept / 5, 1) for kept in curve.kept] == [1.9, 1.9, 1.9, 0, 0, 0, 0, 0]


def test_nothing_is_known_of_an_entry_before_its_half_hour_is_over() -> None:
    before, _ = follow((100, 3e-7), until=1 + 4 * 4000 + 1800)
    assert math.isnan(before["optimal_follow_delay_s"]), "the fifth entry is not resolved"
    after, _ = follow((100, 3e-7), until=1 + 4 * 4000 + 1800 + 3600 + 3600)
    assert after["optimal_follow_delay_s"] == 1.0


def test_a_delay_of_nothing_cannot_be_followed() -> None:
    with pytest.raises(RecipeError, match="must rise from 1 or more"):
        DecaySettings.parse({"delays_s": [0, 5]}, "settings.toml")


def test_decay_waits_for_enough_entries() -> None:
    intelligence = Intelligence()
    intelligence.track("w")
    clock = case.Clockwork(intelligence)
    for i in range(4):
        clock.feed(trade(1 + 10 * i, "w", 0.5, 1000, mint=f"c{i}"))
    clock.feed(create(9000, "the end"))
    curve = intelligence.decay.curve(number(intelligence, "w"))
    assert curve is not None
    assert curve.entries == 4
    assert math.isnan(intelligence.classes("w")["optimal_follow_delay_s"])
