"""Typed events to the bytes that the chain would have logged: the newest layout, the exact inverse of `decode`.

What a record holds beyond its event (fee recipients, fee rates, volume counters, the name of the instruction) is filled
with what an ordinary trade of today has. Use `borsh.write_fields` to choose each field.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.events import (
    AmmTrade,
    AnyEvent,
    Complete,
    Create,
    Migration,
    PostCompleteBuy,
    Trade,
)
from alphaloop.markets.pumpfun.wire.borsh import write_fields
from alphaloop.markets.pumpfun.wire.keys import KEY_BYTES, ZERO_KEY, to_bytes
from alphaloop.markets.pumpfun.wire.layouts import (
    AMM_BUY,
    AMM_SELL,
    COMPLETE,
    CREATE,
    MIGRATION,
    POST_COMPLETE_BUY,
    TRADE,
    Layout,
)

PROTOCOL_BPS: Final = 95
CREATOR_BPS: Final = 30
BUYBACK_BPS: Final = 5_000
FEE_RECIPIENT: Final = "62qc2CNXwrYqQScmEdiZFFAnJR262PxWEuNQtxfafNgV"

_NO_KEY: Final = bytes(KEY_BYTES)
_RECIPIENT: Final = to_bytes(FEE_RECIPIENT)
# The newest trade record, whole, for a name of three ("buy") and of four ("sell") characters and no shareholders.
_TRADE: Final = {length: struct.Struct(f"<8s32sQQ?32sqQQQQ32sQQ32sQQ33xI{length}s?QQQQI32sQQQQQQ") for length in (3, 4)}
_TRADE_DISCRIMINATOR: Final = TRADE.discriminator


def encode(event: AnyEvent) -> bytes:
    """Bytes of the record that decodes to `event`.

    Raises
    ------
    DataError
        If a key is not base58 of 32 bytes, or an amount does not fit its field.
    """
    if isinstance(event, Trade):
        return _trade(event)
    layout, values = _VALUES[type(event)](event)
    plain = {name: _EMPTY[kind] for name, kind in layout.fields}
    return write_fields(layout, plain | values)


def _trade(event: Trade) -> bytes:
    name = b"buy" if event.is_buy else b"sell"
    charged = event.fee > 0 or event.creator_fee > 0
    if event.quote_mint:
        quote, sol = to_bytes(event.quote_mint), (0, 0, 0)
    else:
        quote, sol = _NO_KEY, (event.sol_amount, event.virtual_sol, event.real_sol)
    creator = to_bytes(event.creator) if event.creator else _NO_KEY
    try:
        return _TRADE[len(name)].pack(
            _TRADE_DISCRIMINATOR, to_bytes(event.mint), sol[0], event.token_amount, event.is_buy,
            to_bytes(event.wallet), event.event_ns // NS_PER_S, sol[1], event.virtual_token, sol[2], event.real_token,
            _RECIPIENT, PROTOCOL_BPS if charged else 0, event.fee, creator,
            CREATOR_BPS if event.creator_fee else 0, event.creator_fee, len(name), name, event.mayhem,
            CREATOR_BPS if event.cashback else 0, event.cashback, BUYBACK_BPS if charged else 0,
            event.fee * BUYBACK_BPS // 10_000, 0, quote, event.sol_amount, event.virtual_sol, event.real_sol, 0, 0, 0,
        )  # fmt: skip
    except struct.error as wrong:
        raise DataError(
            f"trade {event.key} does not fit its record ({wrong}); give amounts of 0 to 2**64 - 1"
        ) from None


def _seconds(event: AnyEvent) -> int:
    return event.event_ns // NS_PER_S


def _create(event: Create) -> tuple[Layout, dict[str, Any]]:
    return CREATE, {
        "name": event.name,
        "symbol": event.symbol,
        "uri": event.uri,
        "mint": event.mint,
        "bonding_curve": event.bonding_curve,
        "user": event.user,
        "creator": event.creator,
        "timestamp": _seconds(event),
        "virtual_token_reserves": event.virtual_token,
        "virtual_sol_reserves": 0 if event.quote_mint else event.virtual_sol,
        "real_token_reserves": event.real_token,
        "token_total_supply": event.supply,
        "token_program": event.token_program or ZERO_KEY,
        "is_mayhem_mode": event.mayhem,
        "is_cashback_enabled": event.cashback_coin,
        "quote_mint": event.quote_mint or ZERO_KEY,
        "virtual_quote_reserves": event.virtual_sol,
        "is_holder_reward": event.holder_reward,
    }


def _complete(event: Complete) -> tuple[Layout, dict[str, Any]]:
    return COMPLETE, {
        "user": event.user,
        "mint": event.mint,
        "bonding_curve": event.bonding_curve,
        "timestamp": _seconds(event),
        "quote_mint": event.quote_mint or ZERO_KEY,
    }


def _migration(event: Migration) -> tuple[Layout, dict[str, Any]]:
    return MIGRATION, {
        "user": event.user,
        "mint": event.mint,
        "mint_amount": event.token_amount,
        "sol_amount": event.sol_amount,
        "pool_migration_fee": event.migration_fee,
        "bonding_curve": event.bonding_curve,
        "timestamp": _seconds(event),
        "pool": event.pool,
        "quote_mint": event.quote_mint or ZERO_KEY,
    }


def _post_complete_buy(event: PostCompleteBuy) -> tuple[Layout, dict[str, Any]]:
    return POST_COMPLETE_BUY, {
        "user": event.wallet,
        "mint": event.mint,
        "bonding_curve": event.bonding_curve,
        "quote_mint": event.quote_mint or ZERO_KEY,
        "timestamp": _seconds(event),
        "base_out": event.token_amount,
        "quote_in": event.sol_amount,
        "fee_basis_points": PROTOCOL_BPS,
        "fee": event.fee,
        "creator_fee_basis_points": CREATOR_BPS if event.creator_fee else 0,
        "creator_fee": event.creator_fee,
        "buyback_fee": event.fee * BUYBACK_BPS // 10_000,
        "pool_base_reserves_before": event.pool_base_before,
        "pool_quote_reserves_before": event.pool_quote_before,
        "pool_base_reserves_after": event.pool_base_after,
        "pool_quote_reserves_after": event.pool_quote_after,
    }


def _amm_trade(event: AmmTrade) -> tuple[Layout, dict[str, Any]]:
    layout, tokens, sol = (
        (AMM_BUY, "base_amount_out", "quote_amount_in")
        if event.is_buy
        else (AMM_SELL, "base_amount_in", "quote_amount_out")
    )
    return layout, {
        "timestamp": _seconds(event),
        tokens: event.token_amount,
        sol: event.sol_amount,
        "pool_base_token_reserves": event.pool_base_before,
        "pool_quote_token_reserves": event.pool_quote_before,
        "virtual_quote_reserves": event.virtual_quote,
        "pool": event.pool,
        "user": event.wallet,
    }


_EMPTY: Final[dict[str, Any]] = {
    "key": ZERO_KEY, "u8": 0, "u64": 0, "i64": 0, "i128": 0, "bool": False, "string": "", "shares": [],
}  # fmt: skip
_VALUES: Final[dict[type, Callable[[Any], tuple[Layout, dict[str, Any]]]]] = {
    Create: _create,
    Complete: _complete,
    Migration: _migration,
    PostCompleteBuy: _post_complete_buy,
    AmmTrade: _amm_trade,
}
