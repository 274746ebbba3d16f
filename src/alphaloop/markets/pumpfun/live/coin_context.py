"""The facts of a coin's market as they go with signals, trades and orders: plain data, and what orders need of it.

=====================================================  ================================================================
virtual_sol, virtual_token, real_sol, real_token       reserves of the curve, lamports and base units
complete                                               the curve is sold out: the coin trades in its pool, now or soon
creator, token_program, mayhem, cashback,              the kind of coin; an empty `creator` or `token_program` is not
holder_reward, quote_mint, newer, supply               known, and has to be read before an order can be made
pool                                                   what the coin's pool was read as, see `pool_part`
known_ns                                               when all this was known
=====================================================  ================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from alphaloop.core.errors import RefusedError
from alphaloop.markets.pumpfun.curve.accounts import WRAPPED_SOL, BondingCurve
from alphaloop.markets.pumpfun.curve.fees import Fees, FeeTable
from alphaloop.markets.pumpfun.curve.reserves import SUPPLY, Reserves
from alphaloop.markets.pumpfun.transactions.addresses import key
from alphaloop.markets.pumpfun.transactions.coins import Coin, UnknownKindError
from alphaloop.markets.pumpfun.transactions.pool_accounts import PoolState
from alphaloop.markets.pumpfun.wire.keys import ZERO_KEY

SOL_QUOTES = ("", ZERO_KEY, WRAPPED_SOL)


class UnknownMarketError(RefusedError):
    """What is known of a market is not enough for an order: it has to be read."""


class CurveMarket(msgspec.Struct, frozen=True):
    """A coin on its curve."""

    coin: Coin
    reserves: Reserves
    supply: int

    def fees(self, table: FeeTable) -> Fees:
        """What a trade is charged now."""
        supply = self.supply if self.coin.mayhem else SUPPLY
        tier = table.fees(self.reserves.market_cap(supply))
        return tier.for_coin(has_creator=str(self.coin.creator) != ZERO_KEY, cashback=self.coin.cashback)


class PoolMarket(msgspec.Struct, frozen=True):
    """A coin in its pool, and whether the wallet has no account yet that counts its volume there."""

    state: PoolState
    volume_account_missing: bool


def curve_market(asset: str, context: Mapping[str, Any]) -> CurveMarket:
    """The coin and its curve.

    Raises
    ------
    UnknownMarketError
        If a part of it is not known.
    UnknownKindError
        If the coin is of a kind whose trades are not known.
    """
    unknown = [name for name in ("creator", "token_program", "virtual_sol", "virtual_token") if not context.get(name)]
    if unknown:
        raise UnknownMarketError(f"the {unknown[0]} of coin {asset} is not known; read its accounts")
    if context.get("quote_mint", "") not in SOL_QUOTES:
        raise UnknownKindError(f"coin {asset} is priced in {context['quote_mint']}, not in SOL; leave it alone")
    coin = Coin(
        mint=key(asset),
        token_program=key(context["token_program"]),
        creator=key(context["creator"]),
        mayhem=context.get("mayhem", False),
        cashback=context.get("cashback", False),
        holder_reward=context.get("holder_reward", False),
        newer=context.get("newer", ""),
    )
    reserves = Reserves(
        context["virtual_token"], context["virtual_sol"], context.get("real_token", 0), context.get("real_sol", 0)
    )
    return CurveMarket(coin, reserves, context.get("supply") or SUPPLY)


def pool_market(asset: str, context: Mapping[str, Any]) -> PoolMarket:
    """The coin's pool as it was read.

    Raises
    ------
    UnknownMarketError
        If it was not read, or was not there.
    """
    part = context.get("pool") or {}
    if "state" not in part:
        raise UnknownMarketError(f"the pool of coin {asset} is not known; read its accounts")
    try:
        state = msgspec.convert(part["state"], PoolState)
    except msgspec.ValidationError as wrong:
        raise UnknownMarketError(
            f"the pool of coin {asset} was kept in another form ({wrong}); read it again"
        ) from None
    return PoolMarket(state, part.get("volume_account_missing", False))


def curve_part(curve: BondingCurve, token_program: str, newer: str, now_ns: int) -> dict[str, Any]:
    """The context of a coin whose curve was read."""
    return {
        "virtual_sol": curve.virtual_quote_reserves,
        "virtual_token": curve.virtual_token_reserves,
        "real_sol": curve.real_quote_reserves,
        "real_token": curve.real_token_reserves,
        "complete": curve.complete,
        "creator": curve.creator,
        "token_program": token_program,
        "mayhem": curve.is_mayhem_mode,
        "cashback": curve.is_cashback_coin,
        "holder_reward": curve.is_holder_reward,
        "quote_mint": "" if curve.quote_mint in SOL_QUOTES else curve.quote_mint,
        "newer": newer or (f"depth {curve.depth}" if curve.depth else ""),
        "supply": curve.token_total_supply,
        "known_ns": now_ns,
    }


def pool_part(state: PoolState, *, volume_account_missing: bool) -> dict[str, Any]:
    """The pool's part of a context; `base` and `quote` are what it prices from."""
    return {
        "base": state.base,
        "quote": state.quote + state.pool.virtual_quote_reserves,
        "state": msgspec.to_builtins(state),
        "volume_account_missing": volume_account_missing,
    }
