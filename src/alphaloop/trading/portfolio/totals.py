"""Sums over all trades of an account, kept up to date trade by trade."""

from __future__ import annotations

import msgspec

from alphaloop.trading.portfolio.trades import ENDED, Trade


class Share(msgspec.Struct):
    """What one trade adds to the totals, or all of them together.

    Attributes
    ----------
    value : int
        Of what is held, at the newest price.
    reserved : int
        What transactions under way may take from the balance.
    open : int
        1 if it holds something, or its purchase may land.
    unproved : int
        1 if a transaction of it may land or has landed unread.
    """

    value: int = 0
    reserved: int = 0
    open: int = 0
    unproved: int = 0

    @classmethod
    def of(cls, trade: Trade) -> Share:
        """What `trade` adds now."""
        unproved = trade.unproved()
        return cls(
            int(trade.quantity * trade.last) if trade.quantity else 0,
            sum(attempt.most for attempt in unproved),
            0 if trade.state in ENDED else 1,
            1 if unproved else 0,
        )


class Totals:
    """Shares of all trades and their sum."""

    def __init__(self) -> None:
        self.sum = Share()
        self._of: dict[str, Share] = {}

    def count(self, trade: Trade) -> None:
        """Take in a new trade, or one that changed."""
        share = Share.of(trade)
        before = self._of.get(trade.trade_id)
        if before is not None:
            self._add(before, -1)
        self._add(share, 1)
        self._of[trade.trade_id] = share

    def revalue(self, trade: Trade) -> None:
        """Take in a price of a trade in which nothing else changed."""
        share = self._of[trade.trade_id]
        value = int(trade.quantity * trade.last)
        self.sum.value += value - share.value
        share.value = value

    def forget(self, trade: Trade) -> None:
        """Leave a trade out."""
        self._add(self._of.pop(trade.trade_id), -1)

    def _add(self, share: Share, sign: int) -> None:
        total = self.sum
        total.value += sign * share.value
        total.reserved += sign * share.reserved
        total.open += sign * share.open
        total.unproved += sign * share.unproved
