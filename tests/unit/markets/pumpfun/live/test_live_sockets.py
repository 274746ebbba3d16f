"""The whole road over real sockets: facts kept, bundles handed over, landings proved, while requests go wrong."""

from __future__ import annotations

import asyncio
import json
import random

import pytest
from websockets.asyncio.client import connect

from alphaloop.core.clock import SystemClock
from alphaloop.core.errors import AwayError
from alphaloop.markets.pumpfun.ingest.endpoints import EndpointSettings
from alphaloop.markets.pumpfun.ingest.limits import Budgets
from alphaloop.markets.pumpfun.ingest.pool import EndpointPool, PoolSettings
from alphaloop.markets.pumpfun.ingest.rpc import Rpc, RpcSettings
from alphaloop.markets.pumpfun.live.block_engine import BlockEngine
from alphaloop.markets.pumpfun.live.chain_venue import ChainVenue
from alphaloop.markets.pumpfun.live.execution import EngineSettings, ExecutionSettings
from alphaloop.markets.pumpfun.live.fact_keeper import FactKeeper
from alphaloop.markets.pumpfun.live.facts import ChainFacts
from alphaloop.markets.pumpfun.live.rpc import ChainRpc
from alphaloop.markets.pumpfun.transactions.signer import Signer
from alphaloop.trading.portfolio.records import Dead, Drafted, Failed, Filled, Landed
from live_case import ME, SOL, WALLET
from live_chain import Chain, Fate, Faults
from live_http import Fault
from live_orders import buy, sale
from live_servers import LiveServers, Storm, threaded

REGIONS = ("frankfurt.mainnet", "ny.mainnet", "tokyo.mainnet")


def settings_for(servers: LiveServers) -> ExecutionSettings:
    engine = EngineSettings(
        regions=REGIONS,
        url=servers.engine_url,
        tip_floor_url=servers.tip_floor_url,
        requests_per_s=1000,
        timeout_s=0.3,
        patience_s=1.0,
        rest_s=0.02,
    )
    return ExecutionSettings(
        engine=engine,
        facts={"blockhash": {"every_s": 0.05, "most_s": 20.0}, "retry_s": 0.02, "longest_retry_s": 0.1},
        resend={"every_s": 0.2, "buys_for_s": 60.0, "sells_for_s": 60.0},
        rpc_timeout_s=2.0,
    )


async def anyhow(ask):
    """Ask until there is an answer, as the trader does round by round."""
    while True:
        try:
            return await ask()
        except AwayError:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("stormy", [False, True])
