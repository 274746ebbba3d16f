"""The market's mood over time, and when coins are launched in it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np

from alphaloop.core.clock import NS_PER_S

MEAN_STAY_S: Final = 5 * 3600.0
DAY_S: Final = 86_400.0


class Regime(msgspec.Struct, frozen=True):
    """A mood: how much more is launched, and how much better launches do."""

    name: str
    launches: float
    quality: float


BEAR = Regime("bear", 0.5, -0.12)
NORMAL = Regime("normal", 1.0, 0.0)
EUPHORIA = Regime("euphoria", 1.6, 0.1)
_NEXT: Final = {"bear": (NORMAL,), "normal": (BEAR, EUPHORIA), "euphoria": (NORMAL,)}
_MEAN_LAUNCHES: Final = 0.25 * BEAR.launches + 0.5 * NORMAL.launches + 0.25 * EUPHORIA.launches


def launches(
    rng: np.random.Generator, per_day: float, start_ns: int, end_ns: int, block_s: float = 60.0
) -> Iterator[tuple[int, Regime]]:
    """Yield launch times with their regime, in order.

    A Poisson process whose rate follows the regime and the hour, thinned within minutes; regimes last some hours.
    """
    regime, left_s = NORMAL, float(rng.exponential(MEAN_STAY_S))
    now = start_ns
    while now < end_ns:
        if left_s <= 0:
            choices = _NEXT[regime.name]
            regime, left_s = choices[int(rng.integers(len(choices)))], float(rng.exponential(MEAN_STAY_S))
        hour = now / NS_PER_S % DAY_S / 3600
        rate = per_day / DAY_S * regime.launches / _MEAN_LAUNCHES * (1 + 0.3 * math.sin((hour - 9) / 24 * 2 * math.pi))
        count = int(rng.poisson(rate * block_s))
        for offset in np.sort(rng.random(count)).tolist():
            at = now + int(offset * block_s * NS_PER_S)
            if at < end_ns:
                yield at, regime
        now += int(block_s * NS_PER_S)
        left_s -= block_s
