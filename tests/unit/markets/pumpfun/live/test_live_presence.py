"""Who trades an account already: asked of everybody on the bus, and answered by who trades it or began earlier."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from alphaloop.bus.memory import MemoryBus
from alphaloop.core.clock import SteppedClock
from alphaloop.core.errors import StateError
from alphaloop.markets.pumpfun.live.presence import Presence, presence_channel

PATIENCE_S = 0.05


def presence(bus: MemoryBus, began_ns: int, account: str = "me", *, trades: bool = False) -> Presence:
    return Presence(bus, account, SteppedClock(began_ns), lambda: trades)


@asynccontextmanager
async def answering(*there: Presence) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each.run()) for each in there]
    await asyncio.sleep(0.01)
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def is_refused(asking: Presence) -> bool:
    try:
        await asking.ask(PATIENCE_S)
    except StateError as error:
        return "another process on this bus trades account me" in str(error)
    return False


@pytest.mark.parametrize(
    ("account", "began_ns", "trades", "refused"),
    [
        ("me", 1, True, True),
        ("me", 9, True, True),
        ("me", 1, False, True),
        ("me", 9, False, False),
        ("you", 1, True, False),
    ],
)
def test_who_trades_or_began_earlier_stays(account: str, began_ns: int, trades: bool, refused: bool) -> None:
    async def meet() -> bool:
        async with MemoryBus() as bus:
            here = presence(bus, 5)
            async with answering(here, presence(bus, began_ns, account, trades=trades)):
                return await is_refused(here)

    assert asyncio.run(meet()) is refused


def test_of_two_that_start_at_once_one_stays() -> None:
    async def meet() -> list[bool]:
        async with MemoryBus() as bus:
            starting = [presence(bus, 5), presence(bus, 5)]
            async with answering(*starting):
                return list(await asyncio.gather(*map(is_refused, starting)))

    assert sorted(asyncio.run(meet())) == [False, True]


def test_an_answer_to_somebody_else_and_words_without_meaning_keep_nobody_out() -> None:
    async def meet() -> bool:
        async with MemoryBus() as bus:
            here, late = presence(bus, 5), presence(bus, 9)
            async with answering(here):
                asking = asyncio.create_task(is_refused(late))
                mine = await is_refused(here)
                assert await asking
                await bus.publish(presence_channel("me"), bytes(range(256)))
                return mine or await is_refused(here)

    assert not asyncio.run(meet())


def test_on_a_bus_that_is_away_nobody_is_heard() -> None:
    async def meet() -> bool:
        return await is_refused(presence(MemoryBus(), 5))

    assert not asyncio.run(meet())
