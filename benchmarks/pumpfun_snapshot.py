"""How long the collector stands while its books are saved: directly, and by a fork; the same bits, and what it costs.

``python benchmarks/pumpfun_snapshot.py [--quick]``. The books are those of a simulated day of 30,000 launches. Both
ways write the same file to disk. While the fork writes, the market goes on being fed; how much slower is said, and how
much memory the two of them hold beyond what they share.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from alphaloop.core.files import sync_folder
from alphaloop.markets.pumpfun.ingest.child import Child
from alphaloop.markets.pumpfun.ingest.snapshots import Snapshots
from alphaloop.markets.pumpfun.market import PumpMarket
from alphaloop.markets.pumpfun.recording.replay import read_events
from alphaloop.markets.pumpfun.simulator.chain import simulate
from alphaloop.markets.pumpfun.simulator.settings import SimulationSettings
from measure import quick, target, write_result

ROUNDS = 3
KEPT = 200_000
ALONE = 5_000
AT_ONCE = 256
SHORTER = 10.0


def kib(pid: int | str, *names: str) -> int:
    """Sum of fields of a process's memory; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) for line in lines if line.split(":")[0] in names)


def directly(market: PumpMarket, path: Path) -> float:
    sync_folder(path.parent)
    began = time.perf_counter()
    Snapshots.fill(path, market.known_ns, market.settings.hash, market.pieces())
    return time.perf_counter() - began


async def by_a_fork(market: PumpMarket, path: Path, coming: Iterator[Any], watch: bool) -> dict[str, float]:
    sync_folder(path.parent)
    position_ns, shared, fed, feeding, private = market.known_ns, kib("self", "Private_Dirty"), 0, 0.0, 0
    began = time.perf_counter()
    child = Child(lambda: Snapshots.fill(path, position_ns, market.settings.hash, market.pieces()))
    stood = time.perf_counter() - began
    ending = asyncio.create_task(child.ended(600))
    while not ending.done():
        first = time.process_time()
        chunk = list(islice(coming, AT_ONCE))
        for event in chunk:
            market.apply(event)
        fed, feeding = fed + len(chunk), feeding + time.process_time() - first
        if watch:
            private = max(private, kib(child.pid, "Private_Dirty", "Private_Clean"))
        await asyncio.sleep(0)
    await ending
    took = time.perf_counter() - began
    own = kib("self", "Private_Dirty") - shared
    return {"stood": stood, "took": took, "events": fed, "feeding": feeding, "child_kib": private, "own_kib": own}


def feed(market: PumpMarket, coming: Iterator[Any], count: int) -> float:
    """Events a second of the processor without any saving."""
    chunk = list(islice(coming, count))
    assert chunk, "keep more events back"
    began = time.process_time()
    for event in chunk:
        market.apply(event)
    return len(chunk) / (time.process_time() - began)


def measure(folder: Path, count: int, kept: int) -> dict[str, Any]:
    market, events = PumpMarket(), read_events(folder / "recording")
    for event in islice(events, count - kept):
        market.apply(event)
    # Decoded before: what is measured is the market, not the reading.
    coming = iter(list(events))
    one, other = folder / "one", folder / "other"
    direct, forked, alone = [], [], []
    for number in range(ROUNDS + 1):
        direct.append(directly(market, one))
        result = asyncio.run(by_a_fork(market, other, coming, watch=number == ROUNDS))
        assert one.read_bytes() == other.read_bytes(), "the fork wrote other bits"
        forked.append(result)
        if not number:
            alone += [feed(market, coming, min(ALONE, kept // 10)) for _ in range(ROUNDS)]
    timed = forked[:ROUNDS]
    during = sum(each["events"] for each in timed) / max(sum(each["feeding"] for each in timed), 1e-9)
    size = other.stat().st_size
    before, after = statistics.median(direct[:ROUNDS]), statistics.median(each["stood"] for each in timed)
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return {
        "events": market.counts.events,
        "state_mib": round(size / 2**20, 1),
        "resident_mib": resident // 2**20,
        "stood_still_directly_seconds": round(before, 3),
        "stood_still_forking_seconds": round(after, 4),
        "stood_still_forking_seconds_all": [round(each["stood"], 4) for each in forked],
        "fork_took_seconds_beside_the_market": round(statistics.median(each["took"] for each in timed), 3),
        "shorter_times": round(before / after, 1),
        "events_per_second_while_forked": round(during),
        "events_per_second_alone": round(statistics.median(alone)),
        "memory_of_the_fork_alone_mib": round(forked[ROUNDS]["child_kib"] / 1024),
        "memory_copied_for_the_collector_mib": round(max(each["own_kib"] for each in forked) / 1024),
    }


def main() -> None:
    days = 0.02 if quick() else 1.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = simulate(SimulationSettings(days=days, seed=0), folder / "recording")
        body = measure(folder, made.records, min(KEPT, made.records // 4))
    print(body)
    what = "time that the collector stands, directly by forking"
    targets = [] if quick() else [target(what, body["shorter_times"], at_least=SHORTER)]
    write_result(
        "pumpfun_snapshot", {"days": days, **body, "targets": targets}, ("alphaloop", "msgspec", "numpy", "pyarrow")
    )


if __name__ == "__main__":
    main()
