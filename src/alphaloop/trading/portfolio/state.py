"""Everything the engine knows: money, breakers, cool-downs and trades, with running totals over them."""

from __future__ import annotations

from typing import Any

import msgspec

from alphaloop.core.clock import to_ns
from alphaloop.trading.portfolio.account import Account
from alphaloop.trading.portfolio.breakers import BreakerPanel, BreakerState
from alphaloop.trading.portfolio.outputs import Level, Notice, Output
from alphaloop.trading.portfolio.settings import PortfolioSettings
from alphaloop.trading.portfolio.totals import Totals
from alphaloop.trading.portfolio.trades import HOLDING, Attempt, Trade

REMEMBERED_NS = to_ns(900.0)
"""How long what was booked is known again after its trade is over; a later report of it would look like news."""


class PortfolioState:
    """The state of one account, changed by the engine's parts alone.

    Trades that are over are let go; whoever stores them takes `changed` before.

    Attributes
    ----------
    trades : dict of str to Trade
        All that are not over, by id.
    by_asset, by_signature : dict of str to Trade
    cool_until_ns : dict of str to int
        By asset.
    filled_until_ns, failed_until_ns : dict of str to int
        Fills of trades that are over, and failures that no trade names any more, by signature, with the time until
        which they are remembered. What failed may still be told as a fill, if a fork took the failure back.
    changed : dict of str to Trade
        Those that changed since somebody took them, by id; `account_changed` says the same of everything else.
    out : list of Output
        What the input at hand has led to so far.
    """

    def __init__(self, settings: PortfolioSettings) -> None:
        self.settings = settings
        self.account = Account()
        self.panel = BreakerPanel(settings.breakers)
        self.cool_until_ns: dict[str, int] = {}
        self.filled_until_ns: dict[str, int] = {}
        self.failed_until_ns: dict[str, int] = {}
        self.trades: dict[str, Trade] = {}
        self.by_asset: dict[str, Trade] = {}
        self.by_signature: dict[str, Trade] = {}
        self.changed: dict[str, Trade] = {}
        self.account_changed = False
        self.out: list[Output] = []
        self.now_ns = 0
        self._totals = Totals()
        self._cool_down_ns = to_ns(settings.breakers.cool_down_s)

    # -- totals -----------------------------------------------------------------------------------------------------

    @property
    def free(self) -> int:
        """Balance without what transactions under way may take."""
        return self.account.balance - self._totals.sum.reserved

    @property
    def equity(self) -> int:
        """Balance and what is held, at the newest prices."""
        return self.account.balance + self._totals.sum.value

    @property
    def open_positions(self) -> int:
        """Trades that hold something, or whose purchase may land."""
        return self._totals.sum.open

    @property
    def unproved_orders(self) -> int:
        """Trades with transactions that may land or have landed unread."""
        return self._totals.sum.unproved

    def knows(self, signature: str) -> bool:
        """Whether a transaction is one of a trade that is not over, or was booked not long ago."""
        return any(signature in known for known in (self.by_signature, self.filled_until_ns, self.failed_until_ns))

    def find(self, signature: str) -> tuple[Trade, Attempt] | None:
        """A transaction of a trade that is not over, with its trade."""
        trade = self.by_signature.get(signature)
        if trade is None:
            return None
        return trade, next(attempt for attempt in trade.attempts if attempt.signature == signature)

    def wants(self, signature: str) -> bool:
        """Whether a transaction that nobody has taken yet may still be handed over.

        A purchase is not wanted any more once its exit is, or while a breaker forbids entries; a sale as long as its
        trade holds something.
        """
        found = self.find(signature)
        if found is None:
            return False
        trade, attempt = found
        if attempt.side == "sell":
            return trade.state in HOLDING
        # How many orders are under way was asked when it was decided, and it is one of them now.
        forbidden, _ = self.panel.reason(self.now_ns, unproved=0)
        return not trade.exit_wanted and not forbidden

    # -- changes ----------------------------------------------------------------------------------------------------

    def add(self, trade: Trade) -> None:
        """Take in a new trade."""
        self.trades[trade.trade_id] = self.by_asset[trade.asset] = trade
        for attempt in trade.attempts:
            self.by_signature[attempt.signature] = trade
        self.touch(trade)

    def touch(self, trade: Trade) -> None:
        """Bring the totals up to date after `trade` changed, and let it go if it is over."""
        for attempt in trade.prune():
            del self.by_signature[attempt.signature]
            self._remember(attempt)
        self._totals.count(trade)
        self.changed[trade.trade_id] = trade
        if trade.is_over:
            self._forget(trade)

    def revalue(self, trade: Trade) -> None:
        """Bring the totals up to date after a price that need not be stored at once."""
        self._totals.revalue(trade)

    def cool(self, asset: str) -> None:
        """Begin the cool-down of an asset."""
        if self._cool_down_ns:
            self.cool_until_ns[asset] = self.now_ns + self._cool_down_ns
            self.account_changed = True

    def pay(self, amount: int) -> None:
        """Change the balance."""
        if amount:
            self.account.balance += amount
            self.account_changed = True

    def notice(self, event: str, level: Level, /, **fields: Any) -> None:
        """Tell people something."""
        self.out.append(Notice(event, level, fields))

    def see(self) -> None:
        """Let the breakers look at the account."""
        state = self.panel.state
        before = (state.day, state.fallen_day, state.halted)
        tripped = self.panel.see(self.now_ns, self.equity, self.account.balance)
        if before != (state.day, state.fallen_day, state.halted):
            self.account_changed = True
        for name in tripped:
            self.tripped(name)

    def tripped(self, breaker: str) -> None:
        """Tell that a breaker forbids entries from now on."""
        self.account_changed = True
        self.notice("breaker_tripped", "error", breaker=breaker, equity=self.equity, balance=self.account.balance)

    def _forget(self, trade: Trade) -> None:
        del self.trades[trade.trade_id]
        if self.by_asset.get(trade.asset) is trade:
            del self.by_asset[trade.asset]
        for attempt in trade.attempts:
            self.by_signature.pop(attempt.signature, None)
            self._remember(attempt)
        self._totals.forget(trade)

    def _remember(self, attempt: Attempt) -> None:
        if attempt.is_filled or attempt.cost:
            known = self.filled_until_ns if attempt.is_filled else self.failed_until_ns
            known[attempt.signature] = self.now_ns + REMEMBERED_NS
            self.account_changed = True

    # -- time -------------------------------------------------------------------------------------------------------

    def warm(self) -> None:
        """Forget what is over by now."""
        for until_ns in (self.cool_until_ns, self.filled_until_ns, self.failed_until_ns):
            for key in [key for key, end_ns in until_ns.items() if end_ns <= self.now_ns]:
                del until_ns[key]
                self.account_changed = True

    def set_back(self, at_ns: int) -> None:
        """Follow a clock that was set back: whatever waits goes on to wait as long as it would have."""
        by = self.now_ns - at_ns
        self.now_ns = at_ns
        self.panel.state.paused_until_ns = max(self.panel.state.paused_until_ns - by, 0)
        for until_ns in (self.cool_until_ns, self.filled_until_ns, self.failed_until_ns):
            for key in until_ns:
                until_ns[key] -= by
        for trade in self.trades.values():
            trade.set_back(by, at_ns)
            self.changed[trade.trade_id] = trade
        self.account_changed = True
        self.notice("clock_set_back", "warning", seconds=by / 1e9)

    # -- keeping ----------------------------------------------------------------------------------------------------

    def save(self) -> dict[str, Any]:
        """Everything that changes, ready for JSON."""
        return {**self.save_account(), "trades": [msgspec.to_builtins(trade) for trade in self.trades.values()]}

    def save_account(self) -> dict[str, Any]:
        """The same without trades."""
        return {
            "account": msgspec.to_builtins(self.account),
            "breakers": msgspec.to_builtins(self.panel.state),
            "cool_until_ns": dict(self.cool_until_ns),
            "filled_until_ns": dict(self.filled_until_ns),
            "failed_until_ns": dict(self.failed_until_ns),
            "now_ns": self.now_ns,
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over what `save` gave; an empty mapping is a new account."""
        self.account = msgspec.convert(saved.get("account", {}), Account)
        self.panel = BreakerPanel(self.settings.breakers, msgspec.convert(saved.get("breakers", {}), BreakerState))
        self.cool_until_ns = dict(saved.get("cool_until_ns", {}))
        self.filled_until_ns = dict(saved.get("filled_until_ns", {}))
        self.failed_until_ns = dict(saved.get("failed_until_ns", {}))
        self.now_ns = saved.get("now_ns", 0)
        self.trades, self.by_asset, self.by_signature = {}, {}, {}
        self._totals = Totals()
        for each in saved.get("trades", []):
            self.add(msgspec.convert(each, Trade))
        self.changed.clear()
        self.account_changed = False
