"""An open position as the engine sees it, and the trailing stop that follows it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Self

from alphaloop.trading.money import from_nano
from alphaloop.trading.plan import Exits
from alphaloop.trading.records import NEVER_NS, BarRow, Fill, Order, Trade
from alphaloop.trading.states import POSITION_STEPS, PositionState, PositionStep, advance


@dataclass(slots=True)
class Position:
    """One position from the decision to enter until it is closed.

    Attributes
    ----------
    side : int
        +1 long, -1 short.
    last : float
        Last known close of the symbol; the decision's until there is a fill.
    stop : float
        Level that rests at the venue; infinite if there is none.
    units : float
        Signed quantity in base units for marking to market: 0 until the entry is filled.
    best : float
        Most favourable price since the entry.
    deadline_ns : int
        When the time-out leaves, counted from the decision as the label's horizon is.
    """

    symbol: str
    side: int
    quantity: int
    order_id: int
    decided_ns: int
    deadline_ns: int
    atr: float
    confidence: float
    last: float
    state: PositionState = PositionState.OPENING
    opened_ns: int = 0
    entry_price: float = math.nan
    entry_notional: int = 0
    fees: int = 0
    basis: float = math.nan
    stop: float = math.nan
    best: float = math.nan
    exit_id: int | None = None
    units: float = 0.0

    @classmethod
    def asked(cls, order: Order) -> Self:
        """Begin the position that an entry order asks for."""
        return cls(
            symbol=order.symbol,
            side=order.side,
            quantity=order.quantity,
            order_id=order.order_id,
            decided_ns=order.decided_ns,
            deadline_ns=order.expires_ns,
            atr=order.atr,
            confidence=order.confidence,
            last=order.close,
        )

    def step(self, step: PositionStep) -> None:
        """Go on in life; raises `StateError` where the table has no such step."""
        self.state = advance(POSITION_STEPS, self.state, step, f"position in {self.symbol!r}")

    def enter(self, fill: Fill, stop: float, basis: float) -> None:
        """Take note of the entry's fill and of the levels that the venue derived from it."""
        self.step(PositionStep.ENTER)
        self.quantity, self.units, self.opened_ns = fill.quantity, self.side * from_nano(fill.quantity), fill.event_ns
        self.entry_price, self.entry_notional, self.fees = fill.price, fill.notional, fill.fee
        self.stop, self.basis, self.best = stop, basis, fill.price

    def close(self, fill: Fill) -> Trade:
        """End it with the exit's fill."""
        self.step(PositionStep.CLOSE)
        fees = self.fees + fill.fee
        return Trade(
            symbol=self.symbol,
            side=self.side,
            quantity=self.quantity,
            decided_ns=self.decided_ns,
            opened_ns=self.opened_ns,
            closed_ns=fill.event_ns,
            entry_price=self.entry_price,
            exit_price=fill.price,
            entry_notional=self.entry_notional,
            exit_notional=fill.notional,
            fees=fees,
            net=self.side * (fill.notional - self.entry_notional) - fees,
            reason=fill.reason,
            confidence=self.confidence,
        )

    def follow(self, bar: BarRow, exits: Exits) -> float | None:
        """Move the trailing stop after a bar; None where it stays.

        The extreme of the bar in which the position was opened may lie before the entry, so only its close counts.
        """
        _, open_ns, _, _, high, low, close = bar
        extreme = close if self.opened_ns > open_ns else (high if self.side > 0 else low)
        self.best = max(self.best, extreme) if self.side > 0 else min(self.best, extreme)
        if self.side * (self.best - self.basis) < exits.trailing_arm_atr * self.atr:
            return None
        level = self.best - self.side * exits.trailing_atr * self.atr
        if self.side * level <= self.side * self.stop:
            return None
        self.stop = level
        return level

    @property
    def due_ns(self) -> int:
        """When the engine must look at it again without a bar."""
        return self.deadline_ns if self.state is PositionState.OPEN else NEVER_NS

    def to_dict(self) -> dict[str, Any]:
        """Every field, ready for JSON; floats that JSON cannot say are written as words."""
        return asdict(self) | {name: repr(getattr(self, name)) for name in _FLOATS}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Self:
        """Rebuild the position that `to_dict` was taken from."""
        values: dict[str, Any] = dict(state)
        values.update({name: float(state[name]) for name in _FLOATS})
        return cls(**values | {"state": PositionState(state["state"])})


_FLOATS = ("atr", "entry_price", "basis", "stop", "best")
