"""The money of one account: exact, and explained by what was booked."""

from __future__ import annotations

import msgspec


class Account(msgspec.Struct, kw_only=True):
    """Balance and record of one wallet.

    ``balance = deposited + sum of received - sum of spent - stray_cost`` over all trades, to the unit, at every moment.

    Attributes
    ----------
    balance : int
        Of the wallet, as far as booked; transactions that landed and were not read yet are not in it.
    deposited : int
        What came from outside, less what went there; the first balance is the first deposit.
    total_pnl : int
        Net of closed trades.
    failed_cost : int
        What entries cost that never held anything.
    stray_cost : int
        What failed transactions cost that belong to no trade that is not over.
    total_trades, total_wins, total_losses : int
        Closed trades; those with a net above and below 0.
    current_streak : int
        Wins in a row, or losses in a row below 0.
    next_trade : int
        Number of the next trade.
    """

    balance: int = 0
    deposited: int = 0
    total_pnl: int = 0
    failed_cost: int = 0
    stray_cost: int = 0
    total_trades: int = 0
    total_wins: int = 0
    total_losses: int = 0
    current_streak: int = 0
    next_trade: int = 1

    def close(self, net: int) -> None:
        """Count a trade that closed with this result."""
        self.total_trades += 1
        self.total_pnl += net
        if net > 0:
            self.total_wins += 1
            self.current_streak = max(self.current_streak, 0) + 1
        elif net < 0:
            self.total_losses += 1
            self.current_streak = min(self.current_streak, 0) - 1

    def correct(self, amount: int) -> int:
        """Take over the wallet's real balance; gives what came from outside."""
        change = amount - self.balance
        self.balance = amount
        self.deposited += change
        return change

    @property
    def win_rate(self) -> float | None:
        """Share of closed trades with a net above 0, in per cent with one decimal; None if there are none."""
        return round(100.0 * self.total_wins / self.total_trades, 1) if self.total_trades else None
