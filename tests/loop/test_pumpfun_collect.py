"""The collector against a chain of its own: disturbed, killed and restarted, it comes to what a replay comes to."""

from __future__ import annotations

import asyncio
import errno
import importlib.util
import json
import os
import random
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, closing
from itertools import groupby, islice
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from alphaloop.bus.memory import MemoryBus
from alphaloop.markets.pumpfun.emissions import Row
from alphaloop.markets.pumpfun.events import Trade
from alphaloop.markets.pumpfun.ingest.endpoints import endpoints_of_environment
from alphaloop.markets.pumpfun.ingest.marks import Marks
from alphaloop.markets.pumpfun.market import PumpMarket
from alphaloop.markets.pumpfun.recording.replay import read_events, read_records
from alphaloop.markets.pumpfun.schema import TABLES
from alphaloop.markets.pumpfun.services.assembly import open_database
from alphaloop.markets.pumpfun.services.collect import CollectProcess, Limits
from alphaloop.markets.pumpfun.services.settings import CollectSettings
from alphaloop.markets.pumpfun.signals.messages import decode as decode_message
from alphaloop.markets.pumpfun.simulator.chain import events as simulated
from alphaloop.markets.pumpfun.simulator.settings import SimulationSettings
from alphaloop.markets.pumpfun.wire.decode import decode
from alphaloop.markets.pumpfun.wire.records import Record
from alphaloop.stores.records import Records

TESTS = Path(__file__).resolve().parents[1]
SPEED = 60.0
# Written by the market, from events and timers alone.
FROM_EVENTS = ("signals", "genesis_observations", "anti_signals", "signal_outcomes", "candles_1m", "token_lifecycle")


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, TESTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


chain_node, harness = _beside("chain_node"), _beside("collect_harness")


@pytest.fixture(scope="module")
def market() -> list[Record]:
    """Six minutes of a simulated market."""
    first = SimulationSettings(days=1.0, launches_per_day=9_000, seed=11)
    limit_ns = first.start_ns + 360 * 10**9
    return [record for record in islice(simulated(first), 20_000) if record.known_ns < limit_ns]


@pytest.fixture(scope="module")
def chain(market: list[Record]) -> list[Any]:
    """Its transactions, in the order of the chain, and some that failed or have nothing to say."""
    found = []
    for number, (name, group) in enumerate(groupby(market, key=lambda record: record.signature)):
        records = list(group)
        found.append(chain_node.Tx(name, records[0].slot, tuple(record.data for record in records)))
        if number % 7 == 0:
            found.append(chain_node.Tx(chain_node.signature(number), records[0].slot, (records[0].data,), err={"x": 1}))
    return found


@pytest.fixture(scope="module")
def busiest(market: list[Record]) -> list[str]:
    events = [decode(record) for record in market]
    return [wallet for wallet, _ in Counter(e.wallet for e in events if isinstance(e, Trade)).most_common(40)]


def settings_of(busiest: list[str], **changes: Any) -> dict[str, Any]:
    fast = {
        "market": {"tracked_wallets": busiest},
        "pool": {"rest_s": 0.02, "longest_rest_s": 0.3},
        "rpc": {"timeout_s": 3.0},
        "gaps": {"round_pause_s": 0.05, "absent_pause_s": 0.02},
        "collector": {"tick_s": 0.05},
        "delivery": {"retry_s": 0.05, "longest_retry_s": 0.2},
        "recorder": {"retry_s": 0.05},
        "snapshot_s": 0.7,
        "seal_s": 1.1,
        "report_s": 0.5,
    }
    return fast | changes


def endpoints(node: Any) -> dict[str, str]:
    return {"RPC_WS_URLS": node.ws_url, "RPC_HTTP_URLS": node.http_url, "RPC_KEYS": "very-secret"}


class Run:
    """A collector in this process."""

    def __init__(self, process: CollectProcess, records: Records, bus: MemoryBus) -> None:
        self.process, self.records, self.bus = process, records, bus
        self.stop = False

    async def recorded(self, count: int, timeout_s: float = 30.0) -> None:
        async with asyncio.timeout(timeout_s):
            while self.process.intake.counts.events < count or self.process.stats.pending:
                await asyncio.sleep(0.01)

    async def live(self) -> None:
        async with asyncio.timeout(10):
            await self.process.feeds[0].live.wait()


@asynccontextmanager
async def collecting(
    folder: Path, node: Any, busiest: list[str], *, db: str | None = None, bus: Any = None, **changes: Any
) -> Iterator[Run]:
    settings = CollectSettings.parse(settings_of(busiest, **changes), "test")
    clock = harness.FastClock(SimulationSettings().start_ns, time.time_ns(), SPEED)
    limited = [one.model_copy(update={"requests_per_s": 5_000}) for one in endpoints_of_environment(endpoints(node))]
    with open_database(db or f"sqlite:///{folder / 'pumpfun.db'}") as records:
        async with bus or MemoryBus() as opened:
            process = CollectProcess(settings, folder, limited, records, opened, PumpMarket(settings.market), (), clock)
            found = Run(process, records, opened)
            task = asyncio.create_task(process.run(Limits(), lambda: found.stop))
            try:
                yield found
            finally:
                found.stop = True
                await task


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 120))


