"""The market is saved by a fork while it goes on: the bits of a direct save, or the snapshot before."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from alphaloop.bus import MemoryBus
from alphaloop.core.clock import Clock, SteppedClock, SystemClock
from alphaloop.core.errors import StateError
from alphaloop.markets.pumpfun.ingest import collector as collector_module
from alphaloop.markets.pumpfun.ingest.backlog import Backlog
from alphaloop.markets.pumpfun.ingest.child import Child
from alphaloop.markets.pumpfun.ingest.collector import Collector, CollectorSettings
from alphaloop.markets.pumpfun.ingest.delivery import Delivery
from alphaloop.markets.pumpfun.ingest.marks import Marks
from alphaloop.markets.pumpfun.ingest.snapshots import Snapshots
from alphaloop.markets.pumpfun.market import PumpMarket
from alphaloop.markets.pumpfun.saving import pieces
from alphaloop.markets.pumpfun.schema import SCHEMA
from alphaloop.markets.pumpfun.settings import PumpSettings
from alphaloop.stores.records import open_records

SETTINGS = PumpSettings(tracked_wallets=("wallet001", "wallet002"))


def fed(events: Iterable[Any]) -> PumpMarket:
    market = PumpMarket(SETTINGS)
    for event in events:
        market.apply(event)
    return market


def save(snapshots: Snapshots, position_ns: int, given: Iterable[bytes]) -> Path:
    path = snapshots.begin(position_ns)
    snapshots.fill(path, position_ns, SETTINGS.hash, given)
    return snapshots.publish(path)


def saved_by_a_fork(path: Path, market: PumpMarket, then: Callable[[], None] = lambda: None) -> bytes:
    async def test() -> None:
        child = Child(lambda: Snapshots.fill(path, 5, SETTINGS.hash, market.pieces()))
        then()
        await child.ended(30)

    asyncio.run(test())
    return path.read_bytes()


class Block(msgspec.Struct):
    content: bytes

    def save(self) -> bytes:
        return self.content

    def restore(self, state: bytes) -> None:
        self.content = state


class Head(msgspec.Struct):
    name: str
    parts: dict[str, bytes]


@pytest.mark.parametrize("count", [0, 1, 15, 16, 300])
def test_pieces_are_the_message_that_one_would_write_at_once(count: int) -> None:
    parts = {f"part {n}": bytes([n % 256]) * (n * 7) for n in range(count)}
    given = b"".join(pieces(Head("a", {}), {name: Block(content) for name, content in parts.items()}))
    assert msgspec.msgpack.decode(given, type=Head) == Head("a", parts)
    # One piece for each part: no piece holds two.
    assert len(list(pieces(Head("a", {}), {name: Block(content) for name, content in parts.items()}))) == 1 + 2 * count


def test_a_fork_saves_the_bits_of_a_direct_save_whatever_happens_meanwhile(pump: Any, tmp_path: Path) -> None:
    events = pump.market_events(1_500)
    market = fed(events[:1_000])
    direct = save(Snapshots(tmp_path / "direct"), 5, market.pieces())
    expected = market.save()

    def go_on() -> None:
        for event in events[1_000:]:
            market.apply(event)

    content = saved_by_a_fork(tmp_path / "forked", market, then=go_on)
    assert market.save() != expected
    assert content == direct.read_bytes()
    assert content.endswith(expected)
    found = Snapshots(tmp_path / "direct").newest(SETTINGS.hash, 10)
    assert found is not None
    twin = PumpMarket(SETTINGS)
    twin.restore(found.state)
    assert twin.save() == expected
    assert market.save() == fed(events).save(), "saving leaves no trace"


def test_a_snapshot_counts_once_it_is_published_and_the_newest_few_stay(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, keep=2)
    for position_ns in (1, 2, 3):
        save(snapshots, position_ns, [b"state", b" of %d" % position_ns])
    assert [path.name for path in sorted(tmp_path.iterdir())] == [f"market-{n:019d}.state" for n in (2, 3)]
    left = snapshots.begin(4)
    snapshots.fill(left, 4, SETTINGS.hash, [b"never published"])
    found = snapshots.newest(SETTINGS.hash, 10)
    assert found is not None
    assert (found.position_ns, found.state) == (3, b"state of 3")
    assert snapshots.newest(SETTINGS.hash, 2) is not None
    assert snapshots.newest("other settings", 10) is None
    snapshots.begin(5)
    assert not left.exists(), "what a dead process left"
    newest = tmp_path / f"market-{3:019d}.state"
    content = bytearray(newest.read_bytes())
    content[-1] ^= 1
    newest.write_bytes(content)
    found = snapshots.newest(SETTINGS.hash, 10)
    assert found is not None
    assert found.position_ns == 2


def ended(task: Callable[[], None], patience_s: float = 20.0) -> str:
    """Reason of a child that fails; it must leave no process behind."""

    async def test() -> None:
        child = Child(task)
        try:
            await child.ended(patience_s)
        finally:
            with pytest.raises(ChildProcessError):
                os.waitpid(child.pid, 0)

    with pytest.raises(StateError) as info:
        asyncio.run(test())
    return str(info.value)


def test_a_child_that_fails_is_killed_or_hangs_is_told() -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    assert "No space left" in ended(full)
    assert "signal 9" in ended(lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert "was not done after 0.2 s" in ended(lambda: time.sleep(60), patience_s=0.2)
    assert "failed (SystemExit" in ended(lambda: sys.exit(3))


def test_a_child_lets_go_of_everything_and_hears_no_signal(tmp_path: Path) -> None:
    held = (tmp_path / "held").open("w")
    report = tmp_path / "report"

    def task() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        handles = sorted(int(name) for name in os.listdir("/proc/self/fd"))
        links = [os.readlink(f"/proc/self/fd/{handle}") for handle in handles[:3]]
        with report.open("w") as file:
            file.write(f"{links} {held.fileno() in handles} {len(handles)} {gc.isenabled()}")
        with open("/proc/self/oom_score_adj") as file:
            assert file.read().strip() == "1000"

    async def test() -> None:
        await Child(task).ended(20)

    asyncio.run(test())
    held.close()
    # Besides the three: the way to tell a reason, and the listing itself.
    assert report.read_text() == "['/dev/null', '/dev/null', '/dev/null'] False 5 False"


def test_whoever_gives_up_waiting_leaves_no_child() -> None:
    async def test() -> None:
        child = Child(lambda: time.sleep(60))
        waiting = asyncio.create_task(child.ended(60))
        await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        with pytest.raises(ChildProcessError):
            os.waitpid(child.pid, 0)

    asyncio.run(test())


ORPHAN = """
import os, sys, time
from pathlib import Path
from alphaloop.markets.pumpfun.ingest.child import Child
from alphaloop.markets.pumpfun.ingest.snapshots import Snapshots
from alphaloop.markets.pumpfun.recording.wal import Wal
folder = Path(sys.argv[1])
wal = Wal(folder / "recording")
def slow():
    # One piece takes longer than anybody would wait: what ends it must not depend on the next one.
    yield b"piece"
    time.sleep(600)
