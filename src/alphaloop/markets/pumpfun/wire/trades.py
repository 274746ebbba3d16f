"""Trade records to `Trade`, by two roads: field by field for any age, and in a few calls for the layouts of today.

Nine records in ten are trades, and decoding them is what the throughput of the collector hangs on.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.events import Trade
from alphaloop.markets.pumpfun.wire.borsh import LAST_S, block_ns
from alphaloop.markets.pumpfun.wire.keys import KEY_BYTES, ZERO_KEY, to_bytes, to_text
from alphaloop.markets.pumpfun.wire.layouts import WRAPPED_SOL
from alphaloop.markets.pumpfun.wire.records import Record

_SOL_QUOTES: Final = frozenset((ZERO_KEY, WRAPPED_SOL))
_SOL_QUOTE_BYTES: Final = frozenset(to_bytes(key) for key in _SOL_QUOTES)
_NO_KEY: Final = bytes(KEY_BYTES)

# The bytes from the discriminator's end to the instruction's name: 250 of them, always at the same place.
_HEAD: Final = struct.Struct("<32sQQB32sqQQQQ40xQ32s8xQB32xI")
_HEAD_AT: Final = 8
_NAME_AT: Final = _HEAD_AT + _HEAD.size
# From the end of that name: mayhem, cashback bps (skipped), cashback, buyback (skipped), number of shareholders.
_MIDDLE: Final = struct.Struct("<B8xQ16xI")
_SHARE_BYTES: Final = KEY_BYTES + 2
# After the shareholders: quote mint, quote amount, virtual and real quote reserves.
_TAIL: Final = struct.Struct("<32sQQQ")
#: Ends of the layouts after that, as bytes beyond `_TAIL`; any count from the last on is a newer layout.
_LATER_ENDS: Final = (0, 8, 16, 24)


def quote_of(key: str) -> str:
    """Text of a quote mint as events have it: empty for SOL, wrapped or not."""
    return "" if key in _SOL_QUOTES else key


def fast_trade(record: Record) -> Trade | None:
    """Decode a trade of a layout since 2026-05; None where the plain road must be taken, damaged records included."""
    data = record.data
    try:
        (
            mint, sol, tokens, is_buy, user, timestamp, virtual_sol, virtual_token, real_sol, real_token,
            fee, creator, creator_fee, tracks, name_length,
        ) = _HEAD.unpack_from(data, _HEAD_AT)  # fmt: skip
        at = _NAME_AT + name_length
        mayhem, cashback, shares = _MIDDLE.unpack_from(data, at)
        at += _MIDDLE.size + shares * _SHARE_BYTES
        quote, quote_sol, quote_virtual, quote_real = _TAIL.unpack_from(data, at)
    except struct.error:
        return None
    later = len(data) - at - _TAIL.size
    if (
        (is_buy > 1 or tracks > 1 or mayhem > 1)
        or (later < _LATER_ENDS[-1] and later not in _LATER_ENDS)
        or not 0 <= timestamp <= LAST_S
        or not data[_NAME_AT : _NAME_AT + name_length].isascii()
    ):
        return None
    if quote in _SOL_QUOTE_BYTES:
        quote_mint = ""
    else:
        quote_mint, sol, virtual_sol, real_sol = to_text(quote), quote_sol, quote_virtual, quote_real
    return Trade(
        signature=record.signature,
        log_index=record.log_index,
        slot=record.slot,
        event_ns=timestamp * NS_PER_S,
        known_ns=record.known_ns,
        mint=to_text(mint),
        wallet=to_text(user),
        is_buy=is_buy == 1,
        sol_amount=sol,
        token_amount=tokens,
        virtual_sol=virtual_sol,
        virtual_token=virtual_token,
        real_sol=real_sol,
        real_token=real_token,
        fee=fee,
        creator_fee=creator_fee,
        cashback=cashback,
        creator="" if creator == _NO_KEY else to_text(creator),
        mayhem=mayhem == 1,
        quote_mint=quote_mint,
    )


def plain_trade(record: Record, found: dict[str, Any]) -> Trade:
    """Build the trade from fields of a layout of any age."""
    quote_mint = quote_of(found.get("quote_mint", ZERO_KEY))
    amount, virtual, real = ("quote_amount", "virtual_quote_reserves", "real_quote_reserves")
    if not quote_mint or real not in found:
        amount, virtual, real = ("sol_amount", "virtual_sol_reserves", "real_sol_reserves")
    creator = found.get("creator", ZERO_KEY)
    return Trade(
        signature=record.signature,
        log_index=record.log_index,
        slot=record.slot,
        event_ns=block_ns(found["timestamp"]),
        known_ns=record.known_ns,
        mint=found["mint"],
        wallet=found["user"],
        is_buy=found["is_buy"],
        sol_amount=found[amount],
        token_amount=found["token_amount"],
        virtual_sol=found[virtual],
        virtual_token=found["virtual_token_reserves"],
        real_sol=found[real],
        real_token=found["real_token_reserves"],
        fee=found.get("fee", 0),
        creator_fee=found.get("creator_fee", 0),
        cashback=found.get("cashback", 0),
        creator="" if creator == ZERO_KEY else creator,
        mayhem=found.get("mayhem_mode", False),
        quote_mint=quote_mint,
    )
