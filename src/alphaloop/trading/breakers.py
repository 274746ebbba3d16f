"""What stops new entries when the day, the streak or the balance goes wrong. Exits are never asked."""

from __future__ import annotations

from typing import Any

from alphaloop.core.clock import to_ns
from alphaloop.trading.curve import EquityCurve
from alphaloop.trading.plan import Breakers


class BreakerPanel:
    """State of the breakers of one account; the daily drawdown is read off the account's equity curve."""

    __slots__ = ("_floor", "_pause_ns", "losses", "paused_until_ns", "plan")

    def __init__(self, plan: Breakers, initial_cash: float) -> None:
        self.plan = plan
        self._floor = plan.min_balance_fraction * initial_cash
        self._pause_ns = to_ns(plan.pause_s)
        self.losses = 0
        self.paused_until_ns = 0

    def closed(self, now_ns: int, net: int) -> None:
        """Take note of a closed trade with its net result."""
        self.losses = self.losses + 1 if net < 0 else 0
        limit = self.plan.max_consecutive_losses
        if limit and self.losses >= limit:
            self.losses, self.paused_until_ns = 0, now_ns + self._pause_ns

    def reason(self, now_ns: int, curve: EquityCurve, open_positions: int) -> str:
        """Name of the breaker that forbids an entry now; empty if none does."""
        if open_positions >= self.plan.max_open_positions:
            return "max_open_positions"
        if now_ns < curve.floored_until_ns:
            return "daily_drawdown"
        if now_ns < self.paused_until_ns:
            return "consecutive_losses"
        if curve.equity < self._floor:
            return "min_balance"
        return ""

    def state(self) -> dict[str, Any]:
        """Everything that changes, ready for JSON."""
        return {name: getattr(self, name) for name in _CHANGING}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        for name in _CHANGING:
            setattr(self, name, state[name])


_CHANGING = ("losses", "paused_until_ns")
