"""The probability from which a trade is worth its costs, chosen on validation rows by what it would have earned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.dataset.table import Dataset
from alphaloop.trading.plan import Policy
from alphaloop.trading.policy import choose
from alphaloop.training.recipe import ThresholdSettings

NEVER = 1.0
BELOW_ALL = 1e-3


@dataclass(frozen=True)
class Point:
    """One threshold and what it would have earned on validation rows, as a sum of net returns."""

    threshold: float
    trades: int
    net_value: float


@dataclass(frozen=True)
class Threshold:
    """The chosen threshold.

    Attributes
    ----------
    value
        A row is entered if the side's probability is at least this.
    net_value
        Sum of the net returns of the trades it makes on validation rows.
    trades
        How many those are.
    tradable
        Whether `net_value` is above 0 with enough trades; if not, `value` is the best of a losing lot.
    reason
        Why it is not tradable; empty if it is.
    low, high
        Every value in ``(low, high]`` decides all validation rows alike.
    curve
        All thresholds that were considered, ascending.
    """

    value: float
    net_value: float
    trades: int
    tradable: bool
    low: float
    high: float
    curve: tuple[Point, ...]
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the contract; the curve is left to the report."""
        return {
            "value": self.value,
            "net_value": self.net_value,
            "trades": self.trades,
            "tradable": self.tradable,
            "chosen_on": "validation",
        } | ({"reason": self.reason} if self.reason else {})


def choose_threshold(
    probabilities: NDArray[np.float64],
    validation: Dataset,
    sides: Sequence[int],
    policy: Policy,
    settings: ThresholdSettings,
) -> Threshold:
    """Find the threshold with the highest net value on validation rows.

    Which side a row would be entered on, and how sure, is asked of the trading side's own rule. A symbol holds one
    position at a time unless `settings.overlapping`: an entry is skipped while the last one's label is not resolved.

    Parameters
    ----------
    probabilities
        (n, C) calibrated probabilities of validation rows.
    validation
        Those rows: symbols, label intervals, net returns of each side.
    sides
        Side of each class.
    policy
        Entry rule that will be traded; its own threshold, if any, is not looked at.
    settings
        How many thresholds to try and how few trades are too few.
    """
    rows = _Entries.of(probabilities, validation, sides, policy)
    steps = _steps(rows.confidence, settings)
    if not steps:
        return Threshold(NEVER, 0.0, 0, False, NEVER - BELOW_ALL, NEVER, (), "no validation row would be entered")
    points = [rows.value(low, high, settings.overlapping) for low, high in steps]
    enough = [place for place, point in enumerate(points) if point.trades >= settings.min_trades]
    best = max(enough or range(len(points)), key=lambda place: (points[place].net_value, points[place].threshold))
    chosen, (low, high) = points[best], steps[best]
    reason = "" if chosen.net_value > 0.0 else "no threshold earns its costs on validation rows"
    if not enough:
        reason = f"no threshold makes {settings.min_trades} trades on validation rows"
    return Threshold(
        value=chosen.threshold,
        net_value=chosen.net_value,
        trades=chosen.trades,
        tradable=not reason,
        low=low,
        high=high,
        curve=tuple(sorted(points, key=lambda point: point.threshold)),
        reason=reason,
    )


def settle(threshold: Threshold, confidences: NDArray[np.float64]) -> Threshold:
    """Move the value inside ``(low, high]`` to the middle of the widest gap between `confidences` (m,).

    No decision on a validation row changes. What changes is the distance to the nearest probability: a threshold that
    sits on one lets the last bit of a float32 decide.
    """
    inside = confidences[(confidences > threshold.low) & (confidences < threshold.high)]
    marks = np.concatenate([[threshold.low], np.sort(inside), [threshold.high]])
    widest = int(np.argmax(np.diff(marks)))
    return replace(threshold, value=float((marks[widest] + marks[widest + 1]) / 2.0))


def confidence_of(
    probabilities: NDArray[np.floating[Any]], sides: Sequence[int], policy: Policy
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Side (n,) that each row of `probabilities` (n, C) would be entered on at threshold 0, and its confidence (n,)."""
    return choose(probabilities, sides, policy.model_copy(update={"threshold": None}), 0.0)


@dataclass(frozen=True)
class _Entries:
    """Rows that may be entered, ordered by symbol and time; `after` is where the next entry may be looked for."""

    confidence: NDArray[np.float64]
    net: NDArray[np.float64]
    after: NDArray[np.int64]

    @classmethod
    def of(
        cls, probabilities: NDArray[np.float64], validation: Dataset, sides: Sequence[int], policy: Policy
    ) -> _Entries:
        side, confidence = confidence_of(probabilities, sides, policy)
        net = np.where(side > 0, validation.net_long, validation.net_short)
        rows = np.flatnonzero((side != 0) & np.isfinite(net))
        rows = rows[np.lexsort((validation.decided_ns[rows], validation.symbol[rows]))]
        symbol, decided, resolved = validation.symbol[rows], validation.decided_ns[rows], validation.resolved_ns[rows]
        after = np.empty(len(rows), np.int64)
        for start, stop in _runs(symbol):
            after[start:stop] = start + np.searchsorted(decided[start:stop], resolved[start:stop], side="left")
        return cls(confidence[rows], net[rows], np.maximum(after, np.arange(1, len(rows) + 1)))

    def value(self, low: float, high: float, overlapping: bool) -> Point:
        taken = self.confidence >= high
        rows = np.flatnonzero(taken) if overlapping else self._apart(taken)
        return Point((low + high) / 2.0, len(rows), float(self.net[rows].sum()))

    def _apart(self, taken: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Rows of `taken` that are entered when a symbol's entry waits until its last one is resolved."""
        n = len(taken)
        here = np.where(taken, np.arange(n), n)
        following = np.append(np.minimum.accumulate(here[::-1])[::-1], n)
        leap = following[self.after]
        entered: list[int] = []
        row = int(following[0])
        while row < n:
            entered.append(row)
            row = int(leap[row])
        return np.array(entered, np.int64)


def _runs(symbol: NDArray[np.signedinteger]) -> list[tuple[int, int]]:
    if not len(symbol):
        return []
    cuts = np.flatnonzero(np.diff(symbol)) + 1
    edges = [0, *cuts.tolist(), len(symbol)]
    return list(pairwise(edges))


def _steps(confidence: NDArray[np.float64], settings: ThresholdSettings) -> list[tuple[float, float]]:
    """Gaps (low, high] between neighbouring confidences to try: half evenly spread, half towards the surest rows.

    Near each wanted place the widest gap is taken: among many rows the next gap may be narrower than float32 can tell.
    """
    levels = np.unique(confidence)[::-1]
    if not len(levels):
        return []
    ranked = np.sort(confidence)[::-1]
    n, half = len(ranked), max(1, settings.candidates // 2)
    counts = np.concatenate([np.geomspace(min(settings.min_trades, n), n, half), np.linspace(1, n, half)])
    wanted = np.unique(ranked[np.clip(np.round(counts).astype(np.int64) - 1, 0, n - 1)])
    lows = np.append(levels[1:], levels[-1] - BELOW_ALL)
    reach = len(levels) // (4 * settings.candidates)
    places = set()
    for place in np.searchsorted(-levels, -wanted).tolist():
        near = slice(max(0, place - reach), place + reach + 1)
        places.add(near.start + int(np.argmax(levels[near] - lows[near])))
    return [(float(lows[place]), float(levels[place])) for place in sorted(places)]
