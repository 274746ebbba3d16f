"""Backtest of an artifact."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alphaloop.artifact.scorer import Scorer
from alphaloop.backtest.simulate import simulate
from alphaloop.core.progress import Progress, silent
from alphaloop.data.bars import Bars
from alphaloop.trading.plan import Plan
from alphaloop.trading.results import Result
from alphaloop.trading.setup import ATR, Setup

SCORE_ROWS = 65_536


def run(scorer: Scorer, bars: Bars, plan: Plan | None = None, progress: Progress = silent) -> Result:
    """Backtest a model over all of `bars`.

    Features are computed from the graph in the contract and scored as one frame; the dry run that pushes the same bars
    one time after the other takes the same decisions to the last bit.

    Parameters
    ----------
    scorer : Scorer
        A loaded artifact.
    bars : Bars
        The first ``warm_up_rows`` of each symbol are seen and never traded.
    plan : Plan, optional
        Instead of the plan in the contract.

    Raises
    ------
    RecipeError
        If the plan is not usable, or needs an ATR that the contract cannot compute.
    ModelCompatibilityError
        If the feature graph is not the one that the model was trained on.
    DataError
        If no symbol has more bars than the warm-up.
    """
    setup = Setup.for_bars(scorer.contract, bars, plan)
    progress("features", 0, 1)
    table = setup.features.compute(bars.frame)
    atr = None
    if setup.context is not None:
        atr = setup.context.compute(bars.frame, dtype=np.float64)[ATR].to_numpy()
    progress("features", 1, 1)
    return simulate(
        bars.frame,
        _score(scorer, table, list(setup.features.names), progress),
        setup.sides,
        setup.plan,
        threshold=setup.threshold,
        atr=atr,
        warm_up_rows=setup.warm_up_rows,
        progress=progress,
    )


def _score(scorer: Scorer, table: pl.DataFrame, names: list[str], progress: Progress) -> NDArray[np.float32]:
    parts = []
    for first in range(0, table.height, SCORE_ROWS):
        progress("scoring", first, table.height)
        rows = table[first : first + SCORE_ROWS].select(names).to_numpy()
        parts.append(scorer.score(np.ascontiguousarray(rows, np.float32)))
    progress("scoring", table.height, table.height)
    return np.concatenate(parts)
