"""The trader's questions to a node, over real sockets, and what is made of answers that are none."""

from __future__ import annotations

import asyncio
import logging

import pytest
import structlog

from alphaloop.core.clock import SystemClock
from alphaloop.core.errors import AwayError
from alphaloop.markets.pumpfun.ingest.endpoints import EndpointSettings
from alphaloop.markets.pumpfun.ingest.limits import Budgets
from alphaloop.markets.pumpfun.ingest.pool import EndpointPool, PoolSettings
from alphaloop.markets.pumpfun.ingest.rpc import Rpc, RpcSettings
from alphaloop.markets.pumpfun.live.rpc import ChainRpc
from alphaloop.markets.pumpfun.transactions.orders import BuyExactIn
from live_case import ME, SOL, bytes_of, seal, small
from live_http import Fault
from live_servers import LiveServers

SECRET = "b7e1f0a2-very-secret"


def endpoint(servers: LiveServers, name: str = "one") -> EndpointSettings:
    url = servers.rpc_url.removesuffix(f"/{servers.key}")
    return EndpointSettings(name=name, ws_url=servers.ws_url, http_url=url, key=SECRET, requests_per_s=1000)


def over(body, timeout_s: float = 2.0, **chosen):
    """Run a test's body with a chain, its servers and a client."""

    async def run():
        chain = small()
        async with LiveServers(chain, key=SECRET, **chosen) as servers:
            pool = EndpointPool([endpoint(servers)], Budgets(SystemClock()), PoolSettings(rest_s=0.01))
            async with Rpc(pool, RpcSettings(timeout_s=timeout_s / 3, attempts=3)) as caller:
                return await body(chain, servers, ChainRpc(caller, timeout_s))

    return asyncio.run(run())


def test_every_question_and_its_answer():
    async def body(chain, servers, rpc):
        mint, other = chain.launch(), chain.launch(token_program="TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
        chain.grant(ME, other, 77)
        envelope = seal(chain, mint, BuyExactIn(SOL, 1), price=150_000)
        assert (await rpc.simulate(envelope.wire))["err"] is None
        assert await rpc.send(envelope.wire) == envelope.signature
        await servers.advance(3)
        lifetime = await rpc.latest_blockhash()
        assert (lifetime.blockhash, lifetime.last_valid_block_height) == chain.latest_blockhash()
        height = await rpc.height()
        assert (height.height, height.slot) == (chain.block_height(), chain.block_at().slot)
        assert await rpc.block_height() == height.height
        told = await rpc.statuses([envelope.signature, *(["unknown"] * 299)])
        assert told.slot == chain.head.slot
        assert [status and status.commitment for status in told.values] == ["confirmed", *([None] * 299)]
        answer = await rpc.transaction(envelope.signature)
        assert answer == chain.transaction(envelope.signature)
        assert await rpc.transaction("unknown") is None
        curve = chain.coin(mint).curve
        found = await rpc.accounts([curve, "nobody", mint] * 40)
        assert len(found) == 120
        assert found[0].data == bytes_of(chain, curve)
        assert found[1] is None
        assert found[2].owner == chain.coin(mint).token_program
        assert await rpc.balance(ME) == chain.lamports(ME)
        held = {one.mint: one.amount for one in await rpc.token_accounts(ME)}
        assert held == {mint: chain.held(ME, mint), other: 77}
        (landing,) = await rpc.signatures_for(ME, limit=5)
        assert (landing.signature, landing.err) == (envelope.signature, None)
        assert landing.block_time_s == answer["blockTime"]
        assert await rpc.signatures_for(ME, until=envelope.signature) == []
        assert max(await rpc.priority_fees([curve])) == 150_000

    over(body)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(500, {"error": "internal"}),
        Fault(429, {}, {"retry-after": "0.01"}),
        Fault(cut=True),
        Fault(200, {"jsonrpc": "2.0", "id": 1, "error": {"code": -32005, "message": "Node is behind by 42 slots"}}),
        Fault(200, b"<html>"),
    ],
)
def test_one_failure_is_tried_again(fault):
    async def body(chain, servers, rpc):
        servers.script("rpc", fault)
        assert await rpc.balance(ME) == chain.lamports(ME)

    over(body)


@pytest.mark.parametrize(
    "content",
    [
        {"result": None},
        {"result": {"value": 5}},
        {"result": {"context": {"slot": 1}, "value": "many"}},
        {"result": []},
        {"result": {"context": {"slot": 1}, "value": []}},
    ],
)
def test_an_answer_of_no_known_form_is_no_answer(content):
    async def body(chain, servers, rpc):
        for ask in (rpc.balance(ME), rpc.latest_blockhash(), rpc.statuses(["x"]), rpc.accounts(["x"])):
            servers.script("rpc", Fault(200, {"jsonrpc": "2.0", "id": 1, **content}))
            with pytest.raises(AwayError):
                await ask

    over(body)


def test_what_does_not_answer_in_time_is_away():
    async def body(chain, servers, rpc):
        servers.script("rpc", *[Fault(hang_s=30)] * 5)
        with pytest.raises(AwayError, match=r"getBalance: no (node|endpoint) answered"):
            await rpc.balance(ME)

    over(body, timeout_s=0.4)


@pytest.mark.parametrize("place", ["down", "wrong key", "error"])
def test_no_secret_is_ever_said(place, caplog, capsys):
    said = []

    def keep(_logger, _name, event):
        said.append(event)
        raise structlog.DropEvent

    async def body(chain, servers, rpc):
        if place == "down":
            servers.down.add("rpc")
        elif place == "wrong key":
            servers.key = "another"
        else:
            servers.script("rpc", *[Fault(200, {"id": 1, "error": {"code": 1, "message": f"key {SECRET}"}})] * 5)
        with pytest.raises(AwayError) as away:
            await rpc.send(b"\1" * 100)
        return away.value

    structlog.configure(processors=[keep])
    try:
        with caplog.at_level(logging.DEBUG):
            error = over(body, timeout_s=0.6)
    finally:
        structlog.reset_defaults()
    assert said
    text = f"{error} {error!r} {error.__cause__} {said} {caplog.text} {capsys.readouterr()}"
    assert SECRET not in text
