"""What the tests of the collector share: a simulated chain, a collector in this process, and what it must come to."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import cache
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import httpx

import chain_node
import collect_harness as harness
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
from alphaloop.markets.pumpfun.simulator.chain import events as simulated
from alphaloop.markets.pumpfun.simulator.settings import SimulationSettings
from alphaloop.markets.pumpfun.wire.commands import is_command
from alphaloop.markets.pumpfun.wire.decode import decode
from alphaloop.markets.pumpfun.wire.records import Record
from alphaloop.stores.records import Records

TESTS = Path(__file__).resolve().parent
SPEED = 60.0
LAST = 10
"""Transactions that are announced once outcomes of the others are due."""
# Written by the market, from events and timers alone.
FROM_EVENTS = (
    *("signals", "genesis_observations", "anti_signals", "signal_outcomes", "candles_1m", "token_lifecycle"),
    *("bundles", "regime_snapshots", "wallets", "wallet_features", "wallet_pnl", "creators", "copy_pairs"),
    *("wallet_clusters", "alpha_decay", "operators"),
)


@cache
def simulated_records() -> tuple[Record, ...]:
    """Six minutes of a simulated market."""
    first = SimulationSettings(days=1.0, launches_per_day=9_000, seed=11)
    limit_ns = first.start_ns + 360 * 10**9
    return tuple(record for record in islice(simulated(first), 20_000) if record.known_ns < limit_ns)


@cache
def simulated_chain() -> list[Any]:
    """Its transactions, in the order of the chain, and some that failed or have nothing to say."""
    found = []
    for number, (name, group) in enumerate(groupby(simulated_records(), key=lambda record: record.signature)):
        records = list(group)
        found.append(chain_node.Tx(name, records[0].slot, tuple(record.data for record in records)))
        if number % 7 == 0:
            found.append(chain_node.Tx(chain_node.signature(number), records[0].slot, (records[0].data,), err={"x": 1}))
    return found


@cache
def busiest_wallets() -> list[str]:
    events = [decode(record) for record in simulated_records()]
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


def endpoint_table(node: Any) -> str:
    """The same node as a file of endpoints says it, one that is asked as often as it likes."""
    urls = endpoints(node)
    return (
        f'[[endpoints]]\nname = "node"\nws_url = "{urls["RPC_WS_URLS"]}"\nhttp_url = "{urls["RPC_HTTP_URLS"]}"\n'
        f'key = "{urls["RPC_KEYS"]}"\nrequests_per_s = 5000\n'
    )


async def until(reached: Callable[[], bool], otherwise: Callable[[], str], timeout_s: float = 60.0) -> None:
    limit = time.monotonic() + timeout_s
    while not reached():
        assert time.monotonic() < limit, otherwise()
        await asyncio.sleep(0.05)


async def all_recorded(folder: Path, wanted: int, otherwise: Callable[[], str], patience_s: float = 40.0) -> None:
    """However slow the machine is it gets on: what never comes is what fails."""
    count, since = len(recording(folder)), time.monotonic()
    while count < wanted:
        assert time.monotonic() < since + patience_s, f"{count} of {wanted} events: {otherwise()}"
        await asyncio.sleep(0.1)
        if (now := len(recording(folder))) > count:
            count, since = now, time.monotonic()


class Run:
    """A collector in this process."""

    def __init__(self, process: CollectProcess, records: Records, bus: MemoryBus) -> None:
        self.process, self.records, self.bus = process, records, bus
        self._stop = False
        self._task = asyncio.create_task(process.run(Limits(), lambda: self._stop))

    async def stop(self) -> None:
        """Have it stop, and wait until it has."""
        self._stop = True
        await self._task

    async def recorded(self, count: int, timeout_s: float = 30.0) -> None:
        async with asyncio.timeout(timeout_s):
            while self.process.intake.counts.events < count or self.process.stats.pending:
                await asyncio.sleep(0.01)

    async def live(self) -> None:
        async with asyncio.timeout(10):
            await self.process.feeds[0].live.wait()


@asynccontextmanager
async def collecting(
    folder: Path,
    node: Any,
    busiest: list[str],
    *,
    db: str | None = None,
    bus: Any = None,
    wrap: Callable[[Any], Any] = lambda records: records,
    back_s: float = 0.0,
    **changes: Any,
) -> AsyncIterator[Run]:
    settings = CollectSettings.parse(settings_of(busiest, **changes), "test")
    clock = harness.FastClock(SimulationSettings().start_ns - int(back_s * 1e9), time.time_ns(), SPEED)
    limited = [one.model_copy(update={"requests_per_s": 5_000}) for one in endpoints_of_environment(endpoints(node))]
    with open_database(db or f"sqlite:///{folder / 'pumpfun.db'}") as records:
        async with bus or MemoryBus() as opened:
            used = wrap(records)
            process = CollectProcess(settings, folder, limited, used, opened, PumpMarket(settings.market), (), clock)
            found = Run(process, used, opened)
            try:
                yield found
            finally:
                await found.stop()


def run(test: Callable[[], Coroutine[Any, Any, None]], timeout_s: float = 120.0) -> None:
    asyncio.run(asyncio.wait_for(test(), timeout_s))


def succeeded(chain: list[Any]) -> list[tuple[str, bytes]]:
    return [(tx.signature, data) for tx in chain if tx.err is None for data in tx.data]


def recording(folder: Path) -> list[tuple[str, bytes]]:
    found = read_records(folder / "recording")
    return [(record.signature, record.data) for record in found if not is_command(record)]


def last_ns(folder: Path) -> int:
    return max(record.known_ns for record in read_records(folder / "recording"))


def rows(records: Records, table: str) -> list[dict[str, Any]]:
    key = next(spec.key for spec in TABLES if spec.name == table)
    return records.select(table, order_by=key)


def replayed(
    folder: Path, busiest: list[str], settings: dict[str, Any] | None = None, scorers: Any = None
) -> dict[str, list[dict[str, Any]]]:
    """Rows of a market that was never disturbed, over the recording of one that was."""
    market = PumpMarket(CollectSettings.parse(settings or settings_of(busiest), "test").market, scorers)
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


def require_same(
    folder: Path,
    records: Records,
    busiest: list[str],
    settings: dict[str, Any] | None = None,
    scorers: Any = None,
) -> dict[str, int]:
    expected = replayed(folder, busiest, settings, scorers)
    for table in FROM_EVENTS:
        assert rows(records, table) == expected[table], table
    return {table: len(expected[table]) for table in FROM_EVENTS}


def kill_again_and_again(
    folder: Path,
    chain: list[Any],
    busiest: list[str],
    db: str,
    bus: str,
    kills: int,
    beside: Callable[[asyncio.Event], Coroutine[Any, Any, None]] | None = None,
    commands: list[str] | None = None,
    settings: dict[str, Any] | None = None,
    models: Path | None = None,
    scorers: Any = None,
) -> dict[str, int]:
    chance = random.Random(int.from_bytes(os.urandom(4), "big"))
    start, scratch = SimulationSettings().start_ns, folder.with_name(f"{folder.name}-killed")
    scratch.mkdir()
    clock = harness.FastClock(start, time.time_ns(), SPEED)
    given = {
        "data": str(folder),
        "db": db,
        "bus": bus,
        "origin_ns": start,
        "wall_ns": clock.wall_ns,
        "speed": SPEED,
        "settings": settings or settings_of(busiest),
        "commands": commands or [],
        "models": None if models is None else str(models),
        "endpoints": str(scratch / "endpoints.toml"),
    }

    async def launch(lives: list[asyncio.subprocess.Process]) -> None:
        command = [sys.executable, str(TESTS / "collect_harness.py"), json.dumps(given)]
        # Into a file: a pipe that nobody reads meanwhile fills up, and then the collector stands.
        with (scratch / f"said-{len(lives)}").open("wb") as said:
            process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=said)
        lives.append(process)

    def said(life: int) -> str:
        return (scratch / f"said-{life}").read_text()

    async def test() -> None:
        lives: list[asyncio.subprocess.Process] = []
        try:
            await lead(lives)
        finally:
            for process in lives:
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    async def lead(lives: list[asyncio.subprocess.Process]) -> None:
        # The chain is older than the collector: what was before it began is none of its business.
        older = chain_node.Tx(chain_node.signature(10**9), chain[0].slot - 20, err={"x": 1})
        node, done = chain_node.ChainNode([older], duplicates=0.1), 0

        async def announce(until: int) -> None:
            nonlocal done
            while done < until:
                await node.add(*chain[done : min(done + 10, until)])
                done = min(done + 10, until)
                await asyncio.sleep(0.05)

        end = asyncio.Event()
        listening = asyncio.create_task(beside(end)) if beside is not None else None
        async with node:
            (scratch / "endpoints.toml").write_text(endpoint_table(node))
            await launch(lives)
            await until((folder / "unfinished.json").exists, lambda: f"it never began: {said(0)}")
            announcing = asyncio.create_task(announce(len(chain) - LAST))
            for _ in range(kills):
                # At first it may have recorded nothing yet.
                await asyncio.sleep(chance.uniform(0.0, 1.5))
                lives[-1].send_signal(signal.SIGKILL)
                await lives[-1].communicate()
                assert lives[-1].returncode == -signal.SIGKILL, said(len(lives) - 1)
                await launch(lives)
                if chance.random() < 0.5:
                    # Sometimes it dies while it restores, or fills the gap.
                    await node.subscribed(timeout_s=60)
            await node.subscribed(timeout_s=60)
            await announcing
            await all_recorded(folder, len(succeeded(chain[:-LAST])), lambda: said(kills)[-5_000:])
            # What came of a signal in its first ten minutes is settled by an event that is known after them.
            settled_ns = last_ns(folder) + 660 * 10**9
            await until(lambda: clock.now_ns() >= settled_ns, lambda: "the clock stands")
            await announce(len(chain))
            await all_recorded(folder, len(succeeded(chain)), lambda: said(kills)[-5_000:])
            lives[-1].send_signal(signal.SIGTERM)
            out, _ = await lives[-1].communicate()
            assert lives[-1].returncode == 0, said(kills)
            assert json.loads(out)["position_ns"] == last_ns(folder)
            assert "very-secret" not in out.decode() + "".join(map(said, range(len(lives))))
        end.set()
        if listening is not None:
            await listening

    run(test, timeout_s=400.0)
    assert recording(folder) == succeeded(chain)
    with open_database(db) as records:
        found = require_same(folder, records, busiest, settings, scorers)
        trades = [event for event in read_events(folder / "recording") if isinstance(event, Trade)]
        assert records.count("trades") == len(trades)
        assert found["signals"] > 20
    return found


COMMAND = "import typer; from alphaloop.cli.collect import collect; app = typer.Typer(); app.command()(collect); app()"


async def command(folder: Path, node: Any, *options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", COMMAND, "--data", str(folder), "--json", *options),
        env=os.environ | endpoints(node),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def said(process: asyncio.subprocess.Process, begin: bytes) -> str:
    """Wait for a line on standard error, and give its last word."""
    assert process.stderr is not None
    async with asyncio.timeout(30):
        while not (line := await process.stderr.readline()).startswith(begin):
            assert line
    return line.split()[-1].decode()


async def result(process: asyncio.subprocess.Process) -> dict[str, Any]:
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert b"very-secret" not in out + err
    found: dict[str, Any] = json.loads(out)
    return found


async def ask(address: str, path: str, token: str) -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(address + path, headers={"authorization": f"Bearer {token or None}"})).status_code
