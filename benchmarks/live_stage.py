"""The stage of `live_trader`: everything around the trader, each in a process of its own, as where it is used.

A publisher that speaks to Redis as the collector does, a bare subscriber, and a chain with a node and a block engine
behind real sockets. Processes take orders through pipes, and note times by the system's monotonic clock.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import random
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hiredis
import numpy as np

from alphaloop.artifact.session import open_session
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL, UNITS_PER_TOKEN
from alphaloop.markets.pumpfun.signals.catalogue import SIGNAL
from alphaloop.markets.pumpfun.signals.coin import CoinState
from alphaloop.markets.pumpfun.signals.messages import SignalMessage, decode, encode, numbers
from alphaloop.markets.pumpfun.signals.states import Heartbeat, TokenState

TESTS = Path(__file__).parents[1] / "tests"
SIGNALS, BARE = "trade:signals", "bare"
SOL = LAMPORTS_PER_SOL
BALANCE = 5_000 * SOL
NICE = -10


def of_the_tests(name: str) -> Any:
    """A module of the tests: the servers and the chain are theirs."""
    if str(TESTS) not in sys.path:
        sys.path.insert(0, str(TESTS))
    return importlib.import_module(name)


def take_precedence() -> None:
    """Go before what else runs on the machine as the trader's unit does (`Nice`), as far as this user may."""
    with suppress(PermissionError):
        os.nice(NICE)


class Actor:
    """A process that does what it is told; its end of the pipe is its first argument."""

    def __init__(self, run: Callable[..., None], *given: Any) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._mine, its = spawn.Pipe()
        self.process = spawn.Process(target=run, args=(its, *given), daemon=True)
        self.process.start()
        its.close()

    def ask(self, *order: Any) -> Any:
        """Give an order and wait for its answer."""
        self._mine.send(order)
        return self.hear()

    def tell(self, *order: Any) -> None:
        """Give an order."""
        self._mine.send(order)

    def hear(self) -> Any:
        """Wait for an answer."""
        return self._mine.recv()

    def end(self) -> None:
        """Let it end by itself."""
        self._mine.send(("end",))
        self.process.join(30)


# -- Redis ------------------------------------------------------------------------------------------------------------


