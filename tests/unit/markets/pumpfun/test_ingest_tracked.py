"""Who wrote a wallet into the bus's set of tracked wallets: the collector, or somebody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from alphaloop.bus import MemoryBus, open_bus
from alphaloop.core.errors import BusAwayError
from alphaloop.markets.pumpfun.ingest.tracked import TOLD_SET, ByHand, TrackedSet

SET = "tracked_wallets"
NOTHING = ByHand([], [])


@pytest.fixture(params=["memory", "redis"])
def play(request: pytest.FixtureRequest) -> Callable[[Callable[[Any], Coroutine[Any, Any, None]]], None]:
    url = "" if request.param == "memory" else request.getfixturevalue("redis_url")

    def run(story: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
        async def main() -> None:
            async with open_bus(url) if url else MemoryBus() as bus:
                for key in (SET, TOLD_SET):
                    await bus.delete(key)
                await asyncio.wait_for(story(bus), 10)
                for key in (SET, TOLD_SET):
                    await bus.delete(key)

        asyncio.run(main())

    return run


async def look(tracked: TrackedSet, *wallets: str, settled: bool = True) -> ByHand | None:
    return await tracked.look(lambda: wallets, lambda: settled)


def test_what_others_add_and_remove_is_told_and_what_we_do_is_not(play) -> None:
    async def story(bus: Any) -> None:
        tracked = TrackedSet(bus)
        for wallet in "abc":
            await tracked.write(wallet, present=True)
        assert await look(tracked, *"abc") == NOTHING
        await tracked.write("c", present=False)
        assert await look(tracked, *"ab") == NOTHING
        await bus.set_add(SET, "z", "y", "a")
        await bus.set_remove(SET, "b")
        assert await look(tracked, *"ab") == ByHand(["y", "z"], ["b"])
        # What was asked for is carried out: b is tracked no more, y and z are.
        await tracked.write("b", present=False)
        for wallet in "yz":
            await tracked.write(wallet, present=True)
        assert await look(tracked, *"ayz") == NOTHING

    play(story)


def test_nothing_is_said_while_something_is_on_its_way(play) -> None:
    async def story(bus: Any) -> None:
        tracked = TrackedSet(bus)
        await bus.set_add(SET, "z")
        assert await look(tracked, settled=False) is None
        assert await look(tracked) == ByHand(["z"], [])

    play(story)


def test_what_a_server_forgot_is_written_again_and_what_it_brought_back_is_taken_out(play) -> None:
    async def story(bus: Any) -> None:
        tracked = TrackedSet(bus)
        for wallet in "abc":
            await tracked.write(wallet, present=True)
        for key in (SET, TOLD_SET):
            await bus.delete(key)
        assert await look(tracked, *"abc") == NOTHING
        assert await bus.set_members(SET) == await bus.set_members(TOLD_SET) == set("abc")
        await bus.delete(SET)
        assert await look(tracked, *"abc") == NOTHING, "a set that is gone as a whole is nobody's wish"
        assert await bus.set_members(SET) == set("abc")
        # As old data have it: c was tracked then, and we had said so; d was written by hand and we had not seen it yet.
        await bus.set_add(SET, "d")
        assert await look(tracked, *"ab") == ByHand(["d"], [])
        assert await bus.set_members(SET) == {"a", "b", "d"}
        assert await bus.set_members(TOLD_SET) == set("ab")

    play(story)


class TornBus(MemoryBus):
    """Goes away between the two halves of a write."""

    away = False

    async def set_add(self, key: str, *members: str) -> None:
        if self.away and key == SET:
            raise BusAwayError("away; try again")
        await super().set_add(key, *members)


def test_a_write_that_was_torn_is_not_taken_for_somebodys_wish() -> None:
    async def story() -> None:
        bus = TornBus()
        tracked = TrackedSet(bus)
        await tracked.write("a", present=True)
        bus.away = True
        with pytest.raises(BusAwayError):
            await tracked.write("b", present=True)
        assert await look(tracked, *"ab") is None
        bus.away = False
        await tracked.write("b", present=True)
        assert await look(tracked, *"ab") == NOTHING

    asyncio.run(story())
