"""Batch equals live: whichever road the events take, the same is handed out, byte for byte."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alphaloop.markets.pumpfun.market import PumpMarket
from alphaloop.markets.pumpfun.settings import PumpSettings

EVENTS = 700


def spoken(emissions) -> list[bytes]:
    """Emissions as bytes; NaN would break an equality that bytes keep."""
    return [msgspec.msgpack.encode(emission) for emission in emissions]


def replay(events, options) -> list[bytes]:
    market = PumpMarket(options)
    said = [line for event in events for line in spoken(market.apply(event))]
    return said + spoken(market.advance(events[-1].known_ns + 1))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10_000),
    restores=st.sets(st.integers(0, EVENTS - 1), max_size=6),
    idle=st.integers(0, 2**32 - 1),
    gap_s=st.sampled_from([0.6, 30.0]),
)
def test_saved_restored_and_advanced_says_what_an_undisturbed_run_says(pump, seed, restores, idle, gap_s) -> None:
    events = pump.market_events(EVENTS, seed, mean_gap_s=gap_s)
    options = PumpSettings(tracked_wallets=pump.TRACKED)
    rng = np.random.default_rng(idle)
    market, said = PumpMarket(options), []
    for place, (event, after) in enumerate(pairwise([*events, None])):
        if place in restores:
            state = market.save()
            market = PumpMarket(options)
            market.restore(state)
            assert market.save() == state
        said += spoken(market.apply(event))
        if after is not None and rng.random() < 0.5:
            for part in sorted(rng.random(int(rng.integers(1, 4)))):
                said += spoken(market.advance(event.known_ns + int((after.known_ns - event.known_ns) * part)))
    said += spoken(market.advance(events[-1].known_ns + 1))
    assert said == replay(events, options)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), cut=st.integers(1, EVENTS - 1))
def test_what_was_said_does_not_depend_on_what_comes(pump, seed, cut) -> None:
    events = pump.market_events(EVENTS, seed)
    other = pump.market_events(EVENTS, seed + 1)
    options = PumpSettings(tracked_wallets=pump.TRACKED)
    shift = events[cut - 1].known_ns - other[0].known_ns + 1
    future = [msgspec.structs.replace(event, known_ns=event.known_ns + shift) for event in other]
    past = events[:cut]
    border = past[-1].known_ns

    def until_border(stream) -> list[bytes]:
        market = PumpMarket(options)
        return [line for event in stream if event.known_ns <= border for line in spoken(market.apply(event))]

    assert until_border([*past, *future]) == until_border(events)


def test_restored_at_every_single_event(pump) -> None:
    events = pump.market_events(250, 5, mean_gap_s=3.0)
    options = PumpSettings(tracked_wallets=pump.TRACKED)
    state, said = PumpMarket(options).save(), []
    for event in events:
        market = PumpMarket(options)
        market.restore(state)
        said += spoken(market.apply(event))
        state = market.save()
    market = PumpMarket(options)
    market.restore(state)
    said += spoken(market.advance(events[-1].known_ns + 1))
    assert said == replay(events, options)
