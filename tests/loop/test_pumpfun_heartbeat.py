"""The collector's word of life: it comes while nothing happens, and what it promises is on the bus already."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import collect_case as case
from alphaloop.bus import MemoryBus
from alphaloop.core.errors import StoreAwayError
from alphaloop.markets.pumpfun.emissions import HEARTBEAT_CHANNEL, SIGNALS_CHANNEL
from alphaloop.markets.pumpfun.signals.messages import Heartbeat, decode

chain_node = case.chain_node


async def heard(listening: Any, holds: Any) -> Heartbeat:
    """Read on until a word of life says what is waited for."""
    async with asyncio.timeout(20):
        async for delivery in listening:
            message = decode(delivery.body)
            if isinstance(message, Heartbeat) and holds(message):
                return message
    raise AssertionError("nothing more came")


def test_what_a_word_of_life_promises_is_on_the_bus_already(tmp_path: Path) -> None:
    chain, told = case.simulated_chain(), []

    async def test() -> None:
        bus = MemoryBus()
        node = chain_node.ChainNode()
        async with bus.subscribe(SIGNALS_CHANNEL, HEARTBEAT_CHANNEL, capacity=10**6) as listening:
            collecting = case.collecting(tmp_path, node, case.busiest_wallets(), bus=bus, heartbeat_s=0.02)
            async with node, collecting as out:
                await out.live()
                for first in range(0, 800, 40):
                    await node.add(*chain[first : first + 40])
                    await asyncio.sleep(0.03)
                await out.recorded(len(case.succeeded(chain[:800])))
                last_ns = out.process.collector.applied_ns
                promised = 0
                while promised < last_ns:
                    message = decode((await asyncio.wait_for(anext(listening), 20)).body)
                    if isinstance(message, Heartbeat):
                        assert message.known_ns >= promised
                        promised = message.known_ns
                    elif hasattr(message, "signal_id"):
                        # Whatever it had promised before has come before.
                        assert message.known_ns > promised
                        told.append(message.signal_id)
                rows = out.records.select("signals", {"known_ns": ("<=", promised)})
                assert {row["signal_id"] for row in rows} <= set(told)
                assert len(rows) > 10

    case.run(test)


def test_it_comes_while_nothing_happens_and_tells_silence_from_deafness(tmp_path: Path) -> None:
    chain = case.simulated_chain()

    async def test() -> None:
        bus = MemoryBus()
        node = chain_node.ChainNode()
        async with bus.subscribe(HEARTBEAT_CHANNEL) as listening:
            collecting = case.collecting(tmp_path, node, [], bus=bus, heartbeat_s=0.02)
            async with node, collecting as out:
                await out.live()
                await node.add(*chain[:60])
                await out.recorded(len(case.succeeded(chain[:60])))
                first = await heard(listening, lambda word: word.listening and word.last_event_age_s is not None)
                later = await heard(listening, lambda word: word.known_ns > first.known_ns + 10**9)
                assert later.last_event_age_s > first.last_event_age_s, "no event came meanwhile"
                assert later.pending == 0
                out.process.feeds[0].live.clear()
                await heard(listening, lambda word: not word.listening)

    case.run(test)


def test_between_a_timer_and_the_handing_over_of_its_rows_nothing_of_them_is_promised(tmp_path: Path) -> None:
    chain, seen = case.simulated_chain(), []

    async def test() -> None:
        node = chain_node.ChainNode()
        collecting = case.collecting(tmp_path, node, case.busiest_wallets(), bus=MemoryBus())
        async with node, collecting as out:
            collector, delivery, pulse = out.process.collector, out.process.delivery, out.process.pulse
            put = delivery.put

            async def watched(batch: Any) -> None:
                # Timers hand over in a task of its own: a word of life may come before its first step.
                if asyncio.current_task() is collector._handing:
                    seen.append((pulse.message().known_ns, batch.known_ns))
                await put(batch)

            delivery.put = watched
            await out.live()
            await node.add(*chain[:400])
            await out.recorded(len(case.succeeded(chain[:400])))
            async with asyncio.timeout(60):
                while len(seen) < 3:
                    await asyncio.sleep(0.05)

    case.run(test)
    assert [pair for pair in seen if pair[0] >= pair[1]] == []


class StuckRecords:
    """A database that does not take a transaction while it is away."""

    def __init__(self, records: Any) -> None:
        self._records, self.away = records, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    @contextmanager
    def transaction(self):
        with self._records.transaction():
            yield
            if self.away:
                raise StoreAwayError("the database does not answer; start it")


def test_it_promises_nothing_that_waits_for_the_database(tmp_path: Path) -> None:
    chain = case.simulated_chain()

    async def test() -> None:
        bus = MemoryBus()
        node = chain_node.ChainNode()
        async with bus.subscribe(HEARTBEAT_CHANNEL) as listening:
            collecting = case.collecting(tmp_path, node, [], bus=bus, wrap=StuckRecords, heartbeat_s=0.02)
            async with node, collecting as out:
                await out.live()
                await node.add(*chain[:60])
                await out.recorded(len(case.succeeded(chain[:60])))
                await heard(listening, lambda word: word.known_ns >= out.process.collector.applied_ns)
                stored_ns, out.records.away = out.process.collector.applied_ns, True
                await node.add(*chain[60:200])
                await out.recorded(len(case.succeeded(chain[:200])))
                applied_ns = out.process.collector.applied_ns
                now = await heard(listening, lambda word: word.last_event_age_s is not None and word.pending == 0)
                for _ in range(20):
                    now = await heard(listening, lambda word: True)
                assert stored_ns <= now.known_ns < applied_ns
                out.records.away = False
                await heard(listening, lambda word: word.known_ns >= applied_ns)

    case.run(test)
