"""Exact money: whole numbers of 1e-9 quote units, and one rule for every rounding.

Amounts and quantities are Python integers of 1e-9 ("nano") quote and base units, so that sums never drift and never
overflow. A price stays a float; the product of a price and a quantity is formed exactly and rounded once, against the
trader: what is paid rounds up, what is received rounds down.
"""

from __future__ import annotations

NANO = 1_000_000_000


def to_nano(amount: float) -> int:
    """Whole nano units nearest to `amount`; a half goes to the even neighbour."""
    return round(amount * NANO)


def from_nano(amount: int) -> float:
    """Give the float nearest to `amount` nano units."""
    return amount / NANO


def notional(price: float, quantity: int, paid: bool) -> int:
    """Nano quote units for `quantity` nano base units at `price`.

    Parameters
    ----------
    price : float
        Quote units for one base unit, finite and positive.
    quantity : int
        Nano base units, not negative.
    paid : bool
        True rounds up (a buy), False rounds down (a sell).
    """
    over, under = price.as_integer_ratio()
    return -(-quantity * over // under) if paid else quantity * over // under


def fee_of(amount: int, rate: float) -> int:
    """Fee on `amount` nano quote units at the fraction `rate`, rounded up; never negative."""
    over, under = rate.as_integer_ratio()
    return -(-amount * over // under)
