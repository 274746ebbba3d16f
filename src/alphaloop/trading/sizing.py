"""How much to buy or sell: caps reduce, a minimum skips, and nothing ever exceeds the wanted risk."""

from __future__ import annotations

import math

from alphaloop.core.costs import Costs
from alphaloop.core.fills import cost_basis, fill_price
from alphaloop.trading.money import NANO
from alphaloop.trading.plan import Sizing


def size(
    sizing: Sizing, costs: Costs, side: int, price: float, stop_distance: float, equity: float, exposure: float
) -> int:
    """Quantity of an entry in nano base units; 0 means skip.

    Parameters
    ----------
    side : int
        +1 long, -1 short.
    price : float
        Mid at the decision.
    stop_distance : float
        From the entry price with its costs to the stop, in price units; used by method ``risk``.
    equity : float
        In quote units.
    exposure : float
        Notional of all positions open or opening, in quote units.
    """
    if sizing.method == "risk":
        wanted = equity * sizing.risk_fraction / loss_at_stop(costs, side, price, stop_distance)
    else:
        wanted = equity * sizing.fraction / price
    cap = min(equity * sizing.max_fraction, equity * sizing.max_exposure - exposure) / price
    quantity = min(wanted, cap)
    if not quantity > 0.0 or math.isinf(quantity):
        return 0
    step = max(1, round(sizing.quantity_step * NANO))
    whole = math.floor(quantity * NANO) // step * step
    return whole if whole / NANO * price >= sizing.min_notional else 0


def loss_at_stop(costs: Costs, side: int, price: float, stop_distance: float) -> float:
    """Loss of one base unit that is entered at mid `price` and stopped out, impact and both fees included."""
    basis = cost_basis(side, fill_price(side, price, costs.impact), costs.fee)
    out = fill_price(-side, basis - side * stop_distance, costs.impact)
    return side * (basis - cost_basis(-side, out, costs.fee))
