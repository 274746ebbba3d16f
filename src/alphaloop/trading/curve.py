"""Equity over time: what is needed for drawdown and Sharpe, kept while trading in a few numbers a day."""

from __future__ import annotations

from typing import Any

from alphaloop.core.clock import NS_PER_DAY


class EquityCurve:
    """Running drawdown and the last equity of each UTC day.

    Equity only moves while something is open, so it is marked only then; between marks it stands still.

    Attributes
    ----------
    equity, peak, max_drawdown : float
        Last equity, highest equity (quote units), deepest fall from a peak as a fraction of it.
    days : dict of int to float
        Day number since the epoch to the last equity marked on that day.
    points : list of (int, float)
        Known time and equity of every mark, if `keep_points`; a backtest keeps them, a trader does not.
    """

    __slots__ = ("days", "equity", "keep_points", "max_drawdown", "peak", "points")

    def __init__(self, initial: float, keep_points: bool = True) -> None:
        self.equity = self.peak = initial
        self.max_drawdown = 0.0
        self.days: dict[int, float] = {}
        self.keep_points = keep_points
        self.points: list[tuple[int, float]] = []

    def mark(self, now_ns: int, equity: float) -> None:
        """Take note of the equity at `now_ns`; times must not go back."""
        self.equity = equity
        self.days[now_ns // NS_PER_DAY] = equity
        if equity > self.peak:
            self.peak = equity
        elif self.peak - equity > self.max_drawdown * self.peak:
            self.max_drawdown = (self.peak - equity) / self.peak
        if self.keep_points:
            self.points.append((now_ns, equity))

    def state(self) -> dict[str, Any]:
        """Everything but the points, ready for JSON."""
        return {
            "equity": self.equity,
            "peak": self.peak,
            "max_drawdown": self.max_drawdown,
            "days": [[day, value] for day, value in self.days.items()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self.equity, self.peak, self.max_drawdown = state["equity"], state["peak"], state["max_drawdown"]
        self.days = {day: value for day, value in state["days"]}
