"""What a trade costs besides its price: the network's fee, and rent for the accounts that it may have to create."""

from __future__ import annotations

from typing import Final

from alphaloop.markets.pumpfun.transactions.addresses import TOKEN
from alphaloop.markets.pumpfun.transactions.coins import Coin
from alphaloop.markets.pumpfun.transactions.orders import Buy, BuyExactIn, Order, Sell

SIGNATURE_FEE: Final = 5_000
MICRO: Final = 1_000_000
RENT_PER_BYTE: Final = 6_960
ACCOUNT_OVERHEAD: Final = 128
"""Bytes that every account is charged for besides its data."""


def rent(data_bytes: int) -> int:
    """Lamports that keep an account of this length alive."""
    return (ACCOUNT_OVERHEAD + data_bytes) * RENT_PER_BYTE


TOKEN_ACCOUNT_RENT: Final = rent(165)
TOKEN_2022_ACCOUNT_RENT: Final = rent(170)
USER_VOLUME_RENT: Final = rent(137)
CREATOR_VAULT_RENT: Final = rent(0)
WALLET_RENT: Final = rent(0)
"""What must be left in a wallet: the network refuses a transaction that leaves less, unless it leaves nothing."""

CURVE_GROWTH_RENT: Final = rent(166) - rent(49)
"""From the shortest bonding-curve account to the longest that is known."""


def priority_fee(compute_units: int, unit_price: int) -> int:
    """Lamports for a unit price in micro-lamports, rounded up."""
    return -(-compute_units * unit_price // MICRO)


def network_fee(compute_units: int, unit_price: int, signatures: int = 1) -> int:
    """Lamports that the transaction costs whether it succeeds or fails."""
    return SIGNATURE_FEE * signatures + priority_fee(compute_units, unit_price)


def most_rent(order: Order, coin: Coin) -> int:
    """The most rent that a trade may take: every account that can be missing is, and the curve's is of the oldest."""
    shared = USER_VOLUME_RENT + CREATOR_VAULT_RENT + CURVE_GROWTH_RENT
    if isinstance(order, Sell):
        return shared
    return shared + (TOKEN_ACCOUNT_RENT if coin.token_program == TOKEN else TOKEN_2022_ACCOUNT_RENT)


def needed_balance(order: Order, coin: Coin, *, fee: int, tip: int) -> int:
    """Lamports in the wallet with which no trade of this order fails for want of them.

    What a sale pays out is not counted: it comes too late for the rent that the sale may have to pay before.

    Parameters
    ----------
    fee, tip : int
        The network's fee and the tip, lamports.
    """
    return _price(order) + most_rent(order, coin) + fee + tip + WALLET_RENT


def _price(order: Order) -> int:
    if isinstance(order, Buy):
        return order.max_lamports
    return order.lamports if isinstance(order, BuyExactIn) else 0
