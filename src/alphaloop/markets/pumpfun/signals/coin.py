"""What a message says of the coin itself, its curve and its kind: enough to build an order without asking anybody."""

from __future__ import annotations

import msgspec

from alphaloop.markets.pumpfun.books.token_state import PROGRAMS, TokenState


class CoinState(msgspec.Struct, frozen=True, gc=False, kw_only=True, rename="camel"):
    """A coin as the books know it when a message is made.

    Attributes
    ----------
    virtual_sol, virtual_token, real_sol, real_token : int
        Reserves after the newest event: lamports and base units.
    complete : bool
        Nothing is left on the curve; the coin trades in its pool, now or soon.
    creator : str
        The newest that an event named; empty if none did.
    token_program : str
        Owner of the mint's account. Empty if it is not known: the creation was not seen, is forgotten, or named none.
        Then `cashback` and `holder_reward` are not known either, and no order may be built without asking the chain.
    mayhem, cashback, holder_reward : bool
    quote_mint : str
        What the coin is priced in; empty for SOL, the only quote whose coins have messages.
    supply : int
        Base units in existence at the creation.
    newer : str
        What of the coin's kind is not known here, in words; empty if nothing. Such a coin is not bought.
    """

    virtual_sol: int
    virtual_token: int
    real_sol: int
    real_token: int
    complete: bool
    creator: str
    token_program: str
    mayhem: bool
    cashback: bool
    holder_reward: bool
    quote_mint: str = ""
    supply: int
    newer: str = ""


def coin_state(token: TokenState) -> CoinState:
    """What the book of tokens knows of a coin."""
    return CoinState(
        virtual_sol=token.virtual_sol,
        virtual_token=token.virtual_token,
        real_sol=token.real_sol,
        real_token=token.real_token,
        complete=token.completed_ns > 0,
        creator=token.creator,
        token_program=PROGRAMS[token.program],
        mayhem=token.mayhem,
        cashback=token.cashback,
        holder_reward=token.holder_reward,
        supply=token.supply,
        newer=token.newer,
    )
