"""The one decision engine: events in, intents out, no I/O.

Backtest, dry run and live trading drive the same engine; they differ in clock, source, venue and store. Everything it
knows came through its methods, so a journal replayed through them gives the same decisions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from alphaloop.core.clock import to_ns
from alphaloop.core.fills import cost_basis
from alphaloop.trading.breakers import BreakerPanel
from alphaloop.trading.curve import EquityCurve
from alphaloop.trading.ledger import Ledger
from alphaloop.trading.money import NANO, from_nano, to_nano
from alphaloop.trading.plan import Plan
from alphaloop.trading.positions import Position
from alphaloop.trading.records import NEVER_NS, Amend, BarRow, Drop, Fill, Order, Reason, Report, Signal, Trade
from alphaloop.trading.sizing import size
from alphaloop.trading.states import (
    ORDER_STEPS,
    OrderState,
    OrderStep,
    PositionState,
    PositionStep,
    advance,
)


class Engine:
    """Positions, orders and money of one account under one plan.

    At each bar time the driver calls, in this order: `on_report` for what the venue did, `on_bar` for each symbol with
    a position, `mark`, `on_timer`, `on_signals`. A position is at most one per symbol.

    Attributes
    ----------
    positions : dict of str to Position
        By symbol, from the decision to enter until closed.
    skipped : dict of str to int
        Signals that did not become entries, by reason.
    wake_ns : int
        Next known time at which `on_timer` has something to do.
    """

    def __init__(self, plan: Plan, keep_points: bool = True) -> None:
        self.plan = plan
        self.ledger = Ledger(to_nano(plan.initial_cash))
        self.breakers = BreakerPanel(plan.breakers, plan.initial_cash)
        drawdown = plan.breakers.daily_drawdown
        self.curve = EquityCurve(plan.initial_cash, keep_points, 1.0 - drawdown if drawdown else -math.inf)
        self.positions: dict[str, Position] = {}
        self.orders: dict[int, OrderState] = {}
        self.skipped: dict[str, int] = {}
        self.wake_ns = NEVER_NS
        # The ledger's cash as a float, so that marking needs no long integers.
        self._cash = from_nano(self.ledger.cash)
        self._cool_until_ns: dict[str, int] = {}
        self._next_id = 1
        self._trails = plan.exits.trailing_atr > 0
        self._timeout_ns = to_ns(plan.exits.timeout_s)
        self._cool_down_ns = to_ns(plan.policy.cool_down_s)

    # -- events -----------------------------------------------------------------------------------------------------

    def on_report(self, report: Report) -> Trade | None:
        """Take note of what the venue did; return the closed trade if that ended a position.

        Raises
        ------
        StateError
            If the report does not fit the life of its order or position.
        """
        position = self.positions[report.symbol]
        trade = None
        if isinstance(report, Drop):
            self._dropped(position, report)
        elif report.reason is Reason.ENTRY:
            self._end_order(report.order_id, OrderStep.FILL)
            self.ledger.apply(report)
            basis = cost_basis(position.side, report.price, self.plan.costs.fee)
            position.enter(report, self._stop(position, basis), basis)
        else:
            trade = self._closed(position, report)
        self._cash = from_nano(self.ledger.cash)
        self._set_wake()
        return trade

    def on_bar(self, bar: BarRow) -> Amend | None:
        """See a closed bar of a symbol with a position; return an amendment if its trailing stop moves."""
        position = self.positions.get(bar[0])
        if position is None:
            return None
        position.last = bar[6]
        if not self._trails or position.state is not PositionState.OPEN:
            return None
        level = position.follow(bar, self.plan.exits)
        return None if level is None else Amend(position.symbol, level, bar[2])

    def mark(self, now_ns: int) -> None:
        """Value the account at the last closes, for the curve and the breakers."""
        equity = self._cash
        for position in self.positions.values():
            equity += position.units * position.last
        self.curve.mark(now_ns, equity)

    def value(self, bar: BarRow) -> bool:
        """Do `on_bar` and `mark` for a bar at which neither venue nor timer acts; False, and nothing, with a trail."""
        if self._trails:
            return False
        position = self.positions[bar[0]]
        position.last = close = bar[6]
        if len(self.positions) == 1:
            self.curve.mark(bar[2], self._cash + position.units * close)
        else:
            self.mark(bar[2])
        return True

    def on_timer(self, now_ns: int) -> list[Order]:
        """Exit orders of positions whose time is up."""
        due = [p for p in self.positions.values() if p.due_ns <= now_ns]
        return [self._leave(position, now_ns, Reason.TIMEOUT) for position in due]

    def on_signals(self, now_ns: int, signals: Sequence[Signal]) -> list[Order]:
        """Entry orders for the signals of one time; the most confident is served first."""
        if len(signals) > 1:
            signals = sorted(signals, key=lambda s: (-s.confidence, s.symbol))
        orders = []
        for signal in signals:
            reason = self._veto(now_ns, signal)
            order = None if reason else self._enter(now_ns, signal)
            if order is not None:
                orders.append(order)
            else:
                reason = reason or "too_small"
                self.skipped[reason] = self.skipped.get(reason, 0) + 1
        return orders

    # -- decisions --------------------------------------------------------------------------------------------------

    def _veto(self, now_ns: int, signal: Signal) -> str:
        if signal.symbol in self.positions:
            return "position_open"
        if now_ns < self._cool_until_ns.get(signal.symbol, 0):
            return "cool_down"
        if self.plan.exits.need_atr and not 0.0 < signal.atr < float("inf"):
            return "no_atr"
        return self.breakers.reason(now_ns, self.curve, len(self.positions))

    def _enter(self, now_ns: int, signal: Signal) -> Order | None:
        exits = self.plan.exits
        stop_distance = signal.atr * exits.stop_loss_atr if exits.stop_loss_atr else 0.0
        exposure = sum(p.quantity * p.last for p in self.positions.values()) / NANO
        equity = self.curve.equity
        quantity = size(self.plan.sizing, self.plan.costs, signal.side, signal.close, stop_distance, equity, exposure)
        if not quantity:
            return None
        order = Order(
            order_id=self._new_order(),
            symbol=signal.symbol,
            side=signal.side,
            quantity=quantity,
            reason=Reason.ENTRY,
            decided_ns=now_ns,
            expires_ns=now_ns + self._timeout_ns if self._timeout_ns else NEVER_NS,
            stop_distance=stop_distance,
            target_distance=signal.atr * exits.take_profit_atr if exits.take_profit_atr else 0.0,
            close=signal.close,
            # A plan without distances may come without an ATR; a NaN must not reach journal and checkpoint.
            atr=signal.atr if self.plan.exits.need_atr else 0.0,
            confidence=signal.confidence,
            equity=equity,
        )
        self.positions[signal.symbol] = Position.asked(order)
        return order

    def _leave(self, position: Position, now_ns: int, reason: Reason) -> Order:
        position.step(PositionStep.LEAVE)
        position.exit_id = self._new_order()
        self._set_wake()
        return Order(position.exit_id, position.symbol, -position.side, position.quantity, reason, now_ns)

    # -- lives ------------------------------------------------------------------------------------------------------

    def _new_order(self) -> int:
        order_id = self._next_id
        self._next_id += 1
        self.orders[order_id] = advance(ORDER_STEPS, OrderState.CREATED, OrderStep.SUBMIT, f"order {order_id}")
        return order_id

    def _end_order(self, order_id: int, step: OrderStep) -> None:
        state = self.orders.get(order_id, OrderState.FILLED)
        advance(ORDER_STEPS, state, step, f"order {order_id}")
        del self.orders[order_id]

    def _dropped(self, position: Position, drop: Drop) -> None:
        self._end_order(drop.order_id, OrderStep.EXPIRE if drop.reason == "expired" else OrderStep.REJECT)
        if drop.order_id == position.exit_id:
            position.exit_id = None
            position.step(PositionStep.STAY)
        else:
            position.step(PositionStep.ABANDON)
            del self.positions[position.symbol]

    def _closed(self, position: Position, fill: Fill) -> Trade:
        if position.exit_id is not None:
            asked = fill.order_id == position.exit_id
            self._end_order(position.exit_id, OrderStep.FILL if asked else OrderStep.CANCEL)
        self.ledger.apply(fill)
        trade = position.close(fill)
        del self.positions[position.symbol]
        self.breakers.closed(fill.known_ns, trade.net)
        if self._cool_down_ns:
            self._cool_until_ns[position.symbol] = fill.known_ns + self._cool_down_ns
        return trade

    def _stop(self, position: Position, basis: float) -> float:
        distance = position.atr * self.plan.exits.stop_loss_atr if self.plan.exits.stop_loss_atr else float("inf")
        return basis - position.side * distance

    def _set_wake(self) -> None:
        self.wake_ns = min((p.due_ns for p in self.positions.values()), default=NEVER_NS)

    # -- checkpoints ------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything that changes, ready for JSON; `restore` of it goes on to the last bit."""
        return {
            "ledger": self.ledger.state(),
            "breakers": self.breakers.state(),
            "curve": self.curve.state(),
            "positions": [position.to_dict() for position in self.positions.values()],
            "orders": [[order_id, state] for order_id, state in self.orders.items()],
            "skipped": dict(self.skipped),
            "cool_until_ns": dict(self._cool_until_ns),
            "next_id": self._next_id,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave; the plan must be the same."""
        self.ledger = Ledger.restored(state["ledger"])
        self._cash = from_nano(self.ledger.cash)
        self.breakers.restore(state["breakers"])
        self.curve.restore(state["curve"])
        self.positions = {p.symbol: p for p in _positions(state["positions"])}
        self.orders = {order_id: OrderState(value) for order_id, value in state["orders"]}
        self.skipped = dict(state["skipped"])
        self._cool_until_ns = dict(state["cool_until_ns"])
        self._next_id = state["next_id"]
        self._set_wake()


def _positions(states: Iterable[dict[str, Any]]) -> Iterable[Position]:
    return (Position.from_dict(state) for state in states)
