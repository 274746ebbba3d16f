"""The whole trader process, from Redis to the block engine: latency beside a bare subscriber, a flood, a restart.

``python benchmarks/live_trader.py [--quick] [postgresql:500x63 sqlite:300x7 ...]``. Redis, database, the chain's node
and its block engine are real servers on loopback; publisher, bare subscriber, trader and chain are processes of their
own. Four models of so many trees and leaves score each signal: 500x63 as large as anybody trains, 300x7 as the recipes
do. What is measured, in this order:

1. Published to decided, with nothing held, in turns with published to received of a bare redis-py subscriber, and with
   published to scored of the same subscriber that runs the four graphs one after the other and does nothing else.
2. Published to handed over: signals that buy, one coin each, until 500 positions are open. Between decision and
   submission lies the commit of the trade's row, which is timed too.
3. 2,000 signals a second, and prices of what is held, for a minute: every one decided, how late, and how memory goes.
4. The trader ends and is started again: from the start of the process to trading, the part of it after imports, and
   from the start of the process until the trees of its models are walked by compiled code.

Trader and bare subscriber have the same precedence over everything else (`nice`), that of the trader's unit where the
user may give it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from solders.keypair import Keypair

from alphaloop.artifact.session import open_session
from live_decide import NAMES, portfolio, rows_of, seal
from live_stage import (
    BARE,
    SIGNALS,
    Actor,
    Addresses,
    databases,
    listen,
    publish,
    redis,
    serve,
    take_precedence,
    write_endpoints,
)
from measure import quick, spread, target, write_result

POSITIONS = 20 if quick() else 500
ROUNDS, MESSAGES, PAUSE_S = (2, 100, 0.004) if quick() else (9, 500, 0.004)
BUY_PAUSE_S = 0.05
SIGNALS_S, STATES_S, SECONDS = (300, 100, 5.0) if quick() else (2_000, 500, 60.0)
RESTARTS = 1 if quick() else 3
CASES = ["postgresql:20x15"] if quick() else ["postgresql:500x63", "postgresql:300x7", "sqlite:300x7"]
BLOCK_S = 0.4
WARM = 20
MIB = 2**20


def settings(chain: Addresses, bar: Bar) -> Any:
    """The standard strategies on signals, for a wallet that may hold as many positions as there are coins."""
    from alphaloop.markets.pumpfun.live.settings import LiveSettings

    chosen = portfolio().model_dump(mode="json")
    chosen |= {
        "phases": [{"min_balance": number, "max_open": 10_000, "size_fraction": 0.001} for number in (1, 2, 3)],
        "sizing": {"min_size": 1_000_000, "keep": 1_000_000, "overhead": 12_500_000},
        "breakers": {"min_balance": 1_000_000, "daily_drawdown": 0.0, "max_unproved": 10_000},
    }
    for strategy in chosen["strategies"].values():
        strategy |= {"max_hold_s": 86_400.0, "score_threshold": bar.threshold, "dead_threshold": bar.veto}
    engine = {"url": chain.engine, "tip_floor_url": chain.tip_floor, "regions": ["main"], "requests_per_s": 1_000}
    return LiveSettings.parse({"portfolio": chosen, "execution": {"engine": engine}}, "benchmark")


def trade(orders: Any, places: Any, chain: Addresses, bar: Bar) -> None:
    """The trader as `alphaloop live --money` runs it, with notes of when it decided, stored and handed over."""
    from alphaloop.live.shutdown import Stop
    from alphaloop.markets.pumpfun.live.assembly import trade as run

    take_precedence()
    stop, notes = Stop(), Notes()

    async def beside(process: Any, _token: Any, _end: Any) -> None:
        while not process.is_ready:
            await asyncio.sleep(0.002)
        notes.follow(process)
        orders.send((time.perf_counter_ns(), process.started_s, process.status()))
        asyncio.get_running_loop().add_reader(orders.fileno(), lambda: obey(process, orders, stop, notes))
        await asyncio.Event().wait()

    run(places, settings(chain, bar), "live", stop, beside=beside)
    orders.send("ended")


def obey(process: Any, orders: Any, stop: Any, notes: Notes) -> None:
    order = orders.recv()[0]
    if order == "end":
        asyncio.get_running_loop().remove_reader(orders.fileno())
        stop.ask("command")
    elif order == "notes":
        orders.send((notes.decided, notes.handed, notes.commits))
        notes.clear()
    else:
        orders.send(process.status())


class Notes:
    """When what happened in the trader: by the number of the signal, nanoseconds of the monotonic clock.

    Attributes
    ----------
    decided, handed : array of int
        The number, the time, the next number, and so on: lists of pairs would grow the process that is measured.
    commits : array of int
        Likewise, how long the commit of the trade's row took.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.decided, self.handed, self.commits = array("q"), array("q"), array("q")

    def follow(self, process: Any) -> None:
        trader = process.trader
        core, engine = trader.core, trader.venue.engine
        count, submit, write = core.on_decision, engine.submit, trader.store.write

        def decided(stopped_by: str) -> None:
            self.decided.extend((int(core.last_decision.signal_id, 16), time.perf_counter_ns()))
            count(stopped_by)

        async def handed(bundle: Any) -> Any:
            now = time.perf_counter_ns()
            for envelope in bundle.envelopes:
                trade = core.engine.state.by_signature.get(envelope.signature)
                if trade is not None and trade.signal_id:
                    self.handed.extend((int(trade.signal_id, 16), now))
            return await submit(bundle)

        async def timed(batch: Any) -> None:
            began = time.perf_counter_ns()
            await write(batch)
            took = time.perf_counter_ns() - began
            for row in batch.trades.values():
                if row["status"] == "intent":
                    self.commits.extend((int(row["signal_id"], 16), took))

        core.on_decision, engine.submit, trader.store.write = decided, handed, timed


