"""What a market says of events: the stored rows of one feature set, in the order in which they came to be."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from alphaloop.markets.pumpfun.emissions import Emission, Row
from alphaloop.markets.pumpfun.events import Input
from alphaloop.markets.pumpfun.market import PumpMarket
from alphaloop.markets.pumpfun.signals.catalogue import GENESIS, SIGNAL, EventFeatureSet
from alphaloop.markets.pumpfun.signals.vector import Vector, from_bytes

TABLES: Final = {SIGNAL.name: "signals", GENESIS.name: "genesis_observations"}

Maker: TypeAlias = Callable[[Sequence[Input]], PumpMarket]
"""Makes a market for the events that it will be fed; an honest one does not look at them."""


@dataclass(frozen=True)
class Observation:
    """One stored row: its features, when they were known, and how many events were known by then."""

    identity: str
    known_ns: int
    events: int
    vector: Vector


class Collector:
    """Keeps the rows of one feature set among emissions."""

    def __init__(self, features: EventFeatureSet) -> None:
        self._table = TABLES[features.name]
        self._rows: list[Row] = []

    def take(self, emissions: Iterable[Emission]) -> None:
        """Take what is handed out at one moment."""
        self._rows.extend(e for e in emissions if isinstance(e, Row) and e.table == self._table)

    def observations(self, events: Sequence[Input]) -> list[Observation]:
        """The rows as they stand now, at the end: whoever changed one after it was handed out is found out, too."""
        known = [event.known_ns for event in events]
        return [
            Observation(
                row.values["signal_id"],
                row.values["known_ns"],
                bisect_right(known, row.values["known_ns"]),
                from_bytes(row.values["features"]),
            )
            for row in self._rows
        ]


def observe(
    make: Maker,
    features: EventFeatureSet,
    events: Sequence[Input],
    end_ns: int,
    *,
    first: int = 0,
    state: bytes | None = None,
) -> list[Observation]:
    """Feed ``events[first:]`` to a market that starts fresh or from `state`, let time pass to `end_ns`, and look."""
    market = make(events)
    if state is not None:
        market.restore(state)
    collector = Collector(features)
    for event in events[first:]:
        collector.take(market.apply(event))
    collector.take(market.advance(max(end_ns, events[-1].known_ns) if events else end_ns))
    return collector.observations(events)


def moved(before: Observation, after: Observation) -> list[int]:
    """Places of the features whose bits differ; all NaN are one."""
    same = (before.vector.view(np.uint32) == after.vector.view(np.uint32)) | (
        np.isnan(before.vector) & np.isnan(after.vector)
    )
    return [int(place) for place in np.flatnonzero(~same)]
