"""What a dry run knows of markets, and what a trade on paper comes to at a moment.

A trade meets the newest reserves that were known by the time it lands, and is carried out by the program's own rule.
It leaves no trace in them: they are the real market's, in which it never happened. A sale is therefore quoted without
the tokens that the wallet would have taken out of the curve, which makes it a little worse than it would have been.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, Final

from alphaloop.core.errors import RefusedError
from alphaloop.markets.pumpfun.curve.completion import MIGRATION_FEE
from alphaloop.markets.pumpfun.curve.quotes import NOT_ENOUGH_TO_BUY, QuoteError, buy_exact_in, sell
from alphaloop.markets.pumpfun.curve.reserves import POOL_TOKENS, SUPPLY
from alphaloop.markets.pumpfun.live.coin_context import curve_market, pool_market, pool_part
from alphaloop.markets.pumpfun.live.facts import Program
from alphaloop.markets.pumpfun.live.fills import Leg
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions.pool_accounts import KNOWN_POOL_BYTES, Pool, PoolState, pool_reads
from alphaloop.markets.pumpfun.transactions.pool_addresses import pool_authority
from alphaloop.markets.pumpfun.transactions.pool_quotes import quote_pool_sale
from alphaloop.trading.portfolio.records import Order

TOO_LITTLE_SOL: Final = 6003
COMPLETE: Final = 6005
NOT_ENOUGH_TO_SELL: Final = 6023
TOO_FEW_TOKENS: Final = 6042
POOL_SLIPPAGE: Final = 6004
MOST_STATES: Final = 64
MOST_ASSETS: Final = 10_000


class PaperMarkets:
    """The newest states of each asset, by the time at which they were known."""

    def __init__(self) -> None:
        self._known: dict[str, list[tuple[int, dict[str, Any]]]] = {}

    def know(self, asset: str, context: Mapping[str, Any], known_ns: int) -> None:
        """Take in a state; states may come in any order."""
        if not context:
            return
        states = self._known.setdefault(asset, [])
        at = bisect_right(states, known_ns, key=lambda state: state[0])
        states.insert(at, (known_ns, dict(context)))
        del states[:-MOST_STATES]
        if len(self._known) > MOST_ASSETS:
            self.forget(next(iter(self._known)))

    def at(self, asset: str, moment_ns: int) -> dict[str, Any] | None:
        """The newest state known by a moment; the oldest kept one if all are younger; None of an unknown asset."""
        states = self._known.get(asset)
        if not states:
            return None
        place = bisect_right(states, moment_ns, key=lambda state: state[0])
        return states[max(place - 1, 0)][1]

    def newest(self, asset: str) -> dict[str, Any] | None:
        """The newest state of an asset."""
        states = self._known.get(asset)
        return states[-1][1] if states else None

    def forget(self, asset: str) -> None:
        """Drop an asset."""
        self._known.pop(asset, None)


def carry_out(order: Order, context: Mapping[str, Any], program: Program, *, least: int, held: int) -> Leg:
    """What the chain would have done with an order's transaction.

    Parameters
    ----------
    context : mapping
        The market when it lands.
    least : int
        The limit in the transaction: base units of a buy, lamports of a sale.
    held : int
        Base units in the wallet.

    Raises
    ------
    QuoteError
        With the program's code, if it would have failed.
    RefusedError
        If the market is not known well enough to tell.
    """
    if order.venue == "pool":
        return _pool_leg(order, context, program, least, held)
    if context.get("complete"):
        raise QuoteError(COMPLETE, "the curve is complete; trade in the coin's pool")
    market = curve_market(order.asset, context)
    fees = market.fees(program.fees)
    if order.side == "buy":
        quote = buy_exact_in(market.reserves, order.amount, fees)
        if quote.token_amount < least:
            raise QuoteError(TOO_FEW_TOKENS, f"{quote.token_amount} base units are less than {least}; quote again")
    else:
        _check_held(order, held)
        quote = sell(market.reserves, order.quantity, fees)
        if quote.total < least:
            raise QuoteError(TOO_LITTLE_SOL, f"{quote.total} lamports are less than {least}; quote again")
    creator = quote.creator_fee + quote.cashback
    return Leg(order.side == "buy", quote.token_amount, quote.total, quote.fee, creator, "curve")


def _pool_leg(order: Order, context: Mapping[str, Any], program: Program, least: int, held: int) -> Leg:
    if order.side == "buy":
        raise QuoteError(NOT_ENOUGH_TO_BUY, "nothing is bought in a pool; leave it alone")
    if program.pool_settings is None or program.pool_fees is None:
        raise RefusedError("the pools' own settings are not known; wait until the chain has been asked")
    _check_held(order, held)
    state = pool_market(order.asset, context).state
    quote = quote_pool_sale(state, order.quantity, program.pool_settings, program.pool_fees)
    if quote.total < least:
        raise QuoteError(POOL_SLIPPAGE, f"{quote.total} lamports are less than {least}; quote again")
    fee = quote.lp_fee + quote.fee
    return Leg(False, quote.token_amount, quote.total, fee, quote.creator_fee + quote.cashback, "pool")


def _check_held(order: Order, held: int) -> None:
    if held < order.quantity:
        raise QuoteError(NOT_ENOUGH_TO_SELL, f"{order.quantity} base units are sold and {held} held; read the holding")


def with_paper_pool(asset: str, context: Mapping[str, Any]) -> dict[str, Any]:
    """The context of a graduated coin whose pool nobody read: as its migration leaves it, or as `pool` prices it.

    Where a context tells the two sides of the pool (`base` and `quote`), the pool is made to hold them.
    """
    told = context.get("pool") or {}
    if not context.get("complete") or "state" in told:
        return dict(context)
    mint, program = at.key(asset), at.key(context["token_program"])
    base = told.get("base") or POOL_TOKENS
    quote = told.get("quote") or max(context.get("real_sol", 0) - MIGRATION_FEE, 1)
    _, base_vault, quote_vault, _ = pool_reads(mint, program)
    pool = Pool(
        index=0,
        creator=str(pool_authority(mint)),
        base_mint=asset,
        quote_mint=str(at.QUOTE_SOL),
        pool_base_token_account=str(base_vault),
        pool_quote_token_account=str(quote_vault),
        coin_creator=context["creator"],
        is_mayhem_mode=context.get("mayhem", False),
        is_cashback_coin=context.get("cashback", False),
        virtual_quote_reserves=0,
        creator_fee_bps=0,
        is_holder_reward=context.get("holder_reward", False),
        protocol_fees=0,
        creator_fees=0,
        account_bytes=KNOWN_POOL_BYTES,
    )
    state = PoolState(pool, context["token_program"], base, quote, context.get("supply") or SUPPLY)
    return {**context, "pool": pool_part(state, volume_account_missing=False)}
