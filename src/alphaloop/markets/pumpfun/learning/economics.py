"""What the threshold would have earned on test signals, by the returns that the labels assume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.hashing import hash_arrays
from alphaloop.dataset.table import Dataset

STAKE = 0.02
"""Share of the initial balance that each trade stakes; gains are not staked again."""


@dataclass(frozen=True)
class Ledger:
    """Trades on test signals, each with the same stake, in the order of their exits.

    Attributes
    ----------
    rows : int64 array of shape (trades,)
        Test rows that were entered.
    known_ns, equity : arrays of shape (trades + 1,)
        Balance, beginning with 1, after each exit.
    returns : float64 array of shape (trades,)
        Net return of each trade on its stake.
    """

    rows: NDArray[np.int64]
    known_ns: NDArray[np.int64]
    equity: NDArray[np.float64]
    returns: NDArray[np.float64]

    @property
    def summary(self) -> dict[str, Any]:
        """Plain data: trades, net return and deepest drawdown of the balance, and a digest of what was traded."""
        peak = np.maximum.accumulate(self.equity)
        return {
            "trades": len(self.rows),
            "net_return": float(self.equity[-1] - 1.0),
            "max_drawdown": float((1.0 - self.equity / peak).max()),
            "stake": STAKE,
            "trades_digest": hash_arrays(self.rows, self.returns),
        }


def trade_test_signals(test: Dataset, probability: NDArray[np.float64], threshold: float) -> Ledger:
    """Enter every signal whose probability of a hit is at least the threshold, one position per token at a time.

    Nobody watches the balance, the number of open positions or the size of the curve here: this says what the signals
    were worth, not what a trader with rules would have made of them. Signals whose exit was not observed are skipped.

    Parameters
    ----------
    test : Dataset
        Test rows, in the order of their decisions.
    probability : float64 array of shape (n,)
    threshold : float
    """
    wanted = np.flatnonzero((probability >= threshold) & np.isfinite(test.net_long))
    busy_until: dict[int, int] = {}
    taken = []
    for row in wanted.tolist():
        token, decided = int(test.symbol[row]), int(test.decided_ns[row])
        if busy_until.get(token, decided) <= decided:
            taken.append(row)
            busy_until[token] = int(test.resolved_ns[row])
    rows = np.array(taken, np.int64)
    rows = rows[np.argsort(test.resolved_ns[rows], kind="stable")]
    returns = test.net_long[rows]
    began = int(test.decided_ns.min())
    return Ledger(
        rows,
        np.concatenate([[began], test.resolved_ns[rows]]).astype(np.int64),
        np.concatenate([[1.0], 1.0 + STAKE * np.cumsum(returns)]),
        returns,
    )
