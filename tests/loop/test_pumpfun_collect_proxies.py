"""``alphaloop collect`` behind proxies: a key's traffic goes through its own, and nothing tells its credentials."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import collect_case as case
import collect_command as command
import proxies
from alphaloop.markets.pumpfun.services.assembly import open_database

chain_node = case.chain_node
KEYS = {"tunnel": "key-of-the-tunnel", "socks": "key-of-the-socks", "direct": "key-of-nobody"}


def endpoints_of(path: Path, node: Any, tunnel: Any, socks: Any) -> Path:
    behind = {
        "ws_url": f"ws://{proxies.HOST}:{node.ws_port}",
        "http_url": f"http://{proxies.HOST}:{node.http_port}/rpc/{{key}}",
        "requests_per_s": 5_000,
    }
    plain = {"ws_url": node.ws_url, "http_url": node.http_url, "requests_per_s": 5_000}
    return Path(
        command.endpoint_file(
            path,
            {"name": "tunnel", "key": KEYS["tunnel"], "proxy": tunnel.url} | behind,
            {"name": "socks", "key": KEYS["socks"], "proxy": socks.url} | behind,
            {"name": "direct", "key": KEYS["direct"]} | plain,
        )
    )


def cut(transactions: list[Any]) -> list[Any]:
    """The same with logs that nodes cut, so that each has to be asked for."""
    return [replace(tx, padding=11_000) for tx in transactions]


def came_from(node: Any, key: str, kind: str) -> set[int]:
    return {port for kind_, path, port in node.arrivals if key in path and kind_ == kind}


async def recorded(folder: Path, node: Any, timeout_s: float = 60.0) -> None:
    limit = time.monotonic() + timeout_s
    wanted = case.succeeded(node.chain)
    while len(found := case.recording(folder)) < len(wanted):
        assert time.monotonic() < limit, f"{len(found)} of {len(wanted)} events"
        await asyncio.sleep(0.05)


async def refused(node: Any, transactions: list[Any], *turning_away: Any) -> None:
    """Each proxy turns somebody away at last, while what the logs leave out is asked for, one after another."""
    limit = time.monotonic() + 60.0
    left = list(transactions)
    while left or not all(proxy.refused for proxy in turning_away):
        assert time.monotonic() < limit, [proxy.refused for proxy in turning_away]
        await node.add(*left[:1])
        left = left[1:]
        await asyncio.sleep(0.05)


def test_a_keys_traffic_goes_through_its_proxy_and_its_credentials_nowhere(tmp_path: Path) -> None:
    chain, data = case.simulated_chain(), tmp_path / "data"
    settings = case.settings_of([], streams=3, stop_s=5.0)
    tunnel = proxies.HttpProxy("customer-17", "p@ss:w0rd/17", "http")
    socks = proxies.SocksProxy("customer-18", "an0ther-w0rd", "socks5h")
    secrets = [*tunnel.secrets, *socks.secrets, *(key.encode() for key in KEYS.values())]
    out = ""

    async def test() -> None:
        nonlocal out
        node = chain_node.ChainNode()
        async with node, tunnel, socks, command.Collectors() as processes:
            keys = endpoints_of(tmp_path / "keys.toml", node, tunnel, socks)
            process = await processes.start(data, settings, endpoints=keys)
            await node.subscribed(3, timeout_s=120)
            # History is asked of every key, and for what the logs leave out.
            await node.add(*chain[:40], *cut(chain[40:70]))
            await recorded(data, node)
            node.drop()
            await node.add(*chain[70:120])
            await node.subscribed(3, timeout_s=60)
            await recorded(data, node)
            require_ways(node, tunnel, socks)
            # Both proxies turn everybody away: one says so, the other hangs up.
            broken_at = len(process.log)
            tunnel.broken = socks.broken = True
            node.drop()
            tunnel.cut()
            socks.cut()
            await refused(node, cut(chain[120:150]), tunnel, socks)
            await process.until("endpoint_failed", endpoint="tunnel", after=broken_at)
            await process.until("endpoint_failed", endpoint="socks", after=broken_at)
            await node.add(*chain[150:180])
            await recorded(data, node)
            tunnel.broken = socks.broken = False
            await node.subscribed(3, timeout_s=60)
            await node.add(*chain[180:220])
            await recorded(data, node)
            require_ways(node, tunnel, socks)
            out = process.text + json.dumps(await process.stop())

    case.run(test, 300)
    assert sorted(case.recording(data)) == sorted(case.succeeded(chain[:220]))
    assert [secret for secret in secrets if secret in out.encode()] == []
    assert command.files_with(data, secrets) == []
    with open_database(f"sqlite:///{data / 'pumpfun.db'}") as records:
        reports = [row["stats"] for row in records.select("pipeline_stats", {"event": "report"})]
    assert {endpoint["endpoint"] for endpoint in reports[-1]["endpoints"]} == set(KEYS)


def require_ways(node: Any, tunnel: Any, socks: Any) -> None:
    """What came with a key came from its proxy, both kinds of it; and the other key's did not."""
    for kind in ("ws", "http"):
        ways = {name: came_from(node, key, kind) for name, key in KEYS.items()}
        assert all(ways.values()), (kind, ways)
        assert ways["tunnel"] <= tunnel.ports
        assert ways["socks"] <= socks.ports
        assert not ways["direct"] & (tunnel.ports | socks.ports)
    assert f"CONNECT {proxies.HOST}:{node.ws_port}" in tunnel.asked
    assert f"POST http://{proxies.HOST}:{node.http_port}/rpc/{KEYS['tunnel']}" in tunnel.asked
    assert {f"{proxies.HOST}:{node.ws_port}", f"{proxies.HOST}:{node.http_port}"} <= set(socks.asked)
