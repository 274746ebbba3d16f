"""Facts: how old they may be, who reads them, and what happens while a road is closed."""

from __future__ import annotations

import asyncio

import pytest

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.curve.fees import TODAY
from alphaloop.markets.pumpfun.live.execution import FactSettings, Freshness, PrioritySettings
from alphaloop.markets.pumpfun.live.facts import MARKET, ChainFacts, StaleFactError, percentile
from alphaloop.markets.pumpfun.transactions.envelope import Lifetime
from alphaloop.markets.pumpfun.transactions.tips import TIP_ACCOUNTS
from live_case import small
from live_orders import Road


def test_everything_is_read_once_at_the_start():
    chain = small()
    road = asyncio.run(Road(chain).ready())
    facts, now = road.facts, road.clock.ns
    assert facts.lifetime(now) == Lifetime(*chain.latest_blockhash())
    assert facts.program(now).fees.fees(10**10) == TODAY
    assert len(facts.program(now).settings.buyback_fee_recipients) == 8
    assert facts.tip_floor(now).p75 == 50_000
    assert facts.tip_accounts(now) == TIP_ACCOUNTS
    assert {name: each["stale"] for name, each in facts.report(now).items()} == dict.fromkeys(
        ("blockhash", "program", "tip_floor", "tip_accounts", "priority"), False
    )


@pytest.mark.parametrize(
    ("read", "most_s"),
    [
        (ChainFacts.lifetime, 20),
        (ChainFacts.program, 900),
        (ChainFacts.tip_floor, 300),
        (ChainFacts.tip_accounts, 86_400),
    ],
)
def test_each_fact_has_its_age(read, most_s):
    road = asyncio.run(Road(small()).ready())
    at_ns = road.clock.ns
    read(road.facts, at_ns + most_s * NS_PER_S)
    with pytest.raises(StaleFactError, match=f"more than {most_s} s"):
        read(road.facts, at_ns + most_s * NS_PER_S + 1)


def test_a_sale_may_use_what_is_old_but_no_old_blockhash():
    road = asyncio.run(Road(small()).ready())
    late = road.clock.ns + 10**7 * NS_PER_S
    assert road.facts.program(late, old=True)
    assert road.facts.tip_floor(late, old=True)
    assert road.facts.tip_accounts(late, old=True)
    empty = ChainFacts()
    assert empty.tip_floor(late, old=True) is None
    assert empty.tip_accounts(late, old=True) == TIP_ACCOUNTS
    for ask in (lambda: empty.program(late, old=True), lambda: empty.lifetime(late), lambda: empty.tip_floor(late)):
        with pytest.raises(StaleFactError, match="not known yet"):
            ask()


def test_an_answer_that_was_asked_for_earlier_does_not_replace_a_newer_one():
    facts = ChainFacts()
    facts.put("blockhash", Lifetime("new", 2), 10)
    facts.put("blockhash", Lifetime("old", 1), 9)
    assert facts.lifetime(10).blockhash == "new"


def test_the_price_of_a_unit_is_the_curves_own_or_the_markets_or_the_least():
    facts = ChainFacts(priority=PrioritySettings(percentile=0.5, least=100, most=5_000))
    assert facts.unit_price("curve", 0) == 100
    facts.put_prices(MARKET, [0, 0, 700, 900, 800], 0)
    assert facts.unit_price("curve", 0) == 800
    facts.put_prices("curve", [0, 3_000, 10**9], 0)
    assert facts.unit_price("curve", 0) == 5_000
    facts.put_prices("curve", [0, 0], 1)
    assert facts.unit_price("curve", 1) == 800
    assert facts.unit_price("curve", 61 * NS_PER_S) == 100


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.5, None), ([7], 0.0, 7), ([7], 1.0, 7), ([4, 1, 3, 2], 0.5, 3), ([4, 1, 3, 2], 0.75, 4)],
)
def test_percentiles_are_by_rank(values, share, expected):
    assert percentile(values, share) == expected


def test_only_the_last_curves_are_asked_for():
    facts = ChainFacts()
    for number in range(20):
        facts.want_price(f"curve {number}")
    facts.want_price("curve 15")
    assert facts.curves == [f"curve {n}" for n in (12, 13, 14, 16, 17, 18, 19, 15)]
    for number in range(60):
        facts.put_prices(f"curve {number}", [5], number)
    assert len(facts._prices) <= 33


def test_the_keeper_reads_again_and_is_patient_while_a_road_is_closed():
    chain = small()
    settings = FactSettings(blockhash=Freshness(every_s=2, most_s=20), retry_s=0.5, longest_retry_s=3.0)
    road = Road(chain, facts=settings)
    pauses: list[tuple[str, float]] = []

    async def body():
        await road.ready()
        keeper = road.keeper
        assert keeper._pause_s("blockhash") == 2.0
        road.wire.away = 10**6
        for _ in range(5):
            assert not await keeper.refresh("blockhash")
            pauses.append(keeper._pause_s("blockhash"))
        road.wire.away = 0
        assert await keeper.refresh("blockhash")
        assert keeper.failures == {}

    asyncio.run(body())
    assert pauses == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_the_keeper_runs_each_fact_at_its_own_pace_and_at_once_when_poked():
    chain = small()
    road = Road(chain)
    now = {"s": 0.0}
    reads: dict[str, list[float]] = {}

    async def body():
        real = road.keeper.refresh

        async def refresh(name):
            reads.setdefault(name, []).append(now["s"])
            return await real(name)

        waiting: list[tuple[float, asyncio.Future]] = []

        async def sleep(seconds):
            future = asyncio.get_running_loop().create_future()
            waiting.append((now["s"] + seconds, future))
            await future

        road.keeper.refresh = refresh
        road.keeper.sleep = sleep
        task = asyncio.create_task(road.keeper.run())
        for step in range(62):
            now["s"] = float(step)
            for at, future in list(waiting):
                if at <= now["s"] and not future.done():
                    future.set_result(None)
            for _ in range(20):
                await asyncio.sleep(0)
            if step == 7:
                road.keeper.poke("tip_accounts")
                for _ in range(20):
                    await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(body())
    assert reads["blockhash"] == [float(s) for s in range(0, 62, 2)]
    assert reads["program"] == [0.0, 60.0]
    assert reads["tip_accounts"] == [0.0, 7.0, 37.0]


def test_without_a_block_engine_no_tips_are_read():
    chain = small()
    road = Road(chain, use_engine=False, use_rpc="always")
    road.keeper.tips = None
    asyncio.run(road.keeper.warm_up())
    assert road.facts.age_s("tip_floor", road.clock.ns) is None
    assert road.facts.age_s("priority", road.clock.ns) == 0.0


def test_a_start_waits_for_what_nothing_can_be_made_without():
    chain = small()
    road = Road(chain)
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    road.keeper.sleep = sleep
    road.wire.away = 3
    road.engine.away = 2
    asyncio.run(road.keeper.warm_up())
    assert slept == [0.5, 1.0, 2.0]
    assert road.facts.lifetime(road.clock.ns)
    assert road.facts.age_s("tip_floor", road.clock.ns) is None
