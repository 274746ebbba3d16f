"""The accounts that a sale in a pool is made from: the pool, its two vaults, the mint, the program's settings.

Layouts are those that the program's published interface of October 2026 has (`Pool` of 287 bytes, `GlobalConfig` of
949); shorter accounts are older, and what they lack reads as zero. A pool that is not the one its coin migrated to is
refused: other pools are charged by other rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from solders.pubkey import Pubkey

from alphaloop.core.errors import DataError, RefusedError
from alphaloop.markets.pumpfun.curve import account_fields as fields
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions.coins import UnknownKindError
from alphaloop.markets.pumpfun.transactions.pool_addresses import pool_authority

POOL_MARK: Final = bytes.fromhex("f19a6d0411b16dbc")
SETTINGS_MARK: Final = bytes.fromhex("95089ccaa0fcb0d9")
LEAST_POOL: Final = 211
LEAST_SETTINGS: Final = 313
KNOWN_POOL_BYTES: Final = 287
"""Length of a pool whose every field is known; what follows is padding, and zero."""

SELLING_DISABLED: Final = 1 << 4
LEAST_TOKEN_ACCOUNT: Final = 72
LEAST_MINT: Final = 44


class NoPoolError(RefusedError):
    """The coin's pool is not there yet: its curve is complete at most, and nothing can be sold before it migrates."""


class Pool(msgspec.Struct, frozen=True):
    """A pool's account, with the chain's names.

    `coin_creator` is `ZERO_KEY` where there is none. `virtual_quote_reserves` is signed: fees that wait in the vault
    are in it with a minus, lent liquidity with a plus. `account_bytes` is the account's length, and `newer` says in
    words what it holds that is not known here; empty if nothing.
    """

    index: int
    creator: str
    base_mint: str
    quote_mint: str
    pool_base_token_account: str
    pool_quote_token_account: str
    coin_creator: str
    is_mayhem_mode: bool
    is_cashback_coin: bool
    virtual_quote_reserves: int
    creator_fee_bps: int
    is_holder_reward: bool
    protocol_fees: int
    creator_fees: int
    account_bytes: int
    newer: str = ""


class PoolSettings(msgspec.Struct, frozen=True):
    """The program's settings that a seller needs; the recipients may be chosen from freely within their list."""

    fee_recipients: tuple[str, ...]
    mayhem_fee_recipients: tuple[str, ...]
    buyback_fee_recipients: tuple[str, ...]
    selling_disabled: bool
    creator_fee_configurable: bool


class PoolState(msgspec.Struct, frozen=True):
    """A pool and what is in it, as of one reading.

    Parameters
    ----------
    pool : Pool
        The pool's account.
    token_program : str
        The owner of the coin's mint.
    base, quote : int
        What the vaults hold, base units and lamports.
    supply : int
        The mint's supply, base units; burning lowers it.
    """

    pool: Pool
    token_program: str
    base: int
    quote: int
    supply: int

    @property
    def priced(self) -> int:
        """Lamports that prices are made from: what the vault holds and the virtual reserves, which have a sign."""
        return self.quote + self.pool.virtual_quote_reserves


def pool_reads(mint: Pubkey, token_program: Pubkey) -> tuple[Pubkey, Pubkey, Pubkey, Pubkey]:
    """The accounts that `read_pool_state` takes, in its order: the pool, its coin vault, its SOL vault, the mint.

    Read them in one request, so that they are of one moment. The settings are `AMM_SETTINGS` and `AMM_FEE_CONFIG`, the
    same for all pools.
    """
    pool = at.pool(mint)
    return pool, at.token_account(pool, mint, token_program), at.quote_account(pool), mint


