"""Raw event records to typed events.

A record of any age decodes: fields that its layout did not have yet take the value that was true then (no creator
fee, no cashback, priced in SOL). Unknown bytes after the last known field belong to a newer layout: the event is
decoded, the record keeps the bytes, and `unknown_bytes` counts them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from alphaloop.markets.pumpfun.events import AnyEvent, Complete, Create, Input, Migration, PostCompleteBuy
from alphaloop.markets.pumpfun.wire.amm import amm_buy, amm_sell
from alphaloop.markets.pumpfun.wire.borsh import DamagedRecord, Decoded, block_ns, read_fields
from alphaloop.markets.pumpfun.wire.commands import decode_command
from alphaloop.markets.pumpfun.wire.keys import ZERO_KEY
from alphaloop.markets.pumpfun.wire.layouts import (
    AMM_BUY,
    AMM_SELL,
    COMPLETE,
    CREATE,
    DISCRIMINATOR_BYTES,
    LAYOUTS,
    MIGRATION,
    POST_COMPLETE_BUY,
    TRADE,
)
from alphaloop.markets.pumpfun.wire.records import Record
from alphaloop.markets.pumpfun.wire.trades import fast_trade, plain_trade, quote_of

__all__ = ["DamagedRecord", "Decoded", "Other", "Record", "decode", "fields", "unknown_bytes"]

_TRADE: Final = TRADE.discriminator
_CREATE: Final = LAYOUTS[CREATE.discriminator]
# What a coin's curve began with before its CreateEvent said so; the same for every coin of that time.
_FIRST_VIRTUAL_SOL: Final = 30_000_000_000
_FIRST_VIRTUAL_TOKEN: Final = 1_073_000_000_000_000
_FIRST_REAL_TOKEN: Final = 793_100_000_000_000
_FIRST_SUPPLY: Final = 1_000_000_000_000_000


class Other(msgspec.Struct, frozen=True, gc=False):
    """An event of the Pump program that is recorded but is no input of any book, such as a change of creator."""

    event: str
    signature: str
    log_index: int
    known_ns: int


def decode(record: Record) -> Input | Other | None:
    """Decode a record, a command's too; None if its discriminator is not known.

    Raises
    ------
    DamagedRecord
        If it ends inside a field, or a field holds what its type cannot.
    """
    kind = record.data[:DISCRIMINATOR_BYTES]
    if kind == _TRADE:
        return fast_trade(record) or plain_trade(record, read_fields(TRADE, record.data).fields)
    layout = LAYOUTS.get(kind)
    if layout is None:
        return decode_command(record)
    _, found, extra = read_fields(layout, record.data)
    if layout is _CREATE:
        return _create(record, found, extra)
    build = _BUILDERS.get(layout.event)
    if build is None:
        return Other(layout.event, record.signature, record.log_index, record.known_ns)
    return build(record, found)


def fields(data: bytes) -> Decoded:
    """Take a record apart: every field by the chain's name, and the bytes after the last one that is known.

    Raises
    ------
    DamagedRecord
        If it ends inside a field, or a field holds what its type cannot.
    """
    layout = LAYOUTS.get(data[:DISCRIMINATOR_BYTES])
    if layout is None:
        return Decoded("", {}, data[DISCRIMINATOR_BYTES:])
    return read_fields(layout, data)


def unknown_bytes(data: bytes) -> int:
    """Count the bytes of a sound record after the last field that is known: more than 0 is a newer layout."""
    return len(fields(data).extra)


def _create(record: Record, found: dict[str, Any], extra: bytes) -> Create:
    quote_mint = quote_of(found.get("quote_mint", ZERO_KEY))
    virtual = "virtual_quote_reserves" if quote_mint and "virtual_quote_reserves" in found else "virtual_sol_reserves"
    timestamp = found.get("timestamp")
    token_program = found.get("token_program", ZERO_KEY)
    return Create(
        signature=record.signature,
        log_index=record.log_index,
        slot=record.slot,
        # The oldest layout has no block time; it was known at once, so the time of arrival is the best bound there is.
        event_ns=record.known_ns if timestamp is None else block_ns(timestamp),
        known_ns=record.known_ns,
        mint=found["mint"],
        name=found["name"],
        symbol=found["symbol"],
        uri=found["uri"],
        bonding_curve=found["bonding_curve"],
        user=found["user"],
        creator=found.get("creator", found["user"]),
        virtual_sol=found.get(virtual, _FIRST_VIRTUAL_SOL),
        virtual_token=found.get("virtual_token_reserves", _FIRST_VIRTUAL_TOKEN),
        real_token=found.get("real_token_reserves", _FIRST_REAL_TOKEN),
        supply=found.get("token_total_supply", _FIRST_SUPPLY),
        token_program="" if token_program == ZERO_KEY else token_program,
        mayhem=found.get("is_mayhem_mode", False),
        cashback_coin=found.get("is_cashback_enabled", False),
        holder_reward=found.get("is_holder_reward", False),
        quote_mint=quote_mint,
        newer=_newer(found.get("depth", 0), extra),
    )


def _newer(depth: int, extra: bytes) -> str:
    """Say what decides a coin's kind and is not known here; a field of a later layout that is zero decides nothing."""
    unknown = len(extra.rstrip(b"\0"))
    if unknown:
        return f"{unknown} bytes behind the last known field"
    return f"depth {depth}" if depth else ""


def _complete(record: Record, found: dict[str, Any]) -> Complete:
    return Complete(
        signature=record.signature,
        log_index=record.log_index,
        slot=record.slot,
        event_ns=block_ns(found["timestamp"]),
        known_ns=record.known_ns,
        mint=found["mint"],
        user=found["user"],
        bonding_curve=found["bonding_curve"],
        quote_mint=quote_of(found.get("quote_mint", ZERO_KEY)),
    )


def _migration(record: Record, found: dict[str, Any]) -> Migration:
    return Migration(
        signature=record.signature,
        log_index=record.log_index,
        slot=record.slot,
        event_ns=block_ns(found["timestamp"]),
        known_ns=record.known_ns,
        mint=found["mint"],
        user=found["user"],
        bonding_curve=found["bonding_curve"],
        pool=found["pool"],
        token_amount=found["mint_amount"],
        sol_amount=found["sol_amount"],
        migration_fee=found["pool_migration_fee"],
        quote_mint=quote_of(found.get("quote_mint", ZERO_KEY)),
    )


def _post_complete_buy(record: Record, found: dict[str, Any]) -> PostCompleteBuy:
    return PostCompleteBuy(
        signature=record.signature,
        log_index=record.log_index,
        slot=record.slot,
        event_ns=block_ns(found["timestamp"]),
        known_ns=record.known_ns,
        mint=found["mint"],
        wallet=found["user"],
        bonding_curve=found["bonding_curve"],
        token_amount=found["base_out"],
        sol_amount=found["quote_in"],
        fee=found["fee"],
        creator_fee=found["creator_fee"],
        pool_base_before=found["pool_base_reserves_before"],
        pool_quote_before=found["pool_quote_reserves_before"],
        pool_base_after=found["pool_base_reserves_after"],
        pool_quote_after=found["pool_quote_reserves_after"],
        quote_mint=quote_of(found["quote_mint"]),
    )


_BUILDERS: Final[dict[str, Callable[[Record, dict[str, Any]], AnyEvent]]] = {
    COMPLETE.event: _complete,
    MIGRATION.event: _migration,
    POST_COMPLETE_BUY.event: _post_complete_buy,
    AMM_BUY.event: amm_buy,
    AMM_SELL.event: amm_sell,
}
