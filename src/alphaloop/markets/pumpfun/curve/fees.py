"""What a trade is charged, on the curve and in the pool after it, and which of the fee tables applies.

Fees are basis points of the lamports that reach or leave the curve or the pool, each rounded up on its own. The tables
live in accounts of the fees program, so that they can change without a new program: read them where they can be read,
and fall back on `TODAY` where the curve's cannot.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from alphaloop.core.errors import DataError

BPS_BASE: Final = 10_000
BUYBACK_BPS: Final = 5_000
"""Share of the protocol fee that buys back the protocol's own coin; a part of the fee, not an addition."""

QuoteKind = Literal["sol", "stable", "other"]


def charge(lamports: int, bps: int) -> int:
    """Basis points of `lamports`, rounded up."""
    return -(-lamports * bps // BPS_BASE)


def buyback_part(fee: int, bps: int = BUYBACK_BPS) -> int:
    """The part of a protocol fee that goes to the buy-back, rounded down."""
    return fee * bps // BPS_BASE


class Fees(msgspec.Struct, frozen=True, gc=False):
    """Basis points charged on one trade.

    Parameters
    ----------
    protocol_bps, creator_bps : int
        To the protocol and to the coin's creator.
    cashback_bps : int, default 0
        On a cashback coin, taken in place of the creator's fee and returned to the trader later.
    lp_bps : int, default 0
        In a pool, to its liquidity providers: it stays in the pool. A curve has none.
    """

    protocol_bps: int
    creator_bps: int
    cashback_bps: int = 0
    lp_bps: int = 0

    @property
    def total_bps(self) -> int:
        """All that the trader is charged."""
        return self.protocol_bps + self.creator_bps + self.cashback_bps + self.lp_bps

    def for_coin(self, *, has_creator: bool = True, cashback: bool = False) -> Fees:
        """These fees as a particular coin charges them.

        Parameters
        ----------
        has_creator : bool
            False if the coin's creator is the zero key: nobody earns the creator's fee, and it is not charged.
        cashback : bool
            True for a cashback coin: the creator's fee is charged as cashback, the trader pays the same.
        """
        if cashback:
            return Fees(self.protocol_bps, 0, self.creator_bps + self.cashback_bps, self.lp_bps)
        return self if has_creator else Fees(self.protocol_bps, 0, self.cashback_bps, self.lp_bps)


TODAY: Final = Fees(protocol_bps=95, creator_bps=30)
"""The fee account's only tier as of 2026-10-10."""

FREE: Final = Fees(protocol_bps=0, creator_bps=0)
"""What the agent of a mayhem coin pays."""


class FeeTier(msgspec.Struct, frozen=True, gc=False):
    """Fees that apply from a market value on."""

    least_market_cap: int
    fees: Fees


class FeeTable(msgspec.Struct, frozen=True):
    """The fee account's tables.

    Parameters
    ----------
    sol_tiers, stable_tiers : tuple of FeeTier
        For coins priced in SOL and in the stable coin, thresholds rising.
    other : Fees
        For coins priced in anything else; their creator's part is the coin's own.
    """

    sol_tiers: tuple[FeeTier, ...]
    stable_tiers: tuple[FeeTier, ...]
    other: Fees

    def fees(self, market_cap: int, quote: QuoteKind = "sol", *, own_creator_bps: int = 0) -> Fees:
        """The fees of a coin of this market value.

        The highest tier whose threshold is at most `market_cap`; below every threshold, the first tier.

        Parameters
        ----------
        market_cap : int
            In units of the quote, see `Reserves.market_cap`.
        quote : {"sol", "stable", "other"}
            What the coin is priced in.
        own_creator_bps : int
            The coin's own creator fee; used for quote "other" only.

        Raises
        ------
        DataError
            If the table of this quote is empty.
        """
        if quote == "other":
            return Fees(self.other.protocol_bps, own_creator_bps)
        tiers = self.sol_tiers if quote == "sol" else self.stable_tiers
        if not tiers:
            raise DataError(f"the fee table holds no tier for quote {quote!r}; read the fee account again")
        reached = [tier for tier in tiers if tier.least_market_cap <= market_cap]
        return max(reached, key=lambda tier: tier.least_market_cap).fees if reached else tiers[0].fees


def flat(fees: Fees = TODAY) -> FeeTable:
    """A table with the same fees at every market value."""
    tiers = (FeeTier(0, fees),)
    return FeeTable(tiers, tiers, fees)
