"""A simulated week of Pump.fun through every book: memory by day, with what the books hold.

``python benchmarks/pumpfun_week.py [--quick]``. 43,000 launches a day, about 300,000 a week and ten million trades:
what the real chain sees. The recording is written by another process first, so that the memory is that of the market
alone; the events come one segment at a time and nothing that is handed out is kept.
"""

from __future__ import annotations

import gc
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from alphaloop.core.clock import NS_PER_DAY
from alphaloop.markets.pumpfun.events import Create, Trade
from alphaloop.markets.pumpfun.market import PumpMarket
from alphaloop.markets.pumpfun.recording.replay import read_events
from measure import quick, target, write_result

DAYS = 0.05 if quick() else 7.0
LAUNCHES = 43_000
LIMIT_GIB = 8.0
EVERY = 100_000
SIMULATE = """
import sys
from pathlib import Path
from alphaloop.markets.pumpfun.simulator.chain import simulate
from alphaloop.markets.pumpfun.simulator.settings import SimulationSettings
simulate(SimulationSettings(days=float(sys.argv[1]), launches_per_day=int(sys.argv[2]), seed=1), Path(sys.argv[3]))
"""


def memory_mib() -> int:
    """Resident memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 2**20


def replay(folder: Path) -> dict:
    market, trades, launches, wallets = PumpMarket(), 0, 0, set()
    days, first_ns, highest, began = [], 0, 0, time.process_time()
    for count, event in enumerate(read_events(folder), 1):
        first_ns = first_ns or event.known_ns
        market.apply(event)
        if isinstance(event, Trade):
            trades += 1
            # A hash instead of the name: the count must not cost the memory that is measured.
            wallets.add(hash(event.wallet))
        elif isinstance(event, Create):
            launches += 1
        if count % EVERY == 0:
            highest = max(highest, memory_mib())
        if event.known_ns - first_ns >= (len(days) + 1) * NS_PER_DAY:
            days.append({"day": len(days) + 1, "events": count, "memory_mib": memory_mib()})
            print(days[-1], flush=True)
    seconds = time.process_time() - began
    own = sys.getsizeof(wallets) // 2**20
    gc.collect()
    began = time.process_time()
    state = market.save()
    saving = time.process_time() - began
    books = {name: round(len(part.save()) / 2**20, 1) for name, part in market._parts().items()}
    return {
        "days": days,
        "trades": trades,
        "launches": launches,
        "wallets": len(wallets),
        "events_per_second_with_decoding": round(market.counts.events / seconds),
        "highest_memory_mib": max(highest, memory_mib()),
        "memory_of_the_count_itself_mib": own,
        "state_mib": round(len(state) / 2**20, 1),
        "state_mib_by_book": dict(sorted(books.items(), key=lambda item: -item[1])),
        "save_seconds": round(saving, 2),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "recording"
        subprocess.run([sys.executable, "-c", SIMULATE, str(DAYS), str(LAUNCHES), str(recording)], check=True)
        body = replay(recording)
    highest = body["highest_memory_mib"] / 1024
    write_result(
        "pumpfun_week",
        {**body, "targets": [target("memory of a week, GiB", round(highest, 2), below=LIMIT_GIB)]},
        ("alphaloop", "msgspec", "numpy", "pyarrow"),
    )


if __name__ == "__main__":
    main()
