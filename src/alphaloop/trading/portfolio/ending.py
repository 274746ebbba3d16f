"""How trades end, and what the account and its breakers make of it."""

from __future__ import annotations

from alphaloop.trading.portfolio.state import PortfolioState
from alphaloop.trading.portfolio.trades import ExitReason, Trade, TradeState


class Ending:
    """Closes trades that held something, and fails those that never did."""

    def __init__(self, state: PortfolioState) -> None:
        self.state = state

    def close(self, trade: Trade, reason: str = "") -> None:
        """Count the result of a trade that holds nothing any more.

        Parameters
        ----------
        reason : str
            For the record, where it was not left by a sale of ours.
        """
        state = self.state
        trade.exited_ns, trade.retry_ns, trade.reason = state.now_ns, 0, reason or trade.reason
        trade.missing_ns, trade.verify_ns, trade.is_gone = 0, 0, False
        # Whoever emptied the wallet without the trader was a person.
        trade.exit_wanted = trade.exit_wanted or ExitReason.MANUAL
        trade.step(TradeState.CLOSED)
        net = trade.net
        state.account.close(net)
        state.account_changed = True
        state.cool(trade.asset)
        for breaker in state.panel.closed(state.now_ns, net):
            state.tripped(breaker)
        state.notice(
            "trade_closed",
            "info",
            trade_id=trade.trade_id,
            asset=trade.asset,
            strategy=trade.strategy,
            reason=str(trade.exit_wanted),
            net=net,
        )
        state.touch(trade)

    def fail(self, trade: Trade, reason: str) -> None:
        """Give up an entry of which nothing can land any more."""
        trade.reason = reason
        trade.step(TradeState.FAILED)
        self.state.account.failed_cost += trade.spent
        self.state.account_changed = True
        self.state.notice("entry_failed", "warning", trade_id=trade.trade_id, asset=trade.asset, reason=reason)
        self.state.touch(trade)

    def book(self, trade: Trade, cash: int) -> None:
        """Change the wallet's balance by what a transaction of `trade` did; a result that was counted is corrected."""
        self.state.pay(cash)
        if cash < 0:
            trade.spent -= cash
        else:
            trade.received += cash
        self._recount(trade, cash)

    def unbook(self, trade: Trade, cost: int) -> None:
        """Take back the cost of a transaction that was wrongly said to have failed."""
        self.state.pay(cost)
        trade.spent -= cost
        self._recount(trade, cost)

    def _recount(self, trade: Trade, change: int) -> None:
        if trade.state is TradeState.CLOSED:
            self.state.account.total_pnl += change
            self.state.account_changed = True
