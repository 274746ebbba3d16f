"""What became of transactions: the only way in which money and positions change."""

from __future__ import annotations

from alphaloop.core.clock import to_ns
from alphaloop.trading.portfolio.entering import Entering
from alphaloop.trading.portfolio.leaving import Leaving
from alphaloop.trading.portfolio.records import (
    Adopted,
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
    Submit,
    Unsent,
)
from alphaloop.trading.portfolio.state import PortfolioState
from alphaloop.trading.portfolio.trades import HOLDING, UNPROVED, Attempt, AttemptState, Trade, TradeState


class Proving:
    """Takes reports of the venue in, whatever their order and however often they come."""

    def __init__(self, state: PortfolioState, entering: Entering, leaving: Leaving) -> None:
        self.state, self.entering, self.leaving = state, entering, leaving
        self._retry_ns = to_ns(state.settings.entry_retry_s)
        self._pause_ns = to_ns(state.settings.selling.retry_s)

    # -- before anything is on its way -------------------------------------------------------------------------------

    def drafted(self, told: Drafted) -> None:
        """Keep a transaction that was made, and ask for its submission."""
        trade = self.state.trades[told.order_id.split(".", 1)[0]]
        side = "buy" if ".buy." in told.order_id else "sell"
        attempt = Attempt(
            signature=told.signature,
            order_id=told.order_id,
            side="buy" if side == "buy" else "sell",
            step=len(trade.attempts),
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
        trade.attempts.append(attempt)
        self.state.by_signature[told.signature] = trade
        if attempt.side == "sell" and trade.state is TradeState.OPEN:
            trade.step(TradeState.EXIT_SUBMITTED)
        self.state.touch(trade)
        self.state.out.append(Submit(told.signature, attempt.side, trade.asset))

    def refused(self, told: Refused) -> None:
        """Give an entry up, or try a sale in another way."""
        trade = self.state.trades[told.order_id.split(".", 1)[0]]
        if ".buy." in told.order_id:
            if not trade.unproved():
                self._fail(trade, told.reason)
            return
        trade.tries -= 1
        self.state.notice(
            "sale_refused",
            "warning",
            trade_id=trade.trade_id,
            asset=trade.asset,
            reason=told.reason,
            remedy=told.remedy,
        )
        self._remedy(trade, told.remedy)

    def not_stored(self, told: NotStored) -> None:
        """Give up an entry whose row could not be stored: nobody has seen its transaction."""
        found = self._find(told.signature)
        if found is not None and found[1].state is AttemptState.DRAFTED and found[1].side == "buy":
            trade, attempt = found
            self._end(attempt, AttemptState.DISCARDED, told.reason)
            self._fail(trade, told.reason)

    def sent(self, told: Sent) -> None:
        """Note that a transaction may land from now on."""
        found = self._find(told.signature)
        if found is None or found[1].state not in UNPROVED:
            return
        trade, attempt = found
        attempt.again_ns = 0
        self._may_land(trade, attempt)
        self.state.touch(trade)

    def unsent(self, told: Unsent) -> None:
        """Hand the same bytes over again a little later; they may have been taken all the same."""
        found = self._find(told.signature)
        if found is None or found[1].state not in (AttemptState.DRAFTED, AttemptState.SENT):
            return
        trade, attempt = found
        attempt.again_ns, attempt.reason = told.at_ns + self._pause_ns, told.reason
        # Whoever gave no answer, or a bad one, may have taken the bytes: they have been seen.
        self._may_land(trade, attempt)
        self.state.notice(
            "not_submitted", "warning", trade_id=trade.trade_id, signature=told.signature, reason=told.reason
        )
        self.state.touch(trade)

    def resend(self, trade: Trade) -> None:
        """Ask again for the submission of bytes that nobody took."""
        for attempt in trade.attempts:
            if attempt.again_ns and attempt.again_ns <= self.state.now_ns:
                attempt.again_ns = 0
                if attempt.state in (AttemptState.DRAFTED, AttemptState.SENT):
                    self.state.out.append(Submit(attempt.signature, attempt.side, trade.asset))

    # -- the chain has spoken ----------------------------------------------------------------------------------------

    def landed(self, told: Landed) -> None:
        """Note that a transaction did what it was made for."""
        found = self._find(told.signature)
        if found is None or found[1].state not in UNPROVED:
            return
        trade, attempt = found
        attempt.state, attempt.again_ns = AttemptState.LANDED, 0
        if attempt.side == "buy" and trade.state in (TradeState.INTENT, TradeState.SUBMITTED):
            trade.step(TradeState.LANDED)
        self.state.touch(trade)

    def filled(self, told: Filled) -> None:
        """Book what a transaction did."""
        found = self._find(told.signature) or self._discovered(told)
        if found is None:
            self.state.notice("unexplained_fill", "error", signature=told.signature, asset=told.asset, cash=told.cash)
            return
        trade, attempt = found
        if attempt.state is AttemptState.FILLED:
            return
        if attempt.state not in UNPROVED:
            self.state.notice("late_landing", "error", trade_id=trade.trade_id, signature=told.signature)
        self._end(attempt, AttemptState.FILLED, "")
        attempt.details = {**attempt.details, **told.details}
        self.state.pay(told.cash)
        if told.cash < 0:
            trade.spent -= told.cash
        else:
            trade.received += told.cash
        if attempt.side == "buy":
            self._bought(trade, told)
        else:
            self._sold(trade, told)
        self.state.see()

    def failed(self, told: Failed) -> None:
        """Book what a transaction cost that did nothing, and go on."""
        found = self._find(told.signature)
        if found is None or found[1].state not in UNPROVED:
            return
        trade, attempt = found
        attempt.cost = told.cost
        trade.spent += told.cost
        self.state.pay(-told.cost)
        self._end(attempt, AttemptState.FAILED, told.reason)
        if trade.state is TradeState.CLOSED:
            self.state.account.total_pnl -= told.cost
        self.state.notice(
            "transaction_failed",
            "warning",
            trade_id=trade.trade_id,
            side=attempt.side,
            reason=told.reason,
            remedy=told.remedy,
            cost=told.cost,
        )
        self._next(trade, attempt, told.reason, told.remedy)

    def dead(self, told: Dead) -> None:
        """Note that a transaction will never land, and go on."""
        found = self._find(told.signature)
        if found is None or found[1].state not in (AttemptState.DRAFTED, AttemptState.SENT):
            return
        trade, attempt = found
        self._end(attempt, AttemptState.DEAD, "its block hash is too old")
        self._next(trade, attempt, "expired", "requote")

    def holding(self, told: Holding) -> None:
        """Compare what a trade holds with what the wallet holds, read while no sale of it could land."""
        trade = self.state.by_asset.get(told.asset)
        if trade is None or trade.state not in HOLDING or trade.unproved("sell"):
            return
        if told.quantity < trade.quantity:
            self.state.notice(
                "holding_differs",
                "error",
                trade_id=trade.trade_id,
                asset=trade.asset,
                expected=trade.quantity,
                found=told.quantity,
            )
            trade.quantity = told.quantity
            if not trade.quantity:
                self._close(trade, "the wallet holds none of it, and no sale of ours explains it")
        self.state.touch(trade) if trade.trade_id in self.state.trades else None

    def learnt(self, told: Learnt) -> None:
        """Use newer facts of an asset's market for further orders."""
        trade = self.state.by_asset.get(told.asset)
        if trade is not None:
            trade.context = told.context
            self.state.touch(trade)

    def adopted(self, told: Adopted) -> None:
        """Take over a holding that no trade explains."""
        account = self.state.account
        trade = Trade(
            trade_id=f"t{account.next_trade}",
            signal_id="",
            asset=told.asset,
            source="adopted",
            strategy=told.strategy,
            score=0.0,
            budget=told.cost,
            decided_ns=told.at_ns,
            context=told.context,
            state=TradeState.OPEN,
            quantity=told.quantity,
            bought=told.quantity,
            spent=told.cost,
            entry_price=told.cost / told.quantity,
            entered_ns=told.at_ns,
            last=told.cost / told.quantity,
            peak=told.cost / told.quantity,
            reason="adopted",
        )
        account.next_trade += 1
        # Its cost was paid before the account knew of it, and so was a part of what came from outside.
        account.deposited += told.cost
        self.state.account_changed = True
        self.state.add(trade)

    # -- what follows ------------------------------------------------------------------------------------------------

    def _find(self, signature: str) -> tuple[Trade, Attempt] | None:
        trade = self.state.by_signature.get(signature)
        if trade is None:
            return None
        return trade, next(attempt for attempt in trade.attempts if attempt.signature == signature)

    def _discovered(self, told: Filled) -> tuple[Trade, Attempt] | None:
        """A transaction of ours that no row tells of: it was sent while nothing could be stored."""
        trade = self.state.by_asset.get(told.asset)
        # One trade buys once: a second purchase is somebody else's, or an older trade's.
        if trade is None or (told.side == "buy" and trade.bought):
            return None
        attempt = Attempt(
            signature=told.signature,
            order_id=f"{trade.trade_id}.{told.side}.found",
            side=told.side,
            step=len(trade.attempts),
            last_valid=0,
            most=0,
            least=0,
            tip=0,
            network=0,
            expected=0,
            venue=trade.venue,
            made_ns=told.at_ns,
            details={"found": True},
        )
        trade.attempts.append(attempt)
        self.state.by_signature[told.signature] = trade
        return trade, attempt

    def _may_land(self, trade: Trade, attempt: Attempt) -> None:
        if attempt.state is AttemptState.DRAFTED:
            attempt.state = AttemptState.SENT
            if trade.state is TradeState.INTENT:
                trade.step(TradeState.SUBMITTED)

    def _end(self, attempt: Attempt, state: AttemptState, reason: str) -> None:
        attempt.state, attempt.ended_ns, attempt.reason, attempt.again_ns = state, self.state.now_ns, reason, 0
        attempt.most = 0

    def _bought(self, trade: Trade, told: Filled) -> None:
        trade.quantity += told.quantity
        trade.bought += told.quantity
        price = told.traded / told.quantity
        trade.entry_price, trade.entered_ns = price, told.at_ns
        trade.last = trade.last if trade.last_ns > told.at_ns else price
        trade.peak = max(price, trade.last)
        trade.step(TradeState.OPEN)
        self.state.notice(
            "trade_opened",
            "info",
            trade_id=trade.trade_id,
            asset=trade.asset,
            strategy=trade.strategy,
            spent=trade.spent,
            quantity=trade.quantity,
        )
        self.state.touch(trade)
        if trade.exit_wanted:
            self.leaving.again(trade)

    def _sold(self, trade: Trade, told: Filled) -> None:
        if trade.state is TradeState.CLOSED:
            self.state.account.total_pnl += told.cash
            self.state.touch(trade)
            return
        trade.quantity = max(trade.quantity - told.quantity, 0)
        trade.exit_price = told.traded / told.quantity if told.quantity else 0.0
        if told.remaining == 0:
            trade.quantity = 0
        if trade.quantity:
            self.leaving.again(trade, verify=True)
        else:
            self._close(trade, "")

    def _close(self, trade: Trade, reason: str) -> None:
        trade.exited_ns, trade.retry_ns, trade.reason = self.state.now_ns, 0, reason or trade.reason
        trade.exit_wanted = trade.exit_wanted or "manual"
        trade.step(TradeState.CLOSED)
        net = trade.net
        self.state.account.close(net)
        self.state.account_changed = True
        self.state.cool(trade.asset)
        for breaker in self.state.panel.closed(self.state.now_ns, net):
            self.state.tripped(breaker)
        self.state.notice(
            "trade_closed",
            "info",
            trade_id=trade.trade_id,
            asset=trade.asset,
            strategy=trade.strategy,
            reason=trade.exit_wanted,
            net=net,
        )
        self.state.touch(trade)

    def _fail(self, trade: Trade, reason: str) -> None:
        trade.reason = reason
        trade.step(TradeState.FAILED)
        self.state.account.failed_cost += trade.spent
        self.state.account_changed = True
        self.state.notice("entry_failed", "warning", trade_id=trade.trade_id, asset=trade.asset, reason=reason)
        self.state.touch(trade)

    def _next(self, trade: Trade, attempt: Attempt, reason: str, remedy: str) -> None:
        """What comes after a transaction that did nothing."""
        if trade.state is TradeState.CLOSED:
            self.state.touch(trade)
        elif attempt.side == "sell":
            self._remedy(trade, remedy)
        elif trade.unproved("buy") or trade.state not in (TradeState.INTENT, TradeState.SUBMITTED, TradeState.LANDED):
            self.state.touch(trade)
        elif self._may_retry(trade, remedy):
            trade.step(TradeState.INTENT) if trade.state is TradeState.SUBMITTED else None
            self.entering.buy(trade)
        else:
            self._fail(trade, reason)

    def _may_retry(self, trade: Trade, remedy: str) -> bool:
        settings = self.state.settings
        young = self.state.now_ns - trade.decided_ns <= self._retry_ns
        wanted = remedy == "requote" and not trade.exit_wanted and trade.state is not TradeState.LANDED
        return wanted and young and trade.buys < settings.entry_tries and trade.budget <= self.state.free

    def _remedy(self, trade: Trade, remedy: str) -> None:
        if trade.state not in HOLDING:
            self.state.touch(trade)
        elif remedy == "use_pool":
            trade.venue = "pool"
            self.leaving.again(trade, refresh=True)
        elif remedy == "refresh":
            self.leaving.again(trade, refresh=True)
        elif remedy == "check_holding":
            self.leaving.again(trade, verify=True)
        else:
            # Whoever cannot be helped at once is tried again: an exit is never given up.
            self.leaving.again(trade, wait=remedy != "requote")
