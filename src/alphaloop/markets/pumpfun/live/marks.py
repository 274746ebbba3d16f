"""The price in what is known of an asset's market."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alphaloop.trading.portfolio.records import Mark


def price_of(context: Mapping[str, Any]) -> float | None:
    """Lamports for one base unit, of the curve or, where that is complete, of the pool; None if it is not known."""
    if context.get("complete"):
        pool = context.get("pool") or {}
        base, quote = pool.get("base", 0), pool.get("quote", 0)
        return quote / base if base > 0 and quote > 0 else None
    base, quote = context.get("virtual_token", 0), context.get("virtual_sol", 0)
    return quote / base if base > 0 and quote > 0 else None


def mark_of(asset: str, context: Mapping[str, Any], now_ns: int) -> Mark | None:
    """The mark of an asset whose market was read now; None if it has no price."""
    price = price_of(context)
    if price is None:
        return None
    return Mark(at_ns=now_ns, asset=asset, price=price, known_ns=now_ns, context=dict(context))
