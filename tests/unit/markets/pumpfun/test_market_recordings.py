"""Recorded bytes through the whole market: a simulated day with restarts in it, and what the chain once sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from alphaloop.markets.pumpfun.events import AnyEvent
from alphaloop.markets.pumpfun.market import PumpMarket, Row
from alphaloop.markets.pumpfun.recording.replay import read_events
from alphaloop.markets.pumpfun.simulator.chain import simulate
from alphaloop.markets.pumpfun.simulator.settings import SimulationSettings


def digests(events: Iterable[AnyEvent], restarts: frozenset[int] = frozenset()) -> tuple[list[int], Counter[str]]:
    """What is handed out, as a hash for each event that made it, with the market restarted before some events."""
    market, said, tables = PumpMarket(), [], Counter()
    for place, event in enumerate(events):
        if place in restarts:
            state, market = market.save(), PumpMarket()
            market.restore(state)
        emissions = market.apply(event)
        tables.update(emission.table for emission in emissions if isinstance(emission, Row))
        said.append(hash(tuple(msgspec.msgpack.encode(emission) for emission in emissions)))
    return said, tables


@pytest.mark.slow
def test_a_simulated_day_replayed_with_restarts_says_the_same(tmp_path: Path) -> None:
    simulate(SimulationSettings.small(days=1.0, seed=8), tmp_path)
    events = list(read_events(tmp_path))
    restarts = frozenset(int(place) for place in np.random.default_rng(1).integers(1, len(events), 12))
    whole, tables = digests(events)
    broken, _ = digests(read_events(tmp_path), restarts)
    assert whole == broken
    assert len(events) > 30_000
    assert tables["signals"] > 100, tables
    assert tables["genesis_observations"] > 1_000
    assert {"anti_signals", "copy_pairs", "wallet_clusters", "alpha_decay", "signal_outcomes"} <= tables.keys()


@pytest.mark.real
def test_real_transactions_go_through_every_book(real_data: Path) -> None:
    seen: Counter[str] = Counter()
    for path in sorted((real_data / "pumpfun-logs").glob("*.json")):
        events = list(read_events(path))
        market = PumpMarket()
        for event in events:
            market.apply(event)
            seen[type(event).__name__] += 1
        market.advance(market.known_ns + 3_600_000_000_000)
        assert market.counts.events == len(events), path.name
        assert market.counts.impossible == 0, path.name
        twin = PumpMarket()
        twin.restore(market.save())
        assert twin.save() == market.save(), path.name
    assert seen["Trade"] > 0
    assert seen["Create"] > 0
