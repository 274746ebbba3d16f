"""What the portfolio engine is told by its venue: what became of orders, and what the wallet holds.

Units are those of the other inputs.
"""

from __future__ import annotations

from typing import Any

import msgspec

from alphaloop.trading.portfolio.inputs import Input, Side


class Drafted(Input, frozen=True, kw_only=True, gc=False):
    """An order was made into a transaction that nobody has seen yet.

    Attributes
    ----------
    order_id : str
    signature : str
        Its name on the chain.
    last_valid : int
        It can no longer land when the chain's height is beyond this.
    most : int
        The most that it can take from the free balance, everything included.
    least : int
        For a sale: the least that it asks for.
    tip, network : int
        Offered for landing, and paid in any case.
    expected : int
        Base units bought, or money received, if the market does not move.
    venue : str
    details : dict
        For the record: bundle id, generation, slippage, block hash age.
    """

    order_id: str
    signature: str
    last_valid: int
    most: int
    least: int = 0
    tip: int = 0
    network: int = 0
    expected: int = 0
    venue: str = ""
    details: dict[str, Any] = msgspec.field(default_factory=dict)


class Refused(Input, frozen=True, kw_only=True, gc=False):
    """An order could not be made into a transaction; nothing left the process.

    `remedy` is ``use_pool`` if the asset now trades elsewhere, ``refresh`` if facts have to be read first, ``wait`` if
    trying again later may help, and ``give_up`` if nothing will.
    """

    order_id: str
    reason: str
    remedy: str = "wait"


class NotStored(Input, frozen=True, kw_only=True, gc=False):
    """The row of an entry could not be stored, so its transaction was thrown away unseen."""

    signature: str
    reason: str


class Sent(Input, frozen=True, kw_only=True, gc=False):
    """A transaction was handed to somebody who may submit it; from now on only the chain can say what became of it."""

    signature: str
    via: str = ""


class Unsent(Input, frozen=True, kw_only=True, gc=False):
    """Nobody took a transaction. It may be handed over again, and counts as able to land until it is proved dead."""

    signature: str
    reason: str


class Landed(Input, frozen=True, kw_only=True, gc=False):
    """The chain holds the transaction and it succeeded; what it did is not read yet."""

    signature: str
    slot: int


class Filled(Input, frozen=True, kw_only=True, gc=False):
    """What a landed transaction did, from its own event and balance changes.

    Attributes
    ----------
    quantity : int
        Base units that changed hands.
    cash : int
        Change of the wallet's balance, everything included: below 0 for a buy.
    traded : int
        Money that the market paid or received with its fees, without network fee, tip and rent.
    remaining : int
        Base units of the asset in the wallet afterwards; -1 if not known.
    filled_ns : int
        When it happened, by the chain's clock, at most a few seconds beside the others; 0 if not known.
    asset, side : str
        Given where the transaction was found in the wallet's history and the engine may not know its signature.
    details : dict
        Fees, tip, network fee, rent, slot, block time.
    """

    signature: str
    quantity: int
    cash: int
    traded: int
    remaining: int = -1
    filled_ns: int = 0
    asset: str = ""
    side: Side = "sell"
    details: dict[str, Any] = msgspec.field(default_factory=dict)


class Failed(Input, frozen=True, kw_only=True, gc=False):
    """The chain holds the transaction and it did nothing but cost `cost`.

    `remedy` is one of ``requote``, ``use_pool``, ``refresh``, ``check_holding``, ``fund``, ``give_up``. `asset` is
    given where the transaction was found in the wallet's history and no row may tell of it.
    """

    signature: str
    reason: str
    remedy: str
    cost: int
    asset: str = ""


class Dead(Input, frozen=True, kw_only=True, gc=False):
    """The chain's height is beyond the transaction's last valid one and it is unknown: it will never land."""

    signature: str


class Holding(Input, frozen=True, kw_only=True, gc=False):
    """What the wallet holds of an asset, as far as the node that was asked knows."""

    asset: str
    quantity: int


class Learnt(Input, frozen=True, kw_only=True, gc=False):
    """The facts of an asset's market were read again; further orders of its trade use them.

    `venue` is where the asset trades by what was read; empty: where it did before.
    """

    asset: str
    context: dict[str, Any]
    venue: str = ""


class Balance(Input, frozen=True, kw_only=True, gc=False):
    """What the wallet really holds of money, read while nothing was under way."""

    amount: int