snapshots = Snapshots(folder / "snapshots")
path = snapshots.begin(1)
child = Child(lambda: snapshots.fill(path, 1, "settings", slow()))
print(child.pid, flush=True)
time.sleep(0.3)
os.kill(os.getpid(), 9)
"""


def test_a_child_whose_parent_was_killed_holds_nothing_and_ends(tmp_path: Path) -> None:
    from alphaloop.markets.pumpfun.recording.wal import Wal

    said = tmp_path / "said"
    with said.open("wb") as file:
        # Into a file: a pipe's end would be that of the child, too, and so would be waited for.
        process = subprocess.Popen([sys.executable, "-c", ORPHAN, str(tmp_path)], stdout=file, stderr=file)
    assert process.wait(60) == -signal.SIGKILL, said.read_text()
    child = int(said.read_text())
    # The next process is not kept out, and the child ends with its parent.
    Wal(tmp_path / "recording").close()
    snapshots = Snapshots(tmp_path / "snapshots")
    assert snapshots.newest("settings", 10) is None
    end = time.monotonic() + 20
    while is_running(child):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert list((tmp_path / "snapshots").iterdir()) == [tmp_path / "snapshots" / f"market-{1:019d}.unfinished"]
    snapshots.begin(2)
    assert list((tmp_path / "snapshots").iterdir()) == []


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@asynccontextmanager
async def collecting(folder: Path, market: PumpMarket, clock: Clock | None = None) -> AsyncIterator[Collector]:
    """A collector whose market has been fed already, and what takes what it hands over."""
    with open_records("memory://") as records:
        records.migrate(SCHEMA)
        marks = Marks(folder / "marks")
        delivery = Delivery(records, MemoryBus(), marks)
        recording, snapshots = folder / "recording", Snapshots(folder / "snapshots")
        settings = CollectorSettings(save_patience_s=20.0)
        made = Collector(
            market, delivery, Backlog(recording, 10), snapshots, marks, recording, clock or SystemClock(), settings
        )
        made.applied_ns = market.known_ns
        tasks = [asyncio.create_task(delivery.store()), asyncio.create_task(delivery.send())]
        try:
            yield made
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            marks.close()


def states(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "snapshots").iterdir())


@pytest.fixture
def few(pump: Any) -> list[Any]:
    return pump.market_events(120)


def test_a_child_that_dies_leaves_the_older_snapshot_and_the_next_is_saved_without_one(
    few: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    forks = []

    class Counted(Child):
        def __init__(self, task: Callable[[], None]) -> None:
            forks.append(task)
            super().__init__(task)

    monkeypatch.setattr(collector_module, "Child", Counted)

    async def test() -> None:
        market = fed(few[:50])
        async with collecting(tmp_path, market) as collector:
            await collector.snapshot()
            older = states(tmp_path)
            assert len(older) == 1
            for event in few[50:100]:
                market.apply(event)
            collector.applied_ns = market.known_ns

            def die() -> bytes:
                os.kill(os.getpid(), signal.SIGKILL)
                return b""

            with monkeypatch.context() as patch:
                patch.setattr(market.dossiers, "save", die)
                with pytest.raises(StateError, match="signal 9"):
                    await collector.snapshot()
            assert states(tmp_path) == older
            await collector.snapshot()
            assert len(forks) == 2
            assert len(states(tmp_path)) == 2
            await collector.snapshot()
            assert len(forks) == 3
            found = Snapshots(tmp_path / "snapshots").newest(SETTINGS.hash, market.known_ns)
            assert found is not None
            assert found.state == market.save()

    asyncio.run(test())
    said = capsys.readouterr().out
    assert said.count("snapshot_written") == 3


def test_where_the_system_refuses_a_fork_it_is_saved_all_the_same(
    few: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> int:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr(os, "fork", refuse)
    handles = len(os.listdir("/proc/self/fd"))

    async def test() -> None:
        market = fed(few)
        async with collecting(tmp_path, market) as collector:
            await collector.snapshot()
            found = Snapshots(tmp_path / "snapshots").newest(SETTINGS.hash, market.known_ns)
            assert found is not None
            assert found.state == market.save()

    asyncio.run(test())
    assert "fork_refused" in capsys.readouterr().out
    assert len(os.listdir("/proc/self/fd")) == handles


def test_whoever_stops_a_tick_does_not_stop_the_rows_of_its_timers(few: list[Any], tmp_path: Path) -> None:
    """The timers have fired then, and the snapshot at the end says so: nobody would fire them again."""
    market = fed(few)
    after_ns = market.known_ns + 1_800 * 10**9
    twin = fed(few)
    expected = {
        row.values["known_ns"] for row in twin.advance(after_ns) if getattr(row, "table", "") == "regime_snapshots"
    }
    assert expected
    intake = SimpleNamespace(last_ns=after_ns, after=lambda now_ns: None)

    async def test() -> None:
        async with collecting(tmp_path, market, SteppedClock(after_ns)) as collector:
            async with collector._delivery._turn:  # so much waits for the database that a tick has to wait
                ticking = asyncio.create_task(collector.tick(intake, SimpleNamespace(idle=True)))
                await asyncio.sleep(0.05)
                ticking.cancel()
                await asyncio.gather(ticking, return_exceptions=True)
            await collector.snapshot()
            stored = collector._delivery._records.select("regime_snapshots")
            assert {row["known_ns"] for row in stored} == expected

    asyncio.run(test())
