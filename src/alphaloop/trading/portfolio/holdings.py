"""What the wallet and its markets are when they are read anew, and how what was booked is brought in line."""

from __future__ import annotations

from alphaloop.core.clock import to_ns
from alphaloop.core.errors import InputError, StateError
from alphaloop.trading.portfolio.ending import Ending
from alphaloop.trading.portfolio.inputs import Adopted
from alphaloop.trading.portfolio.reports import Balance, Holding, Learnt
from alphaloop.trading.portfolio.state import PortfolioState
from alphaloop.trading.portfolio.trades import HOLDING, Trade, TradeState


class Holdings:
    """Believes the chain, but a node that lags behind it only when it insists."""

    def __init__(self, state: PortfolioState, ending: Ending) -> None:
        self.state, self.ending = state, ending
        self._doubt_ns = to_ns(state.settings.selling.doubt_s)

    def holding(self, told: Holding) -> None:
        """Compare what a trade holds with what the wallet holds.

        A node may answer from before the purchase. So less than was booked has to be read twice, `doubt_s` apart; and
        while a sale may land that explains it, nothing is corrected, but no further sale is made either.
        """
        trade = self.state.by_asset.get(told.asset)
        if trade is None or trade.state not in HOLDING:
            return
        now_ns = self.state.now_ns
        if told.quantity >= trade.quantity:
            if not trade.missing_ns:
                return
            trade.missing_ns, trade.verify_ns, trade.is_gone = 0, 0, False
        elif not trade.missing_ns:
            trade.missing_ns, trade.verify_ns = now_ns, now_ns + self._doubt_ns
        elif now_ns - trade.missing_ns >= self._doubt_ns:
            trade.is_gone = bool(trade.unproved("sell"))
            if not trade.is_gone:
                self._correct(trade, told.quantity)
                return
        self.state.touch(trade)

    def learnt(self, told: Learnt) -> None:
        """Use newer facts of an asset's market for further orders.

        A node that lags does not take an asset back from the pool where the chain has just said that it trades.
        """
        trade = self.state.by_asset.get(told.asset)
        if trade is None:
            return
        trade.context = told.context
        settled = self.state.now_ns - trade.moved_ns >= self._doubt_ns
        if told.venue and (told.venue == "pool" or settled):
            trade.venue = told.venue
        self.state.touch(trade)

    def adopted(self, told: Adopted) -> None:
        """Take over a holding that no trade explains."""
        state = self.state
        if told.asset in state.by_asset:
            raise StateError(f"{told.asset} is held by trade {state.by_asset[told.asset].trade_id}; it is not unknown")
        if told.strategy not in state.settings.strategies:
            raise InputError(f"{told.strategy!r} is no strategy; choose one of: {', '.join(state.settings.strategies)}")
        if told.quantity <= 0 or told.cost < 0:
            raise InputError(
                f"{told.quantity} units for {told.cost} cannot be taken over; give what the wallet holds and its cost"
            )
        price = told.cost / told.quantity
        bought_ns = told.bought_ns or state.now_ns
        trade = Trade(
            trade_id=f"t{state.account.next_trade}",
            signal_id="",
            asset=told.asset,
            source="adopted",
            strategy=told.strategy,
            score=0.0,
            budget=told.cost,
            decided_ns=state.now_ns,
            known_ns=bought_ns,
            context=told.context,
            state=TradeState.OPEN,
            quantity=told.quantity,
            bought=told.quantity,
            spent=told.cost,
            entry_price=price,
            entered_ns=bought_ns,
            last=price,
            peak=price,
            reason="adopted",
        )
        state.account.next_trade += 1
        # Its cost was paid before the account knew of it, and so was a part of what came from outside.
        state.account.deposited += told.cost
        state.account_changed = True
        state.notice("position_adopted", "warning", trade_id=trade.trade_id, asset=told.asset, quantity=told.quantity)
        state.add(trade)

    def balance(self, told: Balance) -> None:
        """Take over the wallet's balance; what our transactions do not explain came from outside or went there."""
        state = self.state
        if state.unproved_orders or told.amount == state.account.balance:
            return
        change = state.account.correct(told.amount)
        # What comes from outside is no profit and what goes there no loss of the day.
        state.panel.state.day_equity += change
        state.account_changed = True
        state.notice("balance_corrected", "warning", change=change, balance=told.amount)
        state.see()

    def _correct(self, trade: Trade, quantity: int) -> None:
        self.state.notice(
            "holding_differs",
            "error",
            trade_id=trade.trade_id,
            asset=trade.asset,
            expected=trade.quantity,
            found=quantity,
        )
        trade.quantity = quantity
        trade.missing_ns, trade.verify_ns = 0, 0
        if quantity:
            self.state.touch(trade)
        else:
            self.ending.close(trade, "the wallet holds none of it, and no sale of ours explains it")
