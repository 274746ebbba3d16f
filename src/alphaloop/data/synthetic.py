"""A seeded, synthetic minute market with a signal that is planted, known and findable.

Nothing here is recorded from any market; the symbols say so. It looks like one where that matters to a model:
volatility comes in slow regimes and storms and follows the hour, activity is U-shaped over the day and rises with
volatility, shocks have fat tails and are partly shared by all symbols, prices sit on a grid of ticks.

What is planted
---------------
The expected return of the next bar, in units of that bar's volatility, is ``signal x score``, where the score of a bar
is known at its close::

    score    = tanh(z) x activity x session
    z        = (close - mean of 20 closes) / their standard deviation (ddof 1)
    activity = 2 / (1 + exp(-6 (mean of 5 volumes / mean of 20 volumes - 1)))        between 0 and 2
    session  = 1 where the close lies in [07:00, 21:00) UTC, else -0.6

By day momentum goes on, the more so the more volume rises; by night it reverts. With the default signal the direction
of the next 15 bars has a ROC-AUC of about 0.65 given the score itself, 0.60 for trees and 0.58 for a logistic model
trained on 3 x 12,000 bars of ordinary indicators; the strongest fifth of their forecasts pays a round trip of 4 bps
and leaves more than that. With ``signal=0`` the market is a martingale: nothing can be found, and whoever finds
something has a leak.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alphaloop.core.clock import NS_PER_DAY, NS_PER_S, to_ns
from alphaloop.core.errors import InputError
from alphaloop.core.hashing import hash_arrays
from alphaloop.core.random import stream
from alphaloop.data import synthetic_walk
from alphaloop.data.bars import Bars

DEFAULT_SIGNAL = 0.25
SYMBOLS = ("SYN-A", "SYN-B", "SYN-C")
START_NS = 1_704_067_200 * NS_PER_S  # 2024-01-01
DAY_SESSION_H = (7, 21)

_MARKET_SHARE = 0.35
_TAIL_DEGREES = 5
_LARGEST_SHOCK = 8.0


def synthetic_bars(
    n_bars: int,
    symbols: Sequence[str] = SYMBOLS,
    step_s: float = 60,
    seed: int = 0,
    signal: float = DEFAULT_SIGNAL,
    start_ns: int = START_NS,
) -> Bars:
    """Draw a synthetic market; the same arguments give the same bits.

    Every symbol has its own random streams: another symbol more, or more bars, change none of the bars before.

    Parameters
    ----------
    n_bars : bars of each symbol, without gaps
    symbols : names
    step_s : seconds from bar to bar
    seed : of all random streams
    signal : strength of the planted signal (see above); 0 for none
    start_ns : open of the first bar, UTC nanoseconds

    Raises
    ------
    InputError
        If there are no bars or symbols, a symbol appears twice, or a number is impossible.
    """
    step_ns = _checked_step(n_bars, symbols, step_s, signal)
    open_ns = start_ns + step_ns * np.arange(n_bars, dtype=np.int64)
    known_ns = open_ns + step_ns
    season = _season(known_ns)
    shared = _shocks(n_bars, seed, "market")
    shared_regime = _regime(n_bars, seed, "market")
    frames = []
    for symbol in sorted(symbols):
        own = _shocks(n_bars, seed, symbol)
        shocks = math.sqrt(_MARKET_SHARE) * shared + math.sqrt(1 - _MARKET_SHARE) * own
        log_volatility = 0.8 * shared_regime + 0.6 * _regime(n_bars, seed, symbol) + season
        volatility = synthetic_walk.BASE_VOLATILITY * math.sqrt(step_s / 60) * np.exp(log_volatility)
        columns = _walk(symbol, seed, signal, volatility, shocks, _in_day_session(known_ns))
        frames.append(
            pl.DataFrame({"open_ns": open_ns, "known_ns": known_ns, **columns}).select(
                pl.lit(symbol).alias("symbol"), pl.all()
            )
        )
    frame = pl.concat(frames)
    digest = hash_arrays(*(frame[name].to_numpy() for name in frame.columns[1:]))
    return Bars(frame, step_ns, "synthetic", digest)


def planted_score(bars: Bars) -> NDArray[np.float64]:
    """Score of every bar (n,), in the order of the frame: all that can be known of the next return.

    Uses nothing but the visible columns of the bars up to each row, so it is also the best feature there can be.
    """
    out = np.empty(len(bars))
    for _, rows in bars.frame.with_row_index("row").group_by("symbol", maintain_order=True):
        known_ns = rows["known_ns"].to_numpy()
        part = np.empty(len(known_ns))
        synthetic_walk.scores(rows["close"].to_numpy(), rows["volume"].to_numpy(), _in_day_session(known_ns), part)
        out[rows["row"].to_numpy()] = part
    return out


def _checked_step(n_bars: int, symbols: Sequence[str], step_s: float, signal: float) -> int:
    if n_bars < 1 or not symbols or len(set(symbols)) != len(symbols):
        raise InputError(
            f"{n_bars} synthetic bars of {list(symbols)} are not possible; give at least one of each, once"
        )
    if not (math.isfinite(step_s) and 1e-3 <= step_s <= 86_400 and math.isfinite(signal) and abs(signal) <= 1):
        raise InputError(
            f"step_s={step_s!r} with signal={signal!r} is not possible; give 0.001 to 86400 s and a signal from -1 to 1"
        )
    return to_ns(step_s)


def _hour(known_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    return (known_ns % NS_PER_DAY) / (3600.0 * NS_PER_S)


def _in_day_session(known_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
    hour = _hour(known_ns)
    return (hour >= DAY_SESSION_H[0]) & (hour < DAY_SESSION_H[1])


def _season(known_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Log volatility by the hour: U-shaped over the day session, quiet at night."""
    first, last = DAY_SESSION_H
    place = (_hour(known_ns) - first) / (last - first)
    return np.where(_in_day_session(known_ns), 0.45 * (2 * place - 1) ** 2, -0.15)


def _shocks(n: int, seed: int, name: str) -> NDArray[np.float64]:
    """Student t shocks, cut symmetrically so that their mean stays 0, with variance 1."""
    raw = stream(seed, "synthetic", name, "shocks").standard_t(_TAIL_DEGREES, n)
    return np.clip(raw * math.sqrt((_TAIL_DEGREES - 2) / _TAIL_DEGREES), -_LARGEST_SHOCK, _LARGEST_SHOCK)


def _regime(n: int, seed: int, name: str) -> NDArray[np.float64]:
    out = np.empty(n)
    noise = stream(seed, "synthetic", name, "regime").standard_normal(n)
    synthetic_walk.regime(noise, stream(seed, "synthetic", name, "storms").random(n), out)
    return out


def _walk(
    symbol: str,
    seed: int,
    signal: float,
    volatility: NDArray[np.float64],
    shocks: NDArray[np.float64],
    day: NDArray[np.bool_],
) -> dict[str, NDArray[np.float64]]:
    n = len(shocks)
    price = float(10 ** stream(seed, "synthetic", symbol, "price").uniform(0.5, 3.5))
    tick = 10.0 ** (math.floor(math.log10(price)) - 5)
    noise = stream(seed, "synthetic", symbol, "volume").standard_normal(n)
    # 1 - U lies in (0, 1]: its logarithm is finite.
    places = 1.0 - np.stack([stream(seed, "synthetic", symbol, side).random(n) for side in ("high", "low")])
    out = np.empty((5, n))
    synthetic_walk.walk(price, tick, signal, volatility, shocks, noise, places, day, out)
    return dict(zip(("open", "high", "low", "close", "volume"), out, strict=True))
