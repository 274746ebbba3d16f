"""What the portfolio engine is told of markets, time and people. Frozen, and ready for a journal.

Money is whole smallest units of the account's currency (`amount`), quantities are whole base units of an asset; a price
is a float of smallest money units for one base unit. Times are UTC nanoseconds; `at_ns` is when the trader learnt it.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

Side: TypeAlias = Literal["buy", "sell"]


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
    is_start : bool
        False for a record of the state amid the life of a process, where a journal begins anew.
    """

    deliberate: bool
    state: dict[str, Any]
    settings: str
    is_start: bool = True


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
    """Whoever holds the asset should leave, and whoever's purchase is under way should leave as soon as it landed.

    It counts for trades on signals that were known no later than it; the two are stamped by the same clock.
    """

    asset: str
    warning_id: str
    known_ns: int


class Tick(Input, frozen=True, kw_only=True, gc=False):
    """Time has passed."""


class Adopted(Input, frozen=True, kw_only=True, gc=False):
    """A holding that no trade explains is taken over as a position of `strategy`.

    Attributes
    ----------
    cost : int
        What it was bought for, as far as the chain tells; marks count from it.
    bought_ns : int
        When, as far as the chain tells: the longest hold counts from then, and warnings since then count; 0 if that is
        not known, which means now.
    """

    asset: str
    quantity: int
    cost: int
    strategy: str
    context: dict[str, Any] = {}
    bought_ns: int = 0


class Command(Input, frozen=True, kw_only=True, gc=False):
    """A person wants something: ``stop_entries``, ``resume``, ``force_exit`` (of `asset`), ``clear_halt``."""

    name: str
    asset: str = ""
    by: str = ""
