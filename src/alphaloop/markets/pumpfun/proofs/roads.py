"""Batch equals live: the same rows, to the bit, whichever road the events take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from alphaloop.audit.findings import ALL_ROWS, Finding, spell
from alphaloop.core.clock import iso
from alphaloop.core.random import stream
from alphaloop.markets.pumpfun.events import Input
from alphaloop.markets.pumpfun.proofs.observations import Collector, Maker, Observation, moved
from alphaloop.markets.pumpfun.signals.catalogue import EventFeatureSet

RESTORES = 8


def road_findings(
    make: Maker,
    features: EventFeatureSet,
    events: Sequence[Input],
    rows: Sequence[Observation],
    seed: int,
    checks: Counter[str],
) -> list[Finding]:
    """Compare the rows of an undisturbed run with those of one that is disturbed in ways that must not matter.

    The other road saves the market at random events and goes on with another one that restores it, and lets idle
    moments between events, not the events, fire the timers.
    """
    rng = stream(seed, "roads")
    restores = {int(place) for place in rng.integers(1, max(len(events), 2), RESTORES)}
    market, collector = make(events), Collector(features)
    for place, (event, after) in enumerate(pairwise([*events, None])):
        assert event is not None
        if place in restores:
            state = market.save()
            market = make(events)
            market.restore(state)
        collector.take(market.apply(event))
        if after is not None and rng.random() < 0.3:
            idle_ns = int((after.known_ns - event.known_ns) * rng.random())
            collector.take(market.advance(event.known_ns + idle_ns))
    if events:
        collector.take(market.advance(events[-1].known_ns))
    checks["saved and restored, timers fired at idle moments"] += 1
    return _differences(features, rows, collector.observations(events))


def _differences(
    features: EventFeatureSet, rows: Sequence[Observation], others: Sequence[Observation]
) -> list[Finding]:
    if [row.identity for row in rows] != [row.identity for row in others]:
        first = next((i for i, (a, b) in enumerate(zip(rows, others, strict=False)) if a.identity != b.identity), 0)
        when = iso(rows[first].known_ns) if rows else None
        said = f"{len(rows)} rows undisturbed, {len(others)} when saved, restored and advanced; the first differs here"
        return [Finding("stream", ALL_ROWS, first, 0.0, said, when)]
    places: dict[int, list[int]] = {}
    for place, (row, other) in enumerate(zip(rows, others, strict=True)):
        for feature in moved(row, other):
            places.setdefault(feature, []).append(place)
    found = []
    for feature, where in places.items():
        row, other = rows[where[0]], others[where[0]]
        values = (spell(float(np.float64(vector[feature]))) for vector in (row.vector, other.vector))
        said = "{} undisturbed, {} when saved, restored and advanced".format(*values)
        text = f"the two roads differ on {len(where)} rows; the first has {said}"
        found.append(Finding("stream", features.names[feature], where[0], 0.0, text, iso(row.known_ns)))
    return found