def test_orders_over_sockets_add_up_to_the_ledger(stormy):
    async def body():
        chain = Chain(random.Random(5), faults=Faults(drop=0.2, late=0.3, latest=10) if stormy else Faults())
        chain.fund(ME, 20 * SOL)
        mint = chain.launch()
        chain.advance(3)
        start = chain.lamports(ME)
        storm = Storm(random.Random(6), error_500=0.05, too_many=0.05, cut=0.05, lost=0.05) if stormy else None
        async with LiveServers(chain, block_s=0.01, storm=storm) as servers:
            settings, clock = settings_for(servers), SystemClock()
            url = servers.rpc_url.removesuffix(f"/{servers.key}")
            endpoint = EndpointSettings(
                name="one", ws_url=servers.ws_url, http_url=url, key=servers.key, requests_per_s=1000
            )
            pool = EndpointPool([endpoint], Budgets(clock), PoolSettings(rest_s=0.01, longest_rest_s=0.05))
            facts = ChainFacts(settings.facts, settings.priority)
            engine = BlockEngine(settings.engine)
            async with Rpc(pool, RpcSettings(timeout_s=0.5, attempts=4)) as caller, engine as jito:
                rpc = ChainRpc(caller, settings.rpc_timeout_s)
                keeper = FactKeeper(facts, rpc, jito, clock)
                jito.stale_tips = lambda: keeper.poke("tip_accounts")
                venue = ChainVenue(Signer(WALLET), facts, rpc, jito, clock, settings)
                await keeper.warm_up()
                while not facts.age_s("tip_floor", clock.now_ns()):
                    await keeper.refresh("tip_floor")
                beside = [asyncio.create_task(keeper.run()), asyncio.create_task(venue.keep())]
                cash = 0
                try:
                    for number in range(6):
                        held = chain.held(ME, mint)
                        order = (
                            sale(chain, mint, held, order_id=f"t{number}.sell.1", slippage_bps=5_000)
                            if number % 2
                            else buy(chain, mint, SOL // 10, order_id=f"t{number}.buy.1")
                        )
                        drafted = venue.prepare(order, clock.now_ns())
                        assert isinstance(drafted, Drafted), drafted
                        await venue.submit(drafted.signature)
                        last_valid, proofs = {drafted.signature: drafted.last_valid}, []
                        while not proofs:
                            proofs = await anyhow(lambda last_valid=last_valid: venue.prove(last_valid))
                            await asyncio.sleep(0.02)
                        (proof,) = proofs
                        assert isinstance(proof, Landed | Failed | Dead)
                        if isinstance(proof, Landed):
                            name, side = drafted.signature, order.side
                            fill = await anyhow(lambda name=name, side=side: venue.fill(name, mint, side))
                            assert isinstance(fill, Filled)
                            cash += fill.cash
                        elif isinstance(proof, Failed):
                            cash -= proof.cost
                    balance = await anyhow(venue.balance)
                finally:
                    for task in beside:
                        task.cancel()
                    await asyncio.gather(*beside, return_exceptions=True)
        assert balance == chain.lamports(ME) == start + cash
        chain.audit()

    asyncio.run(body())


def test_subscribers_are_told_of_logs_and_accounts():
    async def body():
        chain = Chain(random.Random(1))
        mint = chain.launch()
        chain.advance(3)
        async with LiveServers(chain) as servers, connect(servers.ws_url) as socket:
            curve = chain.coin(mint).curve
            asked = [
                ("logsSubscribe", [{"mentions": [curve]}, {"commitment": "processed"}]),
                ("accountSubscribe", [curve, {"commitment": "confirmed", "encoding": "base64"}]),
                ("blockSubscribe", ["all"]),
            ]
            answers = []
            for number, (method, params) in enumerate(asked):
                await socket.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
                answers.append(json.loads(await socket.recv()))
            assert answers[2]["error"]["code"] == -32601
            chain.trade(mint, lamports=SOL)
            await servers.advance(1)
            logs = json.loads(await socket.recv())
            assert (logs["method"], logs["params"]["subscription"]) == ("logsNotification", answers[0]["result"])
            assert any(line.startswith("Program data") for line in logs["params"]["result"]["value"]["logs"])
            await servers.advance(2)
            account = json.loads(await socket.recv())
            assert account["method"] == "accountNotification"
            assert account["params"]["result"]["value"] == chain.account(curve, 2)

    asyncio.run(body())


def test_servers_in_a_thread_serve_another_loop():
    chain = Chain(random.Random(2))
    chain.fund(ME, SOL)
    chain.advance(3)
    with threaded(chain) as servers:
        servers.script("rpc", Fault(500, {}))
        chain.script(Fate())

        async def ask():
            url = servers.rpc_url.removesuffix(f"/{servers.key}")
            endpoint = EndpointSettings(name="one", ws_url=servers.ws_url, http_url=url, key=servers.key)
            pool = EndpointPool([endpoint], Budgets(SystemClock()), PoolSettings(rest_s=0.01))
            async with Rpc(pool, RpcSettings(timeout_s=1, attempts=3)) as caller:
                return await ChainRpc(caller).balance(ME)

        assert asyncio.run(ask()) == servers.call(lambda: chain.lamports(ME)) == SOL
