"""The highest price since any earlier moment."""

from __future__ import annotations

import math
from bisect import bisect_left

import msgspec


class Peaks(msgspec.Struct, array_like=True, gc=False):
    """Answers "the highest price at or after t" for every t, from the prices that no later one reached.

    Attributes
    ----------
    times, prices : list
        Nanoseconds, rising, and prices, falling: a price leaves as soon as a later one is as high.
    """

    times: list[int] = []
    prices: list[float] = []

    def push(self, ns: int, price: float) -> None:
        """Take in the price from `ns` on."""
        prices = self.prices
        while prices and prices[-1] <= price:
            prices.pop()
            self.times.pop()
        prices.append(price)
        self.times.append(ns)

    def since(self, ns: int) -> float:
        """Highest price pushed at or after `ns`; NaN where there is none."""
        at = bisect_left(self.times, ns)
        return self.prices[at] if at < len(self.prices) else math.nan
