"""``alphaloop collect`` as a process: models that score while it runs, and one process per folder."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import collect_case as case
import collect_command as command
import pump_models as makers
from alphaloop.bus.address import open_bus
from alphaloop.markets.pumpfun.events import Trade
from alphaloop.markets.pumpfun.models_at_hand import ModelsAtHand
from alphaloop.markets.pumpfun.services.assembly import open_database
from alphaloop.markets.pumpfun.settings import PumpSettings
from alphaloop.markets.pumpfun.signals.messages import GenesisMessage, SignalMessage, decode, envelope
from alphaloop.markets.pumpfun.signals.vector import from_bytes
from alphaloop.markets.pumpfun.simulator.chain import events as simulated
from alphaloop.markets.pumpfun.simulator.settings import SimulationSettings

chain_node = case.chain_node
NAMES = ("reach_2x_1h", "is_dead_soon")


@pytest.fixture(scope="module")
def chain() -> list[Any]:
    found: list[Any] = case.simulated_chain()
    return found


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    fast = {"inference_s": 0.2, "reload_s": 0.2, "snapshot_s": 300.0}
    found: dict[str, Any] = case.settings_of(case.busiest_wallets(), **fast)
    return found


@pytest.fixture(scope="module")
def rows() -> Any:
    """Signals of another hour of such a market."""
    records = list(islice(simulated(SimulationSettings(days=1.0, launches_per_day=9_000, seed=12)), 4_000))
    wallets = [event.wallet for event in map(case.decode, records) if isinstance(event, Trade)]
    tracked = [wallet for wallet, _ in case.Counter(wallets).most_common(60)]
    return makers.rows_of(records, PumpSettings(tracked_wallets=tuple(tracked)))


def make(folder: Path, rows: Any, number: int) -> dict[str, str]:
    """Write the artifacts of one training; a later `number` is a later one. Gives their ids by name."""
    return {
        name: makers.make_artifact(
            folder / name, name, "pumpfun-signal", rows["pumpfun-signal"], created_ns=number, seed=10 * number + place
        )
        for place, name in enumerate(NAMES)
    }


@dataclass
class Bus:
    """What the collector published on ``trade:signals``."""

    heard: list[SignalMessage | GenesisMessage] = field(default_factory=list)


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Bus]:
    found = Bus()

    async def listen(messages: Any) -> None:
        async for message in messages:
            if isinstance(one := decode(message.body), SignalMessage | GenesisMessage):
                found.heard.append(one)

    async with open_bus(url) as bus, bus.subscribe("trade:signals", capacity=10**6) as messages:
        task = asyncio.create_task(listen(messages))
        yield found
        task.cancel()


async def scored(database: str, bus: Bus, trades: int, timeout_s: float = 120.0) -> None:
    """Wait until everything is stored, told and scored by every model."""
    limit = time.monotonic() + timeout_s
    with open_database(database) as records:
        while True:
            signals = records.count("signals")
            whole = records.count("trades") == trades and records.count("ml_scores") == len(NAMES) * signals
            if whole and len({one.signal_id for one in bus.heard}) == signals:
                return
            assert time.monotonic() < limit, f"{signals} signals, {len(bus.heard)} heard, {records.count('ml_scores')}"
            await asyncio.sleep(0.05)


def trades(chain: list[Any]) -> int:
    records = [record for record in case.simulated_records() if record.signature in {tx.signature for tx in chain}]
    return sum(isinstance(case.decode(record), Trade) for record in records)


def test_models_score_in_the_running_process_and_are_replaced_in_it(
    tmp_path: Path, chain: list[Any], settings: dict[str, Any], rows: Any, redis_url: str
) -> None:
    first, second = make(tmp_path / "first", rows, 1), make(tmp_path / "second", rows, 2)
    make(tmp_path / "third", rows, 3)
    data, models = tmp_path / "data", tmp_path / "models"
    database = f"sqlite:///{data / 'pumpfun.db'}"
    shutil.copytree(tmp_path / "first", models / "first")
    parts: list[set[str]] = []

    async def test() -> None:
        node = chain_node.ChainNode()

        async def goes_on(until: int, bus: Bus) -> None:
            known = {one.signal_id for one in bus.heard}
            await node.add(*chain[len(node.chain) : until])
            await scored(database, bus, trades(chain[:until]))
            parts.append({one.signal_id for one in bus.heard} - known)

        def start() -> Any:
            # Its password must not be on a command line, where everybody can read it.
            environment = {"REDIS_URL": redis_url}
            keys = command.endpoint_file(tmp_path / "keys.toml", {"name": "node", "ws_url": node.ws_url} | http(node))
            return processes.start(data, settings, "--models", models, endpoints=keys, environment=environment)

        async with node, command.Collectors() as processes, listening(redis_url) as bus:
            process = await start()
            await node.subscribed(timeout_s=120)
            await goes_on(250, bus)
            # As it is copied: what is not whole yet is refused, and taken at a later look.
            for name in NAMES:
                (models / "second" / name).mkdir(parents=True)
                shutil.copy(tmp_path / "second" / name / "manifest.json", models / "second" / name)
            await process.until("model_refused", model=str(models / "second" / NAMES[0]))
            shutil.copytree(tmp_path / "second", models / "second", dirs_exist_ok=True)
            for name in NAMES:
                await process.until("model_loaded", model_id=second[name], replaces=first[name])
            await goes_on(450, bus)
            damage(tmp_path / "third" / NAMES[0] / f"{NAMES[0]}.onnx")
            shutil.copytree(tmp_path / "third" / NAMES[0], models / "third" / NAMES[0])
            refused = await process.until("model_refused", model=NAMES[0])
            assert "sha256" in refused["reason"]
            await goes_on(600, bus)
            await process.kill()
            # The newest of its name is damaged; the one before it scores again.
            process = await start()
            await process.until("model_loaded", model_id=second[NAMES[0]])
            await node.subscribed(timeout_s=120)
            await goes_on(len(chain), bus)
            result = await process.stop()
            assert {one["service"]: one["failures"] for one in result["services"]}["inference"] == 0
            require_scores(tmp_path, database, bus, parts, [first, second, second, second])

    case.run(test, 400)


def http(node: Any) -> dict[str, Any]:
    return {"http_url": node.http_url, "key": "very-secret", "requests_per_s": 5_000}


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)


def require_scores(folder: Path, database: str, bus: Bus, parts: list[set[str]], loaded: list[dict[str, str]]) -> None:
    """Each message and each stored score is what the models of that time give offline, to the bit."""
    offline = {}
    for name in ("first", "second"):
        offline[name] = ModelsAtHand(folder / name)
        offline[name].reload()
    with open_database(database) as records:
        stored = {(row["signal_id"], row["model"]): row for row in records.select("ml_scores")}
        signals = {row["signal_id"]: row for row in records.select("signals")}
    assert all(len(part) > 3 for part in parts)
    assert set().union(*parts) == set(signals)
    for message in bus.heard:
        part = next(place for place, part in enumerate(parts) if message.signal_id in part)
        models = offline["first" if part == 0 else "second"]
        assert message.scores == dict(models.signal(message.vector))
        assert set(message.scores) == set(NAMES)
        row = signals[message.signal_id]
        assert message.scores == dict(models.signal(from_bytes(row["features"])))
        # What was said then is what is stored, also after a restart with other models.
        assert row["message"] == envelope(message)
        for name in NAMES:
            score = stored[message.signal_id, name]
            assert (score["probability"], score["model_id"]) == (message.scores[name], loaded[part][name])
    assert len({message.scores[NAMES[0]] for message in bus.heard}) > 10


@pytest.mark.slow
def test_killed_while_models_score_it_says_and_stores_the_same(
    tmp_path: Path, chain: list[Any], rows: Any, redis_url: str
) -> None:
    """All eight models, signals and launches, on a clock that runs faster; batch equals live, models included."""
    models, heard = tmp_path / "models", list[Any]()
    for place, name in enumerate(("reach_2x_10m", "reach_3x_30m", *NAMES)):
        makers.make_artifact(models / name, name, "pumpfun-signal", rows["pumpfun-signal"], created_ns=1, seed=place)
        launch = f"genesis_{name.removeprefix('reach_')}"
        genesis = rows["pumpfun-genesis"]
        makers.make_artifact(models / launch, launch, "pumpfun-genesis", genesis, created_ns=1, seed=20 + place)
    offline = ModelsAtHand(models)
    assert len(offline.reload()) == 8
    busiest, database = case.busiest_wallets(), f"sqlite:///{tmp_path / 'pumpfun.db'}"
    market = {"tracked_wallets": busiest, "genesis": {"early_score": 0.75, "score": 0.3}}
    settings = case.settings_of(busiest, market=market, inference_s=0.1)

    async def listen(stop: asyncio.Event) -> None:
        async with listening(redis_url) as bus:
            await stop.wait()
            heard.extend(bus.heard)

    found = case.kill_again_and_again(
        tmp_path, chain, busiest, database, redis_url, 3, listen, settings=settings, models=models, scorers=offline
    )
    with open_database(database) as records:
        scores = {(row["signal_id"], row["model"]): row for row in records.select("ml_scores")}
        stored = {row["signal_id"]: row for row in records.select("signals")}
        launches = {row["signal_id"]: row for row in records.select("genesis_observations")}
    by_id = {one.signal_id: one for one in heard}
    assert all(one == by_id[one.signal_id] for one in heard)
    assert {one for one in by_id if one not in launches} == set(stored)
    announced = [row for signal_id, row in launches.items() if signal_id in by_id]
    assert all(row["emitted"] for row in announced)
    assert {row["mint"] for row in announced} == {row["mint"] for row in launches.values() if row["emitted"]}
    assert announced
    for one in by_id.values():
        at_hand = offline.genesis(one.vector) if one.signal_id in launches else offline.signal(one.vector)
        assert one.scores == dict(at_hand)
        assert len(one.scores) == 4
    for (signal_id, model), row in scores.items():
        features = from_bytes((stored.get(signal_id) or launches[signal_id])["features"])
        at_hand = offline.signal(features) if signal_id in stored else offline.genesis(features)
        assert row["probability"] == at_hand[offline.models[model].target]
    assert len(scores) >= 4 * 0.8 * (found["signals"] + found["genesis_observations"])


def test_a_second_process_on_the_same_folder_is_refused(
    tmp_path: Path, chain: list[Any], settings: dict[str, Any]
) -> None:
    async def test() -> None:
        node = chain_node.ChainNode()
        async with node, command.Collectors() as processes:
            keys = command.endpoint_file(tmp_path / "keys.toml", {"name": "node", "ws_url": node.ws_url} | http(node))
            first = await processes.start(tmp_path / "data", settings, endpoints=keys)
            await node.subscribed(timeout_s=120)
            await node.add(*chain[:50])
            before = node.connections
            other = tmp_path / "other.db"
            second = await processes.start(
                tmp_path / "data", settings, "--api", "--db", f"sqlite:///{other}", endpoints=keys
            )
            code, out = await second.end()
            assert (code, out) == (2, "")
            assert len(second.said) == 1
            assert second.said[0].startswith("error: ")
            assert f"is being recorded by process {first.process.pid}; stop it" in second.said[0]
            assert not other.exists()
            assert not (tmp_path / "data" / "api-token").exists()
            assert node.connections == before
            await node.add(*chain[50:100])
            # One that was killed keeps nobody out.
            await first.kill()
            third = await processes.start(tmp_path / "data", settings, endpoints=keys)
            await third.until("gap_filled")
            await node.add(*chain[100:120])
            await third.stop()

    case.run(test, 400)
    assert case.recording(tmp_path / "data") == case.succeeded(chain[:120])
