"""Which generation of instructions trades a coin, and the order as that instruction.

================  ============================  =========
kind of coin      possible                      unasked
================  ============================  =========
plain             legacy, v2, v3                legacy
mayhem            legacy, v2, v3                v2
holder rewards    legacy, v2, v3                v2
cashback          legacy, v2                    v2
================  ============================  =========

Unasked, a plain coin is traded by the instructions whose accounts were compared with real transactions, and every other
kind by the one list of accounts that has no conditional entry. v3 is for those who ask for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from solders.instruction import Instruction

from alphaloop.markets.pumpfun.transactions import legacy, v2, v3
from alphaloop.markets.pumpfun.transactions.coins import Coin, Parties, UnknownKindError
from alphaloop.markets.pumpfun.transactions.orders import Order, Sell

Generation = Literal["legacy", "v2", "v3"]

_MAKERS: Final[dict[Generation, Callable[[Order, Coin, Parties], Instruction]]] = {
    "legacy": legacy.instruction,
    "v2": v2.instruction,
    "v3": v3.instruction,
}


def possible(coin: Coin) -> tuple[Generation, ...]:
    """The generations that trade this kind of coin."""
    return ("legacy", "v2") if coin.cashback else ("legacy", "v2", "v3")


def generation_for(coin: Coin, preferred: Generation | None = None) -> Generation:
    """The generation that trades a coin: the preferred one where it can, else the one of the coin's kind."""
    if preferred is not None and preferred in possible(coin):
        return preferred
    return "v2" if coin.mayhem or coin.cashback or coin.holder_reward else "legacy"


def trade_instruction(order: Order, coin: Coin, parties: Parties, generation: Generation) -> Instruction:
    """The order as one instruction of the program.

    Raises
    ------
    UnknownKindError
        If this generation does not trade the coin, or a coin is to be bought whose account holds something unknown.
    RefusedError
        If this generation has no such order.
    """
    if coin.newer and not isinstance(order, Sell):
        raise UnknownKindError(f"the account of coin {coin.mint} holds {coin.newer}; buy it when that is understood")
    return _MAKERS[generation](order, coin, parties)
