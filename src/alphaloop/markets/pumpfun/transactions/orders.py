"""What is wanted of a trade, with its slippage limit: tokens for at most, tokens for exactly, a sale for at least.

Limits are compared by the program with totals that include its fees; the network's fee, rent and tip are outside.
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from alphaloop.core.errors import InputError
from alphaloop.markets.pumpfun.curve.fees import BPS_BASE
from alphaloop.markets.pumpfun.curve.quotes import BUY_ZERO, SELL_ZERO, QuoteError, buy_limit, sell_limit

U64_LIMIT: Final = 1 << 64


class Priced(Protocol):
    """A quote of either kind: within the curve, or through its end."""

    @property
    def token_amount(self) -> int:
        """Base units that change hands."""

    @property
    def total(self) -> int:
        """Lamports that the buyer pays or the seller receives, charges included."""


class Buy(msgspec.Struct, frozen=True, tag="buy"):
    """Buy `tokens` base units for at most `max_lamports`.

    Raises
    ------
    QuoteError
        If nothing is wanted.
    InputError
        If a number does not fit 64 bits.
    """

    tokens: int
    max_lamports: int
    partial_fill: bool = False
    """Take what is left and complete the curve, if more is wanted than is left."""

    def __post_init__(self) -> None:
        _check(BUY_ZERO, "a buy", self.tokens, self.max_lamports)


class BuyExactIn(msgspec.Struct, frozen=True, tag="buy_exact_in"):
    """Buy for `lamports`, charges included, and get at least `min_tokens` base units.

    Raises
    ------
    QuoteError, InputError
        As `Buy` does.
    """

    lamports: int
    min_tokens: int
    partial_fill: bool = False

    def __post_init__(self) -> None:
        _check(BUY_ZERO, "a buy", self.lamports, self.min_tokens)


class Sell(msgspec.Struct, frozen=True, tag="sell"):
    """Sell `tokens` base units for at least `min_lamports` after charges.

    Raises
    ------
    QuoteError, InputError
        As `Buy` does.
    """

    tokens: int
    min_lamports: int

    def __post_init__(self) -> None:
        _check(SELL_ZERO, "a sale", self.tokens, self.min_lamports)


Order = Buy | BuyExactIn | Sell


def buy_at(quote: Priced, slippage_bps: int, *, partial_fill: bool = False) -> Buy:
    """The quote's tokens, for its total and a tolerance at most, rounded up."""
    return Buy(quote.token_amount, buy_limit(quote.total, _tolerance(slippage_bps)), partial_fill)


def spend_at(quote: Priced, lamports: int, slippage_bps: int, *, partial_fill: bool = False) -> BuyExactIn:
    """The budget that the quote was made for, and its tokens less a tolerance at least, rounded down."""
    return BuyExactIn(lamports, sell_limit(quote.token_amount, _share(slippage_bps)), partial_fill)


def sell_at(quote: Priced, slippage_bps: int) -> Sell:
    """The quote's tokens, for its total less a tolerance at least, rounded down; 10000 accepts anything."""
    return Sell(quote.token_amount, sell_limit(quote.total, _share(slippage_bps)))


def _tolerance(bps: int) -> int:
    if bps < 0:
        raise InputError(f"slippage of {bps} basis points is below 0; give what may be lost")
    return bps


def _share(bps: int) -> int:
    if bps > BPS_BASE:
        raise InputError(f"slippage of {bps} basis points is more than all; give at most {BPS_BASE}")
    return _tolerance(bps)


def _check(zero: int, what: str, amount: int, limit: int) -> None:
    if amount <= 0:
        raise QuoteError(zero, f"{what} of {amount} is none; give an amount above 0")
    if not (amount < U64_LIMIT and 0 <= limit < U64_LIMIT):
        raise InputError(f"{what} of {amount} with limit {limit} does not fit 64 bits; give numbers from 0 to 2^64 - 1")