@dataclass(frozen=True)
class Bar:
    """From which probability on a signal is entered, and from which probability of death on it is not."""

    threshold: float
    veto: float


def kinds_of_rows(graphs: list[bytes]) -> tuple[Bar, dict[str, np.ndarray]]:
    """A bar that few rows pass, and rows by what it says of them: some to enter, some not, and any."""
    rows = rows_of(np.random.default_rng(99), 3_000)
    hits = [open_session(graph).run(["probabilities"], {"features": rows})[0][:, 1] for graph in graphs]
    best = np.max(hits[:3], axis=0)
    threshold = float(np.quantile(best, 0.97))
    bar = Bar(threshold, float(np.median(hits[3][best >= threshold])))
    enters = (best >= bar.threshold) & (hits[3] < bar.veto)
    assert enters.sum() > 5, f"only {enters.sum()} of the rows would be entered"
    return bar, {"enter": rows[enters], "calm": rows[best < bar.threshold], "any": rows}


def micros(late: np.ndarray) -> dict[str, float]:
    return {f"p{q:g}_us": round(float(np.percentile(late, q)) / 1e3, 1) for q in (50, 90, 99)} | {
        "max_us": round(float(late.max()) / 1e3, 1)
    }


def pairs(noted: array[int]) -> list[tuple[int, int]]:
    return list(zip(noted[::2], noted[1::2], strict=True))


def lateness(first: int, sent: list[int], noted: array[int]) -> np.ndarray:
    """Nanoseconds from sending to the first note of each signal; one for each that was noted."""
    seen: dict[int, int] = {}
    for number, when in pairs(noted):
        seen.setdefault(number, when)
    return np.array([seen[first + place] - when for place, when in enumerate(sent) if first + place in seen], np.int64)


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def start(places: Any, chain: Addresses, bar: Bar) -> tuple[Actor, dict[str, float]]:
    """A trader that trades, and how long that took."""
    began = time.perf_counter_ns()
    trader = Actor(trade, places, chain, bar)
    ready_ns, started_s, _ = trader.hear()
    # A start trades with whole graphs and takes them apart meanwhile, which disturbs the decisions of some seconds.
    while trader.ask("status")["models"]["left_whole"]:
        time.sleep(0.1)
    walked_ns = time.perf_counter_ns()
    time.sleep(0.5)
    return trader, {
        "process_s": round((ready_ns - began) / 1e9, 3),
        "start_s": round(started_s, 3),
        "trees_walked_s": round((walked_ns - began) / 1e9, 3),
    }


