"""Chance, drawn in blocks: a number costs a few dozen nanoseconds instead of a microsecond."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

BLOCK = 4096


def _flow(draw: Callable[[int], NDArray[np.float64]]) -> Iterator[float]:
    while True:
        yield from draw(BLOCK).tolist()


class Dice:
    """Independent draws from one stream, the same for the same stream.

    Attributes
    ----------
    uniform, exponential, normal : callables without arguments
        The next number: in [0, 1), exponential with mean 1, standard normal.
    """

    __slots__ = ("exponential", "normal", "uniform")

    def __init__(self, rng: np.random.Generator) -> None:
        first, second, third = rng.spawn(3)
        self.uniform: Callable[[], float] = _flow(first.random).__next__
        self.exponential: Callable[[], float] = _flow(second.standard_exponential).__next__
        self.normal: Callable[[], float] = _flow(third.standard_normal).__next__

    def below(self, n: int) -> int:
        """A whole number from 0 to n - 1."""
        return int(self.uniform() * n)

    def chance(self, probability: float) -> bool:
        """Whether something of this probability happens."""
        return self.uniform() < probability

    def lognormal(self, median: float, spread: float) -> float:
        """A positive number whose log is normal."""
        return median * math.exp(spread * self.normal())

    def poisson(self, mean: float) -> int:
        """A count; for means up to some dozen."""
        limit, count, product = math.exp(-mean), 0, self.uniform()
        while product > limit:
            product *= self.uniform()
            count += 1
        return count
