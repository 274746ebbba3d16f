"""What a word of life promises, while rows come and go."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from alphaloop.bus import MemoryBus
from alphaloop.core.clock import SteppedClock
from alphaloop.markets.pumpfun.services.heartbeat import Pulse


@pytest.fixture
def parts() -> dict[str, SimpleNamespace]:
    return {
        "collector": SimpleNamespace(applied_ns=50),
        "delivery": SimpleNamespace(waiting_rows=0, sent_ns=50, handed_ns=50),
        "marks": SimpleNamespace(advanced_ns=90),
        "stats": SimpleNamespace(pending=0),
    }


def test_a_promise_is_never_taken_back(parts) -> None:
    pulse = Pulse(MemoryBus(), **parts, feeds=[], clock=SteppedClock(100))
    delivery = parts["delivery"]
    assert pulse.message().known_ns == 90, "nothing is on its way: all up to the last timer is out"
    parts["collector"].applied_ns, delivery.handed_ns, delivery.waiting_rows = 95, 95, 3
    assert pulse.message().known_ns == 90, "rows wait that come after what was promised"
    delivery.waiting_rows, delivery.sent_ns = 0, 95
    assert pulse.message().known_ns == 95


@pytest.mark.parametrize("waiting_rows", [0, 1])
def test_what_waits_or_is_about_to_is_not_promised(parts, waiting_rows) -> None:
    pulse = Pulse(MemoryBus(), **parts, feeds=[], clock=SteppedClock(100))
    parts["delivery"].handed_ns, parts["delivery"].waiting_rows = 60, waiting_rows
    assert pulse.message().known_ns == 50
