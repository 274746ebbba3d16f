"""Targets: what a model is asked about a signal, as pure functions of its outcomes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.outcomes.records import Outcome

Outcomes: TypeAlias = Mapping[int, Outcome]
"""The outcomes of one signal by their horizon in seconds."""


@dataclass(frozen=True)
class Answer:
    """What the outcomes of one signal say about a target.

    Attributes
    ----------
    hit : bool or None
        None where they do not say it; `reason` tells why. Missing is never a miss.
    gross : float
        Return of the price itself from the signal to the exit; NaN where the exit was not observed.
    net : float
        Return on the whole cost of the entry; NaN where no exit was observed.
    resolved_ns : int
        When the answer was known at the latest: the end of the interval, also where a hit came earlier.
    reason : str
        Why there is no answer.
    out_of_sight : bool
        Whether the token graduated out of sight and the answer follows from what was seen before.
    """

    hit: bool | None
    gross: float
    net: float
    resolved_ns: int
    reason: str = ""
    out_of_sight: bool = False


class Reach(Settings):
    """Whether the position reaches a multiple of its cost within the horizon.

    `measure` "tradable" asks for net proceeds after an entry with latency, fees and network costs; "raw" asks for the
    price alone, which nobody could have had.

    A position that reaches the multiple is sold there: its return is the multiple less 1, never the peak. Any other is
    sold at the horizon. The sale at the multiple is what a standing offer would have made of reserves that were there
    after an event; a trader who only looks every few seconds gets less.

    What was reached before the token graduated out of sight is a hit; a miss needs the whole interval. On a recording
    without the pools' trades a graduated token is therefore a hit or missing, and the share of hits is a little too
    high; how many are missing for this reason is told with every dataset.
    """

    classes: ClassVar[tuple[str, str]] = ("miss", "hit")
    sides: ClassVar[tuple[int, int]] = (0, 1)

    kind: Literal["reach"] = "reach"
    multiple: float = Field(gt=1, le=1000, description="proceeds over cost that count as reached")
    horizon_s: int = Field(gt=0, description="seconds from the signal; one of the outcomes' horizons")
    measure: Literal["tradable", "raw"] = "tradable"

    @property
    def name(self) -> str:
        """Kind of target."""
        return self.kind

    @property
    def horizons_s(self) -> tuple[int, ...]:
        """Horizons that have to be known."""
        return (self.horizon_s,)

    def answer(self, outcomes: Outcomes) -> Answer:
        """Read the answer off a signal's outcomes."""
        found = outcomes.get(self.horizon_s)
        if found is None:
            return _unknown(f"no outcome of {self.horizon_s} s is stored yet")
        if found.least_tradable is None:
            return Answer(None, math.nan, math.nan, found.resolved_ns, _kind_of_reason(found.reason))
        raw = found.least_raw if found.least_raw is not None else math.nan
        seen = found.least_tradable if self.measure == "tradable" else raw
        hit = True if seen >= self.multiple else (False if found.observed else None)
        gross = self.multiple - 1.0 if raw >= self.multiple else _grown(found)
        net = self.multiple - 1.0 if found.least_tradable >= self.multiple else _less_one(found.final_multiple)
        return Answer(hit, gross, net, found.resolved_ns, *_why(hit, found))


class DeadSoon(Settings):
    """Whether there is no meaningful upside left.

    Yes if within the horizon no sale would have paid `peak_below` times the cost, and the token either goes without a
    trade for the time that counts as death within `silent_within_s`, or pays less than `end_below` times the cost at
    the horizon. Silence alone is not enough: nearly every token falls silent soon, also after it has doubled, and a
    veto that is right about all of them would veto all of them.

    No trade follows from a yes: class "dead" has side -1, which on this market, where nothing can be sold short, means
    to stay out or to leave. Its net return is the loss that this avoids, to the horizon.
    """

    classes: ClassVar[tuple[str, str]] = ("alive", "dead")
    sides: ClassVar[tuple[int, int]] = (0, -1)

    kind: Literal["dead"] = "dead"
    horizon_s: int = Field(default=3_600, gt=0, description="seconds from the signal; one of the outcomes' horizons")
    peak_below: float = Field(default=1.1, gt=0, description="no sale paid this multiple of the cost")
    end_below: float = Field(default=0.5, gt=0, description="a sale at the horizon pays less than this multiple")
    silent_within_s: int = Field(default=1_800, gt=0, description="death within this; one of the outcomes' horizons")

    @property
    def name(self) -> str:
        """Kind of target."""
        return self.kind

    @property
    def horizons_s(self) -> tuple[int, ...]:
        """Horizons that have to be known."""
        return tuple(sorted({self.silent_within_s, self.horizon_s}))

    def answer(self, outcomes: Outcomes) -> Answer:
        """Read the answer off a signal's outcomes."""
        found = outcomes.get(self.horizon_s)
        if found is None:
            return _unknown(f"no outcome of {self.horizon_s} s is stored yet")
        if found.least_tradable is None:
            return Answer(None, math.nan, math.nan, found.resolved_ns, _kind_of_reason(found.reason))
        hit = self._hit(found, outcomes.get(self.silent_within_s))
        return Answer(hit, _grown(found), _less_one(found.final_multiple), found.resolved_ns, *_why(hit, found))

    def _hit(self, found: Outcome, early: Outcome | None) -> bool | None:
        if found.least_tradable is not None and found.least_tradable >= self.peak_below:
            return False
        if not found.observed:
            return None
        silent = early is not None and early.died_ns is not None
        ended = found.final_multiple is not None and found.final_multiple < self.end_below
        return silent or ended


Target: TypeAlias = Annotated[Reach | DeadSoon, Field(discriminator="kind")]

TARGETS: dict[str, Reach | DeadSoon] = {
    "reach_2x_10m": Reach(multiple=2.0, horizon_s=600),
    "reach_3x_30m": Reach(multiple=3.0, horizon_s=1_800),
    "reach_2x_1h": Reach(multiple=2.0, horizon_s=3_600),
    "is_dead_soon": DeadSoon(),
}
"""The targets that have a recipe."""


def _unknown(reason: str) -> Answer:
    return Answer(None, math.nan, math.nan, 0, reason)


def _why(hit: bool | None, found: Outcome) -> tuple[str, bool]:
    """Reason of a missing answer, and whether one was had before the token went out of sight."""
    kind = _kind_of_reason(found.reason)
    return (kind, False) if hit is None else ("", not found.observed and kind == "graduated")


def _grown(found: Outcome) -> float:
    return math.nan if found.final_price is None else found.final_price / found.price - 1.0


def _less_one(multiple: float | None) -> float:
    return math.nan if multiple is None else multiple - 1.0


def _kind_of_reason(reason: str) -> str:
    """Cut times off a reason, so that rows can be counted by it."""
    kinds = (
        "graduated",
        "not everything was seen",
        "the recording ends",
        "trades of its pool were missed",
        "an event of",
    )
    return next((kind for kind in kinds if reason.startswith(kind)), reason)
