"""Equity over time: what is needed for drawdown and Sharpe, kept while trading in a few numbers a day."""

from __future__ import annotations

import math
from typing import Any

from alphaloop.core.clock import NS_PER_DAY


class EquityCurve:
    """Running drawdowns and the last equity of each UTC day.

    Equity only moves while something is open, so it is marked only then; between marks it stands still. A mark is the
    most frequent thing that a busy account does, and mostly nobody looks: marks wait, and are worked off in one go when
    one of the numbers is asked for.

    Parameters
    ----------
    initial : float
        Equity to begin with.
    keep_points : bool
        Whether to keep every mark: a backtest does, a trader does not.
    day_floor : float
        Share of the UTC day's highest equity that must not be reached.
    """

    __slots__ = (
        "_day_end_ns",
        "_day_floor",
        "_day_peak",
        "_days",
        "_equity",
        "_floored_until_ns",
        "_keep_points",
        "_max_drawdown",
        "_peak",
        "_points",
        "_points_ns",
        "_waiting",
        "_waiting_ns",
        "mark",
    )

    def __init__(self, initial: float, keep_points: bool = True, day_floor: float = -math.inf) -> None:
        self._equity = self._peak = self._day_peak = initial
        self._max_drawdown = 0.0
        self._day_end_ns = self._floored_until_ns = 0
        self._day_floor = day_floor
        self._days: dict[int, float] = {}
        self._points_ns: list[int] = []
        self._points: list[float] = []
        self._keep_points = keep_points
        self._waiting_ns: list[int] = []
        self._waiting: list[float] = []
        add_time, add_equity = self._waiting_ns.append, self._waiting.append

        def mark(now_ns: int, equity: float) -> None:
            """Take note of the equity at `now_ns`; times must not go back."""
            add_time(now_ns)
            add_equity(equity)

        self.mark = mark

    @property
    def equity(self) -> float:
        """Equity at the last mark, in quote units."""
        self._settle()
        return self._equity

    @property
    def peak(self) -> float:
        """Highest equity."""
        self._settle()
        return self._peak

    @property
    def max_drawdown(self) -> float:
        """Deepest fall from a peak, as a fraction of it."""
        self._settle()
        return self._max_drawdown

    @property
    def floored_until_ns(self) -> int:
        """End of the last UTC day, ``[00:00, 24:00)``, on which equity reached the floor; 0 if none."""
        self._settle()
        return self._floored_until_ns

    @property
    def points_ns(self) -> list[int]:
        """Known time of every mark, if points are kept."""
        self._settle()
        return self._points_ns

    @property
    def points(self) -> list[float]:
        """Equity of every mark, if points are kept."""
        self._settle()
        return self._points

    def _settle(self) -> None:
        if not self._waiting:
            return
        equity, peak, day_peak, worst = self._equity, self._peak, self._day_peak, self._max_drawdown
        day_end, floor, floor_share = self._day_end_ns, self._day_peak * self._day_floor, self._day_floor
        for now_ns, marked in zip(self._waiting_ns, self._waiting, strict=True):
            if now_ns >= day_end:
                if day_end:
                    self._days[day_end // NS_PER_DAY - 1] = equity
                day_end = (now_ns // NS_PER_DAY + 1) * NS_PER_DAY
                day_peak, floor = equity, equity * floor_share
            equity = marked
            if equity > day_peak:
                day_peak, floor = equity, equity * floor_share
                if equity > peak:
                    peak = equity
            elif peak - equity > worst * peak:
                worst = (peak - equity) / peak
            if equity <= floor:
                self._floored_until_ns = day_end
        self._equity, self._peak, self._day_peak, self._max_drawdown = equity, peak, day_peak, worst
        self._day_end_ns = day_end
        if self._keep_points:
            self._points_ns += self._waiting_ns
            self._points += self._waiting
        self._waiting_ns.clear()
        self._waiting.clear()

    def daily(self, initial: float, first_day: int, last_day: int) -> list[float]:
        """List `initial`, then the equity at the end of each day ``[first_day, last_day]``, quiet days included."""
        self._settle()
        known = self._days | {self._day_end_ns // NS_PER_DAY - 1: self._equity}
        series = [initial]
        for day in range(first_day, last_day + 1):
            series.append(known.get(day, series[-1]))
        return series

    def state(self) -> dict[str, Any]:
        """Everything but the points, ready for JSON."""
        self._settle()
        numbers = {name.removeprefix("_"): getattr(self, name) for name in _NUMBERS}
        return numbers | {"days": [list(item) for item in self._days.items()]}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self._waiting_ns.clear()
        self._waiting.clear()
        for name in _NUMBERS:
            setattr(self, name, state[name.removeprefix("_")])
        self._days = dict(state["days"])


_NUMBERS = ("_equity", "_peak", "_max_drawdown", "_day_end_ns", "_day_peak", "_floored_until_ns")
