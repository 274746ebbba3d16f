"""What stops new entries when the day, the streak or the balance goes wrong. Exits are never asked."""

from __future__ import annotations

import math
from typing import Any

from alphaloop.core.clock import to_ns
from alphaloop.trading.plan import Breakers


class BreakerPanel:
    """State of the breakers of one account.

    Attributes
    ----------
    day_floor : float
        Share of the UTC day's highest equity at which `trip` is due; minus infinity if that breaker is off.
    """

    __slots__ = ("_floor", "_pause_ns", "day_floor", "losses", "paused_until_ns", "plan", "tripped_until_ns")

    def __init__(self, plan: Breakers, initial_cash: float) -> None:
        self.plan = plan
        self._floor = plan.min_balance_fraction * initial_cash
        self.day_floor = 1.0 - plan.daily_drawdown if plan.daily_drawdown else -math.inf
        self._pause_ns = to_ns(plan.pause_s)
        self.tripped_until_ns = 0
        self.losses = 0
        self.paused_until_ns = 0

    def trip(self, day_end_ns: int) -> None:
        """Forbid entries until the end of the UTC day, because equity fell to `day_floor` of the day's highest."""
        self.tripped_until_ns = day_end_ns

    def closed(self, now_ns: int, net: int) -> None:
        """Take note of a closed trade with its net result."""
        self.losses = self.losses + 1 if net < 0 else 0
        limit = self.plan.max_consecutive_losses
        if limit and self.losses >= limit:
            self.losses, self.paused_until_ns = 0, now_ns + self._pause_ns

    def reason(self, now_ns: int, equity: float, open_positions: int) -> str:
        """Name of the breaker that forbids an entry now; empty if none does."""
        if open_positions >= self.plan.max_open_positions:
            return "max_open_positions"
        if now_ns < self.tripped_until_ns:
            return "daily_drawdown"
        if now_ns < self.paused_until_ns:
            return "consecutive_losses"
        if equity < self._floor:
            return "min_balance"
        return ""

    def state(self) -> dict[str, Any]:
        """Everything that changes, ready for JSON."""
        return {name: getattr(self, name) for name in _CHANGING}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        for name in _CHANGING:
            setattr(self, name, state[name])


_CHANGING = ("losses", "paused_until_ns", "tripped_until_ns")
