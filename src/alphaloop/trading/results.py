"""What trading came to: trades, curve, and the figures that people compare."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.clock import NS_PER_DAY, iso
from alphaloop.core.hashing import hash_json
from alphaloop.trading.curve import EquityCurve
from alphaloop.trading.money import from_nano
from alphaloop.trading.records import Trade, plain
from alphaloop.trading.session import Session

if TYPE_CHECKING:
    import polars as pl

DAYS_PER_YEAR = 365
EXACT = ("quantity", "entry_notional", "exit_notional", "fees", "net")


def digest(trades: Sequence[Trade]) -> str:
    """SHA-256 over the exact fields of the trades in order: equal for equal trades, on every machine.

    Symbol, side, quantity, the three times, notionals, fees, net result and reason; no floats.
    """
    return hash_json(
        [
            [
                *(t.symbol, t.side, t.quantity, t.decided_ns, t.opened_ns, t.closed_ns),
                *(t.entry_notional, t.exit_notional, t.fees, t.net, t.reason),
            ]
            for t in trades
        ]
    )


@dataclass(frozen=True)
class Result:
    """A finished run.

    Attributes
    ----------
    trades : tuple of Trade
        In the order in which they closed.
    curve : EquityCurve
    times : int64 array of shape (n,)
        Known times of all bar times of the run, ascending.
    skipped : dict of str to int
        Signals that did not become entries, by reason.
    """

    trades: tuple[Trade, ...]
    curve: EquityCurve
    initial_cash: float
    times: NDArray[np.int64]
    bars: int
    skipped: dict[str, int]

    @classmethod
    def of(cls, session: Session, times: NDArray[np.int64], bars: int) -> Result:
        """Sum up a finished session."""
        engine = session.engine
        return cls(tuple(session.trades), engine.curve, session.plan.initial_cash, times, bars, dict(engine.skipped))

    @property
    def net_return(self) -> float:
        """Final equity over initial cash, less one."""
        return self.curve.equity / self.initial_cash - 1.0

    @property
    def equity(self) -> pl.DataFrame:
        """Equity (quote units) at each bar time: known_ns, equity; needs a curve that kept its points."""
        # Here, not above: a trader that makes no table starts without polars.
        import polars as pl

        values = np.array([self.initial_cash, *self.curve.points])
        at = np.searchsorted(np.array(self.curve.points_ns, np.int64), self.times, side="right")
        return pl.DataFrame({"known_ns": self.times, "equity": values[at]})

    def table(self) -> pl.DataFrame:
        """One row per trade, amounts in quote units and quantities in base units."""
        import polars as pl

        columns = {
            "symbol": pl.String,
            "side": pl.Int8,
            "quantity": pl.Float64,
            **dict.fromkeys(("decided_ns", "opened_ns", "closed_ns"), pl.Int64),
            **dict.fromkeys(
                ("entry_price", "exit_price", "entry_notional", "exit_notional", "fees", "net"), pl.Float64
            ),
            "reason": pl.String,
            "confidence": pl.Float64,
        }
        rows = [plain(trade) for trade in self.trades]
        for row in rows:
            row.update({name: from_nano(row[name]) for name in EXACT} | {"reason": str(row["reason"])})
        return pl.DataFrame(rows, schema=columns)

    def summary(self) -> dict[str, Any]:
        """Compute the figures; None where one is undefined.

        Sharpe is the mean over the standard deviation of daily returns (equity at the end of each UTC day, quiet days
        included, no risk-free rate), times the root of 365. The drawdown runs over every mark, the last close before
        positions left open are closed at the end included. Exposure is the share of time with an open position. Profit
        factor is won over lost, fees included.
        """
        nets = [trade.net for trade in self.trades]
        won, lost = sum(n for n in nets if n > 0), -sum(n for n in nets if n < 0)
        return {
            "trades": len(nets),
            "net_return": self.net_return,
            "max_drawdown": self.curve.max_drawdown,
            "trades_digest": digest(self.trades),
            "win_rate": sum(n > 0 for n in nets) / len(nets) if nets else None,
            "profit_factor": won / lost if lost else None,
            "sharpe": self._sharpe(),
            "exposure": self._exposure(),
            "fees": from_nano(sum(trade.fees for trade in self.trades)),
            "initial_cash": self.initial_cash,
            "final_equity": self.curve.equity,
            "exit_reasons": dict(sorted(Counter(str(trade.reason) for trade in self.trades).items())),
            "skipped": dict(sorted(self.skipped.items())),
            "bars": self.bars,
            "first": iso(int(self.times[0])) if len(self.times) else None,
            "last": iso(int(self.times[-1])) if len(self.times) else None,
        }

    def _sharpe(self) -> float | None:
        if not len(self.times):
            return None
        first, last = int(self.times[0]) // NS_PER_DAY, int(self.times[-1]) // NS_PER_DAY
        values = np.array(self.curve.daily(self.initial_cash, first, last))
        if len(values) < 3 or (values <= 0).any():
            return None
        returns = np.diff(values) / values[:-1]
        spread = float(returns.std(ddof=1))
        return float(returns.mean()) / spread * math.sqrt(DAYS_PER_YEAR) if spread > 0 else None

    def _exposure(self) -> float | None:
        if len(self.times) < 2:
            return None
        held = reached = 0
        for start, end in sorted((trade.opened_ns, trade.closed_ns) for trade in self.trades):
            held += max(0, end - max(start, reached))
            reached = max(reached, end)
        return held / int(self.times[-1] - self.times[0])
