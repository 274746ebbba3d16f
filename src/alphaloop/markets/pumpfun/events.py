"""What happens on Pump.fun, as typed records.

Every event carries its identity, ``(signature, log_index)``, and two times: `event_ns`, the block's clock (whole
seconds on this chain), and `known_ns`, when this system could first know it. Books and features run on `known_ns`,
which is strictly increasing along a recording; `event_ns` may step back where a gap was filled later.

Amounts are integers: lamports (1 SOL = 1e9) and token base units (1 token = 1e6). Keys are base58 text. Reserves are
those after the event. A coin whose `quote_mint` is not empty is not priced in SOL, and its amounts are in units of that
quote.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

LAMPORTS_PER_SOL: Final = 1_000_000_000
UNITS_PER_TOKEN: Final = 1_000_000


class Event(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What all events share."""

    signature: str
    log_index: int
    slot: int
    event_ns: int
    known_ns: int
    mint: str

    @property
    def key(self) -> tuple[str, int]:
        """Identity on the chain: the same event is never counted twice."""
        return self.signature, self.log_index


class Create(Event, frozen=True, gc=False, kw_only=True, tag="create"):
    """A coin is born; `creator` earns its fees and need not be the `user` who sent the transaction.

    `newer` says in words what the record holds that is not known here; empty if nothing.
    """

    name: str
    symbol: str
    uri: str
    bonding_curve: str
    user: str
    creator: str
    virtual_sol: int
    virtual_token: int
    real_token: int
    supply: int
    token_program: str = ""
    mayhem: bool = False
    cashback_coin: bool = False
    holder_reward: bool = False
    quote_mint: str = ""
    newer: str = ""


class Trade(Event, frozen=True, gc=False, kw_only=True, tag="trade"):
    """A buy or a sell on the curve; `sol_amount` excludes every fee."""

    wallet: str
    is_buy: bool
    sol_amount: int
    token_amount: int
    virtual_sol: int
    virtual_token: int
    real_sol: int
    real_token: int
    fee: int = 0
    creator_fee: int = 0
    cashback: int = 0
    creator: str = ""
    mayhem: bool = False
    quote_mint: str = ""

    @property
    def wallet_sol(self) -> int:
        """Lamports that left the buyer or reached the seller, fees included, network costs not."""
        charges = self.fee + self.creator_fee + self.cashback
        return self.sol_amount + charges if self.is_buy else self.sol_amount - charges

    @property
    def price(self) -> float:
        """SOL per token after the trade."""
        return (self.virtual_sol / LAMPORTS_PER_SOL) / (self.virtual_token / UNITS_PER_TOKEN)


class Complete(Event, frozen=True, gc=False, kw_only=True, tag="complete"):
    """The curve is sold out; it takes no more trades."""

    user: str
    bonding_curve: str
    quote_mint: str = ""


class Migration(Event, frozen=True, gc=False, kw_only=True, tag="migration"):
    """The liquidity moved to a PumpSwap pool."""

    user: str
    bonding_curve: str
    pool: str
    token_amount: int
    sol_amount: int
    migration_fee: int
    quote_mint: str = ""


class PostCompleteBuy(Event, frozen=True, gc=False, kw_only=True, tag="post_complete_buy"):
    """The part of a completing buy that continued into the future pool."""

    wallet: str
    bonding_curve: str
    token_amount: int
    sol_amount: int
    fee: int
    creator_fee: int
    pool_base_before: int
    pool_quote_before: int
    pool_base_after: int
    pool_quote_after: int
    quote_mint: str = ""


class AmmTrade(Event, frozen=True, gc=False, kw_only=True, tag="amm_trade"):
    """A trade in a PumpSwap pool; `mint` is empty until the pool's migration has named it.

    Reserves are those of the pool **before** the trade, as the program logs them: what the vaults hold. Prices are made
    from `priced_before`, because liquidity that was lent to the pool prices and is in no vault, and fees that wait in
    the vault do not price: `virtual_quote` is signed, and 0 in records of before July 2026, when there was none.
    """

    pool: str
    wallet: str
    is_buy: bool
    token_amount: int
    sol_amount: int
    pool_base_before: int
    pool_quote_before: int
    virtual_quote: int = 0

    @property
    def priced_before(self) -> int:
        """Lamports that the price before the trade is made from."""
        return self.pool_quote_before + self.virtual_quote


class Tracking(Event, frozen=True, gc=False, kw_only=True, tag="tracking"):
    """Somebody asked for a wallet to be tracked by hand (`tracked`), or tracked no more: a command, on no chain.

    It stands in the recording among the chain's events, so that every replay does it at the same place. `mint` is
    empty, `event_ns` is `known_ns`, and `slot` is the newest that was recorded before it.
    """

    wallet: str
    tracked: bool


AnyEvent: TypeAlias = Create | Trade | Complete | Migration | PostCompleteBuy | AmmTrade
"""What the chain says: what a book is fed with."""

Input: TypeAlias = AnyEvent | Tracking
"""What a market is fed with, and a recording holds: the chain's events, and what people asked for between them."""
