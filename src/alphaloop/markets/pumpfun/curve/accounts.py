"""The accounts that a quote needs: a coin's bonding curve, the program's global settings, the fee tables.

Accounts grow with the program's upgrades, so a decoder never goes by an exact length: bytes that are missing read as
zero, bytes beyond the last known field are ignored.
"""

from __future__ import annotations

from typing import Final

import msgspec

from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.curve import account_fields as fields
from alphaloop.markets.pumpfun.curve.fees import TODAY, Fees, FeeTable, FeeTier, QuoteKind
from alphaloop.markets.pumpfun.curve.reserves import Reserves
from alphaloop.markets.pumpfun.wire.keys import ZERO_KEY

CURVE_MARK: Final = bytes.fromhex("17b7f83760d8ac60")
GLOBAL_MARK: Final = bytes.fromhex("a7e8e8b1c86c727f")
FEES_MARK: Final = bytes.fromhex("8f3492bbdb7b4c9b")
WRAPPED_SOL: Final = "So11111111111111111111111111111111111111112"
USDC: Final = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"

LEAST_CURVE = 49
LEAST_GLOBAL = 113
LEAST_FEES = 65
TIER_BYTES = 40


class BondingCurve(msgspec.Struct, frozen=True):
    """A coin's bonding-curve account, with the chain's names.

    `quote_mint` and `creator` are `ZERO_KEY` where the account has none; `creator_fee` and `protocol_fees` wait on the
    curve until they are swept.
    """

    virtual_token_reserves: int
    virtual_quote_reserves: int
    real_token_reserves: int
    real_quote_reserves: int
    token_total_supply: int
    complete: bool
    creator: str
    is_mayhem_mode: bool
    is_cashback_coin: bool
    quote_mint: str
    creator_fee_bps: int
    can_edit_creator_fee: bool
    is_holder_reward: bool
    creator_fee: int
    protocol_fees: int
    depth: int
    initial_virtual_quote_reserves: int
    post_complete_base_out: int
    post_complete_quote_in: int

    @property
    def reserves(self) -> Reserves:
        """What quotes are made from."""
        return Reserves(
            self.virtual_token_reserves,
            self.virtual_quote_reserves,
            self.real_token_reserves,
            self.real_quote_reserves,
        )

    @property
    def quote_kind(self) -> QuoteKind:
        """Which fee table the coin belongs to."""
        if self.quote_mint in (ZERO_KEY, WRAPPED_SOL):
            return "sol"
        return "stable" if self.quote_mint == USDC else "other"

    def fees(self, table: FeeTable, mint_supply: int | None = None) -> Fees:
        """What a trade of this coin is charged now.

        Parameters
        ----------
        table : FeeTable
            From the fee account, or `flat()` where it cannot be read.
        mint_supply : int, optional
            The mint's supply, which burning lowers; the account's stored supply by default, and always for mayhem.
        """
        supply = self.token_total_supply if mint_supply is None or self.is_mayhem_mode else mint_supply
        tier = table.fees(self.reserves.market_cap(supply), self.quote_kind, own_creator_bps=self.creator_fee_bps)
        return tier.for_coin(has_creator=self.creator != ZERO_KEY, cashback=self.is_cashback_coin)


class Global(msgspec.Struct, frozen=True):
    """The program's settings that a trader needs."""

    fee_recipients: tuple[str, ...]
    mayhem_fee_recipients: tuple[str, ...]
    buyback_fee_recipients: tuple[str, ...]
    start: Reserves
    token_total_supply: int
    fee_bps: int
    creator_fee_bps: int
    pool_migration_fee: int
    buyback_bps: int
    max_configurable_creator_fee_bps: int


