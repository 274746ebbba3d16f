"""Where an order fills inside a bar, said once and used by labels and the paper venue alike.

A bar knows only its open, high, low and close, so filling inside it is a convention. Ours: the mid moves in a straight
line from open to close. Brackets are judged on high and low; whatever the bar cannot order counts against the trader.

Every function takes plain numbers, calls no other and is plain arithmetic, so that the event engine uses it as it is
and the label kernels compile it: both roads give the same bits.
"""

from __future__ import annotations

import math


def fill_mid(arrives_ns: int, open_ns: int, known_ns: int, open_price: float, close_price: float) -> float:
    """Mid at which an order fills that reaches the venue at `arrives_ns`.

    Parameters
    ----------
    arrives_ns : int
        Decision time plus latency. The bar to use is the first one of the symbol with ``known_ns > arrives_ns``.
    open_ns, known_ns : int
        The bar, half-open ``[open_ns, known_ns)``.
    open_price, close_price : float
        Its open and close.

    Returns
    -------
    float
        The open for an order that waits for the bar, or comes exactly with it; after that the straight line from open
        to close at the fraction of the bar that has passed.
    """
    if arrives_ns <= open_ns:
        return open_price
    return open_price + (close_price - open_price) * ((arrives_ns - open_ns) / (known_ns - open_ns))


def fill_price(side: int, mid: float, impact: float) -> float:
    """Price paid by a buy (`side` +1) or received by a sell (-1) of a market order at `mid`."""
    return mid * (1.0 + side * impact)


def cost_basis(side: int, fill: float, fee: float) -> float:
    """Fill price with its fee: what a unit cost a long (+1), what it brought a short (-1). Brackets count from here."""
    return fill * (1.0 + side * fee)


def bracket_exit(
    side: int, stop: float, target: float, open_price: float, high: float, low: float, entering: bool
) -> tuple[int, float]:
    """Judge what a bar does to a position with a stop and a target.

    Parameters
    ----------
    side : int
        +1 long (``stop < target``), -1 short (``stop > target``).
    stop, target : float
        Levels of the mid.
    open_price, high, low : float
        The bar. A NaN never triggers.
    entering : bool
        Whether the position was opened inside this bar: then the open lies before the entry and is no gap.

    Returns
    -------
    outcome : int
        -1 stopped, +1 target reached, 0 neither. Both in one bar is a stop.
    mid : float
        Mid at which the exit fills: the stop, or the open where the bar opened beyond it; the target, never better;
        NaN for neither.
    """
    if side > 0:
        if low <= stop:
            return -1, (stop if entering else min(stop, open_price))
        if high >= target:
            return 1, target
        return 0, math.nan
    if high >= stop:
        return -1, (stop if entering else max(stop, open_price))
    if low <= target:
        return 1, target
    return 0, math.nan


def net_return(side: int, entry_mid: float, exit_mid: float, impact: float, fee: float) -> float:
    """Return of a round trip on the notional of its entry, after impact and the fees of both orders.

    ``long:  (X (1 - i)(1 - f) - E (1 + i)(1 + f)) / (E (1 + i))``, a short mirrored, with the entry mid `E`, the exit
    mid `X`, the impact `i` and the fee `f`, both fractions (`Costs.impact`, `Costs.fee`).
    """
    entry = entry_mid * (1.0 + side * impact)
    leaving = exit_mid * (1.0 - side * impact)
    return side * (leaving * (1.0 - side * fee) - entry * (1.0 + side * fee)) / entry
