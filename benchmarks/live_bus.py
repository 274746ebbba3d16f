"""From publishing to delivery over a real Redis: the bus beside a bare subscriber and a bare reader of the socket.

``python benchmarks/live_bus.py [--quick]``. The publisher is a process of its own, and so is each receiver; they take
turns, so that nobody else listens while one does. A message is as long as a signal and carries the time at which it was
handed to the socket. Receivers run on asyncio's own loop and, where it is installed, on uvloop's.
"""

from __future__ import annotations

import asyncio
import importlib.util
import multiprocessing
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hiredis
import numpy as np

from measure import quick, spread, target, write_result

MESSAGES = 100 if quick() else 1_000
ROUNDS = 2 if quick() else 9
WARM = 20
PACE_S = 0.002
BODY_BYTES = 2_400
CHANNEL = "trade:signals"
FLOOR, PEER = "socket, blocking", "redis-py"
BUS, CALLED = "bus, iterated", "bus, callback"


def server() -> Any:
    """A real Redis of this benchmark's own."""
    path = Path(__file__).parents[1] / "tests" / "servers.py"
    spec = importlib.util.spec_from_file_location("servers", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.RedisServer()


def dial(port: int, password: str) -> tuple[socket.socket, Any]:
    line = socket.create_connection(("127.0.0.1", port))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    reader: Any = hiredis.Reader()
    line.sendall(hiredis.pack_command(("AUTH", password)))
    answer(line, reader)
    return line, reader


def answer(line: socket.socket, reader: Any) -> Any:
    while (reply := reader.gets()) is False:
        reader.feed(line.recv(1 << 16))
    return reply


def publish(orders: Any, port: int, password: str) -> None:
    """Publish so many messages whenever told to."""
    line, reader = dial(port, password)
    filling = secrets.token_bytes(BODY_BYTES)
    while count := orders.recv():
        for _ in range(count):
            time.sleep(PACE_S)
            body = time.perf_counter_ns().to_bytes(8, "little") + filling
            line.sendall(hiredis.pack_command(("PUBLISH", CHANNEL, body)))
            answer(line, reader)
        orders.send("published")


class Arrivals:
    """Latencies of messages as they arrive."""

    def __init__(self, count: int) -> None:
        self.ns = np.empty(count, np.int64)
        self.count = 0

    def note(self, body: bytes) -> bool:
        """Note a message; True if it was the last."""
        self.ns[self.count] = time.perf_counter_ns() - int.from_bytes(body[:8], "little")
        self.count += 1
        return self.count == len(self.ns)


def by_socket(ready: Callable[[], None], count: int, port: int, password: str) -> Arrivals:
    line, reader = dial(port, password)
    line.sendall(hiredis.pack_command(("SUBSCRIBE", CHANNEL)))
    answer(line, reader)
    ready()
    arrivals = Arrivals(count)
    while not arrivals.note(answer(line, reader)[2]):
        pass
    line.close()
    return arrivals


async def by_redis_py(ready: Callable[[], None], count: int, port: int, password: str) -> Arrivals:
    import redis.asyncio as client

    arrivals = Arrivals(count)
    bare = client.Redis(host="127.0.0.1", port=port, password=password, protocol=2)
    async with bare, bare.pubsub(ignore_subscribe_messages=True) as listening:
        await listening.subscribe(CHANNEL)
        await listening.get_message(timeout=5)
        ready()
        async for message in listening.listen():
            if arrivals.note(message["data"]):
                break
    return arrivals


async def by_bus(ready: Callable[[], None], count: int, port: int, password: str) -> Arrivals:
    from alphaloop.bus import open_bus

    arrivals = Arrivals(count)
    async with open_bus(f"redis://:{password}@127.0.0.1:{port}/0") as bus, bus.subscribe(CHANNEL) as listening:
        ready()
        async for delivery in listening:
            if arrivals.note(delivery.body):
                break
    return arrivals


async def by_callback(ready: Callable[[], None], count: int, port: int, password: str) -> Arrivals:
    from alphaloop.bus import open_bus

    arrivals, last = Arrivals(count), asyncio.Event()

    def note(delivery: Any) -> bool:
        return arrivals.note(delivery.body)

    async with open_bus(f"redis://:{password}@127.0.0.1:{port}/0") as bus, bus.subscribe(CHANNEL) as listening:
        listening.on_delivery(lambda found: last.set() if max(map(note, found)) else None)
        ready()
        await last.wait()
    return arrivals


WAYS = {FLOOR: by_socket, PEER: by_redis_py, BUS: by_bus, CALLED: by_callback}


def receive(orders: Any, way: str, loop: str, port: int, password: str) -> None:
    """Receive so many messages whenever told to, by one way on one kind of loop."""

    def ready() -> None:
        orders.send("ready")

    while count := orders.recv():
        if way == FLOOR:
            arrivals = by_socket(ready, count, port, password)
        else:
            factory = None
            if loop == "uvloop":
                import uvloop

                factory = uvloop.new_event_loop
            with asyncio.Runner(loop_factory=factory) as runner:
                arrivals = runner.run(WAYS[way](ready, count, port, password))
        orders.send(arrivals.ns[WARM:])


def started(run: Callable[..., None], *given: Any) -> Any:
    """A process that waits for orders; its end of the pipe."""
    mine, its = multiprocessing.get_context("spawn").Pipe()
    multiprocessing.get_context("spawn").Process(target=run, args=(its, *given), daemon=True).start()
    return mine


def measured(port: int, password: str) -> dict[str, list[np.ndarray]]:
    loops = ["asyncio", *(["uvloop"] if importlib.util.find_spec("uvloop") else [])]
    kinds = [(FLOOR, "none"), *((way, loop) for loop in loops for way in WAYS if way != FLOOR)]
    receivers = {
        way if loop == "none" else f"{way} ({loop})": started(receive, way, loop, port, password) for way, loop in kinds
    }
    publisher = started(publish, port, password)
    names = list(receivers)
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for turn in range(ROUNDS):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            receivers[name].send(MESSAGES + WARM)
            assert receivers[name].recv() == "ready"
            time.sleep(0.05)
            publisher.send(MESSAGES + WARM)
            found[name].append(receivers[name].recv())
            assert publisher.recv() == "published"
    for process in (*receivers.values(), publisher):
        process.send(0)
    return found


def told(found: dict[str, list[np.ndarray]]) -> dict[str, Any]:
    """Microseconds of each way over all rounds, and its ratios to the floor and to the peer within each round."""
    body: dict[str, Any] = {}
    for name, rounds in found.items():
        both = {"p50_us": 50, "p99_us": 99}
        body[name] = {key: round(float(np.percentile(np.concatenate(rounds), q)) / 1e3, 1) for key, q in both.items()}
        loop = name.rpartition("(")[2].rstrip(")")
        for kind, other in (("floor", FLOOR), ("peer", f"{PEER} ({loop})")):
            for q in (50, 99) if other in found and other != name else ():
                ratios = [np.percentile(a, q) / np.percentile(b, q) for a, b in zip(rounds, found[other], strict=True)]
                body[name][f"p{q}_over_{kind}"] = spread([float(ratio) for ratio in ratios], 3)
    return body


def main() -> None:
    redis = server()
    redis.start()
    try:
        found = measured(redis.port, redis.url.partition("://:")[2].partition("@")[0])
    finally:
        redis.remove()
    ways = told(found)
    for name, numbers in ways.items():
        print(f"{name:28s} p50 {numbers['p50_us']:7.1f} us  p99 {numbers['p99_us']:7.1f} us")
    called = ways[f"{CALLED} (asyncio)"]
    targets = [
        target("callback over a bare redis-py subscriber, p50", called["p50_over_peer"]["median"], below=1.0),
        target("callback over a bare redis-py subscriber, p99", called["p99_over_peer"]["median"], below=1.0),
        target("callback over a bare reader of the socket, p50", called["p50_over_floor"]["median"], below=1.3),
    ]
    body = {"messages": MESSAGES * ROUNDS, "body_bytes": BODY_BYTES, "pause_s": PACE_S, "ways": ways}
    write_result("live_bus", {**body, "targets": targets}, ("alphaloop", "hiredis", "redis"))


if __name__ == "__main__":
    main()