def read_pool_state(mint: Pubkey, token_program: Pubkey, accounts: Sequence[bytes | None]) -> PoolState:
    """Decode what was read at `pool_reads`.

    Parameters
    ----------
    accounts : sequence of bytes or None
        The accounts' data in the order of `pool_reads`, None where no account is.

    Raises
    ------
    NoPoolError
        If the pool is not there.
    UnknownKindError
        If it is not the coin's own pool for SOL, or its token program is unknown.
    DataError
        If an account is missing or not what it should be.
    """
    found, base_vault, quote_vault, minted = accounts
    if found is None:
        raise NoPoolError(f"coin {mint} has no pool yet, its liquidity has not moved; wait for its migration")
    pool = read_pool(found)
    address, base_address, quote_address, _ = pool_reads(mint, token_program)
    _check_own(pool, mint, token_program, str(base_address), str(quote_address))
    return PoolState(
        pool=pool,
        token_program=str(token_program),
        base=_amount(base_vault, mint, address),
        quote=_amount(quote_vault, at.QUOTE_SOL, address),
        supply=_supply(minted, mint),
    )


def read_pool(data: bytes) -> Pool:
    """Decode a pool's account of any length from 211 bytes on.

    Raises
    ------
    DataError
        If the account is of another kind or ends before its creator.
    """
    fields.check(data, POOL_MARK, LEAST_POOL, "pool")
    unknown = len(data[KNOWN_POOL_BYTES:].rstrip(b"\0"))
    return Pool(
        index=int.from_bytes(data[9:11], "little"),
        creator=fields.key(data, 11),
        base_mint=fields.key(data, 43),
        quote_mint=fields.key(data, 75),
        pool_base_token_account=fields.key(data, 139),
        pool_quote_token_account=fields.key(data, 171),
        coin_creator=fields.key(data, 211),
        is_mayhem_mode=fields.flag(data, 243),
        is_cashback_coin=fields.flag(data, 244),
        virtual_quote_reserves=fields.i128(data, 245),
        creator_fee_bps=fields.u64(data, 261),
        is_holder_reward=fields.flag(data, 270),
        protocol_fees=fields.u64(data, 271),
        creator_fees=fields.u64(data, 279),
        account_bytes=len(data),
        newer=f"{unknown} bytes behind the last known field" if unknown else "",
    )


def read_pool_settings(data: bytes) -> PoolSettings:
    """Decode the pools' program's settings.

    Raises
    ------
    DataError
        If the account is of another kind or ends before its fee recipients do.
    """
    fields.check(data, SETTINGS_MARK, LEAST_SETTINGS, "pool settings")
    return PoolSettings(
        fee_recipients=fields.keys(data, 57, 8),
        mayhem_fee_recipients=(fields.key(data, 385), *fields.keys(data, 418, 7)),
        buyback_fee_recipients=fields.keys(data, 643, 8),
        selling_disabled=bool(data[56] & SELLING_DISABLED),
        creator_fee_configurable=fields.flag(data, 940),
    )


def _check_own(pool: Pool, mint: Pubkey, token_program: Pubkey, base_vault: str, quote_vault: str) -> None:
    fault = ""
    if token_program not in (at.TOKEN, at.TOKEN_2022):
        fault = f"is of the unknown token program {token_program}"
    elif (pool.base_mint, pool.quote_mint) != (str(mint), str(at.QUOTE_SOL)):
        fault = f"trades {pool.base_mint} for {pool.quote_mint}, not the coin for wrapped SOL"
    elif (pool.creator, pool.index) != (str(pool_authority(mint)), 0):
        fault = f"was opened by {pool.creator} as number {pool.index}, not by the coin's migration"
    elif (pool.pool_base_token_account, pool.pool_quote_token_account) != (base_vault, quote_vault):
        fault = f"keeps its coins in {pool.pool_base_token_account}, not in {base_vault}"
    if fault:
        raise UnknownKindError(f"the pool of coin {mint} {fault}; leave it alone until its rules are known")


def _amount(data: bytes | None, mint: Pubkey, owner: Pubkey) -> int:
    """What a token account of either program holds; what follows its first fields differs between the two."""
    if data is None or len(data) < LEAST_TOKEN_ACCOUNT or data[:64] != bytes(mint) + bytes(owner):
        raise DataError(f"what was read is no account of {owner} for {mint}; read the pool again")
    return fields.u64(data, 64)


def _supply(data: bytes | None, mint: Pubkey) -> int:
    if data is None or len(data) < LEAST_MINT:
        raise DataError(f"what was read at {mint} has {len(data or b'')} bytes and is no mint; read the pool again")
    return fields.u64(data, 36)
