"""Everything the engine knows: money, breakers, cool-downs and trades, with running totals over them."""

from __future__ import annotations

from typing import Any

import msgspec

from alphaloop.core.clock import to_ns
from alphaloop.trading.portfolio.account import Account
from alphaloop.trading.portfolio.breakers import BreakerPanel, BreakerState
from alphaloop.trading.portfolio.records import Level, Notice, Output
from alphaloop.trading.portfolio.settings import PortfolioSettings
from alphaloop.trading.portfolio.trades import ENDED, HOLDING, Trade


class _Totals(msgspec.Struct):
    """What one trade adds to the totals."""

    value: int = 0
    reserved: int = 0
    open: int = 0
    unproved: int = 0


class PortfolioState:
    """The state of one account, changed by the engine's parts alone.

    Trades that are over are let go; whoever stores them takes `changed` before.

    Attributes
    ----------
    trades : dict of str to Trade
        All that are not over, by id.
    by_asset, by_signature : dict of str to Trade
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
        self.trades: dict[str, Trade] = {}
        self.by_asset: dict[str, Trade] = {}
        self.by_signature: dict[str, Trade] = {}
        self.changed: dict[str, Trade] = {}
        self.account_changed = False
        self.out: list[Output] = []
        self.now_ns = 0
        self._of: dict[str, _Totals] = {}
        self._sum = _Totals()
        self._cool_down_ns = to_ns(settings.breakers.cool_down_s)

    # -- totals -----------------------------------------------------------------------------------------------------

    @property
    def free(self) -> int:
        """Balance without what transactions under way may take."""
        return self.account.balance - self._sum.reserved

    @property
    def equity(self) -> int:
        """Balance and what is held, at the newest prices."""
        return self.account.balance + self._sum.value

    @property
    def open_positions(self) -> int:
        """Trades that hold something, or whose purchase may land."""
        return self._sum.open

    @property
    def unproved_orders(self) -> int:
        """Trades with transactions that may land or have landed unread."""
        return self._sum.unproved

    # -- changes ----------------------------------------------------------------------------------------------------

    def add(self, trade: Trade) -> None:
        """Take in a new trade."""
        self.trades[trade.trade_id] = self.by_asset[trade.asset] = trade
        for attempt in trade.attempts:
            self.by_signature[attempt.signature] = trade
        self._of[trade.trade_id] = _Totals()
        self.touch(trade)

    def touch(self, trade: Trade) -> None:
        """Bring the totals up to date after `trade` changed, and let it go if it is over."""
        self._count(trade)
        self.changed[trade.trade_id] = trade
        if trade.is_over:
            self.forget(trade)

    def mark(self, trade: Trade) -> None:
        """Bring the totals up to date after a price that need not be stored at once."""
        self._count(trade)

    def forget(self, trade: Trade) -> None:
        """Let a trade go."""
        del self.trades[trade.trade_id]
        if self.by_asset.get(trade.asset) is trade:
            del self.by_asset[trade.asset]
        for attempt in trade.attempts:
            self.by_signature.pop(attempt.signature, None)
        gone = self._of.pop(trade.trade_id)
        self._add(gone, -1)

    def cool(self, asset: str) -> None:
        """Begin the cool-down of an asset."""
        if self._cool_down_ns:
            self.cool_until_ns[asset] = self.now_ns + self._cool_down_ns
            self.account_changed = True

    def warm(self) -> None:
        """Forget cool-downs that are over."""
        for asset in [asset for asset, until_ns in self.cool_until_ns.items() if until_ns <= self.now_ns]:
            del self.cool_until_ns[asset]
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
        before = (self.panel.state.day, self.panel.state.fallen_day, self.panel.state.halted)
        tripped = self.panel.see(self.now_ns, self.equity, self.account.balance)
        if before != (self.panel.state.day, self.panel.state.fallen_day, self.panel.state.halted):
            self.account_changed = True
        for name in tripped:
            self.tripped(name)

    def tripped(self, breaker: str) -> None:
        """Tell that a breaker forbids entries from now on."""
        self.account_changed = True
        self.notice("breaker_tripped", "error", breaker=breaker, equity=self.equity, balance=self.account.balance)

    def _count(self, trade: Trade) -> None:
        now = self._of[trade.trade_id]
        self._add(now, -1)
        now.value = int(trade.quantity * trade.last) if trade.quantity else 0
        now.reserved = trade.reserved
        now.open = 0 if trade.state in ENDED else 1
        now.unproved = 1 if trade.unproved() else 0
        self._add(now, 1)

    def _add(self, part: _Totals, sign: int) -> None:
        total = self._sum
        total.value += sign * part.value
        total.reserved += sign * part.reserved
        total.open += sign * part.open
        total.unproved += sign * part.unproved

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
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over what `save` gave; an empty mapping is a new account."""
        self.account = msgspec.convert(saved.get("account", {}), Account)
        self.panel = BreakerPanel(self.settings.breakers, msgspec.convert(saved.get("breakers", {}), BreakerState))
        self.cool_until_ns = dict(saved.get("cool_until_ns", {}))
        self.trades, self.by_asset, self.by_signature = {}, {}, {}
        self._of, self._sum = {}, _Totals()
        for each in saved.get("trades", []):
            self.add(msgspec.convert(each, Trade))
        self.changed.clear()

    def holding(self) -> list[Trade]:
        """Trades that hold something."""
        return [trade for trade in self.trades.values() if trade.state in HOLDING]
