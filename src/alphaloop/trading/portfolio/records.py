"""What goes into the portfolio engine and what comes out of it. Frozen, and ready for a journal.

Money is whole smallest units of the account's currency (`amount`), quantities are whole base units of an asset; a price
is a float of smallest money units for one base unit. Times are UTC nanoseconds; `at_ns` is when the trader learnt it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal, TypeAlias

import msgspec

Side: TypeAlias = Literal["buy", "sell"]
Level: TypeAlias = Literal["info", "warning", "error"]


class ExitReason(StrEnum):
    """What ended a position; each outranks those below it, except for the last, which a person gives."""

    ANTI_SIGNAL = "anti_signal"
    TAKE_PROFIT = "take_profit"
    TRAILING_STOP = "trailing_stop"
    STOP_LOSS = "stop_loss"
    TIMEOUT = "timeout"
    MANUAL = "manual"


# -- in --------------------------------------------------------------------------------------------------------------


class Input(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="kind", tag=str.lower, omit_defaults=True):
    """Something that the engine is told."""

    at_ns: int


class Opened(Input, frozen=True, kw_only=True, gc=False):
    """A process began to work on the account.

    Attributes
    ----------
    deliberate : bool
        A person restarted it: what was halted goes on. A supervisor's restart is not deliberate.
    state : dict
        What `PortfolioEngine.state` gave after loading, so that a journal can be replayed from here.
    settings : str
        Hash of the settings.
    """

    deliberate: bool
    state: dict[str, Any]
    settings: str


class Scored(Input, frozen=True, kw_only=True, gc=False):
    """A signal with what the models say of it.

    Attributes
    ----------
    source : str
        Which strategies it is for, such as ``signal`` or ``genesis_signal``.
    known_ns : int
        When its features were taken.
    price : float
    liquidity : int
        Money in the asset's market, the base of a cap on size; 0 if not known, which allows nothing.
    scores : dict
        Calibrated probability by model name.
    models : dict
        Identity of each of these models.
    regime : str
        Name of the market's state; empty if not known.
    context : dict
        What the venue needs to build an order; the engine keeps it with the trade and never reads it.
    """

    signal_id: str
    asset: str
    source: str
    known_ns: int
    price: float
    liquidity: int
    scores: dict[str, float]
    models: dict[str, str] = {}
    regime: str = ""
    context: dict[str, Any] = {}


class Mark(Input, frozen=True, kw_only=True, gc=False):
    """The price of an asset, known at `known_ns`; an older one than the last is passed over.

    `context` are the market's facts with it, for further orders; empty if only the price is known.
    """

    asset: str
    price: float
    known_ns: int
    context: dict[str, Any] = {}


class Warned(Input, frozen=True, kw_only=True, gc=False):
    """Whoever holds the asset should leave; also for what is bought before `known_ns` but not yet proved."""

    asset: str
    warning_id: str
    known_ns: int


class Tick(Input, frozen=True, kw_only=True, gc=False):
    """Time has passed."""


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
    details: dict[str, Any] = {}


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
    asset: str = ""
    side: Side = "sell"
    details: dict[str, Any] = {}


class Failed(Input, frozen=True, kw_only=True, gc=False):
    """The chain holds the transaction and it did nothing but cost `cost`.

    `remedy` is one of ``requote``, ``use_pool``, ``refresh``, ``check_holding``, ``fund``, ``give_up``.
    """

    signature: str
    reason: str
    remedy: str
    cost: int


class Dead(Input, frozen=True, kw_only=True, gc=False):
    """The chain's height is beyond the transaction's last valid one and it is unknown: it will never land."""

    signature: str


class Holding(Input, frozen=True, kw_only=True, gc=False):
    """What the wallet really holds of an asset, read at a time when no transaction of it can land."""

    asset: str
    quantity: int


class Learnt(Input, frozen=True, kw_only=True, gc=False):
    """The facts of an asset's market were read again; further orders of its trade use them."""

    asset: str
    context: dict[str, Any]


class Balance(Input, frozen=True, kw_only=True, gc=False):
    """What the wallet really holds of money, read while nothing was under way."""

    amount: int


class Adopted(Input, frozen=True, kw_only=True, gc=False):
    """A holding that no trade explains is taken over as a position of `strategy`.

    Attributes
    ----------
    cost : int
        What it was bought for, as far as the chain tells; marks count from it.
    """

    asset: str
    quantity: int
    cost: int
    strategy: str
    context: dict[str, Any] = {}


class Command(Input, frozen=True, kw_only=True, gc=False):
    """A person wants something: ``stop_entries``, ``resume``, ``force_exit`` (of `asset`), ``clear_halt``."""

    name: str
    asset: str = ""
    by: str = ""


AnyInput: TypeAlias = (
    Opened
    | Scored
    | Mark
    | Warned
    | Tick
    | Drafted
    | Refused
    | NotStored
    | Sent
    | Unsent
    | Landed
    | Filled
    | Failed
    | Dead
    | Holding
    | Learnt
    | Balance
    | Adopted
    | Command
)


# -- out -------------------------------------------------------------------------------------------------------------


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
