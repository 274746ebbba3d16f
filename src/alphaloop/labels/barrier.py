"""Barrier label: which side, if either, would have taken its profit before its stop."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from alphaloop.core.clock import to_ns
from alphaloop.core.costs import Costs
from alphaloop.labels.base import Label, Outcomes
from alphaloop.labels.kernels import resolve_barrier
from alphaloop.labels.series import Series


class Barrier(Label):
    """BUY if only a long reaches its target before its stop, SELL if only a short does, else HOLD.

    Both sides enter at the next bar after latency (`core.fills.fill_mid`). Target and stop lie `take_profit_atr` and
    `stop_loss_atr` times the deciding bar's scale from the entry price with its impact and fee, so the costs are in the
    entry. Every bar from the entering one on is judged by `core.fills.bracket_exit`: both levels in one bar is a loss,
    a gap through the stop fills at the open. What is open at ``decided_ns + horizon_s`` leaves at the last close.

    `resolved_ns` is the known time of the bar that settled the later of the two sides, so its distance from
    `decided_ns` varies; it is ``decided_ns + horizon_s`` where a side timed out. Null where the scale is not a positive
    number, no bar can be entered in time, or the bars end before both sides are settled.
    """

    name: ClassVar[str] = "barrier"
    classes: ClassVar[tuple[str, ...]] = ("SELL", "HOLD", "BUY")
    sides: ClassVar[tuple[int, ...]] = (-1, 0, 1)

    take_profit_atr: float = Field(gt=0, le=1000, description="distance of the target, in multiples of the scale")
    stop_loss_atr: float = Field(gt=0, le=1000, description="distance of the stop, in multiples of the scale")
    scale: str = Field(default="atr", min_length=1, description="column with the scale, in price units")

    def _reads(self) -> tuple[str, ...]:
        return (self.scale,)

    def _resolve(self, series: Series, costs: Costs, outcomes: Outcomes) -> None:
        resolve_barrier(
            series.ends,
            series.open_ns,
            series.known_ns,
            *(series.columns[name] for name in ("open", "high", "low", "close", self.scale)),
            self.horizon_ns,
            to_ns(costs.latency_s),
            self.take_profit_atr,
            self.stop_loss_atr,
            costs.impact,
            costs.fee,
            *outcomes.arrays(),
        )
