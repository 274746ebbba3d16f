"""Shared by all benchmarks: interleaved rounds, ratios, latencies, peak memory, and the result file with its facts.

A result says what was measured on which machine with which versions by which command, and each target beside its value.
Candidates are timed in turns, round by round, and compared within a round: what disturbs one disturbs the others.
"""

from __future__ import annotations

import gc
import importlib.metadata
import json
import multiprocessing
import os
import platform
import statistics
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("alphaloop", "numpy", "numba", "polars", "pandas", "pyarrow")


def quick() -> bool:
    """Whether to show that the benchmark runs rather than how fast."""
    return "--quick" in sys.argv


def machine() -> dict[str, Any]:
    """Processor, cores, memory, and how busy they are, as far as the system tells."""
    facts: dict[str, Any] = {"system": platform.system(), "cpu": platform.processor(), "cores": os.cpu_count()}
    facts["load_1min"] = round(os.getloadavg()[0], 1)
    cpuinfo, meminfo = Path("/proc/cpuinfo"), Path("/proc/meminfo")
    if cpuinfo.exists():
        fields = dict(map(str.strip, line.split(":", 1)) for line in cpuinfo.read_text().splitlines() if ":" in line)
        model = f"family {fields.get('cpu family')} model {fields.get('model')}"
        facts["cpu"] = f"{fields.get('model name', facts['cpu'])} ({model})"
    if meminfo.exists():
        facts["memory_gib"] = round(int(meminfo.read_text().split()[1]) / 2**20, 1)
    return facts


def versions(*packages: str) -> dict[str, str]:
    """Versions of Python and of installed packages."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in packages}


def interleaved(
    candidates: Mapping[str, Callable[[], object]], rounds: int, processor: dict[str, list[float]] | None = None
) -> dict[str, list[float]]:
    """Seconds of each candidate in each round; in every round each runs once, the first in turn changing.

    Seconds of the processor, of all threads together, go to `processor` if it is given: on a machine that others use,
    they say what the clock on the wall cannot.
    """
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    names = list(candidates)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            gc.collect()
            worked, began = time.process_time(), time.perf_counter()
            result = candidates[name]()
            taken[name].append(time.perf_counter() - began)
            if processor is not None:
                processor.setdefault(name, []).append(time.process_time() - worked)
            del result
    return taken


def spread(values: Sequence[float], digits: int = 4) -> dict[str, float]:
    """Median, least and greatest."""
    return {
        "median": round(statistics.median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
    }


def ratio(taken: Mapping[str, Sequence[float]], over: str, under: str) -> dict[str, float]:
    """Seconds of `over` for one second of `under`, within each round: median, least and greatest."""
    return spread([a / b for a, b in zip(taken[over], taken[under], strict=True)], 3)


def latencies(call: Callable[[int], object], calls: int, warm: int) -> dict[str, float]:
    """Microseconds of single calls ``call(0), call(1), ...`` after `warm` of them: p50, p90, p99, greatest.

    The same of the thread's own processor time, ``processor_p50_us`` and so on, leaves out waiting for other processes.
    """
    for i in range(warm):
        call(i)
    taken = np.empty((2, calls), np.int64)
    gc.collect()
    gc.disable()
    try:
        for i in range(calls):
            worked, began = time.thread_time_ns(), time.perf_counter_ns()
            call(warm + i)
            taken[0, i] = time.perf_counter_ns() - began
            taken[1, i] = time.thread_time_ns() - worked
    finally:
        gc.enable()
    return _percentiles("", taken[0]) | _percentiles("processor_", taken[1])


def _percentiles(prefix: str, ns: np.ndarray) -> dict[str, float]:
    found = {f"{prefix}p{q}_us": round(float(np.percentile(ns, q)) / 1e3, 2) for q in (50, 90, 99)}
    return found | {f"{prefix}max_us": float(ns.max()) / 1e3}


def peak_growth(prepare: Callable[[], Callable[[], object]]) -> int:
    """Bytes by which a fresh process grew, at its peak, during the call that `prepare` returns there."""
    receive, send = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("spawn").Process(target=_grow, args=(prepare, send))
    child.start()
    send.close()
    growth: int = receive.recv()
    child.join()
    return growth


def _grow(prepare: Callable[[], Callable[[], object]], send: Any) -> None:
    call = prepare()
    gc.collect()
    base = peak = _resident()
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.001):
            peak = max(peak, _resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    result = call()
    peak = max(peak, _resident())
    done.set()
    watcher.join()
    del result
    send.send(peak - base)


def _resident() -> int:
    with open("/proc/self/statm") as handle:
        return int(handle.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def target(what: str, value: float, *, below: float | None = None, at_least: float | None = None) -> dict[str, Any]:
    """One line of the targets: what was asked, what was got, and whether that meets it."""
    if below is not None:
        return {"what": what, "target": f"< {below:g}", "value": value, "met": value < below}
    assert at_least is not None
    return {"what": what, "target": f">= {at_least:g}", "value": value, "met": value >= at_least}


def write_result(name: str, body: Mapping[str, Any], packages: Sequence[str] = PACKAGES) -> None:
    """Write ``results/NAME.json`` with the facts around `body`, and print the targets; a quick run writes no file."""
    for line in body.get("targets", []):
        print(f"{'met   ' if line['met'] else 'MISSED'} {line['what']}: {line['value']} (target {line['target']})")
    if quick():
        return
    command = "python " + " ".join(["benchmarks/" + Path(sys.argv[0]).name, *sys.argv[1:]])
    facts = {"command": command, "machine": machine(), "versions": versions(*packages)}
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(facts | dict(body), indent=2) + "\n")
    print(f"wrote {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path.name}")
