"""Wallets tracked and untracked by hand while the collector runs: recorded first, and at the same place in a replay."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import collect_case as case
from alphaloop.cli.app import app
from alphaloop.core.errors import AwayError, InputError
from alphaloop.markets.pumpfun.commands import ask_to_track
from alphaloop.markets.pumpfun.events import Tracking, Trade
from alphaloop.markets.pumpfun.recording.replay import read_events
from alphaloop.markets.pumpfun.services.assembly import open_database

chain_node = case.chain_node


@pytest.fixture(scope="module")
def chain() -> list[Any]:
    found: list[Any] = case.simulated_chain()
    return found


@pytest.fixture(scope="module")
def busiest() -> list[str]:
    found: list[str] = case.busiest_wallets()
    return found


def commands(folder: Path) -> list[tuple[str, bool]]:
    return [(e.wallet, e.tracked) for e in read_events(folder / "recording") if isinstance(e, Tracking)]


def require_signals_of_the_tracked(folder: Path, signals: list[dict[str, Any]], always: list[str]) -> None:
    """Every buy of a wallet that was tracked by hand at its place is a signal; without discovery there is no other."""
    tracked, expected = set(always), []
    for event in read_events(folder / "recording"):
        if isinstance(event, Tracking):
            (tracked.add if event.tracked else tracked.discard)(event.wallet)
        elif isinstance(event, Trade) and event.is_buy and event.wallet in tracked and not event.quote_mint:
            expected.append((event.signature, event.log_index))
    least = [(row["buy_signature"], row["log_index"]) for row in signals]
    assert set(least) <= set(expected)
    assert len(least) > len(expected) // 2  # not those that are too small to be a signal


async def set_changed(out: Any, wallet: str, present: bool) -> None:
    async with asyncio.timeout(10):
        while (wallet in await out.bus.set_members("tracked_wallets")) != present:
            await asyncio.sleep(0.02)


async def asked(out: Any, wallet: str, present: bool) -> None:
    async with asyncio.timeout(10):
        while out.process.market.shelf.intelligence.is_tracked(wallet) != present:
            await asyncio.sleep(0.02)


def test_asked_over_the_bus_and_written_into_the_set(tmp_path: Path, chain: list[Any], busiest: list[str]) -> None:
    always, (one, two, three) = busiest[3:8], busiest[:3]

    async def test() -> None:
        async with chain_node.ChainNode() as node, case.collecting(tmp_path, node, always, tracked_s=0.05) as out:
            await out.live()
            first = await ask_to_track(out.bus, one, tracked=True)
            await node.add(*chain[:400])
            await out.recorded(len(case.succeeded(chain[:400])))
            await set_changed(out, one, present=True)
            # The habit: straight into the set. And what is no wallet stays there and harms nobody.
            await out.bus.set_add("tracked_wallets", two, "no wallet")
            await asked(out, two, present=True)
            second = await ask_to_track(out.bus, one, tracked=False)
            await set_changed(out, one, present=False)
            await node.add(*chain[400:800])
            await out.recorded(len(case.succeeded(chain[:800])))
            await out.bus.set_remove("tracked_wallets", always[0])
            await asked(out, always[0], present=False)
            third = await ask_to_track(out.bus, three, tracked=True)
            assert first < second < third
            await node.add(*chain[800:1_200])
            await out.recorded(len(case.succeeded(chain[:1_200])))
            # A set that is gone is a server that has forgotten it, not a wish.
            await set_changed(out, three, present=True)
            await out.bus.delete("tracked_wallets")
            await set_changed(out, three, present=True)
            assert await out.bus.set_members("tracked_wallets") == {*always[1:], two, three}
            await out.bus.delete("tracked_wallets:told")
            await asyncio.sleep(0.3)
            with pytest.raises(InputError, match="base58"):
                await ask_to_track(out.bus, "0x12", tracked=True)
            counts = out.process.stats.stats()
            assert counts["intake"]["commands"] == counts["market"]["commands"] == 5
            assert counts["intake"]["events"] == len(case.succeeded(chain[:1_200]))

    case.run(test)
    assert commands(tmp_path) == [(one, True), (two, True), (one, False), (always[0], False), (three, True)]
    assert case.recording(tmp_path) == case.succeeded(chain[:1_200])
    with open_database(f"sqlite:///{tmp_path / 'pumpfun.db'}") as records:
        case.require_same(tmp_path, records, always)
        require_signals_of_the_tracked(tmp_path, case.rows(records, "signals"), always)
        rows = {row["wallet"]: row for row in records.select("wallets")}
        assert [rows[wallet]["is_active"] for wallet in (one, two, three)] == [False, True, True]
        assert rows[three]["source"] == "hand"


def test_written_into_the_set_while_the_collector_was_down(
    tmp_path: Path, chain: list[Any], busiest: list[str], redis_server: Any
) -> None:
    """On a real server, which outlives the collector; what other settings had tracked is no wish of anybody."""
    from alphaloop.bus.address import open_bus

    def life(first: int, last: int, always: list[str], until: str) -> None:
        async def test() -> None:
            node, bus = chain_node.ChainNode(chain[:first]), open_bus(redis_server.url)
            async with node, case.collecting(tmp_path, node, always, bus=bus, tracked_s=0.05) as out:
                await out.live()
                await node.add(*chain[first:last])
                await out.recorded(len(case.succeeded(chain[first:last])))
                await set_changed(out, until, present=True)
                await asyncio.sleep(0.3)
                members = await out.bus.set_members("tracked_wallets")
                assert members == {*always, *found} == await out.bus.set_members("tracked_wallets:told")

        case.run(test)

    async def seed() -> None:
        async with open_bus(redis_server.url) as bus:
            await bus.set_add("tracked_wallets", busiest[9])

    found: set[str] = set()
    life(0, 200, busiest[:4], until=busiest[3])
    asyncio.run(seed())
    found.add(busiest[9])
    life(200, 400, busiest[1:5], until=busiest[9])
    assert commands(tmp_path) == [(busiest[9], True)]


async def tell(*arguments: object) -> Any:
    return await asyncio.to_thread(CliRunner().invoke, app, ["pumpfun", *map(str, arguments)])


def test_the_commands_ask_a_running_collector(
    tmp_path: Path, chain: list[Any], busiest: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wallet = busiest[0]

    async def test() -> None:
        told = await tell("track", wallet, "--data", tmp_path)
        assert told.exit_code == 2
        assert "api-address: cannot be read" in told.stderr
        async with chain_node.ChainNode() as node:
            collecting = await case.command(tmp_path, node, "--until-idle", "--api", "--api-port", "0")
            await node.subscribed(timeout_s=60)
            await case.said(collecting, b"serving http")
            told = await tell("track", wallet, "--data", tmp_path, "--json")
            assert told.exit_code == 0, told.stderr
            known_ns = json.loads(told.stdout)["known_ns"]
            told = await tell("untrack", wallet, "--data", tmp_path)
            assert (told.exit_code, told.stdout) == (0, f"{wallet} is tracked no more\n")
            with monkeypatch.context() as patch:
                patch.setenv("ALPHALOOP_API_TOKEN", "x" * 20)
                told = await tell("track", wallet, "--data", tmp_path)
            assert told.exit_code == 2
            assert "needs the token" in told.stderr
            await node.add(*chain[:100])
            await case.result(collecting)
        told = await tell("track", wallet, "--data", tmp_path)
        assert told.exit_code == 1
        assert "does not answer" in told.stderr
        for wrong in (["0x12"], [wallet, "--bus", "memory://"]):
            assert (await tell("track", *wrong, "--data", tmp_path)).exit_code == 2
        found = [e for e in read_events(tmp_path / "recording") if isinstance(e, Tracking)]
        assert [(e.wallet, e.tracked) for e in found] == [(wallet, True), (wallet, False)]
        assert found[0].known_ns == known_ns

    case.run(test)


def test_nobody_there_is_said(redis_server: Any, busiest: list[str]) -> None:
    from alphaloop.bus.address import open_bus

    async def test() -> None:
        async with open_bus(redis_server.url) as bus:
            with pytest.raises(AwayError, match="no collector on this bus answered"):
                await ask_to_track(bus, busiest[0], tracked=True, patience_s=0.2)

    asyncio.run(test())
