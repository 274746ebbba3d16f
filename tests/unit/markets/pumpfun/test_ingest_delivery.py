"""What waits for the database waits in order and within bounds, whatever kind it is of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from alphaloop.bus.memory import MemoryBus
from alphaloop.core.errors import StoreAwayError
from alphaloop.markets.pumpfun.emissions import Publish, Row
from alphaloop.markets.pumpfun.ingest.backlog import Backlog
from alphaloop.markets.pumpfun.ingest.delivery import Batch, Delivery, DeliverySettings
from alphaloop.markets.pumpfun.ingest.marks import Marks
from alphaloop.markets.pumpfun.recording.wal import Wal
from alphaloop.markets.pumpfun.wire.records import Record


class Database:
    """Takes rows, unless it is away."""

    def __init__(self) -> None:
        self.away = True
        self.rows: list[dict[str, Any]] = []

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self.away:
            raise StoreAwayError("the database does not answer; start it")
        yield

    def add(self, _table: str, rows: list[dict[str, Any]], conflict: str) -> None:
        self.rows += rows


@asynccontextmanager
async def delivering(folder: Path, most: int) -> Any:
    database, marks = Database(), Marks(folder / "marks")
    settings = DeliverySettings(most_rows=most, retry_s=0.001, longest_retry_s=0.002)
    async with MemoryBus() as bus:
        delivery = Delivery(database, bus, marks, settings)  # type: ignore[arg-type]
        tasks = [asyncio.create_task(delivery.store()), asyncio.create_task(delivery.send())]
        try:
            yield delivery, database
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            marks.close()


def batch(known_ns: int, rows: int = 0, messages: int = 0) -> Batch:
    found = Batch(known_ns)
    found.rows += [Row("trades", {"known_ns": known_ns}) for _ in range(rows)]
    found.messages += [(known_ns, Publish("trade:signals", b"{}")) for _ in range(messages)]
    return found


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 20))


def test_who_has_waited_is_not_overtaken(tmp_path: Path) -> None:
    async def test() -> None:
        async with delivering(tmp_path, most=3) as (delivery, database):
            await delivery.put(batch(1, rows=4))
            first = asyncio.create_task(delivery.put(batch(2, rows=4)))

            async def later() -> None:
                while delivery.is_full:
                    await asyncio.sleep(0)
                await delivery.put(batch(3, rows=1))

            second = asyncio.create_task(later())
            await asyncio.sleep(0.02)
            assert not first.done()
            database.away = False
            await first
            await second
            await delivery.reached(3)
            assert [row["known_ns"] for row in database.rows] == [1] * 4 + [2] * 4 + [3]

    run(test)


@pytest.mark.parametrize("kind", ["rows", "messages"])
def test_whatever_waits_is_bounded(tmp_path: Path, kind: str) -> None:
    async def test() -> None:
        async with delivering(tmp_path, most=50) as (delivery, database):
            await delivery.put(batch(1, rows=1))
            put = 1
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    while put < 1_000:
                        await delivery.put(batch(put + 1, **{kind: 1}))
                        put += 1
            assert put == 51
            assert delivery.is_full
            database.away = False
            await delivery.reached(put)
            assert not delivery.is_full

    run(test)


def test_what_leaves_nothing_behind_takes_no_place(tmp_path: Path) -> None:
    async def test() -> None:
        async with delivering(tmp_path, most=50) as (delivery, database):
            await delivery.put(batch(1, rows=1))
            for known_ns in range(2, 5_000):
                await delivery.put(batch(known_ns))
            assert len(delivery._to_store) == 1
            assert delivery.handed_ns == 4_999
            assert delivery.sent_ns == 0
            database.away = False
            await delivery.reached(4_999)
            assert len(database.rows) == 1

    run(test)


def test_what_is_recorded_and_not_put_yet_is_read_back_once(tmp_path: Path) -> None:
    records = [Record("s", number, 1, number, b"12345678") for number in range(1, 21)]

    async def test() -> None:
        backlog, taken = Backlog(tmp_path, 4), list[Record]()
        with Wal(tmp_path) as wal:
            wal.append(records[:10])
            wal.sync()
            backlog.put(records[:10])
            assert backlog.is_spilled
            # On disk already, and on its way here.
            wal.append(records[10:])
            wal.sync()
            while len(taken) < 10:
                taken += await backlog.take(3)
            assert len(backlog) == 0
            backlog.put(records[10:])
            while len(taken) < 20:
                taken += await backlog.take(3)
        assert taken == records

    run(test)
