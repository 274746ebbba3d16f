"""How much an entry spends."""

from __future__ import annotations

from alphaloop.trading.portfolio.settings import Phase, RegimeEffect, Sizing


def size(
    sizing: Sizing,
    phase: Phase,
    effect: RegimeEffect,
    *,
    free: int,
    liquidity: int,
    probability: float,
    threshold: float,
) -> tuple[int, str]:
    """Budget of an entry in smallest money units, and what made it too small; one of the two is empty.

    The phase's share of the free balance, times conviction ``(p - threshold) / (1 - threshold)`` between
    `least_conviction` and 1, times the regime's factor; at most `liquidity_fraction` of the market's money, and never
    so much that `keep` could not be left over after `overhead`.

    Parameters
    ----------
    free : int
        Balance without what is reserved.
    liquidity : int
        Money in the asset's market.
    """
    margin = (probability - threshold) / (1.0 - threshold) if threshold < 1.0 else 1.0
    conviction = min(max(margin, sizing.least_conviction), 1.0)
    wanted = int(free * phase.size_fraction * conviction * effect.size_factor)
    deepest = int(liquidity * sizing.liquidity_fraction)
    spare = free - sizing.keep - sizing.overhead
    found = min(wanted, deepest, spare)
    if found >= sizing.min_size:
        return found, ""
    limit = {wanted: "share of the balance", deepest: "share of the market", spare: "balance to keep"}
    return 0, f"{found} by the {limit[found]} is below min_size {sizing.min_size}"