def read_curve(data: bytes) -> BondingCurve:
    """Decode a bonding-curve account of any length from 49 bytes on.

    Raises
    ------
    DataError
        If the account is of another kind or ends before `complete`.
    """
    fields.check(data, CURVE_MARK, LEAST_CURVE, "bonding curve")
    return BondingCurve(
        virtual_token_reserves=fields.u64(data, 8),
        virtual_quote_reserves=fields.u64(data, 16),
        real_token_reserves=fields.u64(data, 24),
        real_quote_reserves=fields.u64(data, 32),
        token_total_supply=fields.u64(data, 40),
        complete=fields.flag(data, 48),
        creator=fields.key(data, 49),
        is_mayhem_mode=fields.flag(data, 81),
        is_cashback_coin=fields.flag(data, 82),
        quote_mint=fields.key(data, 83),
        creator_fee_bps=fields.u64(data, 115),
        can_edit_creator_fee=fields.flag(data, 123),
        is_holder_reward=fields.flag(data, 124),
        creator_fee=fields.u64(data, 125),
        protocol_fees=fields.u64(data, 133),
        depth=int.from_bytes(data[141:142], "little"),
        initial_virtual_quote_reserves=fields.u64(data, 142),
        post_complete_base_out=fields.u64(data, 150),
        post_complete_quote_in=fields.u64(data, 158),
    )


def read_global(data: bytes) -> Global:
    """Decode the program's global account.

    Raises
    ------
    DataError
        If the account is of another kind or ends before its fee.
    """
    fields.check(data, GLOBAL_MARK, LEAST_GLOBAL, "global settings")
    start = Reserves(
        virtual_token=fields.u64(data, 73),
        virtual_sol=fields.u64(data, 81),
        real_token=fields.u64(data, 89),
        real_sol=0,
    )
    return Global(
        fee_recipients=(fields.key(data, 41), *fields.keys(data, 162, 7)),
        mayhem_fee_recipients=(fields.key(data, 483), *fields.keys(data, 516, 7)),
        buyback_fee_recipients=fields.keys(data, 741, 8),
        start=start,
        token_total_supply=fields.u64(data, 97),
        fee_bps=fields.u64(data, 105),
        creator_fee_bps=fields.u64(data, 154),
        pool_migration_fee=fields.u64(data, 146),
        buyback_bps=fields.u64(data, 997),
        max_configurable_creator_fee_bps=fields.u64(data, 1046),
    )


def read_fee_table(data: bytes) -> FeeTable:
    """Decode the fee account.

    Raises
    ------
    DataError
        If the account is of another kind, or ends inside a table: fees that were read in half would price wrongly.
    """
    fields.check(data, FEES_MARK, LEAST_FEES, "fee")
    flat_fees = _fees(data, 41)
    sol_tiers, end = _tiers(data, LEAST_FEES)
    stable_tiers, end = _tiers(data, end)
    other = _fees(data, end) if len(data) >= end + 24 else flat_fees
    return FeeTable(sol_tiers or (FeeTier(0, flat_fees),), stable_tiers or (FeeTier(0, flat_fees),), other)


def read_pool_fee_table(data: bytes) -> FeeTable:
    """Decode the fee account of the pools' program: what pools of coins priced in SOL are charged.

    The table for SOL is at the same place in accounts of every age; what follows it is not, and is not read.

    Raises
    ------
    DataError
        If the account is of another kind, holds no tier, or ends inside the table.
    """
    fields.check(data, FEES_MARK, LEAST_FEES, "fee")
    tiers, _ = _tiers(data, LEAST_FEES, lp=True)
    if not tiers:
        raise DataError("the fee account holds 0 tiers for pools; read it again before trading")
    return FeeTable(tiers, (), _fees(data, 41, lp=True))


def fees_without_account(settings: Global | None) -> Fees:
    """What to charge where the fee account cannot be read.

    The creator's part of the global settings is out of use, so the last known tier gives it.
    """
    return TODAY if settings is None else Fees(settings.fee_bps, TODAY.creator_bps)


def _fees(data: bytes, at: int, *, lp: bool = False) -> Fees:
    """Read liquidity providers', protocol's and creator's basis points; the first have no part in a curve."""
    return Fees(fields.u64(data, at + 8), fields.u64(data, at + 16), lp_bps=fields.u64(data, at) if lp else 0)


def _tiers(data: bytes, at: int, *, lp: bool = False) -> tuple[tuple[FeeTier, ...], int]:
    count = int.from_bytes(data[at : at + 4], "little")
    end = at + 4 + count * TIER_BYTES
    if len(data) < end:
        raise DataError(f"the fee account ends at byte {len(data)} inside a table of {count} tiers; fetch it again")
    starts = range(at + 4, end, TIER_BYTES)
    tiers = (FeeTier(int.from_bytes(data[i : i + 16], "little"), _fees(data, i + 16, lp=lp)) for i in starts)
    return tuple(tiers), end
