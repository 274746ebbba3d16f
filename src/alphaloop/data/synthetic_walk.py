"""The compiled walk of the synthetic market: one bar after the other, because the drift depends on those before it."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WINDOW = 20
FAST_WINDOW = 5
NIGHT_WEIGHT = -0.6

# Per minute; longer bars scale by the square root of their length.
BASE_VOLATILITY = 8e-4
BASE_VOLUME = 50.0

_REGIME_MEMORY = 1.0 - 1.0 / 720.0
_STORM_BEGINS, _STORM_ENDS, _STORM = 1.0 / 3000.0, 1.0 / 400.0, 0.55
_VOLUME_MEMORY, _VOLUME_NOISE = 0.92, 0.20
_LARGEST_MOVE = 0.5

_compiled: Any = numba.njit(nogil=True, cache=True)


def _score(close: Floats, volume: Floats, t: int, day: bool) -> float:
    """Planted score after bar `t`, from the last 20 bars alone; 0 before there are 20 or when prices stand still."""
    if t < WINDOW - 1:
        return 0.0
    mean = slow = fast = 0.0
    for i in range(t - WINDOW + 1, t + 1):
        mean += close[i] / WINDOW
        slow += volume[i] / WINDOW
    for i in range(t - FAST_WINDOW + 1, t + 1):
        fast += volume[i] / FAST_WINDOW
    variance = 0.0
    for i in range(t - WINDOW + 1, t + 1):
        variance += (close[i] - mean) ** 2 / (WINDOW - 1)
    if variance <= 0.0 or slow <= 0.0:
        return 0.0
    momentum = math.tanh((close[t] - mean) / math.sqrt(variance))
    activity = 2.0 / (1.0 + math.exp(-6.0 * (fast / slow - 1.0)))
    return momentum * activity * (1.0 if day else NIGHT_WEIGHT)


score_at = _compiled(_score)


def _scores(close: Floats, volume: Floats, day: NDArray[np.bool_], out: Floats) -> None:
    for t in range(len(close)):
        out[t] = score_at(close, volume, t, day[t])


def _regime(noise: Floats, uniform: Floats, out: Floats) -> None:
    """Slow log volatility (standard deviation 1, memory of 12 hours of minutes) with storms that come and go."""
    slow, storm = noise[0], False
    scale = math.sqrt(1.0 - _REGIME_MEMORY**2)
    for t in range(len(noise)):
        slow = _REGIME_MEMORY * slow + scale * noise[t]
        storm = uniform[t] >= _STORM_ENDS if storm else uniform[t] < _STORM_BEGINS
        out[t] = 0.30 * slow + (_STORM if storm else 0.0)


def _walk(
    price: float,
    tick: float,
    signal: float,
    volatility: Floats,
    shocks: Floats,
    volume_noise: Floats,
    uniform: Floats,
    day: NDArray[np.bool_],
    out: Floats,
) -> None:
    """Write open, high, low, close and volume of every bar into `out` (5, n).

    `shocks` have mean 0 and variance 1; `uniform` (2, n) places the extremes; `day` says of every bar whether its close
    lies in the day session.
    """
    close, volume = out[3], out[4]
    activity = 0.0
    seen = round(price / tick) * tick
    for t in range(len(shocks)):
        drift = signal * score_at(close, volume, t - 1, day[t - 1]) if t > 0 else 0.0
        sigma = volatility[t]
        move = min(max(sigma * (drift + shocks[t]), -_LARGEST_MOVE), _LARGEST_MOVE)
        # Extremes of a Brownian bridge from 0 to `move` with variance sigma^2, by inversion (Glasserman 2003, 6.4).
        up = 0.5 * (move + math.sqrt(move * move - 2.0 * sigma * sigma * math.log(uniform[0, t])))
        down = 0.5 * (-move + math.sqrt(move * move - 2.0 * sigma * sigma * math.log(uniform[1, t])))
        out[0, t] = seen
        out[1, t] = round(price * (1.0 + up) / tick) * tick
        out[2, t] = max(round(price * max(1.0 - down, 0.2) / tick) * tick, tick)
        price *= 1.0 + move
        seen = max(round(price / tick) * tick, tick)
        close[t] = seen
        out[1, t] = max(out[1, t], out[0, t], seen)
        out[2, t] = min(out[2, t], out[0, t], seen)
        activity = _VOLUME_MEMORY * activity + _VOLUME_NOISE * volume_noise[t]
        traded = BASE_VOLUME * math.exp(activity) * (0.5 + 0.5 * abs(shocks[t])) * sigma / BASE_VOLATILITY
        volume[t] = max(round(traded * 1000.0), 1.0) / 1000.0


scores = _compiled(_scores)
regime = _compiled(_regime)
walk = _compiled(_walk)
