"""The first generation: `buy`, `buy_exact_sol_in`, `sell`; coins priced in SOL only.

Buys name 18 accounts. A sale names 16, a cashback coin's one more, and the creator's vault comes before the token
program there. Buys ask for the volume to be counted, as the official client does.
"""

from __future__ import annotations

from typing import Final

from solders.instruction import AccountMeta, Instruction

from alphaloop.core.errors import RefusedError
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions.coins import Coin, Parties
from alphaloop.markets.pumpfun.transactions.layout import arguments, mark, pays, reads, writes
from alphaloop.markets.pumpfun.transactions.orders import Buy, BuyExactIn, Order, Sell

BUY: Final = mark("buy")
BUY_EXACT_IN: Final = mark("buy_exact_sol_in")
SELL: Final = mark("sell")


def instruction(order: Order, coin: Coin, parties: Parties) -> Instruction:
    """The order as an instruction of the first generation.

    Raises
    ------
    RefusedError
        For a partial fill of a fixed budget: its place among the arguments is not known.
    """
    accounts = sell_accounts(coin, parties) if isinstance(order, Sell) else buy_accounts(coin, parties)
    return Instruction(at.PUMP, _data(order), accounts)


def buy_accounts(coin: Coin, parties: Parties) -> list[AccountMeta]:
    """The 18 accounts of a buy."""
    return [
        *_traders(coin, parties),
        reads(coin.token_program),
        writes(at.creator_vault(coin.creator)),
        reads(at.EVENT_AUTHORITY),
        reads(at.PUMP),
        reads(at.GLOBAL_VOLUME),
        writes(at.user_volume(parties.user)),
        *_ending(coin, parties),
    ]


def sell_accounts(coin: Coin, parties: Parties) -> list[AccountMeta]:
    """The 16 accounts of a sale; without the 17th, a cashback coin's seller would lose the cashback."""
    cashback = [writes(at.user_volume(parties.user))] if coin.cashback else []
    ending = _ending(coin, parties)
    return [
        *_traders(coin, parties),
        writes(at.creator_vault(coin.creator)),
        reads(coin.token_program),
        reads(at.EVENT_AUTHORITY),
        reads(at.PUMP),
        *ending[:2],
        *cashback,
        *ending[2:],
    ]


def _traders(coin: Coin, parties: Parties) -> list[AccountMeta]:
    curve = at.bonding_curve(coin.mint)
    return [
        reads(at.GLOBAL),
        writes(parties.fee_recipient),
        reads(coin.mint),
        writes(curve),
        writes(at.token_account(curve, coin.mint, coin.token_program)),
        writes(at.token_account(parties.user, coin.mint, coin.token_program)),
        pays(parties.user),
        reads(at.SYSTEM),
    ]


def _ending(coin: Coin, parties: Parties) -> list[AccountMeta]:
    return [
        reads(at.FEE_CONFIG),
        reads(at.FEES),
        reads(at.bonding_curve_v2(coin.mint)),
        writes(parties.buyback_recipient),
    ]


def _data(order: Order) -> bytes:
    if isinstance(order, Sell):
        return arguments(SELL, order.tokens, order.min_lamports)
    if isinstance(order, Buy):
        options = (True, True) if order.partial_fill else (True,)
        return arguments(BUY, order.tokens, order.max_lamports, *options)
    return _exact_in(order)


def _exact_in(order: BuyExactIn) -> bytes:
    if order.partial_fill:
        raise RefusedError(
            "buy_exact_sol_in with partial_fill true is not known to exist; buy a number of tokens or use v2"
        )
    return arguments(BUY_EXACT_IN, order.lamports, order.min_tokens, True)
