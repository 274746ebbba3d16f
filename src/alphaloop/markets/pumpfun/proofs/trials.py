"""Trials of a recording: its true run once, with states kept along the way, and stretches of it with other futures."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from alphaloop.core.clock import stopwatch
from alphaloop.core.random import stream
from alphaloop.markets.pumpfun.events import Input
from alphaloop.markets.pumpfun.proofs.futures import FUTURES
from alphaloop.markets.pumpfun.proofs.observations import Collector, Maker, Observation, moved, observe
from alphaloop.markets.pumpfun.signals.catalogue import EventFeatureSet

STRETCH: Final = 3_000
TAIL: Final = 500
STATES: Final = 64
STATE_BYTES: Final = 512 * 2**20
LEAST_EVENTS: Final = 3_000


@dataclass(frozen=True)
class Trial:
    """Events ``[first, last)`` with another future from `cut` on; `first` 0 means from a fresh market."""

    kind: str
    first: int
    cut: int
    last: int
    seed: int


@dataclass(frozen=True)
class Verdict:
    """What moved in a trial: places of features by row of the true run, rows lost and rows that are new."""

    moved: dict[int, list[int]] = field(default_factory=dict)
    lost: list[int] = field(default_factory=list)
    new: int = 0
    failed: str = ""


class Trials:
    """The true run of a recording, and trials against it.

    Attributes
    ----------
    rows : list of Observation
        All rows of the true run, in order.
    states : dict of bytes
        State of the market before the event at each of some places; 0 has none, which is a fresh market.
    """

    def __init__(self, make: Maker, features: EventFeatureSet, events: Sequence[Input], until: float) -> None:
        self.make, self.features, self.events = make, features, events
        self.states: dict[int, bytes | None] = {0: None}
        self.rows = self._true_run(until)
        self._place = {row.identity: place for place, row in enumerate(self.rows)}

    def _true_run(self, until: float) -> list[Observation]:
        """Feed the recording, or as much of it as time allows; `events` is then cut to that."""
        market, collector = self.make(self.events), Collector(self.features)
        step, kept = max(len(self.events) // STATES, 1), 0
        for place, event in enumerate(self.events):
            if place and place % step == 0 and kept < STATE_BYTES:
                self.states[place] = state = market.save()
                kept += len(state)
            if place >= LEAST_EVENTS and place % 1_000 == 0 and stopwatch() >= until:
                self.events = self.events[:place]
                break
            collector.take(market.apply(event))
        if self.events:
            collector.take(market.advance(self.events[-1].known_ns))
        return collector.observations(self.events)

    def cuts(self) -> list[int]:
        """Places right after a row that are near enough to a kept state, the fresh market's 0 included."""
        cuts = sorted({row.events for row in self.rows if 0 < row.events < len(self.events)})
        return [cut for cut in cuts if cut - self._start(cut) <= STRETCH]

    def around(self, cut: int, kind: str, seed: int) -> Trial:
        """The trial of a cut, from the last kept state before it to some events behind it."""
        return Trial(kind, self._start(cut), cut, min(cut + TAIL, len(self.events)), seed)

    def _start(self, cut: int) -> int:
        starts = sorted(self.states)
        return starts[bisect_right(starts, cut - 1) - 1]

    def run(self, trial: Trial) -> Verdict:
        """Run a trial and compare all rows that were known before its first changed event."""
        border_ns = self.events[trial.cut].known_ns
        events = FUTURES[trial.kind](
            self.events[: trial.last], trial.cut, stream(trial.seed, trial.kind, trial.cut, trial.last)
        )
        try:
            found = observe(
                self.make, self.features, events, border_ns, first=trial.first, state=self.states[trial.first]
            )
        except Exception as error:
            return Verdict(failed=f"{type(error).__name__}: {error}")
        since_ns = self.events[trial.first].known_ns if trial.first else -1
        theirs = {row.identity: row for row in found if row.known_ns < border_ns}
        verdict = Verdict(lost=[], moved={})
        for place, row in enumerate(self.rows):
            if not since_ns < row.known_ns < border_ns:
                continue
            other = theirs.pop(row.identity, None)
            if other is None:
                verdict.lost.append(place)
            elif places := moved(row, other):
                verdict.moved[place] = places
        new = sum(row.known_ns > since_ns for row in theirs.values())
        return Verdict(verdict.moved, verdict.lost, new)