def succeeded(chain: list[Any]) -> list[tuple[str, bytes]]:
    return [(tx.signature, data) for tx in chain if tx.err is None for data in tx.data]


def recording(folder: Path) -> list[tuple[str, bytes]]:
    return [(record.signature, record.data) for record in read_records(folder / "recording")]


def rows(records: Records, table: str) -> list[dict[str, Any]]:
    key = next(spec.key for spec in TABLES if spec.name == table)
    return records.select(table, order_by=key)


def replayed(folder: Path, busiest: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Rows of a market that was never disturbed, over the recording of one that was."""
    market = PumpMarket(CollectSettings.parse(settings_of(busiest), "test").market)
    marks = Marks(folder / "marks")
    with open_database("memory://") as records:

        def keep(emissions: list[Any]) -> None:
            for row in emissions:
                if isinstance(row, Row):
                    records.add(row.table, [row.values], conflict="replace")

        for event in read_events(folder / "recording"):
            keep(market.apply(event))
        keep(market.advance(marks.advanced_ns))
        marks.close()
        return {table: rows(records, table) for table in FROM_EVENTS}


def require_same(folder: Path, records: Records, busiest: list[str]) -> dict[str, int]:
    expected = replayed(folder, busiest)
    for table in FROM_EVENTS:
        assert rows(records, table) == expected[table], table
    return {table: len(expected[table]) for table in FROM_EVENTS}


def test_live_equals_replay(tmp_path: Path, chain: list[Any], busiest: list[str]) -> None:
    async def test() -> None:
        async with chain_node.ChainNode() as node, collecting(tmp_path, node, busiest) as out:
            await out.live()
            heard = []

            async def listen() -> None:
                async with out.bus.subscribe("trade:signals", capacity=10**6) as messages:
                    async for message in messages:
                        heard.append(decode_message(message.body))

            listening = asyncio.create_task(listen())
            for first in range(0, 1_600, 40):
                await node.add(*chain[first : first + 40])
                await asyncio.sleep(0.03)
            await out.recorded(len(succeeded(chain[:1_600])))
            out.stop = True
            await asyncio.sleep(0.5)
            listening.cancel()
            told = [one.signal_id for one in heard if hasattr(one, "signal_id") and hasattr(one, "wallet")]
            assert told == [row["signal_id"] for row in out.records.select("signals", order_by=["known_ns"])]

    run(test)
    assert recording(tmp_path) == succeeded(chain[:1_600])
    with open_database(f"sqlite:///{tmp_path / 'pumpfun.db'}") as records:
        found = require_same(tmp_path, records, busiest)
        assert found["signals"] > 50
        assert found["genesis_observations"] > 0
        assert found["candles_1m"] > 0
        assert records.count("trades") == sum(isinstance(event, Trade) for event in read_events(tmp_path / "recording"))
        assert records.count("pipeline_stats", {"event": "report"}) > 1
        assert records.count("pipeline_stats", {"event": "backlog"}) > 0


def test_dropped_doubled_and_shuffled_it_loses_nothing(tmp_path: Path, chain: list[Any], busiest: list[str]) -> None:
    async def test() -> None:
        chance = random.Random(2)
        node = chain_node.ChainNode(duplicates=0.3, shuffled=4)
        async with node, collecting(tmp_path, node, busiest) as out:
            await out.live()
            for first in range(0, 2_000, 50):
                await node.add(*chain[first : first + 50])
                await asyncio.sleep(0.02)
                if chance.random() < 0.25:
                    node.drop()
                if chance.random() < 0.1:
                    node.too_many = 5
            await node.subscribed()
            await out.recorded(len(succeeded(chain[:2_000])))
            await asyncio.sleep(0.2)
            assert out.process.feeds[0].connections > 3
            assert out.process.intake.counts.filled > 0

    run(test)
    assert sorted(recording(tmp_path)) == sorted(succeeded(chain[:2_000]))
    with open_database(f"sqlite:///{tmp_path / 'pumpfun.db'}") as records:
        require_same(tmp_path, records, busiest)


def test_the_database_away_holds_nothing_up_and_loses_nothing(
    tmp_path: Path, chain: list[Any], busiest: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    async def test() -> None:
        bounds = {"delivery": {"retry_s": 0.05, "longest_retry_s": 0.2, "most_rows": 200}, "events_in_memory": 100}
        node = chain_node.ChainNode()
        async with node, collecting(tmp_path, node, busiest, **bounds) as out:
            await out.live()
            await node.add(*chain[:300])
            await out.recorded(len(succeeded(chain[:300])))
            with closing(sqlite3.connect(tmp_path / "pumpfun.db", isolation_level=None)) as other:
                other.execute("BEGIN EXCLUSIVE")
                for first in range(300, 1_500, 50):
                    await node.add(*chain[first : first + 50])
                    await asyncio.sleep(0.02)
                async with asyncio.timeout(60):
                    while not out.process.delivery.database_is_away:
                        await asyncio.sleep(0.02)
                # Recording went on; what waits in memory is bounded, the rest waits on disk.
                assert out.process.intake.counts.events == len(succeeded(chain[:1_500]))
                assert out.process.stats.stats()["events_on_disk_only"]
                assert out.process.delivery.waiting_rows < 2_000
                other.execute("ROLLBACK")
            await out.recorded(len(succeeded(chain[:1_500])))

    run(test)
    assert recording(tmp_path) == succeeded(chain[:1_500])
    with open_database(f"sqlite:///{tmp_path / 'pumpfun.db'}") as records:
        require_same(tmp_path, records, busiest)
        assert records.count("trades") == sum(isinstance(event, Trade) for event in read_events(tmp_path / "recording"))
    said = capsys.readouterr().out
    assert "database_away" in said
    assert "database_back" in said
    assert "backlog_on_disk" in said


def test_a_full_disk_stops_the_recording_and_nothing_is_told_meanwhile(
    tmp_path: Path,
    chain: list[Any],
    busiest: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    writes, full = os.pwrite, False

    def pwrite(handle: int, content: Any, offset: int) -> int:
        if full and len(content) > 100:
            # A disk fills in the middle of a write.
            writes(handle, bytes(content)[:60], offset)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return writes(handle, content, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)

    async def test() -> None:
        nonlocal full
        async with chain_node.ChainNode() as node, collecting(tmp_path, node, busiest) as out:
            await out.live()
            await node.add(*chain[:200])
            await out.recorded(len(succeeded(chain[:200])))
            full, before = True, out.process.collector.fed.events
            await node.add(*chain[200:600])
            await asyncio.sleep(0.5)
            assert out.process.collector.fed.events == before
            full = False
            await out.recorded(len(succeeded(chain[:600])))

    run(test)
    assert recording(tmp_path) == succeeded(chain[:600])
    with open_database(f"sqlite:///{tmp_path / 'pumpfun.db'}") as records:
        require_same(tmp_path, records, busiest)
    said = capsys.readouterr().out
    assert "recording_stopped" in said
    assert "recording_goes_on" in said


def test_killed_at_random_moments_it_goes_on_to_the_same(tmp_path: Path, chain: list[Any], busiest: list[str]) -> None:
    kill_again_and_again(tmp_path, chain, busiest, f"sqlite:///{tmp_path / 'pumpfun.db'}", "memory://", 4)


def kill_again_and_again(
    folder: Path, chain: list[Any], busiest: list[str], db: str, bus: str, kills: int
) -> dict[str, int]:
    chance = random.Random(int.from_bytes(os.urandom(4), "big"))
    start = SimulationSettings().start_ns
    clock = harness.FastClock(start, time.time_ns(), SPEED)
    given = {
        "data": str(folder),
        "db": db,
        "bus": bus,
        "origin_ns": start,
        "wall_ns": clock.wall_ns,
        "speed": SPEED,
        "settings": settings_of(busiest),
    }

    async def launch(node: Any) -> asyncio.subprocess.Process:
        command = [sys.executable, str(TESTS / "collect_harness.py"), json.dumps(given)]
        return await asyncio.create_subprocess_exec(
            *command, env=os.environ | endpoints(node), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )

    async def test() -> None:
        node, done = chain_node.ChainNode(duplicates=0.1), 0

        async def announce() -> None:
            nonlocal done
            while done < len(chain):
                await node.add(*chain[done : done + 10])
                done += 10
                await asyncio.sleep(0.05)

        async with node:
            process = await launch(node)
            await node.subscribed(timeout_s=60)
            announcing = asyncio.create_task(announce())
            for _ in range(kills):
                await asyncio.sleep(chance.uniform(0.3, 1.5))
                process.send_signal(signal.SIGKILL)
                _, said = await process.communicate()
                assert process.returncode == -signal.SIGKILL, said.decode()
                process = await launch(node)
                if chance.random() < 0.5:
                    # Sometimes it dies while it restores, or fills the gap.
                    await node.subscribed(timeout_s=60)
            await node.subscribed(timeout_s=60)
            await announcing
            wanted = len(succeeded(chain))
            limit = time.monotonic() + 60
            while len(recording(folder)) < wanted:
                assert time.monotonic() < limit, f"{len(recording(folder))} of {wanted} events"
                await asyncio.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            out, said = await process.communicate()
            assert process.returncode == 0, said.decode()
            assert json.loads(out)["market"]["replayed"] > 0
            assert "very-secret" not in said.decode() + out.decode()

    run(test)
    assert recording(folder) == succeeded(chain)
    with open_database(db) as records:
        found = require_same(folder, records, busiest)
        trades = [event for event in read_events(folder / "recording") if isinstance(event, Trade)]
        assert records.count("trades") == len(trades)
        assert found["signals"] > 50
    return found
