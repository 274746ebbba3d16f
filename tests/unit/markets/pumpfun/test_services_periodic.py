"""Periodic services: one cycle at a time, skipped ones counted, failures survived."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from alphaloop.core.clock import stopwatch
from alphaloop.markets.pumpfun.services.periodic import PeriodicService


def test_cycles_come_at_the_interval() -> None:
    times: list[float] = []

    async def cycle() -> None:
        times.append(stopwatch())

    async def test() -> None:
        service = PeriodicService("clock", 0.05, cycle)
        task = asyncio.create_task(service.run())
        await asyncio.sleep(0.53)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert 7 <= service.cycles <= 10
        assert service.skipped == 0
        assert not service.running

    asyncio.run(test())
    assert all(later - earlier > 0.02 for earlier, later in pairwise(times))


def test_a_cycle_that_is_not_finished_is_not_begun_again() -> None:
    together = most = 0

    async def cycle() -> None:
        nonlocal together, most
        together += 1
        most = max(most, together)
        await asyncio.sleep(0.12)
        together -= 1

    async def test() -> None:
        service = PeriodicService("slow", 0.05, cycle, at_start=True)
        task = asyncio.create_task(service.run())
        await asyncio.sleep(0.6)
        assert not await service.trigger() or service.cycles > 0
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert most == 1
        assert service.cycles >= 3
        assert service.skipped >= 4

    asyncio.run(test())


def test_a_failing_cycle_is_told_and_the_service_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    calls = 0

    async def cycle() -> None:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise ValueError("the disk is away")

    async def test() -> None:
        service = PeriodicService("shaky", 0.02, cycle)
        for _ in range(2):
            assert await service.trigger()
        assert service.report()["last_error"] == "ValueError: the disk is away"
        assert await service.trigger()
        assert (service.cycles, service.failures, service.last_error) == (3, 2, "")

    asyncio.run(test())
    assert "cycle_failed" in capsys.readouterr().out


def test_stopping_cancels_the_running_cycle() -> None:
    ended = []

    async def cycle() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    async def test() -> None:
        service = PeriodicService("long", 10.0, cycle, at_start=True)
        task = asyncio.create_task(service.run())
        await asyncio.sleep(0.05)
        assert service.running
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert ended
        assert not service.running

    asyncio.run(test())
