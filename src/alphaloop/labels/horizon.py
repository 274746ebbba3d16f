"""Horizon label: which way, and how far, the price went in a fixed time."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from alphaloop.core.clock import to_ns
from alphaloop.core.costs import Costs
from alphaloop.labels.base import Label, Outcomes
from alphaloop.labels.kernels import resolve_horizon
from alphaloop.labels.series import Series


class Horizon(Label):
    """Direction over `horizon_s`: UP if the close moved by more than `min_return`, else DOWN.

    The price at the decision is the close of the deciding bar, the price at ``resolved_ns = decided_ns + horizon_s`` is
    the last close known by then. Null unless a bar is known inside ``(decided_ns, resolved_ns]`` and the symbol's bars
    reach `resolved_ns`. A trade enters by `core.fills.fill_mid` and leaves at that last close.
    """

    name: ClassVar[str] = "horizon"
    classes: ClassVar[tuple[str, ...]] = ("DOWN", "UP")
    sides: ClassVar[tuple[int, ...]] = (-1, 1)

    min_return: float = Field(default=0.0, gt=-1, lt=1, description="UP is a return above this fraction")

    def _resolve(self, series: Series, costs: Costs, outcomes: Outcomes) -> None:
        resolve_horizon(
            series.ends,
            series.open_ns,
            series.known_ns,
            series.columns["open"],
            series.columns["close"],
            self.horizon_ns,
            to_ns(costs.latency_s),
            self.min_return,
            costs.impact,
            costs.fee,
            *outcomes.arrays(),
        )
