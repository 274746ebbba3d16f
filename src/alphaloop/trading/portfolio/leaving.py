"""From a reason to leave to sales that are tried, each with more offered than the one before, until one comes true."""

from __future__ import annotations

from alphaloop.core.clock import to_ns
from alphaloop.trading.portfolio.exits import exit_step, reason_to_leave
from alphaloop.trading.portfolio.outputs import Order, Place, Verify
from alphaloop.trading.portfolio.state import PortfolioState
from alphaloop.trading.portfolio.trades import HOLDING, AttemptState, ExitReason, Trade


class Leaving:
    """Decides on exits, and sees to it that none is forgotten."""

    def __init__(self, state: PortfolioState) -> None:
        self.state = state
        selling = state.settings.selling
        self._retry_ns, self._doubt_ns = to_ns(selling.retry_s), to_ns(selling.doubt_s)

    def price(self, trade: Trade, price: float, known_ns: int) -> None:
        """Take in a newer price of a trade that is not over."""
        trade.last, trade.last_ns = price, known_ns
        if trade.state not in HOLDING:
            return
        if price > trade.peak:
            trade.peak = price
            self.state.changed[trade.trade_id] = trade
        self.state.revalue(trade)

    def look(self, trade: Trade) -> None:
        """Leave if a rule says so, or go on leaving if the last try's time is over."""
        if trade.state not in HOLDING:
            return
        now_ns = self.state.now_ns
        if 0 < trade.verify_ns <= now_ns:
            trade.verify_ns = now_ns + self._retry_ns
            self.state.changed[trade.trade_id] = trade
            self.state.out.append(Verify(trade.asset))
        if trade.exit_wanted:
            if trade.retry_ns <= now_ns:
                self._sell(trade)
            return
        reason = reason_to_leave(trade, self.state.settings.strategies[trade.strategy], now_ns)
        if reason is not None:
            self.leave(trade, reason)

    def leave(self, trade: Trade, reason: ExitReason) -> None:
        """Want a trade closed: at once if it holds something, else as soon as it does."""
        if trade.exit_wanted:
            return
        trade.exit_wanted, trade.exit_ns = reason, self.state.now_ns
        self.state.notice(
            "exit_decided",
            "info",
            trade_id=trade.trade_id,
            asset=trade.asset,
            reason=str(reason),
            multiple=trade.last / trade.entry_price if trade.entry_price else None,
        )
        self.state.touch(trade)
        if trade.state in HOLDING:
            self._sell(trade)

    def again(self, trade: Trade, *, wait: bool = False, verify: bool = False, refresh: bool = False) -> None:
        """Try the next sale: at once, after a pause, or after the wallet's holding or the market's facts were read."""
        later = wait or verify or refresh
        trade.retry_ns = self.state.now_ns + (self._retry_ns if later else 0)
        self.state.touch(trade)
        if verify or refresh:
            self.state.out.append(Verify(trade.asset, refresh))
        elif not later:
            self._sell(trade)

    def remedy(self, trade: Trade, remedy: str) -> None:
        """Try a sale again that did nothing, in the way that helps; an exit is never given up."""
        if trade.state not in HOLDING:
            self.state.touch(trade)
        elif remedy == "use_pool":
            trade.venue, trade.moved_ns = "pool", self.state.now_ns
            self.again(trade, refresh=True)
        elif remedy == "refresh":
            self.again(trade, refresh=True)
        elif remedy == "check_holding":
            self.again(trade, verify=True)
        else:
            self.again(trade, wait=remedy != "requote")

    def _sell(self, trade: Trade) -> None:
        selling = self.state.settings.selling
        if self._holds_back(trade):
            trade.retry_ns = self.state.now_ns + self._retry_ns
            self.state.changed[trade.trade_id] = trade
            return
        step = exit_step(selling, trade.tries)
        order = Order(
            order_id=f"{trade.trade_id}.sell.{trade.tries + 1}",
            trade_id=trade.trade_id,
            side="sell",
            asset=trade.asset,
            amount=0,
            quantity=trade.quantity,
            step=trade.tries,
            slippage_bps=step.slippage_bps,
            tip_factor=step.tip_factor,
            venue=trade.venue,
            price=trade.last,
            decided_ns=trade.exit_ns,
            context=trade.context,
        )
        trade.tries += 1
        trade.retry_ns = self.state.now_ns + to_ns(step.wait_s)
        self.state.touch(trade)
        if trade.tries > selling.alarm_after:
            self._alarm(trade, order.step)
        self.state.out.append(Place(order))

    def _holds_back(self, trade: Trade) -> bool:
        """Whether a further sale could only cost fees: nothing is left, one has landed, or enough are under way."""
        sales = trade.unproved("sell")
        landed_ns = max((sale.landed_ns for sale in sales if sale.state is AttemptState.LANDED), default=0)
        landed = landed_ns > 0 and self.state.now_ns - landed_ns < self._doubt_ns
        return trade.is_gone or landed or len(sales) >= self.state.settings.selling.most_unproved

    def _alarm(self, trade: Trade, step: int) -> None:
        self.state.notice(
            "exit_struggles", "error", trade_id=trade.trade_id, asset=trade.asset, tries=trade.tries, step=step
        )
        # Perhaps there is nothing to sell any more, and every sale is thrown away unseen.
        if not trade.missing_ns:
            self.state.out.append(Verify(trade.asset))
