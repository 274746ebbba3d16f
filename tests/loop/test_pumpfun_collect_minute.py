"""The database away for a minute, while the chain goes on: PostgreSQL stopped, and a SQLite file that another holds."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import httpx
import pytest

import collect_case as case
import collect_command as command
from alphaloop.markets.pumpfun.events import Trade
from alphaloop.markets.pumpfun.recording.replay import read_events
from alphaloop.markets.pumpfun.services.assembly import open_database
from alphaloop.markets.pumpfun.simulator.chain import events as simulated
from alphaloop.markets.pumpfun.simulator.settings import SimulationSettings
from alphaloop.markets.pumpfun.wire.layouts import AMM_DISCRIMINATORS, DISCRIMINATOR_BYTES
from alphaloop.markets.pumpfun.wire.records import Record

pytestmark = pytest.mark.slow


chain_node = case.chain_node
AWAY_S = 62.0
MOST_ROWS, IN_MEMORY = 400, 300
# Sealing the first segments takes most of it, once; later minutes take nothing.
GROWTH_BYTES, LATE_GROWTH_BYTES = 150 * 2**20, 32 * 2**20
# In a process of its own, as a backup or a shell of the database would be.
HOLD = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1], isolation_level=None) as connection:
    connection.execute("BEGIN EXCLUSIVE")
    print("held", flush=True)
    sys.stdin.read()
    connection.execute("ROLLBACK")
"""


@cache
def long_records() -> list[Record]:
    return list(islice(simulated(SimulationSettings(days=1.0, launches_per_day=9_000, seed=23)), 4_500))


@cache
def long_chain() -> list[Any]:
    """The better part of an hour of a simulated market, pools included."""
    found = []
    for name, records in groupby(long_records(), key=lambda record: record.signature):
        logged, slot = [], 0
        for record in records:
            logged.append(record.data)
            slot = record.slot
        pool = tuple(data for data in logged if data[:DISCRIMINATOR_BYTES] in AMM_DISCRIMINATORS)
        found.append(chain_node.Tx(name, slot, tuple(data for data in logged if data not in pool), pool=pool))
    return found


@cache
def busiest() -> list[str]:
    events = map(case.decode, long_records())
    wallets = case.Counter(event.wallet for event in events if isinstance(event, Trade))
    return [wallet for wallet, _ in wallets.most_common(40)]


def settings_of() -> dict[str, Any]:
    bounds = {
        "delivery": {"retry_s": 0.5, "longest_retry_s": 4.0, "most_rows": MOST_ROWS},
        "collector": {"tick_s": 0.1, "events_at_once": 32},
        "events_in_memory": IN_MEMORY,
        "snapshot_s": 20.0,
        "seal_s": 15.0,
    }
    found: dict[str, Any] = case.settings_of(busiest(), **bounds)
    return found


def told(chain: list[Any]) -> list[tuple[str, bytes]]:
    return [(tx.signature, data) for tx in chain for data in (*tx.data, *tx.pool)]


async def recorded(folder: Path, node: Any, timeout_s: float = 20.0) -> None:
    """Wait until everything that the node told is on disk."""
    limit, wanted = time.monotonic() + timeout_s, len(told(node.chain))
    while len(found := case.recording(folder)) < wanted:
        assert time.monotonic() < limit, f"{len(found)} of {wanted} events"
        await asyncio.sleep(0.2)