class Line:
    """A blocking connection to Redis that can be written ahead of its answers."""

    def __init__(self, port: int, password: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader: Any = hiredis.Reader()
        self._owed = 0
        self.send("AUTH", password)
        self.settle()

    def send(self, *command: str | bytes) -> None:
        self._socket.sendall(hiredis.pack_command(command))
        self._owed += 1

    def next(self) -> Any:
        while (reply := self._reader.gets()) is False:
            self._reader.feed(self._socket.recv(1 << 16))
        if isinstance(reply, Exception):
            raise reply
        return reply

    def settle(self) -> None:
        """Read every answer that is still to come."""
        for _ in range(self._owed):
            self.next()
        self._owed = 0


def listen(orders: Any, port: int, password: str, graphs: list[bytes]) -> None:
    """A bare subscriber: redis-py on asyncio. Gives the times at which it had so many messages.

    Told to ``receive`` it decodes nothing; told to ``score`` it has scored each by one bare session after the other.
    """
    import asyncio

    import redis.asyncio as client

    take_precedence()
    sessions = [open_session(graph) for graph in graphs]

    def score(body: bytes) -> list[float]:
        row = {"features": decode(body).vector[None, :]}
        return [session.run(["probabilities"], row)[0][0, 1] for session in sessions]

    async def receive(what: str, count: int) -> list[int]:
        bare = client.Redis(host="127.0.0.1", port=port, password=password, protocol=2)
        async with bare, bare.pubsub(ignore_subscribe_messages=True) as listening:
            await listening.subscribe(BARE)
            await listening.get_message(timeout=5)
            orders.send("ready")
            found: list[int] = []
            async for message in listening.listen():
                if what == "score":
                    score(message["data"])
                found.append(time.perf_counter_ns())
                if len(found) == count:
                    return found
        raise AssertionError("the subscription ended")

    while (order := orders.recv())[0] != "end":
        orders.send(asyncio.run(receive(*order)))


# -- the collector's part ---------------------------------------------------------------------------------------------


class Publisher:
    """Makes messages from rows and coins, and publishes them; numbers its signals from 0."""

    def __init__(self, port: int, password: str, rows: dict[str, np.ndarray], coins: dict[str, dict[str, Any]]) -> None:
        self._line = Line(port, password)
        self._features = {kind: [numbers(row) for row in each] for kind, each in rows.items()}
        self._coins = {
            mint: CoinState(**{k: v for k, v in coin.items() if k != "known_ns"}) for mint, coin in coins.items()
        }
        self._mints = list(coins)
        self._number = 0

    def signal(self, kind: str, mint: str) -> bytes:
        coin, now_ns = self._coins[mint], time.time_ns()
        features = self._features[kind]
        message = SignalMessage(
            signal_id=f"{self._number:032x}",
            token_mint=mint,
            known_ns=now_ns,
            event_ns=now_ns,
            price=price_of(coin),
            creator=coin.creator,
            symbol="PEPE",
            feature_set=SIGNAL.name,
            feature_set_hash=SIGNAL.hash,
            features=features[self._number % len(features)],
            wallet="W" * 44,
            signature="S" * 88,
            log_index=1,
            sol_amount=SOL,
            token_amount=10**12,
            coin=coin,
        )
        self._number += 1
        return encode(message)

    def state(self, mint: str) -> bytes:
        coin, now_ns = self._coins[mint], time.time_ns()
        counts = dict.fromkeys(["trades", "unique_buyers", "buys_60s", "sells_60s", "buys_300s", "sells_300s"], 3)
        reserves = {name: getattr(coin, name) for name in ["virtual_sol", "virtual_token", "real_sol", "real_token"]}
        message = TokenState(
            token_mint=mint,
            known_ns=now_ns,
            last_trade_ns=now_ns,
            created_ns=now_ns - 10**10,
            creator=coin.creator,
            price=price_of(coin),
            peak_price=price_of(coin),
            progress=0.1,
            market_cap_sol=40.0,
            complete=False,
            mayhem=False,
            sol_net_60s=0.5,
            coin=coin,
            **reserves,
            **counts,
        )
        return encode(message)

    def one_by_one(self, kind: str, channel: str, count: int, pause_s: float) -> tuple[int, list[int]]:
        """Signals with a pause before each; gives the number of the first and the times at which they were sent."""
        first, sent = self._number, []
        for place in range(count):
            time.sleep(pause_s)
            body = self.signal(kind, self._mints[place % len(self._mints)])
            sent.append(time.perf_counter_ns())
            self._line.send("PUBLISH", channel, body)
            self._line.settle()
        return first, sent

    def stream(self, kind: str, signals_s: int, states_s: int, seconds: float) -> tuple[int, list[int]]:
        """Signals and states of coins at a steady rate, and a word of life each second."""
        first, sent, states = self._number, [], 0
        began, lived = time.perf_counter(), 0
        while (passed := time.perf_counter() - began) < seconds:
            while len(sent) < passed * signals_s:
                body = self.signal(kind, self._mints[len(sent) % len(self._mints)])
                sent.append(time.perf_counter_ns())
                self._line.send("PUBLISH", SIGNALS, body)
            while states < passed * states_s:
                mint = self._mints[states % len(self._mints)]
                body, states = self.state(mint), states + 1
                self._line.send("SET", f"token:{mint}", body)
                self._line.send("PUBLISH", f"token:{mint}", body)
            if passed >= lived:
                lived += 1
                word = Heartbeat(known_ns=time.time_ns(), pending=0, last_event_age_s=0.1, listening=True)
                self._line.send("PUBLISH", "trade:heartbeat", encode(word))
            self._line.settle()
            time.sleep(0.0005)
        return first, sent


def price_of(coin: CoinState) -> float:
    """SOL per token."""
    return coin.virtual_sol / coin.virtual_token * UNITS_PER_TOKEN / LAMPORTS_PER_SOL


def publish(orders: Any, port: int, password: str, rows: dict[str, np.ndarray], coins: dict[str, Any]) -> None:
    publisher = Publisher(port, password, rows, coins)
    orders.send("ready")
    while (order := orders.recv())[0] != "end":
        orders.send(getattr(publisher, order[0])(*order[1:]))


# -- the chain's part -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Addresses:
    """Where the chain's servers are, and what coins trade on it, as a signal would tell."""

    rpc: str
    ws: str
    engine: str
    tip_floor: str
    coins: dict[str, dict[str, Any]]


def serve(orders: Any, wallet: str, coins: int, block_s: float) -> None:
    """A chain with so many coins and a funded wallet, behind a node and a block engine."""
    live_chain, live_servers = of_the_tests("live_chain"), of_the_tests("live_servers")
    chain = live_chain.Chain(random.Random(1), start_ns=time.time_ns())
    chain.fund(wallet, BALANCE)
    mints = [chain.launch(str(number)) for number in range(coins)]
    for mint in mints:
        chain.trade(mint, lamports=5 * SOL)
    chain.advance(3)
    with live_servers.threaded(chain, block_s=block_s) as servers:
        contexts = {mint: chain.context(mint) for mint in mints}
        orders.send(Addresses(servers.rpc_url, servers.ws_url, servers.engine_url, servers.tip_floor_url, contexts))
        while orders.recv()[0] != "end":
            pass


def write_endpoints(path: Path, chain: Addresses) -> None:
    """An endpoints file that names the chain's node."""
    lines = [
        "[[endpoints]]",
        'name = "node"',
        f"ws_url = {json.dumps(chain.ws)}",
        f"http_url = {json.dumps(chain.rpc)}",
    ]
    path.write_text("\n".join([*lines, "requests_per_s = 10000", "budget_units = 1000000000", ""]))


@contextmanager
def databases(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database: a file of SQLite, or a real PostgreSQL server of this benchmark's own."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'live.db'}"
        return
    server = of_the_tests("servers").PostgresServer()
    # The tests' server never waits for the disk; a commit that is measured has to.
    words = [word for word in server.command() if word != "-F"]
    server.command = lambda: words
    server.start()
    try:
        yield server.url
    finally:
        server.remove()


@contextmanager
def redis() -> Iterator[Any]:
    """A real Redis of this benchmark's own."""
    server = of_the_tests("servers").RedisServer()
    server.start()
    try:
        yield server
    finally:
        server.remove()
