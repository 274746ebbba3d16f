"""Backtest of given probabilities: no model, no features, only the trading."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alphaloop.backtest.loop import replay
from alphaloop.core.clock import SteppedClock
from alphaloop.core.progress import Progress, silent
from alphaloop.trading.feed import BarFeed
from alphaloop.trading.plan import Plan
from alphaloop.trading.policy import choose
from alphaloop.trading.results import Result
from alphaloop.trading.session import Session


def simulate(
    frame: pl.DataFrame,
    probabilities: NDArray[np.floating],
    sides: Sequence[int],
    plan: Plan,
    *,
    threshold: float | None = None,
    atr: NDArray[np.float64] | None = None,
    warm_up_rows: int = 0,
    progress: Progress = silent,
) -> Result:
    """Trade given probabilities over given bars.

    Parameters
    ----------
    frame : polars.DataFrame of n rows
        symbol, open_ns, known_ns, open, high, low, close; in any order.
    probabilities : float array of shape (n, C)
        Of each class, known at the close of each row of `frame`.
    sides : sequence of C ints
        What each class means: +1 buy, -1 sell, 0 stay out.
    plan : Plan
    threshold : float, optional
        Used where the plan's policy has none; without either, nothing is traded.
    atr : float64 array of shape (n,), optional
        In price units, NaN where unknown. A plan with distances skips signals without it.
    warm_up_rows : int
        Rows at the start of each symbol whose signals do not count.
    """
    feed = BarFeed.of(frame)
    side, confidence = choose(np.asarray(probabilities)[feed.order], sides, plan.policy, threshold)
    side[feed.ages < warm_up_rows] = 0
    scale = np.full(len(feed), np.nan) if atr is None else np.asarray(atr, np.float64)[feed.order]
    session = Session(plan)
    replay(session, feed, side.tolist(), confidence.tolist(), scale.tolist(), SteppedClock(), progress)
    times = feed.times
    if len(times):
        session.finish(int(times[-1]))
    return Result.of(session, times, len(feed))
