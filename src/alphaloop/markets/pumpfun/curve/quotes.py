"""What a trade on the curve costs or pays, exactly as the program computes it.

With virtual reserves T (tokens) and Q (lamports), in whole numbers:

- buy `a` tokens: ``n = a Q // (T - a) + 1``, and the buyer pays n and the charges on n;
- buy for exactly `s` lamports: ``n = 10000 s // (10000 + all basis points)``, lowered by what n and its charges exceed
  `s` by, and the tokens are ``(n - 1) T // (Q + n - 1)``;
- sell `a` tokens: ``n = a Q // (T + a)``, and the seller receives n less the charges on n.

Every rounding is against the trader. A quote holds for the reserves it was made from: a mayhem coin's reserves move
outside trades too and must be read, never carried forward.
"""

from __future__ import annotations

import msgspec

from alphaloop.core.errors import InputError
from alphaloop.markets.pumpfun.curve.fees import BPS_BASE, TODAY, Fees, charge
from alphaloop.markets.pumpfun.curve.reserves import Reserves

BUY_ZERO = 6020
NOT_ENOUGH_TO_BUY = 6021
SELL_ZERO = 6022
COMPLETE = 6005


class QuoteError(InputError):
    """A trade that the program would refuse; `code` is the program's own error number."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Quote(msgspec.Struct, frozen=True, gc=False):
    """One trade as the program would carry it out.

    Parameters
    ----------
    token_amount : int
        Base units that change hands.
    sol_amount : int
        Lamports that reach or leave the curve, without any charge.
    fee, creator_fee, cashback : int
        The charges, lamports.
    total : int
        Lamports that the buyer pays or the seller receives, charges included; network costs are outside.
    after : Reserves
        The curve after the trade.
    """

    token_amount: int
    sol_amount: int
    fee: int
    creator_fee: int
    cashback: int
    total: int
    after: Reserves


def buy_tokens(reserves: Reserves, tokens: int, fees: Fees = TODAY, *, partial_fill: bool = False) -> Quote:
    """Buy a number of tokens.

    Parameters
    ----------
    reserves : Reserves
        The curve before the trade.
    tokens : int
        Base units wanted.
    partial_fill : bool
        If more is wanted than is left: take what is left and complete the curve, rather than be refused.

    Raises
    ------
    QuoteError
        If nothing is wanted, the curve is complete, or more is wanted than is left.
    """
    _check_open(reserves)
    if tokens <= 0:
        raise QuoteError(BUY_ZERO, f"a buy needs at least one base unit, got {tokens}; ask for more")
    if tokens > reserves.real_token:
        tokens = _what_is_left(reserves, tokens, partial_fill)
    return _buy(reserves, tokens, curve_cost(reserves, tokens), fees)


def buy_exact_in(reserves: Reserves, lamports: int, fees: Fees = TODAY, *, partial_fill: bool = False) -> Quote:
    """Buy for a budget that includes the charges.

    `total` may stay a few lamports below the budget: what rounding leaves is not taken.

    Parameters
    ----------
    lamports : int
        The budget.
    partial_fill : bool
        If the budget buys more than is left: take what is left at its cost, rather than be refused.

    Raises
    ------
    QuoteError
        If the budget buys nothing, the curve is complete, or the budget buys more than is left.
    """
    _check_open(reserves)
    net, fee, creator_fee, cashback = net_of_budget(lamports, fees)
    tokens = tokens_for_net(reserves.virtual_token, reserves.virtual_sol, net)
    if tokens <= 0:
        raise QuoteError(BUY_ZERO, f"a budget of {lamports} lamports is too small for one base unit; spend more")
    if tokens > reserves.real_token:
        left = _what_is_left(reserves, tokens, partial_fill)
        return _buy(reserves, left, curve_cost(reserves, left), fees)
    total = net + fee + creator_fee + cashback
    return Quote(tokens, net, fee, creator_fee, cashback, total, reserves.bought(tokens, net))


def sell(reserves: Reserves, tokens: int, fees: Fees = TODAY) -> Quote:
    """Sell a number of tokens back to the curve.

    Dust that is worth less than its charges pays out nothing: `total` is never below 0. That the seller holds the
    tokens and the curve the lamports is the program's to check.

    Raises
    ------
    QuoteError
        If nothing is offered or the curve is complete.
    """
    _check_open(reserves)
    if tokens <= 0:
        raise QuoteError(SELL_ZERO, f"a sale needs at least one base unit, got {tokens}; offer more")
    net = tokens * reserves.virtual_sol // (reserves.virtual_token + tokens)
    fee, creator_fee, cashback = _charges(net, fees)
    total = max(net - fee - creator_fee - cashback, 0)
    return Quote(tokens, net, fee, creator_fee, cashback, total, reserves.sold(tokens, net))


def sale_proceeds(token_side: int, sol_side: int, tokens: int, fees: Fees) -> int:
    """Lamports that a sale to the curve pays: the `total` of `sell`, without the rest of its quote.

    `tokens` is above 0 and the curve is open; `token_side` and `sol_side` are its virtual reserves.
    """
    net = tokens * sol_side // (token_side + tokens)
    less = -net  # rounding down what is negative rounds each charge up
    charges = less * fees.protocol_bps // BPS_BASE + less * fees.creator_bps // BPS_BASE
    return max(net + charges + less * fees.cashback_bps // BPS_BASE, 0)


def curve_cost(reserves: Reserves, tokens: int) -> int:
    """Lamports that reach the curve for `tokens` base units, charges excluded."""
    return tokens * reserves.virtual_sol // (reserves.virtual_token - tokens) + 1


def net_of_budget(lamports: int, fees: Fees) -> tuple[int, int, int, int]:
    """Split a budget into what reaches the curve and the protocol's, the creator's and the cashback charge.

    The charges are those of the first estimate of the net amount; if together they exceed the budget, the net amount
    gives way and the charges stay.
    """
    net = BPS_BASE * lamports // (BPS_BASE + fees.total_bps)
    fee, creator_fee, cashback = _charges(net, fees)
    excess = net + fee + creator_fee + cashback - lamports
    return net - max(excess, 0), fee, creator_fee, cashback


def tokens_for_net(token_side: int, sol_side: int, net: int) -> int:
    """Base units that a net amount buys from a constant product; 0 if it is too small for one."""
    return max((net - 1) * token_side // (sol_side + net - 1), 0) if net > 0 else 0


def buy_limit(total: int, tolerance_bps: int) -> int:
    """The most lamports to pay: `total` and a tolerance, rounded up."""
    return -(-total * (BPS_BASE + tolerance_bps) // BPS_BASE)


def sell_limit(total: int, tolerance_bps: int) -> int:
    """The least lamports to accept: `total` less a tolerance, rounded down."""
    return total * (BPS_BASE - tolerance_bps) // BPS_BASE


def _buy(reserves: Reserves, tokens: int, net: int, fees: Fees) -> Quote:
    fee, creator_fee, cashback = _charges(net, fees)
    total = net + fee + creator_fee + cashback
    return Quote(tokens, net, fee, creator_fee, cashback, total, reserves.bought(tokens, net))


def _charges(net: int, fees: Fees) -> tuple[int, int, int]:
    return charge(net, fees.protocol_bps), charge(net, fees.creator_bps), charge(net, fees.cashback_bps)


def _check_open(reserves: Reserves) -> None:
    if reserves.real_token == 0:
        raise QuoteError(COMPLETE, "the curve is complete, 0 base units are left; trade in the coin's pool")


def _what_is_left(reserves: Reserves, tokens: int, partial_fill: bool) -> int:
    if partial_fill:
        return reserves.real_token
    raise QuoteError(
        NOT_ENOUGH_TO_BUY,
        f"{tokens} base units are wanted and {reserves.real_token} are left; ask for less or for a partial fill",
    )
