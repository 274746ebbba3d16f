"""What becomes of an order until the chain has spoken: made or refused, stored or not, handed over or not."""

from __future__ import annotations

from alphaloop.core.clock import to_ns
from alphaloop.core.errors import StateError
from alphaloop.trading.portfolio.ending import Ending
from alphaloop.trading.portfolio.leaving import Leaving
from alphaloop.trading.portfolio.outputs import Submit
from alphaloop.trading.portfolio.reports import Drafted, NotStored, Refused, Sent, Unsent
from alphaloop.trading.portfolio.state import PortfolioState
from alphaloop.trading.portfolio.trades import MAY_LAND, UNPROVED, Attempt, AttemptState, Trade, TradeState


class Submitting:
    """Sees transactions on their way, and orders that could not be made into one."""

    def __init__(self, state: PortfolioState, leaving: Leaving, ending: Ending) -> None:
        self.state, self.leaving, self.ending = state, leaving, ending
        self._pause_ns = to_ns(state.settings.selling.retry_s)
        self._entry_ns = to_ns(state.settings.entry_retry_s)

    # -- before anybody has seen it ----------------------------------------------------------------------------------

    def drafted(self, told: Drafted) -> None:
        """Keep a transaction that was made, and ask for its submission."""
        trade = self._trade(told.order_id)
        buys = ".buy." in told.order_id
        attempt = Attempt(
            signature=told.signature,
            order_id=told.order_id,
            side="buy" if buys else "sell",
            step=(trade.buys if buys else trade.tries) - 1,
            last_valid=told.last_valid,
            most=told.most,
            least=told.least,
            tip=told.tip,
            network=told.network,
            expected=told.expected,
            venue=told.venue,
            made_ns=told.at_ns,
            details=told.details,
        )
        spare = self.state.free - self.state.settings.sizing.keep
        trade.attempts.append(attempt)
        self.state.by_signature[told.signature] = trade
        if buys and told.most > spare:
            reason = f"it may cost {told.most} with everything, and {spare} may be spent; raise sizing.overhead"
            attempt.end(AttemptState.DISCARDED, self.state.now_ns, reason)
            self.ending.fail(trade, reason)
            return
        if not buys:
            trade.refusals = 0
            if told.venue and told.venue != trade.venue:
                trade.venue, trade.moved_ns = told.venue, self.state.now_ns
            if trade.state is TradeState.OPEN:
                trade.step(TradeState.EXIT_SUBMITTED)
        self.state.touch(trade)
        self.state.out.append(Submit(told.signature, attempt.side, trade.asset))

    def refused(self, told: Refused) -> None:
        """Give an entry up, or try a sale in another way."""
        trade = self._trade(told.order_id)
        if ".buy." in told.order_id:
            self.ending.fail(trade, told.reason)
            return
        trade.tries -= 1
        trade.refusals += 1
        self.state.notice(
            "sale_refused",
            "error" if trade.refusals > self.state.settings.selling.alarm_after else "warning",
            trade_id=trade.trade_id,
            asset=trade.asset,
            reason=told.reason,
            remedy=told.remedy,
            refusals=trade.refusals,
        )
        # Asking again at once would get the same answer.
        self.leaving.remedy(trade, "wait" if told.remedy == "requote" else told.remedy)

    def not_stored(self, told: NotStored) -> None:
        """Give up an entry whose row could not be stored, if nobody has seen its transaction."""
        found = self.state.find(told.signature)
        if found is None or found[1].state is not AttemptState.DRAFTED or found[1].side != "buy":
            return
        trade, attempt = found
        attempt.end(AttemptState.DISCARDED, self.state.now_ns, told.reason)
        if trade.state is TradeState.INTENT:
            self.ending.fail(trade, told.reason)
        else:
            self.state.touch(trade)

    def abandon(self) -> None:
        """Give up entries that were decided by a process that ended before their transaction was made."""
        for trade in list(self.state.trades.values()):
            if trade.state is TradeState.INTENT and not trade.unproved():
                self.ending.fail(trade, "the process ended before its transaction was made")

    # -- on its way -------------------------------------------------------------------------------------------------

    def sent(self, told: Sent) -> None:
        """Note that a transaction may land from now on."""
        found = self.state.find(told.signature)
        if found is None or found[1].state not in UNPROVED:
            return
        trade, attempt = found
        attempt.again_ns = 0
        self._may_land(trade, attempt)
        self.state.touch(trade)

    def unsent(self, told: Unsent) -> None:
        """Hand the same bytes over again a little later; they may have been taken all the same."""
        found = self.state.find(told.signature)
        if found is None or found[1].state not in MAY_LAND:
            return
        trade, attempt = found
        again_ns = self.state.now_ns + self._pause_ns
        is_late = attempt.side == "buy" and again_ns - trade.decided_ns > self._entry_ns
        attempt.again_ns, attempt.reason = 0 if is_late else again_ns, told.reason
        # Whoever gave no answer, or a bad one, may have taken the bytes: they have been seen.
        self._may_land(trade, attempt)
        self.state.notice(
            "not_submitted", "warning", trade_id=trade.trade_id, signature=told.signature, reason=told.reason
        )
        self.state.touch(trade)

    def resend(self, trade: Trade) -> None:
        """Ask again for the submission of bytes that nobody took and that are still wanted."""
        for attempt in trade.attempts:
            if 0 < attempt.again_ns <= self.state.now_ns:
                attempt.again_ns = 0
                self.state.changed[trade.trade_id] = trade
                if self.state.wants(attempt.signature):
                    self.state.out.append(Submit(attempt.signature, attempt.side, trade.asset))

    def _may_land(self, trade: Trade, attempt: Attempt) -> None:
        if attempt.state is AttemptState.DRAFTED:
            attempt.state = AttemptState.SENT
            if trade.state is TradeState.INTENT:
                trade.step(TradeState.SUBMITTED)

    def _trade(self, order_id: str) -> Trade:
        trade = self.state.trades.get(order_id.split(".", 1)[0])
        if trade is None:
            raise StateError(f"no trade waits for order {order_id!r}; compare the journal with the trades")
        return trade
