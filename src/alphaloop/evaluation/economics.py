"""What acting on a score would have brought: net value by threshold, per trade, and the win rate that breaks even."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_THRESHOLDS = 200


@dataclass(frozen=True)
class ThresholdCurve:
    """What trading every row at or above a threshold would have brought; all arrays have shape ``(k,)``.

    Attributes
    ----------
    threshold
        Rising thresholds; each is a confidence that some row had.
    trades
        Rows with confidence at or above the threshold and a known outcome.
    net
        Sum of their net returns.
    win_rate
        Share of them that gained after costs.
    """

    threshold: Floats
    trades: NDArray[np.int64]
    net: Floats
    win_rate: Floats

    @property
    def net_per_trade(self) -> Floats:
        """Mean net return of a trade at each threshold."""
        return self.net / self.trades

    def best(self, least_trades: int) -> int | None:
        """Position of the highest net value with at least `least_trades` trades; None where none gains."""
        allowed = np.where(self.trades >= least_trades, self.net, -np.inf)
        best = int(np.argmax(allowed))
        return best if allowed[best] > 0.0 else None


def threshold_curve(confidence: Floats, net: Floats, points: int = MOST_THRESHOLDS) -> ThresholdCurve:
    """Net value of trading every row whose confidence reaches a threshold, over all thresholds.

    Overlapping rows are all counted, as if each could be traded; a backtest, which holds one position at a time, is the
    judge of money and this curve only of where to cut.

    Parameters
    ----------
    confidence
        Probability of the side that would be traded, shape ``(n,)``.
    net
        Net return of that trade, shape ``(n,)``; NaN where it is not known, and then left out.
    points
        Most thresholds; they are spaced by equal numbers of trades.

    Raises
    ------
    ValueError
        If no row has a known net return.
    """
    known = np.isfinite(net) & np.isfinite(confidence)
    if not known.any():
        raise ValueError("no row has a known net return")
    confidence, net = confidence[known], net[known]
    order = np.argsort(-confidence, kind="stable")
    ranked, gains = confidence[order], net[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), ranked.size - 1)
    if last.size > points:
        last = last[np.unique(np.linspace(0, last.size - 1, points).round().astype(np.int64))]
    last = last[::-1]
    trades = last + 1
    return ThresholdCurve(
        threshold=ranked[last],
        trades=trades,
        net=np.cumsum(gains)[last],
        win_rate=np.cumsum(gains > 0.0)[last] / trades,
    )


def break_even_win_rate(net: Floats) -> float:
    """Win rate at which trades of these average gains and losses net nothing: ``loss / (gain + loss)``.

    NaN where there are not both gains and losses, because one of the averages is then unknown.
    """
    gains, losses = net[net > 0.0], net[net < 0.0]
    if gains.size == 0 or losses.size == 0:
        return float("nan")
    gain, loss = float(gains.mean()), -float(losses.mean())
    return loss / (gain + loss)
