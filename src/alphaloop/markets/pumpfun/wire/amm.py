"""PumpSwap's trade records to `AmmTrade`."""

from __future__ import annotations

from typing import Any

from alphaloop.markets.pumpfun.events import AmmTrade
from alphaloop.markets.pumpfun.wire.borsh import block_ns
from alphaloop.markets.pumpfun.wire.records import Record


def amm_buy(record: Record, found: dict[str, Any]) -> AmmTrade:
    """Build the event of a buy in a pool; `sol_amount` is what entered the pool's price, fees excluded."""
    return _amm_trade(record, found, found["base_amount_out"], found["quote_amount_in"], is_buy=True)


def amm_sell(record: Record, found: dict[str, Any]) -> AmmTrade:
    """Build the event of a sell in a pool; `sol_amount` is before the fees."""
    return _amm_trade(record, found, found["base_amount_in"], found["quote_amount_out"], is_buy=False)


def _amm_trade(record: Record, found: dict[str, Any], tokens: int, sol: int, *, is_buy: bool) -> AmmTrade:
    return AmmTrade(
        signature=record.signature,
        log_index=record.log_index,
        slot=record.slot,
        event_ns=block_ns(found["timestamp"]),
        known_ns=record.known_ns,
        mint="",
        pool=found["pool"],
        wallet=found["user"],
        is_buy=is_buy,
        token_amount=tokens,
        sol_amount=sol,
        pool_base_before=found["pool_base_token_reserves"],
        pool_quote_before=found["pool_quote_token_reserves"],
        # Records of before July 2026 end earlier: no pool had virtual reserves then.
        virtual_quote=found.get("virtual_quote_reserves", 0),
    )
