"""The garbage collector beside the decisions: switched off in them, at work between them, and left as it was found."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from alphaloop.markets.pumpfun.live import assembly


class Knot:
    """Something that only the collector takes away."""

    def __init__(self) -> None:
        self.itself = self


def test_it_is_off_inside_and_as_before_outside() -> None:
    assert gc.isenabled()
    with assembly._garbage_apart():
        assert not gc.isenabled()
        gc.freeze()
        assert gc.get_freeze_count() > 0
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("survived", [0, 1, 2])
def test_what_nobody_holds_is_taken_away_however_old(monkeypatch: pytest.MonkeyPatch, survived: int) -> None:
    monkeypatch.setattr(assembly, "GARBAGE_S", 0.001)
    monkeypatch.setattr(assembly, "MIDDLE_TURNS", 3)
    monkeypatch.setattr(assembly, "OLD_TURNS", 9)

    async def test() -> None:
        knot = Knot()
        for _ in range(survived):
            gc.collect(2)  # what survives is a generation older
        gone = weakref.ref(knot)
        collecting = asyncio.create_task(assembly._collect())
        await asyncio.sleep(0.05)
        assert gone() is not None
        del knot
        async with asyncio.timeout(10):
            while gone() is not None:
                await asyncio.sleep(0.005)
        collecting.cancel()

    with assembly._garbage_apart():
        asyncio.run(test())
