"""What a sale in a coin's pool pays, exactly as the program computes it.

With the coins B in the vault and the lamports ``Q = vault + virtual``, where `virtual` is signed (fees that wait in the
vault are no liquidity, lent liquidity is no lamports), a sale of `a` base units is priced
``n = a Q // (B + a)``; liquidity providers, the protocol and the coin's creator (or, of a cashback coin, the seller)
are charged on n, each rounded up, and the seller receives the rest. What leaves the pool, n less the providers' part,
must be in the vault: lent liquidity prices, it does not pay.

Sources: the official client's quote (rounding), the program's published notes of September and October 2026 on signed
virtual reserves, and records of real sales.
"""

from __future__ import annotations

import msgspec

from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.curve.fees import Fees, FeeTable, charge
from alphaloop.markets.pumpfun.curve.quotes import QuoteError
from alphaloop.markets.pumpfun.curve.reserves import SUPPLY
from alphaloop.markets.pumpfun.transactions.pool_accounts import Pool, PoolSettings, PoolState
from alphaloop.markets.pumpfun.wire.keys import ZERO_KEY

ZERO_BASE = 6001
ZERO_QUOTE = 6002
SELLING_DISABLED = 6021
NOT_IN_VAULT = 6063


class PoolQuote(msgspec.Struct, frozen=True, gc=False):
    """One sale as the program would carry it out.

    Parameters
    ----------
    token_amount : int
        Base units sold.
    sol_amount : int
        Lamports before any charge.
    lp_fee, fee, creator_fee, cashback : int
        The charges of liquidity providers, protocol and creator, lamports; a cashback coin's seller gets the last back
        later.
    total : int
        Lamports that the seller receives.
    base_after, quote_after : int
        What the next trade is priced from: coins in the vault, and lamports with the virtual ones.
    """

    token_amount: int
    sol_amount: int
    lp_fee: int
    fee: int
    creator_fee: int
    cashback: int
    total: int
    base_after: int
    quote_after: int


def sell_into_pool(pool: Pool, base: int, quote: int, tokens: int, fees: Fees) -> PoolQuote:
    """Sell a number of tokens.

    Parameters
    ----------
    pool : Pool
        The pool's account.
    base, quote : int
        What its vaults hold, base units and lamports.
    tokens : int
        Base units offered.
    fees : Fees
        What this pool is charged, see `pool_fees`.

    Raises
    ------
    QuoteError
        If nothing is offered, it is worth less than its charges, or the vault cannot pay it.
    DataError
        If the vaults are empty, or hold less than the virtual reserves take away.
    """
    if tokens <= 0:
        raise QuoteError(ZERO_BASE, f"a sale needs at least one base unit, got {tokens}; offer more")
    priced = _priced_quote(pool, base, quote)
    gross = tokens * priced // (base + tokens)
    lp_fee, fee = charge(gross, fees.lp_bps), charge(gross, fees.protocol_bps)
    creator_fee, cashback = charge(gross, fees.creator_bps), charge(gross, fees.cashback_bps)
    total = gross - lp_fee - fee - creator_fee - cashback
    if gross == 0 or total < 0:
        raise QuoteError(
            ZERO_QUOTE, f"{tokens} base units are worth {gross} lamports, less than the charges; sell more"
        )
    leaving, held = gross - lp_fee, quote - pool.protocol_fees - pool.creator_fees
    if leaving > held:
        raise QuoteError(NOT_IN_VAULT, f"{leaving} lamports would leave a vault that has {held} to pay with; sell less")
    return PoolQuote(
        token_amount=tokens,
        sol_amount=gross,
        lp_fee=lp_fee,
        fee=fee,
        creator_fee=creator_fee,
        cashback=cashback,
        total=total,
        base_after=base + tokens,
        quote_after=priced - leaving,
    )


def quote_pool_sale(state: PoolState, tokens: int, settings: PoolSettings, table: FeeTable) -> PoolQuote:
    """Sell a number of tokens in a pool as it was read, charged as it is now.

    Raises
    ------
    QuoteError, DataError
        As `sell_into_pool` does, and if the program takes no sales.
    """
    if settings.selling_disabled:
        raise QuoteError(
            SELLING_DISABLED, f"{tokens} base units cannot be sold, all sales are disabled; try again later"
        )
    return sell_into_pool(state.pool, state.base, state.quote, tokens, pool_fees(state, settings, table))


def pool_fees(state: PoolState, settings: PoolSettings, table: FeeTable) -> Fees:
    """What a trade in this pool is charged now.

    The tier of the coin's market value, which counts all coins there are but of a mayhem coin those that there were;
    the creator's part is the pool's own, where it has one and the settings let it.

    Raises
    ------
    DataError
        As `sell_into_pool` does.
    """
    pool = state.pool
    supply = SUPPLY if pool.is_mayhem_mode else state.supply
    tier = table.fees(_priced_quote(pool, state.base, state.quote) * supply // state.base)
    if settings.creator_fee_configurable and pool.creator_fee_bps:
        tier = msgspec.structs.replace(tier, creator_bps=pool.creator_fee_bps)
    has_creator = pool.coin_creator != ZERO_KEY
    return tier.for_coin(has_creator=has_creator, cashback=has_creator and pool.is_cashback_coin)


def _priced_quote(pool: Pool, base: int, quote: int) -> int:
    priced = quote + pool.virtual_quote_reserves
    if base <= 0 or quote <= 0 or priced <= 0:
        raise DataError(
            f"a pool of {base} base units and {quote} lamports, {priced} priced, has no price; read it again"
        )
    return priced
