"""A recorded day of Pump.fun through every book and emitter: events a second on one core, memory, cost of a save.

``python benchmarks/pumpfun_replay.py [--quick]``. The recording is a simulated day of 30,000 launches, in the chain's
own bytes. Rates are per second of the processor, because a replay waits for nothing; what is handed out is counted and
dropped. The garbage collector is left as Python sets it. The floor is the decoding of the same events in the same run,
part by part: how many times its cost the market costs depends little on how busy the machine is.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections import Counter
from itertools import islice
from pathlib import Path

from alphaloop.markets.pumpfun.market import Publish, PumpMarket, Row
from alphaloop.markets.pumpfun.recording.replay import read_events
from alphaloop.markets.pumpfun.simulator.chain import simulate
from alphaloop.markets.pumpfun.simulator.settings import SimulationSettings
from measure import quick, target, write_result

PARTS = 10
AT_LEAST = 15_000


def kind(emission: object) -> str:
    if isinstance(emission, Row):
        return emission.table
    return emission.channel.partition(":")[0] if isinstance(emission, Publish) else "sets"


def replay(folder: Path, count: int) -> dict:
    """Feed the recording in parts; only the market's own time counts, decoding is measured beside it."""
    market, emitted, parts, decoding, working = PumpMarket(), Counter(), [], 0.0, 0.0
    events, part = read_events(folder), max(count // PARTS, 1)
    while True:
        began = time.process_time()
        chunk = list(islice(events, part))
        decoded = time.process_time()
        if not chunk:
            break
        for event in chunk:
            for emission in market.apply(event):
                emitted[kind(emission)] += 1
        done = time.process_time()
        decoding, working = decoding + decoded - began, working + done - decoded
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**10
        rate, times = round(len(chunk) / (done - decoded)), round((done - decoded) / (decoded - began), 2)
        parts.append({"events_per_second": rate, "times_of_decoding": times, "peak_memory_mib": memory})
    began = time.process_time()
    state = market.save()
    saved = time.process_time()
    twin = PumpMarket()
    twin.restore(state)
    restored = time.process_time()
    assert twin.save() == state, "a restored market is not the market that was saved"
    total = market.counts.events
    return {
        "events": total,
        "signals": market.counts.signals,
        "launches_stored": emitted["genesis_observations"],
        "handed_out": dict(emitted.most_common()),
        "events_per_second": round(total / working),
        "events_per_second_with_decoding": round(total / (working + decoding)),
        "events_per_second_decoded": round(total / decoding),
        "times_of_decoding": round(working / decoding, 2),
        "tenths": parts,
        "peak_memory_mib": parts[-1]["peak_memory_mib"],
        "state_mib": round(len(state) / 2**20, 1),
        "save_seconds": round(saved - began, 2),
        "restore_seconds": round(restored - saved, 2),
    }


def main() -> None:
    days = 0.02 if quick() else 1.0
    with tempfile.TemporaryDirectory() as folder:
        made = simulate(SimulationSettings(days=days, seed=0), Path(folder) / "recording")
        body = replay(Path(folder) / "recording", made.records)
    what = "events a second through all books and emitters, one core"
    targets = [] if quick() else [target(what, body["events_per_second"], at_least=AT_LEAST)]
    print(
        f"{body['events']:,} events at {body['events_per_second']:,} a second, {body['peak_memory_mib']:,} MiB at most"
    )
    write_result(
        "pumpfun_replay", {"days": days, **body, "targets": targets}, ("alphaloop", "msgspec", "numpy", "pyarrow")
    )


if __name__ == "__main__":
    main()
