"""The third generation: `buy_v3`, `buy_exact_quote_in_v3`, `sell_v3`; the shortest, and not for cashback coins.

All three name the same 17 accounts. Fees stay on the curve until they are swept, so that no fee recipient is named but
the buy-back's. The account flags are the documentation's; they have not been compared with a transaction of mainnet.
"""

from __future__ import annotations

from typing import Final

from solders.instruction import AccountMeta, Instruction

from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions.coins import Coin, Parties, UnknownKindError
from alphaloop.markets.pumpfun.transactions.layout import arguments, mark, pays, reads, writes
from alphaloop.markets.pumpfun.transactions.orders import Buy, Order, Sell

BUY: Final = mark("buy_v3")
BUY_EXACT_IN: Final = mark("buy_exact_quote_in_v3")
SELL: Final = mark("sell_v3")


def instruction(order: Order, coin: Coin, parties: Parties) -> Instruction:
    """The order as an instruction of the third generation.

    Raises
    ------
    UnknownKindError
        For a cashback coin, which the program refuses with code 6094.
    """
    if coin.cashback:
        raise UnknownKindError(f"coin {coin.mint} pays cashback, which v3 refuses with code 6094; use v2")
    return Instruction(at.PUMP, _data(order), accounts(coin, parties))


def accounts(coin: Coin, parties: Parties) -> list[AccountMeta]:
    """The 17 accounts of every trade."""
    user, curve = parties.user, at.bonding_curve(coin.mint)
    return [
        reads(at.GLOBAL),
        reads(coin.mint),
        reads(at.QUOTE_SOL),
        reads(coin.token_program),
        reads(at.TOKEN),
        writes(curve),
        writes(at.token_account(curve, coin.mint, coin.token_program)),
        writes(at.quote_account(curve)),
        pays(user),
        writes(at.token_account(user, coin.mint, coin.token_program)),
        writes(at.quote_account(user)),
        writes(at.user_volume(user)),
        reads(at.FEE_CONFIG),
        writes(parties.buyback_recipient),
        reads(at.SYSTEM),
        reads(at.EVENT_AUTHORITY),
        reads(at.PUMP),
    ]


def _data(order: Order) -> bytes:
    if isinstance(order, Sell):
        return arguments(SELL, order.tokens, order.min_lamports)
    if isinstance(order, Buy):
        return arguments(BUY, order.tokens, order.max_lamports, order.partial_fill)
    return arguments(BUY_EXACT_IN, order.lamports, order.min_tokens, order.partial_fill)
