"""Equity over time: what is needed for drawdown and Sharpe, kept while trading in a few numbers a day."""

from __future__ import annotations

from typing import Any

from alphaloop.core.clock import NS_PER_DAY


class EquityCurve:
    """Running drawdowns and the last equity of each UTC day.

    Equity only moves while something is open, so it is marked only then; between marks it stands still.

    Attributes
    ----------
    equity, peak, max_drawdown : float
        Last equity, highest equity (quote units), deepest fall from a peak as a fraction of it.
    day_end_ns : int
        End of the UTC day of the last mark, ``[00:00, 24:00)``; 0 before the first mark.
    day_peak : float
        Highest equity of that day, beginning with what it opened with.
    days : dict of int to float
        Equity at the end of each earlier day that had a mark.
    points_ns, points : list of int, list of float
        Known time and equity of every mark, if `keep_points`: a backtest keeps them, a trader does not.
    """

    __slots__ = ("_points", "day_end_ns", "day_peak", "days", "equity", "max_drawdown", "peak", "points", "points_ns")

    def __init__(self, initial: float, keep_points: bool = True) -> None:
        self.equity = self.peak = self.day_peak = initial
        self.max_drawdown = 0.0
        self.day_end_ns = 0
        self.days: dict[int, float] = {}
        self.points_ns: list[int] = []
        self.points: list[float] = []
        # Bound once, because a mark is the most frequent thing that a busy account does.
        self._points = (self.points_ns.append, self.points.append) if keep_points else None

    def mark(self, now_ns: int, equity: float) -> None:
        """Take note of the equity at `now_ns`; times must not go back."""
        if now_ns >= self.day_end_ns:
            self._open_day(now_ns)
        self.equity = equity
        if equity > self.day_peak:
            self.day_peak = equity
            if equity > self.peak:
                self.peak = equity
        elif self.peak - equity > self.max_drawdown * self.peak:
            self.max_drawdown = (self.peak - equity) / self.peak
        if self._points:
            add_time, add_equity = self._points
            add_time(now_ns)
            add_equity(equity)

    def _open_day(self, now_ns: int) -> None:
        if self.day_end_ns:
            self.days[self.day_end_ns // NS_PER_DAY - 1] = self.equity
        self.day_end_ns = (now_ns // NS_PER_DAY + 1) * NS_PER_DAY
        self.day_peak = self.equity

    def daily(self, initial: float, first_day: int, last_day: int) -> list[float]:
        """List `initial`, then the equity at the end of each day ``[first_day, last_day]``, quiet days included."""
        known = self.days | {self.day_end_ns // NS_PER_DAY - 1: self.equity}
        series = [initial]
        for day in range(first_day, last_day + 1):
            series.append(known.get(day, series[-1]))
        return series

    def state(self) -> dict[str, Any]:
        """Everything but the points, ready for JSON."""
        return {name: getattr(self, name) for name in _NUMBERS} | {"days": [list(item) for item in self.days.items()]}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        for name in _NUMBERS:
            setattr(self, name, state[name])
        self.days = dict(state["days"])


_NUMBERS = ("equity", "peak", "max_drawdown", "day_end_ns", "day_peak")