def beside_a_subscriber(trader: Actor, bare: Actor, publisher: Actor) -> dict[str, Any]:
    """Part 1."""
    found: dict[str, list[np.ndarray]] = {"received": [], "scored": [], "decided": []}

    def heard(what: str) -> np.ndarray:
        assert bare.ask(what, MESSAGES + WARM) == "ready"
        time.sleep(0.05)
        _, sent = publisher.ask("one_by_one", "calm", BARE, MESSAGES + WARM, PAUSE_S)
        return (np.array(bare.hear()) - sent)[WARM:]

    def decided() -> np.ndarray:
        first, sent = publisher.ask("one_by_one", "calm", SIGNALS, MESSAGES + WARM, PAUSE_S)
        time.sleep(0.2)
        late = lateness(first, sent, trader.ask("notes")[0])
        assert len(late) == len(sent), f"{len(sent) - len(late)} signals were not decided"
        return late[WARM:]

    ways = {"received": lambda: heard("receive"), "scored": lambda: heard("score"), "decided": decided}
    for turn in range(ROUNDS):
        for name in list(ways)[:: 1 if turn % 2 else -1]:
            found[name].append(ways[name]())
    ratios = {
        f"p{q}_{name}_over_{other}": spread(
            [float(np.percentile(a, q) / np.percentile(b, q)) for a, b in zip(found[name], found[other], strict=True)],
            3,
        )
        for name, other in (("decided", "received"), ("decided", "scored"), ("scored", "received"))
        for q in (50, 99)
    }
    return {name: micros(np.concatenate(each)) for name, each in found.items()} | ratios


def to_the_engine(trader: Actor, publisher: Actor) -> dict[str, Any]:
    """Part 2."""
    trader.ask("notes")
    first, sent = publisher.ask("one_by_one", "enter", SIGNALS, POSITIONS, BUY_PAUSE_S)
    end = time.monotonic() + 60
    while (status := trader.ask("status"))["open_positions"] < POSITIONS or status["unproved_orders"]:
        assert time.monotonic() < end, f"not all came to be open: {status}"
        time.sleep(0.5)
    decided, handed, commits = trader.ask("notes")
    late = lateness(first, sent, handed)
    assert len(late) == POSITIONS, f"{len(late)} of {POSITIONS} were handed over"
    took = dict(pairs(commits))
    commit = np.array([took[first + place] for place in range(POSITIONS)], np.int64)
    return {
        "signals": POSITIONS,
        "decided": micros(lateness(first, sent, decided)),
        "handed_over": micros(late),
        "commit": micros(commit),
        "handed_over_less_its_commit": micros(late - commit),
    }


