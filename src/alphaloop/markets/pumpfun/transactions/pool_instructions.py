"""Sales in a coin's pool: `sell`, whose accounts depend on the coin, and `sell_v2`, for all coins but cashback.

`sell` names 21 accounts, then of a cashback coin the token account of its cashback and the wallet's volume account,
then `pool_v2` if the coin has a creator, then who buys back and its token account. It is compared byte for byte with
the official client. `sell_v2` is of October 2026 and names 17: the fees stay in the pool until they are swept. Its
accounts and flags are those of the published interface; they were not compared with a transaction of mainnet.
"""

from __future__ import annotations

from typing import Final

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions import pool_addresses as pool_at
from alphaloop.markets.pumpfun.transactions.coins import Parties, UnknownKindError
from alphaloop.markets.pumpfun.transactions.layout import arguments, mark, pays, reads, writes
from alphaloop.markets.pumpfun.transactions.orders import Sell
from alphaloop.markets.pumpfun.transactions.pool_accounts import PoolState

SELL: Final = mark("sell")
SELL_V2: Final = mark("sell_v2")
EXTEND: Final = mark("extend_account")
OPEN_VOLUME: Final = mark("init_user_volume_accumulator")


def sell(order: Sell, state: PoolState, parties: Parties) -> Instruction:
    """The sale as the instruction of the first generation."""
    pool, user = state.pool, parties.user
    vault, volume = pool_at.coin_creator_vault(at.key(pool.coin_creator)), pool_at.pool_user_volume(user)
    has_creator = pool.coin_creator != str(at.ZERO)
    accounts = [
        *_traders(state, user),
        reads(parties.fee_recipient),
        writes(at.quote_account(parties.fee_recipient)),
        *_programs(state),
        reads(at.ATA_PROGRAM),
        reads(pool_at.AMM_EVENT_AUTHORITY),
        reads(at.AMM),
        writes(at.quote_account(vault)),
        reads(vault),
        reads(pool_at.AMM_FEE_CONFIG),
        reads(at.FEES),
        *([writes(at.quote_account(volume)), writes(volume)] if pool.is_cashback_coin else []),
        *([reads(pool_at.pool_v2(at.key(pool.base_mint)))] if has_creator else []),
        reads(parties.buyback_recipient),
        writes(at.quote_account(parties.buyback_recipient)),
    ]
    return Instruction(at.AMM, arguments(SELL, order.tokens, order.min_lamports), accounts)


def sell_v2(order: Sell, state: PoolState, parties: Parties) -> Instruction:
    """The sale as the instruction of the second generation; it makes the wallet's volume account if that is missing.

    Raises
    ------
    UnknownKindError
        For a cashback coin, which the program refuses with code 6079.
    """
    if state.pool.is_cashback_coin:
        raise UnknownKindError(f"coin {state.pool.base_mint} pays cashback, sell_v2 refuses it with 6079; use v1")
    accounts = [
        *_traders(state, parties.user),
        *_programs(state),
        writes(pool_at.pool_user_volume(parties.user)),
        reads(pool_at.AMM_FEE_CONFIG),
        writes(at.quote_account(parties.buyback_recipient)),
        reads(pool_at.AMM_EVENT_AUTHORITY),
        reads(at.AMM),
    ]
    return Instruction(at.AMM, arguments(SELL_V2, order.tokens, order.min_lamports), accounts)


def extend(pool: Pubkey, user: Pubkey) -> Instruction:
    """Grow a pool's account to the length that the program writes; anybody may, and pays the rent."""
    accounts = [
        writes(pool),
        pays(user),
        reads(at.SYSTEM),
        reads(pool_at.AMM_EVENT_AUTHORITY),
        reads(at.AMM),
    ]
    return Instruction(at.AMM, EXTEND, accounts)


def open_volume(user: Pubkey) -> Instruction:
    """Make the wallet's volume account of the pools' program; it fails if that is there."""
    accounts = [
        pays(user),
        reads(user),
        writes(pool_at.pool_user_volume(user)),
        reads(at.SYSTEM),
        reads(pool_at.AMM_EVENT_AUTHORITY),
        reads(at.AMM),
    ]
    return Instruction(at.AMM, OPEN_VOLUME, accounts)


def _traders(state: PoolState, user: Pubkey) -> list[AccountMeta]:
    """The nine accounts that both generations begin with."""
    pool, mint, program = state.pool, at.key(state.pool.base_mint), at.key(state.token_program)
    return [
        writes(at.pool(mint)),
        pays(user),
        reads(pool_at.AMM_SETTINGS),
        reads(mint),
        reads(at.QUOTE_SOL),
        writes(at.token_account(user, mint, program)),
        writes(at.quote_account(user)),
        writes(at.key(pool.pool_base_token_account)),
        writes(at.key(pool.pool_quote_token_account)),
    ]


def _programs(state: PoolState) -> list[AccountMeta]:
    return [reads(at.key(state.token_program)), reads(at.TOKEN), reads(at.SYSTEM)]
