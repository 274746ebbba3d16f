"""The collector on real servers that are taken away and come back: PostgreSQL, Redis, and a locked SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import collect_case as case
from alphaloop.bus.address import open_bus
from alphaloop.markets.pumpfun.events import Trade
from alphaloop.markets.pumpfun.recording.replay import read_events
from alphaloop.markets.pumpfun.services.assembly import open_database
from alphaloop.markets.pumpfun.signals.messages import decode as decode_message

pytestmark = pytest.mark.slow


chain_node = case.chain_node


@pytest.fixture(scope="module")
def chain() -> list[Any]:
    found: list[Any] = case.simulated_chain()
    return found


@pytest.fixture(scope="module")
def busiest() -> list[str]:
    found: list[str] = case.busiest_wallets()
    return found


def require_whole(folder: Path, url: str, chain: list[Any], busiest: list[str]) -> None:
    assert case.recording(folder) == case.succeeded(chain)
    with open_database(url) as records:
        case.require_same(folder, records, busiest)
        trades = [event for event in read_events(folder / "recording") if isinstance(event, Trade)]
        assert records.count("trades") == len(trades)


def test_postgresql_stopped_and_started(
    tmp_path: Path,
    chain: list[Any],
    busiest: list[str],
    postgres_server: Any,
    postgres_place: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def test() -> None:
        async with chain_node.ChainNode() as node, case.collecting(tmp_path, node, busiest, db=postgres_place) as out:
            await out.live()
            await node.add(*chain[:300])
            await out.recorded(len(case.succeeded(chain[:300])))
            await asyncio.to_thread(postgres_server.stop)
            for first in range(300, 1_200, 50):
                await node.add(*chain[first : first + 50])
                await asyncio.sleep(0.02)
            async with asyncio.timeout(30):
                while out.process.intake.counts.events < len(case.succeeded(chain[:1_200])):
                    await asyncio.sleep(0.05)
                while not out.process.delivery.database_is_away:
                    await asyncio.sleep(0.05)
            await asyncio.to_thread(postgres_server.start)
            await out.recorded(len(case.succeeded(chain[:1_200])))

    case.run(test)
    require_whole(tmp_path, postgres_place, chain[:1_200], busiest)
    said = capsys.readouterr().out
    assert "database_away" in said
    assert "database_back" in said


def test_killed_on_postgresql_and_redis(
    tmp_path: Path, chain: list[Any], busiest: list[str], postgres_place: str, redis_url: str
) -> None:
    heard: list[str] = []

    async def listen(stop: asyncio.Event) -> None:
        async with open_bus(redis_url) as bus, bus.subscribe("trade:signals", capacity=10**6) as messages:
            waiting = asyncio.create_task(stop.wait())
            while not waiting.done():
                following = asyncio.create_task(anext(messages))
                await asyncio.wait({waiting, following}, return_when=asyncio.FIRST_COMPLETED)
                if following.done():
                    message = decode_message(following.result().body)
                    if hasattr(message, "wallet"):
                        heard.append(message.signal_id)
                else:
                    following.cancel()

    case.kill_again_and_again(tmp_path, chain, busiest, postgres_place, redis_url, 6, beside=listen)
    with open_database(postgres_place) as records:
        stored = {row["signal_id"] for row in records.select("signals")}
    # Every signal was told; one that was told when the process died may be told once more, with the same id.
    assert set(heard) == stored
    assert len(heard) - len(stored) <= 12


def test_redis_restarted(
    tmp_path: Path, chain: list[Any], busiest: list[str], redis_server: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    async def test() -> None:
        node, bus = chain_node.ChainNode(), open_bus(redis_server.url)
        async with node, case.collecting(tmp_path, node, busiest, bus=bus) as out:
            await out.live()
            await node.add(*chain[:400])
            await out.recorded(len(case.succeeded(chain[:400])))
            await asyncio.to_thread(redis_server.stop)
            await node.add(*chain[400:700])
            async with asyncio.timeout(30):
                while not out.process.delivery.bus_is_away:
                    await asyncio.sleep(0.05)
                while out.process.delivery.stored_ns < out.process.collector.applied_ns:
                    await asyncio.sleep(0.05)
            # The database goes on while the bus is away.
            assert out.process.delivery.sent_ns < out.process.collector.applied_ns
            await asyncio.to_thread(redis_server.start)
            await node.add(*chain[700:900])
            await out.recorded(len(case.succeeded(chain[:900])))
            async with asyncio.timeout(30):
                while out.process.delivery.sent_ns < out.process.collector.applied_ns:
                    await asyncio.sleep(0.05)
            async with open_bus(redis_server.url) as other:
                tracked = await other.set_members("tracked_wallets")
            assert tracked >= set(busiest)

    case.run(test)
    require_whole(tmp_path, f"sqlite:///{tmp_path / 'pumpfun.db'}", chain[:900], busiest)
    said = capsys.readouterr().out
    assert "bus_away" in said
    assert "bus_back" in said


def test_a_sqlite_file_that_another_process_holds(tmp_path: Path, chain: list[Any], busiest: list[str]) -> None:
    async def test() -> None:
        async with chain_node.ChainNode() as node, case.collecting(tmp_path, node, busiest) as out:
            await out.live()
            await node.add(*chain[:300])
            await out.recorded(len(case.succeeded(chain[:300])))
            with closing(sqlite3.connect(tmp_path / "pumpfun.db", isolation_level=None)) as other:
                other.execute("BEGIN EXCLUSIVE")
                await node.add(*chain[300:600])
                async with asyncio.timeout(90):
                    while not out.process.delivery.database_is_away:
                        await asyncio.sleep(0.05)
                other.execute("ROLLBACK")
            await out.recorded(len(case.succeeded(chain[:600])), timeout_s=90)

    case.run(test)
    require_whole(tmp_path, f"sqlite:///{tmp_path / 'pumpfun.db'}", chain[:600], busiest)
