"""A market beside the recorded sets: the same statistics of both, the distance, and what neither can tell."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from alphaloop.markets.pumpfun.simulator import real
from alphaloop.markets.pumpfun.simulator.remarks import WHY
from alphaloop.markets.pumpfun.simulator.statistics import Market, Samples, glances, minutes, watches, whole

QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
CRITICAL: Final = 1.36
"""Of the two-sample Kolmogorov-Smirnov distance at the 5 % level, over the root of the effective number."""


class Source(msgspec.Struct, frozen=True):
    """A recorded set: what it is, how its collection selects, and what it cannot tell."""

    name: str
    file: str
    what: str
    bias: str
    silent_about: str


SOURCES: Final = {
    source.name: source
    for source in (
        Source(
            "new pools",
            real.POOLS,
            "each coin on the curve once, as an index of new pools first showed it, October 2025",
            "coins without any trade are not listed; the age at the look is not recorded and is taken as even between "
            "half a minute and three minutes; stamps are to the minute",
            "anything after the third minute: life time, peaks, graduation; single trades and wallets",
        ),
        Source(
            "curve snapshots",
            real.SNAPSHOTS,
            "the curve of each coin that one recorder chose to poll, during 100 minutes of 6 June 2025",
            "75 coins, of which 28 were watched for eight minutes and 15 for over an hour; how they were chosen is not "
            "known; polls miss whatever rises and falls between them, so peaks are too low",
            "single trades, wallets, and all coins that the recorder did not choose",
        ),
        Source(
            "instructions",
            real.INSTRUCTIONS,
            "every buy, sell and creation of 81 seconds of 5 June 2025",
            "one minute of one day: an hour earlier or later is another market; old coins trade beside new ones, which "
            "a short simulation has fewer of; failed transactions may be among them",
            "amounts, prices, and the life of a coin",
        ),
        Source(
            "creations",
            real.CREATES,
            "30 creations within two minutes of the same day",
            "whole seconds; a collector that listened for creations only",
            "anything but the pace of launches",
        ),
        Source(
            "swaps",
            real.SWAPS,
            "swaps in pools of coins that had left their curve, September and October 2025",
            "three pools that somebody followed because they were alive, the last 300 swaps a poll: survivors only",
            "trades on the curve",
        ),
        Source(
            "older recorder",
            real.METRICS,
            "the progress of 63 coins, June 2025",
            "most rows are zero because the recorder's source failed, not because nothing happened",
            "nearly everything; shown so that nobody looks for it here again",
        ),
    )
}

UNKNOWN: Final = (
    "No recorded set links wallets to outcomes over days, so how skilled wallets, serial creators and bundles behave "
    "is planted by assumption, not fitted.",
    "No recorded set follows launches for 30 minutes without choosing them, so the share that dies within 30 minutes "
    "and the share that graduates are consequences of the fitted hazard, not measurements.",
    "Regimes, their lengths and their strength are assumptions.",
    "The sets are of June to October 2025; fees and instructions have changed since, and behaviour with them.",
)


class Row(msgspec.Struct, frozen=True):
    """One statistic from one source beside the market's.

    `distance` is the two-sample Kolmogorov-Smirnov distance, `chance` what it stays below 19 times of 20 if both came
    from one law; shares and rates, of which the real set has one number, have no distance. `why` says, where the
    distance is beyond chance, why it was left so; it speaks of the simulator that comes with alphaloop.
    """

    source: str
    statistic: str
    real_n: int
    real_mean: float
    real_quantiles: tuple[float, ...]
    market_n: int
    market_mean: float
    market_quantiles: tuple[float, ...]
    distance: float | None
    chance: float | None
    why: str = ""


class Comparison(msgspec.Struct, frozen=True):
    """All statistics of a market, those that a real set has beside them, and the words that belong to them."""

    launches: int
    trades: int
    hours: float
    rows: tuple[Row, ...]
    market: dict[str, dict[str, float]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what is not a number is None."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        plain["quantiles"] = list(QUANTILES)
        plain["sources"] = [msgspec.to_builtins(source) for source in SOURCES.values()]
        plain["unknown"] = list(UNKNOWN)
        cleaned: dict[str, Any] = _finite(plain)
        return cleaned


def compare(market: Market, folder: Path) -> Comparison:
    """Put a market beside the recorded sets in `folder`.

    Raises
    ------
    DataError
        If a set is missing.
    """
    seen, span_s = real.minutes(folder)
    whole_market = whole(market)
    pairs: list[tuple[str, Samples, Callable[[], Samples]]] = [
        ("new pools", real.glances(folder), lambda: glances(market)),
        ("curve snapshots", real.watches(folder), lambda: watches(market, real.WATCH_S)),
        ("instructions", seen, lambda: minutes(market, span_s)),
        ("creations", real.launch_gaps(folder), lambda: minutes(market, span_s)),
        ("swaps", real.swaps(folder), lambda: whole_market),
    ]
    rows = []
    for source, wanted, look in pairs:
        got = look()
        rows += [_row(source, name, values, got[name]) for name, values in wanted.items()]
    died = real.watches(folder)["last_change_s"]
    mine = watches(market, real.WATCH_S)["last_change_s"]
    rows.append(_row("curve snapshots", "dead_within_5_min", _below(died, 300.0), _below(mine, 300.0)))
    summary = {name: _summary(values) for name, values in whole_market.items()}
    return Comparison(market.count, market.trades.height, market.seconds / 3600, tuple(rows), summary)


def distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Two-sample Kolmogorov-Smirnov distance."""
    both = np.sort(np.concatenate([one, other]))
    steps = [np.searchsorted(np.sort(sample), both, side="right") / len(sample) for sample in (one, other)]
    return float(np.abs(steps[0] - steps[1]).max())


def _row(source: str, name: str, wanted: NDArray[np.float64], got: NDArray[np.float64]) -> Row:
    is_share = name.startswith("dead") or len(wanted) < 2
    effective = len(wanted) * len(got) / max(len(wanted) + len(got), 1)
    judged = not is_share and effective > 0
    found, chance = distance(wanted, got) if judged else None, CRITICAL / math.sqrt(effective) if judged else None
    return Row(
        source=source,
        statistic=name,
        real_n=len(wanted),
        real_mean=_mean(wanted),
        real_quantiles=_quantiles(wanted),
        market_n=len(got),
        market_mean=_mean(got),
        market_quantiles=_quantiles(got),
        distance=found,
        chance=chance,
        why=WHY[source, name] if found is not None and chance is not None and found > chance else "",
    )


def _below(values: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    return (values < limit).astype(np.float64)


def _summary(values: NDArray[np.float64]) -> dict[str, float]:
    named = {f"q{round(100 * q):02d}": value for q, value in zip(QUANTILES, _quantiles(values), strict=True)}
    return {"n": float(len(values)), "mean": _mean(values)} | named


def _mean(values: NDArray[np.float64]) -> float:
    return float(np.mean(values)) if len(values) else math.nan


def _quantiles(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(np.quantile(values, QUANTILES).tolist()) if len(values) else (math.nan,) * len(QUANTILES)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
