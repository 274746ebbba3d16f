"""What passes between engine, venue, ledger and journal. Frozen; made only when something happens.

Named tuples, because making one costs a quarter of a frozen dataclass and thousands are made a second.

Times are UTC nanoseconds; prices float quote units; quantities and amounts exact nano units (`trading.money`).
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any, NamedTuple

from alphaloop.core.fills import cost_basis

#: A bar as the event loop sees it: symbol, open_ns, known_ns, open, high, low, close. A plain tuple, because a record
#: for each bar would cost more than everything that usually happens on one.
BarRow = tuple[str, int, int, float, float, float, float]

NEVER_NS = 2**63 - 1


class Reason(StrEnum):
    """Why an order was sent: to enter, or what ended the position."""

    ENTRY = "entry"
    TAKE_PROFIT = "take_profit"
    STOP_LOSS = "stop_loss"
    TRAILING_STOP = "trailing_stop"
    TIMEOUT = "timeout"
    END_OF_DATA = "end_of_data"


class Signal(NamedTuple):
    """A model's opinion on one symbol at one bar close."""

    symbol: str
    close: float
    atr: float
    side: int
    confidence: float


class Order(NamedTuple):
    """Intent to trade at market; an entry carries the brackets that the venue attaches to its fill.

    Attributes
    ----------
    side : int
        +1 buys, -1 sells.
    expires_ns : int
        The venue drops the order if it cannot fill before this time.
    stop_distance, target_distance, close, atr, confidence, equity : float
        Entry only: bracket distances in price units (0 is none), and what the decision saw.
    """

    order_id: int
    symbol: str
    side: int
    quantity: int
    reason: Reason
    decided_ns: int
    expires_ns: int = NEVER_NS
    stop_distance: float = 0.0
    target_distance: float = 0.0
    close: float = 0.0
    atr: float = 0.0
    confidence: float = 0.0
    equity: float = 0.0

    def levels(self, price: float, fee: float) -> tuple[float, float]:
        """Stop and target after an entry at `price`, counted from the price with its fee; infinite if there is none."""
        basis = cost_basis(self.side, price, fee)
        stop = basis - self.side * self.stop_distance if self.stop_distance else -self.side * math.inf
        target = basis + self.side * self.target_distance if self.target_distance else self.side * math.inf
        return stop, target


class Amend(NamedTuple):
    """Intent to move the stop that rests at the venue for a symbol."""

    symbol: str
    stop: float
    decided_ns: int


class Fill(NamedTuple):
    """What the venue did: whole quantity, at one price.

    Attributes
    ----------
    order_id : int
        Of the order, or of the entry whose bracket was hit.
    notional, fee : int
        Exact amounts; a buy pays ``notional + fee``, a sell receives ``notional - fee``.
    event_ns, known_ns : int
        When it happened (end of the bar where only the bar is known), and when we could know.
    """

    order_id: int
    symbol: str
    side: int
    quantity: int
    price: float
    notional: int
    fee: int
    event_ns: int
    known_ns: int
    reason: Reason


class Drop(NamedTuple):
    """The venue dropped an order unfilled, because it expired or was refused."""

    order_id: int
    symbol: str
    known_ns: int
    reason: str


class Trade(NamedTuple):
    """A closed position; `net` is what cash gained, all fees included."""

    symbol: str
    side: int
    quantity: int
    decided_ns: int
    opened_ns: int
    closed_ns: int
    entry_price: float
    exit_price: float
    entry_notional: int
    exit_notional: int
    fees: int
    net: int
    reason: Reason
    confidence: float


Intent = Order | Amend
Report = Fill | Drop


def plain(record: Intent | Report | Trade) -> dict[str, Any]:
    """Lay out the fields of a record for JSON."""
    return record._asdict()
