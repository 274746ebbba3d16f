"""The end of a curve: what completes it, and a buy that continues into the pool to come.

The newest trade instructions do not stop at the last token for sale. What is wanted beyond it is bought from the pool
as it will be when the coin has migrated: the tokens beside the curve against its lamports less the migration's fee.
"""

from __future__ import annotations

from typing import Final

import msgspec

from alphaloop.markets.pumpfun.curve.fees import TODAY, Fees, charge
from alphaloop.markets.pumpfun.curve.quotes import (
    NOT_ENOUGH_TO_BUY,
    Quote,
    QuoteError,
    buy_exact_in,
    buy_tokens,
    net_of_budget,
    tokens_for_net,
)
from alphaloop.markets.pumpfun.curve.reserves import POOL_TOKENS, Reserves

MIGRATION_FEE: Final = 15_000_001
"""Lamports that the migration of a coin priced in SOL keeps back."""


class Pool(msgspec.Struct, frozen=True, gc=False):
    """Both sides of a constant-product pool, base units and lamports."""

    base: int
    quote: int

    @property
    def price(self) -> float:
        """SOL per token."""
        return self.quote / self.base / 1e3


class PoolPart(msgspec.Struct, frozen=True, gc=False):
    """The part of a completing buy beyond the curve; `total` includes the charges."""

    token_amount: int
    sol_amount: int
    fee: int
    creator_fee: int
    total: int
    before: Pool
    after: Pool


class CompletingQuote(msgspec.Struct, frozen=True, gc=False):
    """A buy that may go past the end: the curve's part, the pool's part if there is one, and both together."""

    curve: Quote
    pool: PoolPart | None

    @property
    def token_amount(self) -> int:
        """Base units of both parts."""
        return self.curve.token_amount + (self.pool.token_amount if self.pool else 0)

    @property
    def total(self) -> int:
        """Lamports of both parts, charges included."""
        return self.curve.total + (self.pool.total if self.pool else 0)


def pool_after(completed: Reserves, beside: int = POOL_TOKENS, migration_fee: int = MIGRATION_FEE) -> Pool:
    """The pool that a completed curve becomes.

    Parameters
    ----------
    completed : Reserves
        The curve after its last token.
    beside : int
        Base units in the curve's token account that were never for sale.
    """
    return Pool(beside, completed.real_sol - migration_fee)


def buy_tokens_through(
    reserves: Reserves,
    tokens: int,
    fees: Fees = TODAY,
    *,
    held: int,
    mayhem: bool = False,
    migration_fee: int = MIGRATION_FEE,
) -> CompletingQuote:
    """Buy tokens with an instruction that does not stop at the end of the curve.

    Parameters
    ----------
    held : int
        Base units in the curve's token account before the trade: those for sale and those for the pool.
    mayhem : bool
        A mayhem coin's buy does not continue; wanting more than is left is refused.

    Raises
    ------
    QuoteError
        As `buy_tokens` does, if a mayhem coin has less left than is wanted, or if the pool has.
    """
    _check_mayhem(mayhem, tokens, reserves)
    curve = buy_tokens(reserves, tokens, fees, partial_fill=True)
    extra = tokens - curve.token_amount
    if extra <= 0:
        return CompletingQuote(curve, None)
    pool = pool_after(curve.after, held - reserves.real_token, migration_fee)
    if extra >= pool.base:
        raise QuoteError(NOT_ENOUGH_TO_BUY, f"{extra} base units are wanted of a pool of {pool.base}; ask for less")
    cost = -(-pool.quote * extra // (pool.base - extra))
    return CompletingQuote(curve, _part(pool, extra, cost, charge(cost, fees.protocol_bps), _creator(cost, fees)))


def buy_exact_in_through(
    reserves: Reserves,
    lamports: int,
    fees: Fees = TODAY,
    *,
    held: int,
    mayhem: bool = False,
    migration_fee: int = MIGRATION_FEE,
) -> CompletingQuote:
    """Buy for a budget with an instruction that does not stop at the end of the curve.

    What the curve's last tokens leave of the budget, less the charges, buys from the pool to come; a rest that is too
    small for one base unit is not taken.

    Raises
    ------
    QuoteError
        As `buy_exact_in` does, or if a mayhem coin has less left than the budget buys.
    """
    curve = buy_exact_in(reserves, lamports, fees, partial_fill=not mayhem)
    if not curve.after.complete:
        return CompletingQuote(curve, None)
    net, fee, creator_fee, cashback = net_of_budget(lamports - curve.total, fees)
    pool = pool_after(curve.after, held - reserves.real_token, migration_fee)
    extra = tokens_for_net(pool.base, pool.quote, net)
    if extra <= 0:
        return CompletingQuote(curve, None)
    return CompletingQuote(curve, _part(pool, extra, net, fee, creator_fee + cashback))


def completion_cost(reserves: Reserves, fees: Fees = TODAY) -> int:
    """Lamports, charges included, that buy all that is left."""
    return buy_tokens(reserves, reserves.real_token, fees).total


def _part(pool: Pool, tokens: int, net: int, fee: int, creator_fee: int) -> PoolPart:
    after = Pool(pool.base - tokens, pool.quote + net)
    return PoolPart(tokens, net, fee, creator_fee, net + fee + creator_fee, pool, after)


def _creator(net: int, fees: Fees) -> int:
    return charge(net, fees.creator_bps) + charge(net, fees.cashback_bps)


def _check_mayhem(mayhem: bool, tokens: int, reserves: Reserves) -> None:
    if mayhem and tokens > reserves.real_token:
        raise QuoteError(
            NOT_ENOUGH_TO_BUY,
            f"{tokens} base units are wanted and {reserves.real_token} are left of a mayhem coin; ask for less",
        )