def flood(trader: Actor, publisher: Actor) -> dict[str, Any]:
    """Part 3."""
    before = trader.ask("status")
    publisher.tell("stream", "any", SIGNALS_S, STATES_S, SECONDS)
    sizes = [resident(trader.process.pid or 0)]
    began, busy = time.monotonic(), processor_s(trader.process.pid or 0)
    while time.monotonic() - began < SECONDS:
        time.sleep(1.0)
        sizes.append(resident(trader.process.pid or 0))
    share = (processor_s(trader.process.pid or 0) - busy) / (time.monotonic() - began)
    first, sent = publisher.hear()
    time.sleep(2.0)
    late, after = lateness(first, sent, trader.ask("notes")[0]), trader.ask("status")
    counts = {name: n - before["messages"].get(name, 0) for name, n in after["messages"].items()}
    third = max(len(sizes) // 3, 1)
    return {
        "signals": len(sent),
        "signals_s": SIGNALS_S,
        "states_s": STATES_S,
        "seconds": SECONDS,
        "open_positions": after["open_positions"],
        "undecided": len(sent) - len(late),
        "messages": counts,
        "decided": micros(late),
        "processor_share": round(share, 3),
        "memory_mib": [round(size / MIB, 1) for size in sizes[:: max(len(sizes) // 12, 1)]],
        "late_growth_mib": round((max(sizes[-third:]) - max(sizes[third : 2 * third])) / MIB, 2),
    }


def processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def restarts(trader: Actor, places: Any, chain: Addresses, bar: Bar) -> dict[str, Any]:
    """Part 4."""
    found = []
    for _ in range(RESTARTS):
        trader.end()
        trader, took = start(places, chain, bar)
        assert trader.ask("status")["open_positions"] == POSITIONS
        found.append(took)
    trader.end()
    return {name: spread([one[name] for one in found], 3) for name in ("process_s", "start_s", "trees_walked_s")}


def measured(kind: str, trees: int, leaves: int, folder: Path) -> dict[str, Any]:
    from alphaloop.markets.pumpfun.live.assembly import LivePlaces

    wallet = Keypair.from_seed(b"b" * 32)
    key = folder / "key.json"
    key.touch(0o600)
    key.write_text(json.dumps(list(bytes(wallet))))
    graphs = [seal(folder / "models", name, seed, trees, leaves) for seed, name in enumerate(NAMES)]
    bar, rows = kinds_of_rows(graphs)
    world = Actor(serve, str(wallet.pubkey()), POSITIONS, BLOCK_S)
    chain: Addresses = world.hear()
    write_endpoints(folder / "endpoints.toml", chain)
    with redis() as server, databases(kind, folder) as database:
        where = (server.port, server.url.partition("://:")[2].partition("@")[0])
        places = LivePlaces(
            folder / "data", database, database, server.url, folder / "models", folder / "endpoints.toml", key
        )
        publisher, bare = Actor(publish, *where, rows, chain.coins), Actor(listen, *where, graphs)
        assert publisher.hear() == "ready"
        trader, _ = start(places, chain, bar)
        found: dict[str, Any] = {"nice": os.getpriority(os.PRIO_PROCESS, trader.process.pid or 0)}
        for part, measure in {
            "latency": lambda: beside_a_subscriber(trader, bare, publisher),
            "submission": lambda: to_the_engine(trader, publisher),
            "flood": lambda: flood(trader, publisher),
            "restart": lambda: restarts(trader, places, chain, bar),
        }.items():
            found[part] = measure()
            print(kind, f"{trees}x{leaves}", part, json.dumps(found[part], indent=1), flush=True)
        for actor in (publisher, bare):
            actor.end()
    world.end()
    return found


def main() -> None:
    cases = [word for word in sys.argv[1:] if not word.startswith("-")] or CASES
    body: dict[str, Any] = {}
    targets = []
    for case in cases:
        kind, _, size = case.partition(":")
        trees, leaves = map(int, size.split("x"))
        with tempfile.TemporaryDirectory() as folder:
            body[case] = found = measured(kind, trees, leaves, Path(folder))
        latency, flooded = found["latency"], found["flood"]
        targets += [
            target(
                f"{case}: published to decided over a bare subscriber, p50",
                latency["p50_decided_over_received"]["median"],
                below=3.5,
            ),
            target(f"{case}: the same, p99", latency["p99_decided_over_received"]["median"], below=4.0),
            target(
                f"{case}: published to handed over, less its commit, p99 ms",
                found["submission"]["handed_over_less_its_commit"]["p99_us"] / 1e3,
                below=5.0,
            ),
            target(f"{case}: signals of the flood that were not decided", flooded["undecided"], below=1),
            target(f"{case}: decision in the flood, p99 ms", flooded["decided"]["p99_us"] / 1e3, below=20.0),
            target(f"{case}: growth of memory over the last third of it, MiB", flooded["late_growth_mib"], below=5.0),
            target(f"{case}: restart with positions, s", found["restart"]["process_s"]["max"], below=5.0),
        ]
    write_result(
        "live_trader", {**body, "targets": targets}, ("alphaloop", "hiredis", "onnxruntime", "psycopg", "redis")
    )


if __name__ == "__main__":
    main()
