"""The block engine's client over real sockets: fail-over, limits, refusals by meaning."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from alphaloop.core.errors import AwayError, InputError
from alphaloop.markets.pumpfun.live.block_engine import BlockEngine, EngineAwayError, EngineRefusedError
from alphaloop.markets.pumpfun.live.execution import EngineSettings
from alphaloop.markets.pumpfun.live.refusals import Meaning, read_refusal
from alphaloop.markets.pumpfun.transactions.bundle import Bundle
from alphaloop.markets.pumpfun.transactions.orders import BuyExactIn
from alphaloop.markets.pumpfun.transactions.tips import TIP_ACCOUNTS
from live_case import SOL, seal, small
from live_chain import Fate
from live_http import Fault
from live_servers import CONGESTED, TOO_MANY, LiveServers
from live_state import name_key

REGIONS = ("frankfurt.mainnet", "ny.mainnet", "tokyo.mainnet")
FIRST, SECOND, THIRD = REGIONS


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now, self.slept = 100.0, []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def over(body, **chosen):
    engine_settings = {name: chosen.pop(name) for name in list(chosen) if name in EngineSettings.model_fields}

    async def run():
        chain = small()
        async with LiveServers(chain, **chosen) as servers:
            values = {"regions": REGIONS, "url": servers.engine_url, "tip_floor_url": servers.tip_floor_url}
            settings = EngineSettings(**{**values, "timeout_s": 0.3, **engine_settings})
            time = Time()
            stale = []
            async with BlockEngine(settings, time, time.sleep, lambda: stale.append(1)) as engine:
                servers.time, servers.stale = time, stale
                return await body(chain, servers, engine)

    return asyncio.run(run())


def bundle(chain, number: int = 1) -> Bundle:
    return Bundle((seal(chain, chain.launch("one"), BuyExactIn(SOL // 10, number)),))


def test_a_bundle_is_taken_and_its_id_is_known_before():
    async def body(chain, servers, engine):
        made = bundle(chain)
        receipt = await engine.submit(made)
        assert (receipt.bundle_id, receipt.region) == (made.id, FIRST)
        assert list(servers.bundles) == [made.id]
        assert await engine.inflight_statuses([made.id, "other"]) == [
            {"bundle_id": made.id, "status": "Pending", "landed_slot": None},
            {"bundle_id": "other", "status": "Invalid", "landed_slot": None},
        ]
        await servers.advance(3)
        assert chain.landed(made.signatures[0]).err is None
        (status,) = await engine.bundle_statuses([made.id])
        assert status["confirmation_status"] == "confirmed"
        again = await engine.submit(made)
        assert again.already_known

    over(body)


def test_the_tips_and_their_accounts_are_read():
    async def body(chain, servers, engine):
        assert await engine.tip_accounts() == TIP_ACCOUNTS
        assert (await engine.tip_floor()).p75 == 50_000
        servers.script("tip_floor", Fault(200, {"no": "list"}), Fault(503, {}))
        with pytest.raises(InputError):
            await engine.tip_floor()
        with pytest.raises(AwayError):
            await engine.tip_floor()

    over(body)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(500, {"error": "internal"}),
        TOO_MANY,
        CONGESTED,
        Fault(cut=True),
        Fault(hang_s=5.0),
        Fault(400, {"error": {"code": -32602, "message": "no connected leader in the next slots"}}),
        Fault(200, {"jsonrpc": "2.0", "result": None}),
    ],
)
def test_a_region_that_fails_rests_and_the_next_one_is_asked(fault):
    async def body(chain, servers, engine):
        servers.script(FIRST, fault)
        receipt = await engine.submit(bundle(chain))
        assert receipt.region == SECOND
        assert (await engine.submit(bundle(chain, 2))).region == THIRD
        assert engine.report()[0]["rests_s"] > 0
        assert [place for place, _ in servers.asked].count(FIRST) == 0

    over(body)


def test_how_long_to_stay_away_is_honoured():
    async def body(chain, servers, engine):
        servers.script(FIRST, Fault(429, {"error": {"code": -32602, "message": "Rate limited. Retry after 7500ms"}}))
        await engine.submit(bundle(chain))
        assert engine.regions[0].rests_until == servers.time.now + 7.5
        servers.time.now += 7.4
        assert (await engine.submit(bundle(chain, 2))).region == SECOND
        servers.time.now += 1.1
        assert (await engine.submit(bundle(chain, 3))).region == FIRST

    over(body)


def test_no_region_is_asked_more_often_than_it_allows():
    async def body(chain, servers, engine):
        times = {region: [] for region in REGIONS}
        for number in range(12):
            receipt = await engine.submit(bundle(chain, number + 1))
            times[receipt.region].append(servers.time.now)
        for asked in times.values():
            assert len(asked) == 4
            assert all(later - earlier >= 1.0 for earlier, later in itertools.pairwise(asked))

    over(body)


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ("transaction #0 could not be decoded", Meaning.UNDECODABLE),
        ("Bundles must write lock at least one tip account to be eligible for the auction", Meaning.STALE_TIP),
        ("bundle has too many transactions", Meaning.MALFORMED),
        ("Blockhash not found", Meaning.EXPIRED),
    ],
)
def test_what_every_region_would_refuse_is_asked_of_one(message, meaning):
    async def body(chain, servers, engine):
        servers.script(FIRST, Fault(400, {"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": message}}))
        with pytest.raises(EngineRefusedError) as refused:
            await engine.submit(bundle(chain))
        assert refused.value.refusal.meaning is meaning
        assert servers.asked == []
        assert bool(servers.stale) == (meaning is Meaning.STALE_TIP)

    over(body)


def test_the_engine_itself_refuses_a_tip_to_nobody_it_knows():
    async def body(chain, servers, engine):
        with pytest.raises(EngineRefusedError, match="tip account"):
            await engine.submit(bundle(chain))
        assert servers.stale == [1]

    over(body, tip_accounts=(name_key("new tip account"),))


def test_nobody_there_is_away_and_does_not_take_for_ever():
    async def body(chain, servers, engine):
        servers.down.update(REGIONS)
        with pytest.raises(EngineAwayError, match="did not answer"):
            await engine.submit(bundle(chain))
        for region in engine.regions:
            region.rests_until = servers.time.now + 60
        with pytest.raises(EngineAwayError, match="every region"):
            await engine.submit(bundle(chain))

    over(body)


def test_an_answer_that_is_lost_may_have_been_taken():
    async def body(chain, servers, engine):
        made = bundle(chain)
        servers.script(FIRST, Fault(cut=True, carried_out=True))
        assert (await engine.submit(made)).region == SECOND
        landed = chain.advance(3)
        assert [entry.signature for entry in landed] == list(made.signatures)

    over(body)


def test_success_that_never_lands_is_success():
    async def body(chain, servers, engine):
        chain.script(Fate("never"))
        made = bundle(chain)
        assert (await engine.submit(made)).bundle_id == made.id
        assert chain.advance(5) == []

    over(body)


def test_the_key_is_a_header_and_is_said_nowhere():
    key = "0c8f9b1e-4a5b-4f7e-9d7e-secret"

    async def body(chain, servers, engine):
        await engine.submit(bundle(chain))
        assert servers._http.requests[-1].headers["x-jito-auth"] == key
        servers.auth = "another"
        with pytest.raises(EngineRefusedError) as refused:
            await engine.submit(bundle(chain, 2))
        servers.script(FIRST, *[Fault(400, {"error": {"message": f"too many transactions for {key}"}})] * 3)
        for region in engine.regions:
            region.rests_until = 0.0
        with pytest.raises(EngineRefusedError) as echoed:
            await engine.submit(bundle(chain, 3))
        dumped = engine.settings.model_dump(mode="json")
        text = f"{refused.value}{echoed.value}{engine.report()}{engine.settings!r}{dumped}"
        assert key not in text
        assert refused.value.refusal.meaning is Meaning.NOT_ALLOWED

    over(body, auth=key)


def test_the_key_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("ENGINE_KEY", "k")
    assert EngineSettings(auth_env="ENGINE_KEY").secret == "k"
    monkeypatch.delenv("ENGINE_KEY")
    with pytest.raises(InputError, match="ENGINE_KEY"):
        BlockEngine(EngineSettings(auth_env="ENGINE_KEY"))


@pytest.mark.parametrize(
    ("status", "answer", "header", "meaning", "wait_s"),
    [
        (429, {"error": {"code": -32097, "message": "Network congested."}}, None, Meaning.CONGESTED, None),
        (429, "", "2", Meaning.RATE_LIMITED, 2.0),
        (429, {"error": {"message": "retry after 250ms"}}, None, Meaning.RATE_LIMITED, 0.25),
        (429, {"error": {"message": "Retry-After: 3 s"}}, None, Meaning.RATE_LIMITED, 3.0),
        (429, {"error": {"message": "Retry after 99999999ms"}}, None, Meaning.RATE_LIMITED, 60.0),
        (400, {"error": "bundle already processed"}, None, Meaning.ALREADY_PROCESSED, None),
        (400, {"error": {"message": "bundle simulation failure"}}, None, Meaning.WOULD_FAIL, None),
        (403, "", None, Meaning.NOT_ALLOWED, None),
        (418, "tea", "soon", Meaning.UNKNOWN, None),
    ],
)
def test_refusals_are_read_by_meaning(status, answer, header, meaning, wait_s):
    refusal = read_refusal(status, answer, header)
    assert (refusal.meaning, refusal.wait_s) == (meaning, wait_s)


def test_settings_that_lead_nowhere_are_refused():
    for wrong in ({"regions": ()}, {"regions": ("mars.mainnet",)}, {"url": "http://127.0.0.1:1"}):
        with pytest.raises(ValueError, match="region"):
            EngineSettings(**wrong)
