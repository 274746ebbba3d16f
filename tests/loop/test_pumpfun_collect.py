"""The collector against a chain of its own: disturbed, killed and restarted, it comes to what a replay comes to."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import collect_case as case
from alphaloop.core.errors import StoreAwayError
from alphaloop.markets.pumpfun.events import Tracking, Trade
from alphaloop.markets.pumpfun.recording.replay import read_events
from alphaloop.markets.pumpfun.services.assembly import open_database
from alphaloop.markets.pumpfun.signals.messages import decode as decode_message

chain_node = case.chain_node


@pytest.fixture(scope="module")
def chain() -> list[Any]:
    found: list[Any] = case.simulated_chain()
    return found


@pytest.fixture(scope="module")
def busiest() -> list[str]:
    found: list[str] = case.busiest_wallets()
    return found


def test_live_equals_replay(tmp_path: Path, chain: list[Any], busiest: list[str]) -> None:
    async def test() -> None:
        async with chain_node.ChainNode() as node, case.collecting(tmp_path, node, busiest) as out:
            await out.live()
            heard = []

            def told() -> list[str]:
                return [one.signal_id for one in heard if hasattr(one, "signal_id") and hasattr(one, "wallet")]

            async def listen() -> None:
                async with out.bus.subscribe("trade:signals", capacity=10**6) as messages:
                    async for message in messages:
                        heard.append(decode_message(message.body))

            listening = asyncio.create_task(listen())
            for first in range(0, 1_600, 40):
                await node.add(*chain[first : first + 40])
                await asyncio.sleep(0.03)
            await out.recorded(len(case.succeeded(chain[:1_600])))
            await out.stop()
            stored = [row["signal_id"] for row in out.records.select("signals", order_by=["known_ns"])]
            await case.until(lambda: len(told()) >= len(stored), lambda: f"{len(told())} of {len(stored)} signals")
            listening.cancel()
            assert told() == stored

    case.run(test)
    assert case.recording(tmp_path) == case.succeeded(chain[:1_600])
    with open_database(f"sqlite:///{tmp_path / 'pumpfun.db'}") as records:
        found = case.require_same(tmp_path, records, busiest)
        assert found["signals"] > 20
        assert found["genesis_observations"] > 0
        assert found["candles_1m"] > 0
        assert records.count("trades") == sum(isinstance(event, Trade) for event in read_events(tmp_path / "recording"))
        assert records.count("pipeline_stats", {"event": "report"}) > 1
        assert records.count("pipeline_stats", {"event": "backlog"}) > 0


def test_dropped_doubled_and_shuffled_it_loses_nothing(tmp_path: Path, chain: list[Any], busiest: list[str]) -> None:
    async def test() -> None:
        chance = random.Random(2)
        node = chain_node.ChainNode(duplicates=0.3, shuffled=4)
        async with node, case.collecting(tmp_path, node, busiest) as out:
            await out.live()
            for first in range(0, 2_000, 50):
                await node.add(*chain[first : first + 50])
                await asyncio.sleep(0.02)
                if chance.random() < 0.25:
                    node.drop()
                if chance.random() < 0.1:
                    node.too_many = 5
            await node.subscribed()
            await out.recorded(len(case.succeeded(chain[:2_000])))
            await asyncio.sleep(0.2)
            assert out.process.feeds[0].connections > 3
            assert out.process.intake.counts.filled > 0

    case.run(test)
    assert sorted(case.recording(tmp_path)) == sorted(case.succeeded(chain[:2_000]))
    with open_database(f"sqlite:///{tmp_path / 'pumpfun.db'}") as records:
        case.require_same(tmp_path, records, busiest)


class AwayRecords:
    """A database that can be away, as its contract says it is then: in the middle of a transaction, too."""

    def __init__(self, records: Any) -> None:
        self._records, self.away, self.calls = records, False, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._records.transaction():
            self.calls += 1
            yield
            if self.away:
                raise StoreAwayError("the database does not answer; start it")


def test_the_database_away_holds_nothing_up_and_loses_nothing(
    tmp_path: Path, chain: list[Any], busiest: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    bounds = {"delivery": {"retry_s": 0.02, "longest_retry_s": 0.1, "most_rows": 200}, "events_in_memory": 100}

    async def test() -> None:
        node = chain_node.ChainNode()
        async with node, case.collecting(tmp_path, node, busiest, wrap=AwayRecords, **bounds) as out:
            await out.live()
            await node.add(*chain[:300])
            await out.recorded(len(case.succeeded(chain[:300])))
            out.records.away = True
            for first in range(300, 1_500, 50):
                await node.add(*chain[first : first + 50])
                await asyncio.sleep(0.02)
            # Recording goes on; what waits in memory is bounded, the rest waits on disk.
            wanted = len(case.succeeded(chain[:1_500]))
            async with asyncio.timeout(20):
                # Counted when they are taken in, and on disk once nothing is pending.
                while out.process.intake.counts.events < wanted or out.process.intake.pending:
                    await asyncio.sleep(0.02)
                while not out.process.delivery.database_is_away:
                    await asyncio.sleep(0.02)
            assert out.process.stats.stats()["events_on_disk_only"]
            assert out.process.delivery.waiting_rows < 2_000
            assert len(case.recording(tmp_path)) == wanted
            out.records.away = False
            await out.recorded(wanted)

    case.run(test)
    assert case.recording(tmp_path) == case.succeeded(chain[:1_500])
    with open_database(f"sqlite:///{tmp_path / 'pumpfun.db'}") as records:
        case.require_same(tmp_path, records, busiest)
        trades = [event for event in read_events(tmp_path / "recording") if isinstance(event, Trade)]
        assert records.count("trades") == len(trades)
    said = capsys.readouterr().out
    for event in ("database_away", "database_back", "backlog_on_disk", "backlog_in_memory"):
        assert event in said


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
        async with chain_node.ChainNode() as node, case.collecting(tmp_path, node, busiest) as out:
            await out.live()
            await node.add(*chain[:200])
            await out.recorded(len(case.succeeded(chain[:200])))
            full, before = True, out.process.collector.fed.events
            await node.add(*chain[200:600])
            await asyncio.sleep(0.5)
            assert out.process.collector.fed.events == before
            full = False
            await out.recorded(len(case.succeeded(chain[:600])))

    case.run(test)
    assert case.recording(tmp_path) == case.succeeded(chain[:600])
    with open_database(f"sqlite:///{tmp_path / 'pumpfun.db'}") as records:
        case.require_same(tmp_path, records, busiest)
    said = capsys.readouterr().out
    assert "recording_stopped" in said
    assert "recording_goes_on" in said


def test_killed_at_random_moments_it_goes_on_to_the_same(tmp_path: Path, chain: list[Any], busiest: list[str]) -> None:
    """And meanwhile somebody tracks wallets by hand, and untracks them."""
    found = case.kill_again_and_again(
        tmp_path, chain, busiest, f"sqlite:///{tmp_path / 'pumpfun.db'}", "memory://", kills=3, commands=busiest[:20]
    )
    assert found["genesis_observations"] > 10
    assert found["signal_outcomes"] > 0
    commands = [event for event in read_events(tmp_path / "recording") if isinstance(event, Tracking)]
    recorded = {command.known_ns: (command.wallet, command.tracked) for command in commands}
    answered = [json.loads(line) for line in (tmp_path / "answered").read_text().splitlines()]
    assert len(answered) > 20
    assert {tracked for _, _, tracked in answered} == {True, False}
    # What was answered is on disk, also if the process died before it did what was asked.
    assert all(recorded[known_ns] == (wallet, tracked) for known_ns, wallet, tracked in answered)


def test_a_damaged_or_missing_snapshot_costs_time_and_nothing_else(
    tmp_path: Path, chain: list[Any], busiest: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    replayed = []

    def life(first: int, last: int) -> None:
        async def test() -> None:
            node = chain_node.ChainNode(chain[:first])
            async with node, case.collecting(tmp_path, node, busiest, snapshot_s=0.15) as out:
                await out.live()
                assert out.process.collector.applied_ns == (0 if not first else case.last_ns(tmp_path))
                replayed.append(out.process.collector.fed.replayed)
                for place in range(first, last, 50):
                    await node.add(*chain[place : place + 50])
                    await asyncio.sleep(0.08)
                await out.recorded(len(case.succeeded(chain[first:last])))

        case.run(test)

    def snapshots() -> list[Path]:
        return sorted((tmp_path / "snapshots").iterdir())

    life(0, 300)
    content = bytearray(snapshots()[-1].read_bytes())
    content[-10] ^= 1
    snapshots()[-1].write_bytes(bytes(content))
    life(300, 600)
    assert "snapshot_unusable" in capsys.readouterr().out
    snapshots()[-1].unlink()
    life(600, 700)
    for snapshot in snapshots():
        snapshot.unlink()
    life(700, 800)
    whole = len(case.succeeded(chain[:700]))
    assert replayed[0] == 0
    assert all(0 < count < whole for count in replayed[1:3])
    assert replayed[3] == whole
    assert case.recording(tmp_path) == case.succeeded(chain[:800])
    with open_database(f"sqlite:///{tmp_path / 'pumpfun.db'}") as records:
        case.require_same(tmp_path, records, busiest)


def test_a_clock_set_back_between_two_lives_changes_no_order(
    tmp_path: Path, chain: list[Any], busiest: list[str]
) -> None:
    def life(first: int, last: int, back_s: float) -> None:
        async def test() -> None:
            node = chain_node.ChainNode(chain[:first])
            async with node, case.collecting(tmp_path, node, busiest, back_s=back_s) as out:
                await out.live()
                await node.add(*chain[first:last])
                await out.recorded(len(case.succeeded(chain[first:last])))
                # Timers fire beyond the last event: later ones must not be known before that.
                await asyncio.sleep(0.3)

        case.run(test)

    life(0, 200, 0.0)
    life(200, 300, 3_600.0)
    assert case.recording(tmp_path) == case.succeeded(chain[:300])
    with open_database(f"sqlite:///{tmp_path / 'pumpfun.db'}") as records:
        case.require_same(tmp_path, records, busiest)


def test_the_command_collects_serves_and_goes_on(tmp_path: Path, chain: list[Any]) -> None:
    async def test() -> None:
        async with chain_node.ChainNode() as node:
            first = await case.command(tmp_path, node, "--until-idle", "--api", "--api-port", "0")
            await node.subscribed(timeout_s=60)
            await node.add(*chain[:200])
            address = await case.said(first, b"serving http")
            token = (tmp_path / "api-token").read_text().strip()
            assert (tmp_path / "api-token").stat().st_mode & 0o077 == 0
            assert await case.ask(address, "/stats", "") == 401
            assert await case.ask(address, "/stats", token) == 200
            result = await case.result(first)
            assert result["intake"]["events"] == len(case.succeeded(chain[:200]))
            second = await case.command(tmp_path, node, "--until-idle")
            await node.subscribed(timeout_s=60)
            await node.add(*chain[200:260])
            result = await case.result(second)
            assert result["intake"]["events"] == len(case.succeeded(chain[200:260]))
            assert result["services"]

    case.run(test)
    assert case.recording(tmp_path) == case.succeeded(chain[:260])
