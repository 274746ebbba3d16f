"""Bars a second through engine and paper venue, beside backtesting.py running the same rule on the same bars.

Both buy when a probability passes a threshold, at the next open, with a stop and a target in multiples of the ATR and
a time-out, pay fees and spread, and give back trades and an equity curve. Three rules: one that trades rarely, the
cross of two moving averages, and one that is mostly in the market. Reading the bars and computing the probabilities is
outside the time of both. The fills differ in detail (brackets count from the entry price here, from the signal's close
there), so the number of trades is shown beside the speed.

Run with ``python benchmarks/backtest.py [--quick]``.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from alphaloop.backtest.simulate import simulate
from alphaloop.data.synthetic import synthetic_bars
from alphaloop.trading.plan import Plan
from measure import interleaved, quick, ratio, spread, target, write_result

BARS = 20_000 if quick() else 500_000
ROUNDS = 2 if quick() else 5
THRESHOLD = 0.6
STOP, TARGET, TIMEOUT_BARS = 6.0, 9.0, 120
FEE, SPREAD = 5e-4, 2e-4
CASH = 1e7


@dataclass(frozen=True)
class Rule:
    """Probability of UP at each close."""

    name: str
    up: np.ndarray


def market() -> pl.DataFrame:
    frame = synthetic_bars(BARS, symbols=("SYN-A",), seed=1).frame
    true_range = (pl.col("high") - pl.col("low")).rolling_mean(14, min_samples=1)
    return frame.with_columns(atr=true_range)


def rules(frame: pl.DataFrame) -> list[Rule]:
    generator = np.random.default_rng(0)
    noise = generator.random(BARS)
    fast, slow = (frame["close"].rolling_mean(n).to_numpy() for n in (20, 100))
    above = np.nan_to_num(fast) > np.nan_to_num(slow)
    crossed = above & ~np.append(False, above[:-1])
    return [
        Rule("rare", np.where(noise < 0.002, 0.9, 0.4)),
        Rule("moving average cross", np.where(crossed, 0.9, 0.4)),
        Rule("mostly in the market", np.where(noise < 0.05, 0.9, 0.4)),
    ]


def ours(frame: pl.DataFrame, rule: Rule) -> Callable[[], int]:
    plan = Plan.parse(
        {
            "policy": {"threshold": THRESHOLD, "side": "long"},
            "sizing": {"fraction": 0.9},
            "exits": {"take_profit_atr": TARGET, "stop_loss_atr": STOP, "timeout_s": 60.0 * TIMEOUT_BARS},
            "breakers": {"daily_drawdown": 0, "max_consecutive_losses": 0, "min_balance_fraction": 0},
            "costs": {"fee_bps": FEE * 1e4, "spread_bps": SPREAD * 1e4, "slippage_bps": 0, "latency_s": 0},
            "initial_cash": CASH,
        },
        "benchmark",
    )
    probabilities = np.column_stack([1 - rule.up, rule.up]).astype(np.float32)
    atr = frame["atr"].to_numpy()

    def run() -> int:
        return int(simulate(frame, probabilities, (-1, 1), plan, atr=atr).summary()["trades"])

    return run


def theirs(frame: pl.DataFrame, rule: Rule) -> Callable[[], int]:
    from backtesting import Backtest, Strategy

    class Brackets(Strategy):  # type: ignore[misc]
        def init(self) -> None:
            pass

        def next(self) -> None:
            data = self.data
            if self.position:
                if len(data) - self.trades[0].entry_bar >= TIMEOUT_BARS:
                    self.position.close()
            elif data.Up[-1] >= THRESHOLD:
                price, atr = data.Close[-1], data.Atr[-1]
                self.buy(size=0.9, sl=price - STOP * atr, tp=price + TARGET * atr)

    names = {"open": "Open", "high": "High", "low": "Low", "close": "Close", "atr": "Atr"}
    table = pd.DataFrame({new: frame[old].to_numpy() for old, new in names.items()} | {"Up": rule.up})
    table.index = pd.to_datetime(frame["open_ns"].to_numpy())
    test = Backtest(table, Brackets, cash=CASH, commission=FEE, spread=SPREAD, finalize_trades=True)
    return lambda: int(test.run()["# Trades"])


def measured(frame: pl.DataFrame, rule: Rule) -> dict[str, Any]:
    candidates = {"alphaloop": ours(frame, rule), "backtesting.py": theirs(frame, rule)}
    trades = {name: call() for name, call in candidates.items()}
    taken = interleaved(candidates, ROUNDS)
    return {
        "trades": trades,
        "bars_a_second": {name: spread([BARS / s for s in seconds], 0) for name, seconds in taken.items()},
        "times_as_fast": ratio(taken, "backtesting.py", "alphaloop"),
    }


def main() -> None:
    warnings.filterwarnings("ignore", module="backtesting")
    os.environ["TQDM_DISABLE"] = "1"
    frame = market()
    results = {rule.name: measured(frame, rule) for rule in rules(frame)}
    targets = []
    for name, result in results.items():
        speed = result["bars_a_second"]["alphaloop"]["median"]
        targets.append(target(f"bars a second, {name}", speed, at_least=500_000))
        targets.append(
            target(f"times as fast as backtesting.py, {name}", result["times_as_fast"]["median"], at_least=3)
        )
    body = {"bars": BARS, "rounds": ROUNDS, "rules": results, "targets": targets}
    write_result("backtest", body, ("alphaloop", "numpy", "polars", "pandas", "backtesting"))


if __name__ == "__main__":
    main()
