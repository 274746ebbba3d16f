"""The engine of one account: inputs in, outputs out, no I/O and no clock.

Dry run, live trading and simulation drive the same engine. Everything it knows came through `apply`, so a journal of
inputs replayed through a fresh engine gives the same outputs and the same state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from alphaloop.core.errors import InputError
from alphaloop.trading.portfolio.entering import Entering
from alphaloop.trading.portfolio.leaving import Leaving
from alphaloop.trading.portfolio.proving import Proving
from alphaloop.trading.portfolio.records import (
    Adopted,
    AnyInput,
    Balance,
    Command,
    Dead,
    Drafted,
    ExitReason,
    Failed,
    Filled,
    Holding,
    Input,
    Landed,
    Learnt,
    Mark,
    NotStored,
    Opened,
    Output,
    Refused,
    Scored,
    Sent,
    Tick,
    Unsent,
    Warned,
)
from alphaloop.trading.portfolio.settings import PortfolioSettings
from alphaloop.trading.portfolio.state import PortfolioState
from alphaloop.trading.portfolio.trades import HOLDING, Trade


class PortfolioEngine:
    """Decisions of one account under one set of settings.

    The driver gives each input to `apply` as it comes and carries out what it gets back, in order: it makes a `Place`
    into `Drafted` or `Refused` at once, stores what `take_changes` gives, and only then carries out a `Submit`.

    Parameters
    ----------
    settings : PortfolioSettings
    """

    def __init__(self, settings: PortfolioSettings) -> None:
        self.settings = settings
        self.state = state = PortfolioState(settings)
        self._entering = Entering(state)
        self._leaving = Leaving(state)
        self._proving = proving = Proving(state, self._entering, self._leaving)
        self._handlers: dict[type[Input], Callable[[Any], None]] = {
            Opened: self._opened,
            Scored: self._entering.decide,
            Mark: self._mark,
            Warned: self._warned,
            Tick: self._tick,
            Drafted: proving.drafted,
            Refused: proving.refused,
            NotStored: proving.not_stored,
            Sent: proving.sent,
            Unsent: proving.unsent,
            Landed: proving.landed,
            Filled: proving.filled,
            Failed: proving.failed,
            Dead: proving.dead,
            Holding: proving.holding,
            Learnt: proving.learnt,
            Balance: self._balance,
            Adopted: proving.adopted,
            Command: self._command,
        }

    def apply(self, told: AnyInput) -> list[Output]:
        """Take one input in and give what follows from it.

        Raises
        ------
        StateError
            If it does not fit the life of its trade.
        """
        state = self.state
        # A clock that was set back must not lengthen a pause or shorten a hold.
        state.now_ns = max(state.now_ns, told.at_ns)
        state.out = []
        self._handlers[type(told)](told)
        return state.out

    def take_changes(self) -> tuple[list[Trade], bool]:
        """Trades that changed since the last call, and whether the account did."""
        state = self.state
        changed, account = list(state.changed.values()), state.account_changed
        state.changed, state.account_changed = {}, False
        return changed, account

    def unproved(self) -> dict[str, int]:
        """Signatures of transactions that may land or have landed unread, with the last height at which they can."""
        return {a.signature: a.last_valid for trade in self.state.trades.values() for a in trade.unproved()}

    def watched(self) -> list[Trade]:
        """Trades whose price matters."""
        return [trade for trade in self.state.trades.values() if trade.state in HOLDING]

    # -- inputs -----------------------------------------------------------------------------------------------------

    def _opened(self, told: Opened) -> None:
        self.state.restore(told.state)
        self.state.now_ns = max(self.state.now_ns, told.at_ns)
        for trade in self.state.trades.values():
            for attempt in trade.attempts:
                # Their bytes went with the process that made them; only the chain can tell now.
                attempt.again_ns = 0
        breakers = self.state.panel.state
        if told.deliberate and (breakers.halted or breakers.paused_until_ns > told.at_ns):
            breakers.halted, breakers.paused_until_ns = False, 0
            self.state.account_changed = True
            self.state.notice("halt_lifted", "warning", by="deliberate restart")
        elif breakers.halted:
            self.state.notice("still_halted", "error", breaker="min_balance")

    def _mark(self, told: Mark) -> None:
        trade = self.state.by_asset.get(told.asset)
        if trade is None or told.known_ns <= trade.last_ns or not told.price > 0.0:
            return
        if told.context:
            trade.context = told.context
        self._leaving.price(trade, told.price, told.known_ns)
        self.state.see()
        self._leaving.look(trade)

    def _warned(self, told: Warned) -> None:
        trade = self.state.by_asset.get(told.asset)
        if trade is not None and told.known_ns >= trade.decided_ns and not trade.exited_ns:
            self._leaving.leave(trade, ExitReason.ANTI_SIGNAL)

    def _tick(self, told: Tick) -> None:
        self.state.warm()
        self.state.see()
        for trade in list(self.state.trades.values()):
            self._proving.resend(trade)
            self._leaving.look(trade)

    def _balance(self, told: Balance) -> None:
        if self.state.unproved_orders or told.amount == self.state.account.balance:
            return
        change = self.state.account.correct(told.amount)
        # What comes from outside is no profit and what goes there no loss of the day.
        self.state.panel.state.day_equity += change
        self.state.account_changed = True
        self.state.notice("balance_corrected", "warning", change=change, balance=told.amount)
        self.state.see()

    def _command(self, told: Command) -> None:
        breakers = self.state.panel.state
        if told.name == "stop_entries":
            breakers.stopped = True
        elif told.name == "resume":
            breakers.stopped = False
        elif told.name == "clear_halt":
            breakers.halted, breakers.paused_until_ns = False, 0
        elif told.name == "force_exit":
            trade = self.state.by_asset.get(told.asset)
            if trade is None or trade.exited_ns:
                raise InputError(f"no position in {told.asset!r} is open or under way; see `alphaloop live positions`")
            self._leaving.leave(trade, ExitReason.MANUAL)
        else:
            raise InputError(f"command {told.name!r} is unknown; give stop_entries, resume, clear_halt or force_exit")
        self.state.account_changed = True
        self.state.notice("command", "warning", name=told.name, asset=told.asset, by=told.by)
