"""Twins of what surrounds the trader, for simulations in virtual time: store, bus, intake and the roads to the chain.

Each twin is used through a `Life`. When the life is over every call of it raises `Killed`, so that whatever a dying
process still tries to do reaches nothing, as after ``kill -9``.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from solders.keypair import Keypair

from alphaloop.bus.contract import Delivery
from alphaloop.core.errors import BusAwayError, StoreAwayError
from alphaloop.markets.pumpfun.ingest.rpc import ChainError
from alphaloop.markets.pumpfun.live.block_engine import EngineAwayError
from alphaloop.markets.pumpfun.live.chain_venue import ChainVenue
from alphaloop.markets.pumpfun.live.execution import ExecutionSettings
from alphaloop.markets.pumpfun.live.fact_keeper import FactKeeper
from alphaloop.markets.pumpfun.live.facts import ChainFacts
from alphaloop.markets.pumpfun.live.rpc import ChainRpc
from alphaloop.markets.pumpfun.live.store import RecordsLiveStore
from alphaloop.markets.pumpfun.transactions.signer import Signer
from alphaloop.trading.portfolio.records import AnyInput
from live_chain import Chain
from live_node import Node, Wire
from live_orders import MemoryEngine

READ_S = 0.0004
"""From the arrival of a message to its reading; what arrives meanwhile is read with it."""


class Killed(BaseException):
    """The process is no more."""


@dataclass
class Life:
    """One process, from its start to its kill.

    Attributes
    ----------
    kill_at : int
        Number of the call to a twin at which it dies; 0: it lives.
    """

    chance: random.Random
    kill_at: int = 0
    calls: int = 0
    alive: bool = True
    died: asyncio.Event = field(default_factory=asyncio.Event)

    def check(self) -> None:
        """Count a call; raise if the life is over, or is over with this call."""
        self.calls += 1
        if self.alive and self.calls == self.kill_at:
            self.end()
        if not self.alive:
            raise Killed

    def end(self) -> None:
        self.alive = False
        self.died.set()

    async def pause(self, least: float, most: float) -> None:
        """Let time pass, as a call to somebody else does."""
        self.check()
        await asyncio.sleep(self.chance.uniform(least, most))
        self.check()


class Weather:
    """Whether a road is open now: open and closed spells of drawn length, all closed spells before `calm_s`."""

    def __init__(self, chance: random.Random, share: float, longest_s: float, calm_s: float) -> None:
        self._spells: list[tuple[float, float]] = []
        at = 0.0
        while share and at < calm_s:
            closed = chance.uniform(0.05, longest_s)
            begin = at + chance.uniform(0.0, 2.0) * closed * (1.0 - share) / share
            self._spells.append((begin, min(begin + closed, calm_s)))
            at = begin + closed

    def closed(self) -> bool:
        now = asyncio.get_running_loop().time()
        return any(begin <= now < end for begin, end in self._spells)


class TwinStore(RecordsLiveStore):
    """The real store's code over tables in memory, with delays, absences and answers that are lost."""

    life: Life
    weather: Weather
    lost: float = 0.0
    calm_s: float = 0.0

    async def _do(self, call: Callable[[], Any]) -> Any:
        await self.life.pause(0.001, 0.01)
        if self.weather.closed():
            raise StoreAwayError("the database is away in this simulation")
        found = call()
        self.life.check()
        if not self.calm() and self.life.chance.random() < self.lost:
            raise StoreAwayError("the connection broke during the commit in this simulation")
        await self.life.pause(0.0, 0.005)
        return found

    def calm(self) -> bool:
        return asyncio.get_running_loop().time() >= self.calm_s


@dataclass
class TwinBus:
    """Messages and values of one simulation; each process has its own `TwinBusEnd`."""

    chance: random.Random
    weather: Weather
    calm_s: float
    drop: float = 0.0
    double: float = 0.0
    delay: float = 0.0
    values: dict[str, bytes] = field(default_factory=dict)
    ends: list[TwinSubscription] = field(default_factory=list)

    def publish(self, channel: str, body: bytes, *, keep: bool = False) -> None:
        if self.weather.closed():
            return
        if keep:
            self.values[channel] = body
        loop = asyncio.get_running_loop()
        faulty = loop.time() < self.calm_s
        for end in self.ends:
            if channel not in end.channels or (faulty and self.chance.random() < self.drop):
                continue
            for _ in range(2 if faulty and self.chance.random() < self.double else 1):
                late = self.chance.uniform(0.0, 2.0) if faulty and self.chance.random() < self.delay else 0.0
                loop.call_later(self.chance.uniform(0.0001, 0.001) + late, end.put, Delivery(channel, body))