def go_on_without(
    folder: Path,
    database: str,
    away: Callable[[], AbstractAsyncContextManager[None]],
    ask: Callable[[Path], AbstractAsyncContextManager[None]],
) -> None:
    """Collect, take the database away for a minute, and demand that nothing is missing, doubled or held up by it."""
    chain, data = long_chain(), folder / "data"

    async def test() -> None:
        node = chain_node.ChainNode()
        async with node, command.Collectors() as processes:
            keys = command.endpoint_file(
                folder / "keys.toml",
                {"name": "node", "ws_url": node.ws_url, "http_url": node.http_url, "requests_per_s": 5_000},
            )
            environment = {"DATABASE_URL": database}
            options = ("--pumpswap", "--api", "--api-port", "0")
            process = await processes.start(data, settings_of(), *options, endpoints=keys, environment=environment)
            await node.subscribed(timeout_s=120)
            await node.add(*chain[:400])
            await recorded(data, node)
            await process.until("pipeline", pending=0, waiting_rows=0, after=len(process.log))
            before = process.resident_bytes
            async with away(), ask(data):
                began, sizes, reports = time.monotonic(), [before], len(process.events("pipeline"))
                while (passed := time.monotonic() - began) < AWAY_S:
                    share = 400 + round((len(chain) - 700) * passed / AWAY_S)
                    await node.add(*chain[len(node.chain) : share])
                    sizes.append(process.resident_bytes)
                    await asyncio.sleep(0.25)
                # All of it is on disk, though nothing of it is in the database.
                await recorded(data, node)
                require_bounds(process, reports, sizes)
            await node.add(*chain[len(node.chain) :])
            await recorded(data, node)
            back = await process.until("database_back", timeout_s=120)
            assert back["away_s"] >= AWAY_S - 5
            await process.until("backlog_in_memory", timeout_s=120)
            await process.until("pipeline", pending=0, waiting_rows=0, timeout_s=240, after=len(process.log))
            result = await process.stop()
            assert result["database_is_away"] is False
            assert "not-to-be-seen" not in process.text + json.dumps(result)

    case.run(test, 600)
    assert case.recording(data) == told(chain)
    with open_database(database) as records:
        found = case.require_same(data, records, busiest(), settings_of())
        trades = [event for event in read_events(data / "recording") if isinstance(event, Trade)]
        assert records.count("trades") == len(trades)
        assert found["signals"] > 50


def require_bounds(process: Any, reports: int, sizes: list[int]) -> None:
    """The log says that the database is away, and how much waits for it; that is little."""
    assert process.events("database_away")
    assert process.events("backlog_on_disk")
    while_away = process.events("pipeline")[reports:]
    assert len(while_away) > 30
    assert while_away[-1]["database_is_away"]
    assert while_away[-1]["events_on_disk_only"]
    assert while_away[-1]["pending"] > 1_000
    # One batch may come on top of the bound.
    assert max(line["waiting_rows"] for line in while_away) < 2 * MOST_ROWS
    half = len(sizes) // 2
    assert max(sizes) - sizes[0] < GROWTH_BYTES, f"{(max(sizes) - sizes[0]) / 2**20:.0f} MiB more"
    assert max(sizes[half:]) - max(sizes[:half]) < LATE_GROWTH_BYTES, [size // 2**20 for size in sizes]


@asynccontextmanager
async def nobody(_data: Path) -> AsyncIterator[None]:
    yield


def test_postgresql_away_for_a_minute(tmp_path: Path, postgres_server: Any, postgres_place: str) -> None:
    @asynccontextmanager
    async def away() -> AsyncIterator[None]:
        await asyncio.to_thread(postgres_server.stop)
        try:
            yield
        finally:
            await asyncio.to_thread(postgres_server.start)

    go_on_without(tmp_path, postgres_place, away, nobody)


def test_sqlite_held_for_a_minute_while_many_ask(tmp_path: Path) -> None:
    file = tmp_path / "data" / "pumpfun.db"

    @asynccontextmanager
    async def away() -> AsyncIterator[None]:
        words = [sys.executable, "-c", HOLD, str(file)]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            assert await asyncio.to_thread(holder.stdout.readline) == b"held\n"
            yield

    @asynccontextmanager
    async def ask(data: Path) -> AsyncIterator[None]:
        """Requests whose threads wait behind the commit, more than there are threads."""
        address, token = (data / "api-address").read_text().strip(), (data / "api-token").read_text().strip()
        headers = {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(trust_env=False, timeout=300, headers=headers) as client:
            waiting = [asyncio.create_task(client.get(f"{address}/signals")) for _ in range(60)]
            yield
            for answer in await asyncio.gather(*waiting):
                assert answer.status_code == 200

    go_on_without(tmp_path, f"sqlite:///{file}", away, ask)
