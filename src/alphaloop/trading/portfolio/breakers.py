"""What stops entries when the day, the streak or the balance goes wrong. Exits are never asked."""

from __future__ import annotations

import msgspec

from alphaloop.core.clock import NS_PER_DAY, iso, to_ns
from alphaloop.trading.portfolio.settings import Breakers


class BreakerState(msgspec.Struct, kw_only=True):
    """Everything that changes.

    Attributes
    ----------
    halted : bool
        The balance fell too low; lasts until a deliberate restart or a command.
    stopped : bool
        A person stopped entries; lasts until a person resumes them.
    losses : int
        In a row, since the last win or pause.
    paused_until_ns : int
        End of the pause after too many of them; exclusive.
    day : int
        UTC day since the epoch, whose first equity is `day_equity`.
    fallen_day : int
        The day on which the drawdown was reached.
    """

    halted: bool = False
    stopped: bool = False
    losses: int = 0
    paused_until_ns: int = 0
    day: int = -1
    day_equity: int = 0
    fallen_day: int = -1


class BreakerPanel:
    """The breakers of one account."""

    def __init__(self, settings: Breakers, state: BreakerState | None = None) -> None:
        self.settings = settings
        self.state = state if state is not None else BreakerState()
        self._pause_ns = to_ns(settings.loss_pause_s)

    def see(self, now_ns: int, equity: int, balance: int) -> list[str]:
        """Take in what the account is worth; gives the names of breakers that were tripped by it.

        Parameters
        ----------
        equity : int
            Balance and what is held at the newest prices, so that an entry is no drawdown.
        balance : int
            Of the wallet, transactions under way not taken off: a sale that is tried often must not halt the account.
        """
        state, tripped = self.state, []
        day = now_ns // NS_PER_DAY
        if day > state.day:
            state.day, state.day_equity = day, equity
        fall = self.settings.daily_drawdown
        if fall and state.fallen_day < day and state.day_equity - equity >= fall * state.day_equity > 0:
            state.fallen_day = day
            tripped.append("daily_drawdown")
        if self.settings.min_balance and not state.halted and balance < self.settings.min_balance:
            state.halted = True
            tripped.append("min_balance")
        return tripped

    def closed(self, now_ns: int, net: int) -> list[str]:
        """Take note of a closed trade; gives the breaker that it tripped."""
        state = self.state
        if net > 0:
            state.losses = 0
        elif net < 0:
            state.losses += 1
        limit = self.settings.max_consecutive_losses
        if not limit or state.losses < limit or net >= 0:
            return []
        state.losses, state.paused_until_ns = 0, now_ns + self._pause_ns
        return ["consecutive_losses"]

    def reason(self, now_ns: int, unproved: int) -> tuple[str, str]:
        """Name of the breaker that forbids an entry now, and what it says; empty if none does."""
        state = self.state
        if state.stopped:
            return "kill_switch", "entries were stopped by a person; resume them with `alphaloop live resume`"
        if state.halted:
            return "min_balance", "the balance fell below the least; a deliberate restart lifts it"
        # Also on the day before, for a clock that was set back over midnight.
        if state.fallen_day >= now_ns // NS_PER_DAY:
            return "daily_drawdown", "equity fell too far since 00:00 UTC; entries go on tomorrow"
        if now_ns < state.paused_until_ns:
            return "consecutive_losses", f"too many losses in a row; entries go on at {iso(state.paused_until_ns)}"
        if unproved >= self.settings.max_unproved:
            return (
                "max_unproved",
                f"{unproved} orders are submitted and not proved, {self.settings.max_unproved} may be",
            )
        return "", ""
