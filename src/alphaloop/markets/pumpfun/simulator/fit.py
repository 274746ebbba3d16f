"""Fit the behaviour of the agents to real launches.

The misfit is the mean squared difference of logs between quantiles of what the recorded sets show and of what the same
collectors would have seen of a simulated market. The search moves one parameter at a time by a random factor, keeps
what helps, and uses the same chance throughout, so that a difference is the parameter's and not the dice's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from alphaloop.core.progress import Progress, silent
from alphaloop.core.random import stream
from alphaloop.markets.pumpfun.simulator import real
from alphaloop.markets.pumpfun.simulator.chain import events
from alphaloop.markets.pumpfun.simulator.settings import Behaviour, SimulationSettings
from alphaloop.markets.pumpfun.simulator.statistics import Market, Samples, glances, market_of, watches
from alphaloop.markets.pumpfun.wire.decode import Other, decode

FREE: Final = (
    "hazard",
    "hazard_slope",
    "speed",
    "speed_spread",
    "relative_size",
    "relative_size_spread",
    "size_spread",
    "profit_taking",
    "developer_sol",
    "developer_spread",
    "developer_absent",
    "snipers",
    "unnoticed",
    "buzz_spread",
    "panic_delay_s",
    "panic_spread",
    "stragglers",
    "straggler_delay_s",
)
"""What the recorded sets say something about; the rest of `Behaviour` is planted, and set by hand."""

PACE: Final = 4_800
"""Launches a day while fitting."""

TRADES_PER_LAUNCH: Final = 35.0
"""Trades of a launch, over its whole life: the sets see minutes only, so this is given and not fitted to them."""

# What is compared: quantiles, an offset under the log (so that a multiple of 1.00 does not weigh all), and a weight.
_GLANCES: Final[Mapping[str, tuple[tuple[float, ...], float, float]]] = {
    "trades": ((0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99), 1.0, 1.0),
    "multiple": ((0.25, 0.5, 0.75, 0.9, 0.95, 0.99), -0.97, 1.0),
    "mean_trade_sol": ((0.25, 0.5, 0.75, 0.9), 0.05, 0.7),
    "buy_share": ((0.25, 0.5, 0.75), 0.0, 1.0),
}
_WATCHES: Final[Mapping[str, tuple[tuple[float, ...], float, float]]] = {
    "last_change_s": ((0.25, 0.5, 0.75), 20.0, 0.5),
    "buyers": ((0.25, 0.5, 0.75, 0.9), 1.0, 0.5),
}


class Fit(msgspec.Struct, frozen=True):
    """A fitted behaviour, and the misfit before and after."""

    behaviour: Behaviour
    misfit_before: float
    misfit: float
    trials: int


class Target(msgspec.Struct, frozen=True):
    """What the recorded sets show, read once."""

    glances: Samples
    watches: Samples

    @classmethod
    def read(cls, folder: Path) -> Target:
        """Read the sets that are fitted to.

        Raises
        ------
        DataError
            If one of them is missing.
        """
        return cls(real.glances(folder), real.watches(folder))


def misfit(market: Market, target: Target) -> float:
    """How far a market is from the recorded sets; 0.01 means that quantiles are off by some ten per cent."""
    terms = list(_terms(target.glances, glances(market), _GLANCES))
    terms += _terms(target.watches, watches(market, real.WATCH_S), _WATCHES)
    per_launch = market.trades.height / market.count
    terms.append((math.log(per_launch / TRADES_PER_LAUNCH) ** 2, 1.0))
    return sum(error * weight for error, weight in terms) / sum(weight for _, weight in terms)


def simulated(behaviour: Behaviour, launches: int, seed: int) -> Market:
    """A market of about this many launches, in memory; few a day, so that nearly all are seen to their end."""
    settings = SimulationSettings(days=launches / PACE, launches_per_day=PACE, seed=seed, behaviour=behaviour)
    decoded = (decode(record) for record in events(settings))
    return market_of(event for event in decoded if event is not None and not isinstance(event, Other))


def fit(
    folder: Path,
    start: Behaviour,
    *,
    launches: int = 900,
    trials: int = 150,
    seed: int = 0,
    progress: Progress = silent,
) -> Fit:
    """Search from `start`.

    Parameters
    ----------
    folder : Path
        With the recorded sets, ``pumpfun/`` and ``memecoin/`` in it.
    launches : int
        Size of each simulated market.
    trials : int
        Markets to simulate.

    Raises
    ------
    DataError
        If a recorded set is missing.
    """
    target, rng = Target.read(folder), stream(seed, "fit")
    best, before = start, misfit(simulated(start, launches, seed), target)
    least = before
    for trial in range(trials):
        step = 0.5 * (0.1 ** (trial / trials))
        candidate = _moved(best, FREE[trial % len(FREE)], step * float(rng.normal()))
        found = misfit(simulated(candidate, launches, seed), target)
        if found < least:
            best, least = candidate, found
        progress("fitting", trial + 1, trials)
    return Fit(best, before, least, trials)


def _moved(behaviour: Behaviour, name: str, by: float) -> Behaviour:
    limit = 0.9 if name in ("profit_taking", "developer_absent", "unnoticed") else math.inf
    value = float(f"{min(getattr(behaviour, name) * math.exp(by), limit):.3g}")
    return behaviour.model_copy(update={name: value})


def _terms(
    wanted: Samples, got: Samples, chosen: Mapping[str, tuple[tuple[float, ...], float, float]]
) -> list[tuple[float, float]]:
    found = []
    for name, (quantiles, offset, weight) in chosen.items():
        difference = _logs(got[name], quantiles, offset) - _logs(wanted[name], quantiles, offset)
        found.append((float(np.mean(difference**2)), weight))
    return found


def _logs(values: NDArray[np.float64], quantiles: tuple[float, ...], offset: float) -> NDArray[np.float64]:
    if not len(values):
        return np.full(len(quantiles), 10.0)
    return np.asarray(np.log(np.maximum(np.quantile(values, quantiles) + offset, 0.01)))
