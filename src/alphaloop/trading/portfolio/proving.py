"""What became of transactions: the only way in which money and positions change."""

from __future__ import annotations

from alphaloop.core.clock import to_ns
from alphaloop.trading.portfolio.ending import Ending
from alphaloop.trading.portfolio.entering import Entering
from alphaloop.trading.portfolio.inputs import Side
from alphaloop.trading.portfolio.leaving import Leaving
from alphaloop.trading.portfolio.outputs import Verify
from alphaloop.trading.portfolio.reports import Dead, Failed, Filled, Landed
from alphaloop.trading.portfolio.state import REMEMBERED_NS, PortfolioState
from alphaloop.trading.portfolio.trades import HOLDING, MAY_LAND, Attempt, AttemptState, Trade, TradeState


class Proving:
    """Takes reports of the venue in, whatever their order and however often they come."""

    def __init__(self, state: PortfolioState, entering: Entering, leaving: Leaving, ending: Ending) -> None:
        self.state, self.entering, self.leaving, self.ending = state, entering, leaving, ending
        self._retry_ns = to_ns(state.settings.entry_retry_s)

    # -- the chain has spoken ---------------------------------------------------------------------------------------

    def landed(self, told: Landed) -> None:
        """Note that a transaction did what it was made for."""
        found = self.state.find(told.signature)
        if found is None:
            if told.signature not in self.state.filled_until_ns:
                self.state.notice("unexplained_landing", "error", signature=told.signature)
            return
        trade, attempt = found
        if attempt.state in (AttemptState.LANDED, AttemptState.FILLED, AttemptState.FAILED):
            return
        self._late(trade, attempt)
        attempt.state, attempt.landed_ns, attempt.ended_ns, attempt.again_ns = (
            AttemptState.LANDED,
            self.state.now_ns,
            0,
            0,
        )
        if attempt.side == "buy" and trade.state in (TradeState.INTENT, TradeState.SUBMITTED):
            trade.step(TradeState.LANDED)
        elif attempt.side == "sell" and trade.state is TradeState.OPEN:
            trade.step(TradeState.EXIT_SUBMITTED)
        self.state.touch(trade)

    def filled(self, told: Filled) -> None:
        """Book what a transaction did."""
        if told.signature in self.state.filled_until_ns:
            return
        found = self.state.find(told.signature) or self._discovered(told, told.asset, told.side)
        if found is None:
            self.state.notice("unexplained_fill", "error", signature=told.signature, asset=told.asset, cash=told.cash)
            return
        trade, attempt = found
        if attempt.is_filled:
            return
        self._late(trade, attempt)
        if attempt.state is AttemptState.FAILED:
            self.ending.unbook(trade, attempt.cost)
            attempt.cost = 0
        if attempt.side == "buy" and not told.quantity:
            self._ended(trade, attempt, "it landed and bought nothing", "give_up", -told.cash)
            return
        attempt.end(AttemptState.FILLED, self.state.now_ns)
        attempt.details = {**attempt.details, **told.details}
        self.ending.book(trade, told.cash)
        if attempt.side == "buy":
            self._bought(trade, told)
        else:
            self._sold(trade, told)
        self.state.see()

    def failed(self, told: Failed) -> None:
        """Book what a transaction cost that did nothing, and go on."""
        found = self.state.find(told.signature)
        if found is None and told.asset and not self.state.knows(told.signature):
            found = self._discovered(told, told.asset, "sell")
            if found is None:
                self._stray(told)
        if found is None or found[1].state in (AttemptState.FILLED, AttemptState.FAILED):
            return
        trade, attempt = found
        # What was given up before, or by an earlier process, is paid for all the same, and calls for nothing new.
        late = self._late(trade, attempt) or bool(told.asset)
        self._ended(trade, attempt, told.reason, "" if late else told.remedy, told.cost)

    def dead(self, told: Dead) -> None:
        """Note that a transaction will never land, and go on."""
        found = self.state.find(told.signature)
        if found is None or found[1].state not in MAY_LAND:
            return
        trade, attempt = found
        attempt.end(AttemptState.DEAD, self.state.now_ns, "its block hash is too old")
        self._next(trade, attempt, "expired", "requote")
        if attempt.side == "sell" and trade.state in HOLDING:
            # Whoever simulates what he is handed throws away, without a word, what was made from wrong facts.
            self.state.out.append(Verify(trade.asset, refresh=True))

    # -- what follows -----------------------------------------------------------------------------------------------

    def _stray(self, told: Failed) -> None:
        """Book a failure that no trade is left for: its row was never stored, and its trade ended without it."""
        self.state.pay(-told.cost)
        self.state.account.stray_cost += told.cost
        self.state.failed_until_ns[told.signature] = self.state.now_ns + REMEMBERED_NS
        self.state.notice(
            "stray_failure", "warning", signature=told.signature, asset=told.asset, reason=told.reason, cost=told.cost
        )

    def _discovered(self, told: Filled | Failed, asset: str, side: Side) -> tuple[Trade, Attempt] | None:
        """A transaction of ours that no row tells of: it was sent while nothing could be stored."""
        trade = self.state.by_asset.get(asset)
        if trade is None:
            return None
        # One trade buys once, and sells what it holds: anything else is somebody else's, or an older trade's.
        fits = not trade.bought if side == "buy" else trade.bought > 0
        if not fits:
            return None
        attempt = Attempt(
            signature=told.signature,
            order_id=f"{trade.trade_id}.{side}.found",
            side=side,
            step=trade.buys if side == "buy" else trade.tries,
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

    def _late(self, trade: Trade, attempt: Attempt) -> bool:
        if attempt.is_unproved:
            return False
        self.state.notice(
            "late_landing",
            "error",
            trade_id=trade.trade_id,
            signature=attempt.signature,
            side=attempt.side,
            thought=str(attempt.state),
        )
        return True

    def _bought(self, trade: Trade, told: Filled) -> None:
        if trade.state is TradeState.CLOSED:
            # Only a purchase that was thought dead comes after the end. The next start finds what it left behind.
            self.state.touch(trade)
            return
        # What a token keeps of each transfer was paid for and never came.
        came = min(told.quantity, told.remaining) if told.remaining > 0 else told.quantity
        price = told.traded / told.quantity
        if trade.state in HOLDING:
            price = (trade.entry_price * trade.bought + told.traded) / (trade.bought + told.quantity)
        trade.entry_price = price
        trade.quantity += came
        trade.bought += told.quantity
        if trade.state in HOLDING:
            self.state.touch(trade)
            return
        if trade.last_ns <= max(told.filled_ns, trade.known_ns):
            # A price of before the fill is what the fill moved, and says nothing of how the position does. But clocks
            # differ by a second or two, and it may be all that ever comes: told once more, it counts.
            trade.last, trade.last_ns = price, min(trade.last_ns, trade.known_ns)
        filled_ns = max(min(told.filled_ns, self.state.now_ns), trade.decided_ns)
        trade.entered_ns = filled_ns if told.filled_ns else self.state.now_ns
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
        else:
            self.leaving.look(trade)

    def _sold(self, trade: Trade, told: Filled) -> None:
        if trade.state is TradeState.CLOSED:
            self.state.touch(trade)
            return
        if told.quantity:
            sold = trade.sold + told.quantity
            trade.exit_price = (trade.exit_price * trade.sold + told.traded) / sold
            trade.sold = sold
        trade.quantity = 0 if told.remaining == 0 else max(trade.quantity - told.quantity, 0)
        trade.missing_ns, trade.verify_ns, trade.is_gone = 0, 0, False
        if trade.quantity:
            self._settle(trade)
            self.leaving.again(trade, verify=True)
            return
        if told.remaining > 0:
            self.state.notice(
                "holding_left", "warning", trade_id=trade.trade_id, asset=trade.asset, quantity=told.remaining
            )
        self.ending.close(trade)

    def _ended(self, trade: Trade, attempt: Attempt, reason: str, remedy: str, cost: int) -> None:
        """Book the cost of what did nothing; no remedy: nothing follows from it."""
        attempt.end(AttemptState.FAILED, self.state.now_ns, reason)
        attempt.cost = cost
        self.ending.book(trade, -cost)
        self.state.notice(
            "transaction_failed",
            "warning",
            trade_id=trade.trade_id,
            side=attempt.side,
            reason=reason,
            remedy=remedy,
            cost=cost,
        )
        if remedy:
            self._next(trade, attempt, reason, remedy)
        else:
            self.state.touch(trade)

    def _next(self, trade: Trade, attempt: Attempt, reason: str, remedy: str) -> None:
        """What comes after a transaction that did nothing."""
        if attempt.side == "sell":
            self._settle(trade)
            self.leaving.remedy(trade, remedy)
        elif trade.unproved("buy") or trade.state not in (TradeState.INTENT, TradeState.SUBMITTED, TradeState.LANDED):
            self.state.touch(trade)
        elif self._may_retry(trade, remedy):
            if trade.state is TradeState.SUBMITTED:
                trade.step(TradeState.INTENT)
            self.entering.buy(trade)
        else:
            self.ending.fail(trade, reason)

    def _settle(self, trade: Trade) -> None:
        """A trade whose sales have all come to nothing is open again."""
        if trade.state is TradeState.EXIT_SUBMITTED and not trade.unproved("sell"):
            trade.step(TradeState.OPEN)

    def _may_retry(self, trade: Trade, remedy: str) -> bool:
        settings = self.state.settings
        young = self.state.now_ns - trade.decided_ns <= self._retry_ns
        wanted = remedy == "requote" and not trade.exit_wanted and trade.state is not TradeState.LANDED
        # It takes the place of an order that ended; how many are under way was asked for that one.
        forbidden, _ = self.state.panel.reason(self.state.now_ns, unproved=0)
        return wanted and young and not forbidden and trade.buys < settings.entry_tries
