"""The second generation: `buy_v2`, `buy_exact_quote_in_v2`, `sell_v2`; one list of accounts for every kind of coin.

A coin priced in SOL names the wrapped-SOL accounts of everybody who is paid; they are derived only and need not exist,
since plain SOL moves. A sale names the buy's 27 accounts but the global volume's.
"""

from __future__ import annotations

from typing import Final

from solders.instruction import AccountMeta, Instruction

from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions.coins import Coin, Parties
from alphaloop.markets.pumpfun.transactions.layout import arguments, mark, pays, reads, writes
from alphaloop.markets.pumpfun.transactions.orders import Buy, Order, Sell

BUY: Final = mark("buy_v2")
BUY_EXACT_IN: Final = mark("buy_exact_quote_in_v2")
SELL: Final = mark("sell_v2")


def instruction(order: Order, coin: Coin, parties: Parties) -> Instruction:
    """The order as an instruction of the second generation."""
    return Instruction(at.PUMP, _data(order), accounts(coin, parties, selling=isinstance(order, Sell)))


def accounts(coin: Coin, parties: Parties, *, selling: bool) -> list[AccountMeta]:
    """The 27 accounts of a buy, or the 26 of a sale."""
    user, volume = parties.user, at.user_volume(parties.user)
    curve, vault = at.bonding_curve(coin.mint), at.creator_vault(coin.creator)
    return [
        reads(at.GLOBAL),
        reads(coin.mint),
        reads(at.QUOTE_SOL),
        reads(coin.token_program),
        reads(at.TOKEN),
        reads(at.ATA_PROGRAM),
        writes(parties.fee_recipient),
        writes(at.quote_account(parties.fee_recipient)),
        writes(parties.buyback_recipient),
        writes(at.quote_account(parties.buyback_recipient)),
        writes(curve),
        writes(at.token_account(curve, coin.mint, coin.token_program)),
        writes(at.quote_account(curve)),
        pays(user),
        writes(at.token_account(user, coin.mint, coin.token_program)),
        writes(at.quote_account(user)),
        writes(vault),
        writes(at.quote_account(vault)),
        reads(at.sharing_config(coin.mint)),
        *([] if selling else [reads(at.GLOBAL_VOLUME)]),
        writes(volume),
        writes(at.quote_account(volume)),
        reads(at.FEE_CONFIG),
        reads(at.FEES),
        reads(at.SYSTEM),
        reads(at.EVENT_AUTHORITY),
        reads(at.PUMP),
    ]


def _data(order: Order) -> bytes:
    if isinstance(order, Sell):
        return arguments(SELL, order.tokens, order.min_lamports)
    # Left off when false: programs of before the option refuse nothing, and the bytes are the official client's.
    options = (True,) if order.partial_fill else ()
    if isinstance(order, Buy):
        return arguments(BUY, order.tokens, order.max_lamports, *options)
    return arguments(BUY_EXACT_IN, order.lamports, order.min_tokens, *options)
