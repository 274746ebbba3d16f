"""A simulated day of Pump.fun: 30,000 launches, written as a recording, in under two minutes on one core."""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

from alphaloop.markets.pumpfun.simulator.chain import simulate
from alphaloop.markets.pumpfun.simulator.settings import SimulationSettings
from measure import quick, target, write_result

LAUNCHES = 30_000
LIMIT_S = 120.0


def main() -> None:
    days = 0.02 if quick() else 1.0
    settings = SimulationSettings(days=days, launches_per_day=LAUNCHES, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        worked = time.process_time()
        done = simulate(settings, Path(folder) / "recording")
        worked = time.process_time() - worked
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet"))
    per_million = worked / done.records * 1e6
    targets = []
    if not quick():
        targets = [
            target("a day of 30,000 launches, seconds on the wall", round(done.seconds, 1), below=LIMIT_S),
            target("records in that day", done.records, at_least=1_000_000),
        ]
    body = {
        "days": days,
        "launches": done.launches,
        "records": done.records,
        "graduations": done.graduations,
        "seconds": round(done.seconds, 1),
        "processor_seconds": round(worked, 1),
        "processor_seconds_per_million_records": round(per_million, 1),
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10),
        "bytes_per_record": round(size / done.records, 1),
        "targets": targets,
    }
    write_result("pumpfun_simulator", body, ("alphaloop", "numpy", "pyarrow", "msgspec"))
    print(f"{done.records:,} records in {done.seconds:.1f} s ({worked:.1f} s of the processor)")


if __name__ == "__main__":
    main()