@dataclass
class TwinSubscription:
    """One reader's side."""

    channels: set[str]
    lost: int = 0
    interruptions: int = 0
    _queue: asyncio.Queue[BaseException] = field(default_factory=asyncio.Queue)
    _call: Callable[[Sequence[Delivery]], None] = lambda deliveries: None
    _arrived: list[Delivery] = field(default_factory=list)

    def on_delivery(self, call: Callable[[Sequence[Delivery]], None]) -> None:
        self._call = call

    def put(self, delivery: Delivery) -> None:
        """Arrive; what arrives before it is read is read at once."""
        self._arrived.append(delivery)
        if len(self._arrived) == 1:
            asyncio.get_running_loop().call_later(READ_S, self._read)

    def _read(self) -> None:
        deliveries = self._arrived
        self._arrived = []
        try:
            self._call(deliveries)
        except (Exception, Killed) as error:
            self._queue.put_nowait(error)

    async def join(self, *channels: str) -> None:
        self.channels |= set(channels)

    async def leave(self, *channels: str) -> None:
        self.channels -= set(channels)

    def __aiter__(self) -> TwinSubscription:
        return self

    async def __anext__(self) -> Delivery:
        raise await self._queue.get()


@dataclass
class TwinBusEnd:
    """The bus as one process sees it."""

    bus: TwinBus
    life: Life

    async def get(self, key: str) -> bytes | None:
        await self.life.pause(0.0001, 0.001)
        if self.bus.weather.closed():
            raise BusAwayError("the bus is away in this simulation")
        return self.bus.values.get(key)

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return [await self.get(key) for key in keys]

    @asynccontextmanager
    async def subscribe(self, *channels: str, capacity: int = 10_000) -> AsyncIterator[TwinSubscription]:
        await self.life.pause(0.0001, 0.001)
        if self.bus.weather.closed():
            raise BusAwayError("the bus is away in this simulation")
        end = TwinSubscription(set(channels))
        self.bus.ends.append(end)
        watch = asyncio.create_task(self._interrupt(end))
        try:
            yield end
        finally:
            watch.cancel()
            self.bus.ends.remove(end)

    async def _interrupt(self, end: TwinSubscription) -> None:
        away = False
        while True:
            await asyncio.sleep(0.2)
            closed = self.bus.weather.closed()
            if closed and not away:
                end.interruptions += 1
            away = closed


class TwinIntake:
    """Messages are inputs already; only duplicates and age are looked at, as the real intake does."""

    def __init__(self, life: Life, stale_s: float = 10.0) -> None:
        self.life, self._stale_ns = life, round(stale_s * 1e9)
        self.counts: dict[str, int] = {}
        self.heartbeat = None
        self._seen: set[str] = set()

    def take_all(self, deliveries: Sequence[Delivery], now_ns: int) -> list[Any]:
        if not self.life.alive:
            return []
        return [told for each in deliveries if (told := self._take(each.body, now_ns)) is not None]

    def _take(self, body: bytes, now_ns: int) -> Any:
        told = msgspec.json.decode(body, type=AnyInput)
        told = msgspec.structs.replace(told, at_ns=now_ns)
        if told.__struct_config__.tag != "scored":
            return told
        if told.signal_id in self._seen or now_ns - told.known_ns > self._stale_ns:
            return None
        self._seen.add(told.signal_id)
        return told


@dataclass
class TwinRoad:
    """The real venue of one process, over a node and a block engine that have no sockets but faults."""

    chain: Chain
    wallet: Keypair
    life: Life
    weather: Weather
    clock: Any
    settings: ExecutionSettings

    def __post_init__(self) -> None:
        wire = Wire([Node(self.chain)], before=self._ask)
        engine = MemoryEngine(self.chain)
        engine.before = self._hand_over
        rpc = ChainRpc(wire)
        facts = ChainFacts(self.settings.facts, self.settings.priority)
        self.keeper = FactKeeper(facts, rpc, engine, self.clock)
        self.venue = ChainVenue(Signer(self.wallet), facts, rpc, engine, self.clock, self.settings)

    async def run(self) -> None:
        """What runs beside a trader."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.keeper.run())
            group.create_task(self.venue.keep())

    async def _ask(self, method: str) -> None:
        await self.life.pause(0.001, 0.05)
        if self.weather.closed():
            raise ChainError("the chain does not answer in this simulation")

    async def _hand_over(self) -> None:
        await self.life.pause(0.0, 0.03)
        if self.weather.closed():
            raise EngineAwayError("the block engine is away in this simulation")


__all__ = ["Killed", "Life", "TwinBus", "TwinBusEnd", "TwinIntake", "TwinRoad", "TwinStore", "Weather"]
