"""What comes out of the portfolio engine: decisions, errands for the driver, and things to tell people. Frozen.

Units are those of the inputs.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from alphaloop.trading.portfolio.inputs import Side

Level: TypeAlias = Literal["info", "warning", "error"]


class Order(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the venue shall make into a transaction.

    Attributes
    ----------
    order_id : str
        Trade, side and number, such as ``t12.buy.1``.
    amount : int
        For a buy: the budget, fees of the market included. For a sale: 0.
    quantity : int
        For a sale: base units to sell. For a buy: 0.
    step : int
        Step of escalation, from 0; the venue offers more for landing with each.
    slippage_bps : int
    tip_factor : float
        Times the usual tip.
    venue : str
        ``curve`` or ``pool``, or what the market calls its places.
    context : dict
        As the signal brought it, and what was learnt since.
    """

    order_id: str
    trade_id: str
    side: Side
    asset: str
    amount: int
    quantity: int
    step: int
    slippage_bps: int
    tip_factor: float
    venue: str
    price: float
    decided_ns: int
    context: dict[str, Any]


class Decision(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was decided on a signal, with everything that it was decided from.

    Attributes
    ----------
    checks : dict
        By strategy, the check that stopped it; empty if none did.
    strategy : str
        The one that was chosen; empty if none passed.
    stopped_by : str
        The first thing that stood in the way of the strategy that came furthest; empty if an order was made.
    detail : str
        The same with its numbers, for people.
    size : int
    trade_id : str
    """

    signal_id: str
    asset: str
    source: str
    at_ns: int
    known_ns: int
    price: float
    scores: dict[str, float]
    models: dict[str, str]
    regime: str
    phase: int
    balance: int
    equity: int
    open_positions: int
    checks: dict[str, str]
    strategy: str
    stopped_by: str
    detail: str
    size: int
    trade_id: str


class Place(msgspec.Struct, frozen=True, gc=False):
    """Make this order into a transaction, now, and tell `Drafted` or `Refused`."""

    order: Order


class Submit(msgspec.Struct, frozen=True, gc=False):
    """Hand the transaction over, after everything that was told until now is stored.

    An entry that cannot be stored is not submitted (`NotStored`); an exit is submitted all the same.
    """

    signature: str
    side: Side
    asset: str


class Verify(msgspec.Struct, frozen=True, gc=False):
    """Read what the wallet holds of the asset and tell `Holding`; `refresh` its market facts first if asked for."""

    asset: str
    refresh: bool = False


class Notice(msgspec.Struct, frozen=True, gc=False):
    """Something that people may want to hear of; `event` is a constant name."""

    event: str
    level: Level
    fields: dict[str, Any]


Output: TypeAlias = Decision | Place | Submit | Verify | Notice
