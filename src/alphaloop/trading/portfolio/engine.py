"""The engine of one account: inputs in, outputs out, no I/O and no clock.

Dry run, live trading and simulation drive the same engine. Everything it knows came through `apply`, so a journal of
inputs replayed through a fresh engine gives the same outputs and the same state.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from alphaloop.core.clock import to_ns
from alphaloop.core.errors import InputError
from alphaloop.trading.portfolio.ending import Ending
from alphaloop.trading.portfolio.entering import Entering
from alphaloop.trading.portfolio.holdings import Holdings
from alphaloop.trading.portfolio.inputs import Adopted, Command, Input, Mark, Opened, Scored, Tick, Warned
from alphaloop.trading.portfolio.leaving import Leaving
from alphaloop.trading.portfolio.proving import Proving
from alphaloop.trading.portfolio.records import AnyInput, Output
from alphaloop.trading.portfolio.reports import (
    Balance,
    Dead,
    Drafted,
    Failed,
    Filled,
    Holding,
    Landed,
    Learnt,
    NotStored,
    Refused,
    Sent,
    Unsent,
)
from alphaloop.trading.portfolio.settings import PortfolioSettings
from alphaloop.trading.portfolio.state import PortfolioState
from alphaloop.trading.portfolio.submitting import Submitting
from alphaloop.trading.portfolio.trades import HOLDING, ExitReason, Trade

SET_BACK_NS = to_ns(1.0)
"""A tick that is so much earlier than what was told before means that the clock was set back."""


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
        ending = Ending(state)
        entering, leaving = Entering(state), Leaving(state)
        proving = Proving(state, entering, leaving, ending)
        submitting, holdings = Submitting(state, leaving, ending), Holdings(state, ending)
        self._leaving, self._submitting = leaving, submitting
        self._handlers: dict[type[Input], Callable[[Any], None]] = {
            Opened: self._opened,
            Scored: entering.decide,
            Mark: self._mark,
            Warned: self._warned,
            Tick: self._tick,
            Drafted: submitting.drafted,
            Refused: submitting.refused,
            NotStored: submitting.not_stored,
            Sent: submitting.sent,
            Unsent: submitting.unsent,
            Landed: proving.landed,
            Filled: proving.filled,
            Failed: proving.failed,
            Dead: proving.dead,
            Holding: holdings.holding,
            Learnt: holdings.learnt,
            Balance: holdings.balance,
            Adopted: holdings.adopted,
            Command: self._command,
        }

    def apply(self, told: AnyInput) -> list[Output]:
        """Take one input in and give what follows from it.

        Raises
        ------
        InputError
            If a person asks for what cannot be done, or the settings lack the strategy of a trade; nothing has changed.
        StateError
            If it does not fit the life of its trade; the engine must not be used any more.
        """
        state = self.state
        before_ns = state.now_ns
        # Inputs may be stamped before they waited; time never runs backwards because of that.
        state.now_ns = max(before_ns, told.at_ns)
        state.out = []
        try:
            self._handlers[type(told)](told)
        except InputError:
            state.now_ns = before_ns
            raise
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
        state = self.state
        self._check_strategies(told.state.get("trades", []))
        state.restore(told.state)
        if not told.is_start:
            return
        if state.now_ns - told.at_ns > SET_BACK_NS:
            state.set_back(told.at_ns)
        state.now_ns = max(state.now_ns, told.at_ns)
        for trade in state.trades.values():
            for attempt in trade.attempts:
                # Their bytes went with the process that made them; only the chain can tell now.
                attempt.again_ns = 0
        self._submitting.abandon()
        self._reopen(told)

    def _check_strategies(self, trades: list[dict[str, Any]]) -> None:
        for trade in trades:
            if trade["strategy"] not in self.settings.strategies:
                raise InputError(
                    f"trade {trade['trade_id']} of {trade['asset']} is not over and its strategy {trade['strategy']!r} "
                    "is not in the settings any more; put it back until the trade is closed"
                )

    def _reopen(self, told: Opened) -> None:
        breakers = self.state.panel.state
        if told.deliberate and (breakers.halted or breakers.paused_until_ns > told.at_ns):
            breakers.halted, breakers.paused_until_ns = False, 0
            self.state.account_changed = True
            self.state.notice("halt_lifted", "warning", by="deliberate restart")
        elif breakers.halted:
            self.state.notice("still_halted", "error", breaker="min_balance")

    def _mark(self, told: Mark) -> None:
        trade = self.state.by_asset.get(told.asset)
        if trade is None or told.known_ns <= trade.last_ns or not 0.0 < told.price < inf:
            return
        if told.context:
            trade.context = told.context
        self._leaving.price(trade, told.price, told.known_ns)
        self.state.see()
        self._leaving.look(trade)

    def _warned(self, told: Warned) -> None:
        trade = self.state.by_asset.get(told.asset)
        if trade is not None and told.known_ns >= trade.known_ns and not trade.exited_ns:
            self._leaving.leave(trade, ExitReason.ANTI_SIGNAL)

    def _tick(self, told: Tick) -> None:
        if self.state.now_ns - told.at_ns > SET_BACK_NS:
            self.state.set_back(told.at_ns)
        self.state.warm()
        self.state.see()
        for trade in list(self.state.trades.values()):
            self._submitting.resend(trade)
            self._leaving.look(trade)

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
