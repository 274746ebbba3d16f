"""The books: exact, double-entry, and nothing but the sum of the fills.

Every fill moves four accounts so that ``cash + cost of what is held + fees - realised = initial`` holds to the last
nano unit. A short position has negative quantity and negative cost (the proceeds of its sale).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from alphaloop.core.errors import StateError
from alphaloop.trading.records import Fill


class Ledger:
    """Cash, holdings, fees and realised profit, in nano units.

    Attributes
    ----------
    initial, cash, fees, realised : int
        Nano quote units. `fees` is what was paid so far, never negative; `realised` is before fees.
    quantities, costs : dict of int
        Signed nano base units and signed cost in nano quote units of each symbol held.
    """

    __slots__ = ("cash", "costs", "fees", "initial", "quantities", "realised")

    def __init__(self, initial: int) -> None:
        self.initial = initial
        self.cash = initial
        self.fees = 0
        self.realised = 0
        self.quantities: dict[str, int] = {}
        self.costs: dict[str, int] = {}

    @classmethod
    def rebuilt(cls, initial: int, fills: Iterable[Fill]) -> Self:
        """Rebuild the books from `fills` and nothing else."""
        ledger = cls(initial)
        for fill in fills:
            ledger.apply(fill)
        return ledger

    def apply(self, fill: Fill) -> None:
        """Book a fill.

        Raises
        ------
        StateError
            If an amount is negative, or the fill would turn a long into a short in one step.
        """
        if fill.quantity <= 0 or fill.notional < 0 or fill.fee < 0:
            raise StateError(
                f"fill of order {fill.order_id} has an impossible amount: {fill}; check the venue's report"
            )
        held, cost = self.quantities.get(fill.symbol, 0), self.costs.get(fill.symbol, 0)
        signed, moved = fill.side * fill.quantity, fill.side * fill.notional
        if held * signed >= 0:
            change = moved
        elif abs(signed) > abs(held):
            raise StateError(
                f"fill of order {fill.order_id} trades {fill.quantity} of {fill.symbol!r} while {held} are held, "
                "which would cross zero; reconcile with the venue"
            )
        else:
            change = -(cost * fill.quantity // abs(held))
        self.cash -= moved + fill.fee
        self.fees += fill.fee
        self.realised += change - moved
        self._hold(fill.symbol, held + signed, cost + change)

    def _hold(self, symbol: str, quantity: int, cost: int) -> None:
        if quantity:
            self.quantities[symbol], self.costs[symbol] = quantity, cost
        else:
            self.quantities.pop(symbol, None)
            self.costs.pop(symbol, None)

    def balance(self) -> int:
        """Sum up what the accounts disagree by, in nano quote units; anything but 0 is a defect."""
        return self.cash + sum(self.costs.values()) + self.fees - self.realised - self.initial

    def state(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {name: getattr(self, name) for name in sorted(self.__slots__)}

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Self:
        """Rebuild the ledger that `state` was taken from."""
        ledger = cls(state["initial"])
        for name in cls.__slots__:
            value = state[name]
            setattr(ledger, name, dict(value) if isinstance(value, dict) else value)
        return ledger

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ledger) and self.state() == other.state()

    __hash__ = None  # type: ignore[assignment]
