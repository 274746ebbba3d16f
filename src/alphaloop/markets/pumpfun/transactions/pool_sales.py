"""A sale in a coin's pool as one transaction: the wrapped SOL that a pool pays is plain SOL again when it is over.

================  ====================  ========================================================================
kind of coin      unasked               before the sale
================  ====================  ========================================================================
any               v1                    the pool's account is grown if it is shorter than the program writes
cashback          v1                    the accounts that take the cashback are made if they are missing
no creator's fee  v2                    nothing
================  ====================  ========================================================================

The wallet's wrapped-SOL account is made before the sale and closed after it, in the same transaction, so that nothing
is left behind if the sale fails; what the wallet had wrapped before is unwrapped with it. The tip stays last.

A coin that has a creator but is charged nothing for it is sold by v2: `sell` reads its trailing accounts by whether
there is such a charge (a note in the official Rust client of October 2026), which a client cannot know for sure.
"""

from __future__ import annotations

from typing import Final, Literal

from solders.pubkey import Pubkey

from alphaloop.markets.pumpfun.curve.fees import Fees
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions import costs, pool_instructions, token_accounts
from alphaloop.markets.pumpfun.transactions import pool_addresses as pool_at
from alphaloop.markets.pumpfun.transactions.coins import Parties, drawn
from alphaloop.markets.pumpfun.transactions.envelope import Draft, Lifetime, Step, Terms, enclose
from alphaloop.markets.pumpfun.transactions.orders import Sell
from alphaloop.markets.pumpfun.transactions.pool_accounts import PoolSettings, PoolState
from alphaloop.markets.pumpfun.wire.keys import ZERO_KEY

PoolGeneration = Literal["v1", "v2"]

WRITTEN_POOL_BYTES: Final = 300
"""Length below which the official client grows a pool's account before a sale of the first generation."""

POOL_COMPUTE_UNITS: Final[dict[PoolGeneration, int]] = {"v1": 280_000, "v2": 200_000}
"""Limits with room: the most that was seen of `sell` itself (101,000, a cashback coin's), up to four accounts made on
the way, and the tip. Of `sell_v2` nothing was seen; its trades by several pools are said to take 30,000 a pool."""


def pool_generation_for(state: PoolState, fees: Fees, preferred: PoolGeneration | None = None) -> PoolGeneration:
    """The generation that sells in this pool: the preferred one where it can, else the one of the coin's kind.

    Parameters
    ----------
    fees : Fees
        What the pool is charged, see `pool_fees`.
    """
    if state.pool.is_cashback_coin:
        return "v1"
    if preferred is not None:
        return preferred
    free_of_creator = state.pool.coin_creator != ZERO_KEY and fees.creator_bps == 0
    return "v2" if free_of_creator else "v1"


def pool_parties(user: Pubkey, state: PoolState, settings: PoolSettings, lot: int) -> Parties:
    """Choose the fee recipients of a sale, as `coins.parties` does for a trade on the curve.

    Raises
    ------
    UnknownKindError
        If the settings name no recipient for this kind of pool.
    """
    mayhem = state.pool.is_mayhem_mode
    normal = settings.mayhem_fee_recipients if mayhem else settings.fee_recipients
    return Parties(
        user=user,
        fee_recipient=drawn(normal, lot, "reserved fee" if mayhem else "fee"),
        buyback_recipient=drawn(settings.buyback_fee_recipients, lot // max(len(normal), 1), "buy-back fee"),
    )


def pool_sale(
    order: Sell,
    state: PoolState,
    parties: Parties,
    *,
    generation: PoolGeneration = "v1",
    volume_account_missing: bool = False,
) -> list[Step]:
    """The steps of a sale in their order, without compute budget and tip.

    Parameters
    ----------
    volume_account_missing : bool
        Whether nothing is at `pool_user_volume(user)`; it matters for cashback coins, whose sale is to find it. The
        interface does not say whether `sell` would make it.

    Raises
    ------
    UnknownKindError
        If this generation does not sell the coin.
    """
    user, pool = parties.user, state.pool
    steps: list[Step] = []
    if generation == "v1" and pool.account_bytes < WRITTEN_POOL_BYTES:
        steps.append(("pool_growth", pool_instructions.extend(at.pool(at.key(pool.base_mint)), user)))
    if generation == "v1" and pool.is_cashback_coin:
        if volume_account_missing:
            steps.append(("volume_account", pool_instructions.open_volume(user)))
        steps.append(("cashback_account", token_accounts.create_wrapped(user, pool_at.pool_user_volume(user))))
    make = pool_instructions.sell if generation == "v1" else pool_instructions.sell_v2
    return [
        *steps,
        ("wrapped_account", token_accounts.create_wrapped(user, user)),
        ("pool_trade", make(order, state, parties)),
        ("unwrap", token_accounts.unwrap(user)),
    ]


def draft_pool_sale(
    order: Sell,
    state: PoolState,
    parties: Parties,
    *,
    terms: Terms,
    lifetime: Lifetime,
    generation: PoolGeneration = "v1",
    volume_account_missing: bool = False,
) -> Draft:
    """Compile a sale in a pool into one message.

    Raises
    ------
    UnknownKindError
        As `pool_sale` does.
    InputError
        If the blockhash is no hash.
    """
    steps = pool_sale(order, state, parties, generation=generation, volume_account_missing=volume_account_missing)
    return enclose(steps, parties.user, terms=terms, lifetime=lifetime)


def needed_for_pool_sale(state: PoolState, *, generation: PoolGeneration = "v1", fee: int, tip: int) -> int:
    """Lamports in the wallet with which no sale in this pool fails for want of them.

    Every account that the sale may have to make is counted as missing, the wrapped-SOL account too, whose rent comes
    back. What the sale pays out is not counted.

    Parameters
    ----------
    fee, tip : int
        The network's fee and the tip, lamports.
    """
    cashback = state.pool.is_cashback_coin
    accounts = 1 + 2 * (generation == "v1") + cashback  # wrapped SOL; the creator's and the protocol's; the cashback's
    made = accounts * costs.TOKEN_ACCOUNT_RENT
    made += costs.USER_VOLUME_RENT * (generation == "v2" or cashback)
    made += costs.RENT_PER_BYTE * max(WRITTEN_POOL_BYTES - state.pool.account_bytes, 0)
    return made + fee + tip + costs.WALLET_RENT
