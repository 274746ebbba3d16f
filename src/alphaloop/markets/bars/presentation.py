"""From a training run to its report: gathers what the page shows, computes nothing of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alphaloop.artifact.contract import Contract
from alphaloop.audit import AuditResult
from alphaloop.core.clock import NS_PER_S, iso
from alphaloop.dataset.premium import Premium as MeasuredPremium
from alphaloop.evaluation.report import write_report
from alphaloop.evaluation.report_input import (
    Backtest,
    Outcomes,
    Premium,
    ReportInput,
    SplitWindow,
    Thresholds,
    Trial,
)
from alphaloop.markets.bars.ingredients import Ingredients
from alphaloop.trading.results import Result
from alphaloop.training.leak_study import METRIC
from alphaloop.training.trained import Trained

SYNTHETIC = "SYN-"


def present(
    page: Path,
    contract: Contract,
    ingredients: Ingredients,
    trained: Trained,
    audit: AuditResult,
    premium: Sequence[MeasuredPremium],
    result: Result,
    notes: Sequence[str],
) -> str:
    """Write the report and return its verdict, one sentence."""
    dataset = ingredients.dataset
    report = ReportInput(
        name=contract.name,
        market=contract.market,
        created_ns=contract.created_ns,
        classes=contract.classes,
        sides=contract.sides,
        horizon_s=contract.label.horizon_s,
        scores=trained.scores,
        baselines=trained.baselines,
        test=_outcomes(ingredients, trained),
        importance=trained.importance,
        families=dict(zip(dataset.feature_names, dataset.families, strict=True)),
        thresholds=_thresholds(trained),
        backtest=_backtest(ingredients, result),
        premium=Premium(METRIC, [each.to_dict() for each in premium]),
        trials=[Trial(t.number, t.value, t.state, t.parameters) for t in trained.study.trials] if trained.study else (),
        splits=_windows(ingredients),
        audit=audit.to_dict(),
        parity=contract.parity,
        contract=contract.model_dump(mode="json"),
        facts=_facts(contract, ingredients, notes),
        synthetic=is_synthetic(ingredients.bars.symbols),
        seed=int(contract.recipe.settings["seed"]),
    )
    return write_report(page, report).verdict.text


def is_synthetic(symbols: Sequence[str]) -> bool:
    """Whether the bars come from the synthetic market, whose symbols say so."""
    return all(symbol.startswith(SYNTHETIC) for symbol in symbols)


def _outcomes(ingredients: Ingredients, trained: Trained) -> Outcomes:
    rows = ingredients.dataset.take(ingredients.split.test)
    return Outcomes(rows.y, trained.probabilities["test"], rows.decided_ns, trained.baseline_probabilities)


def _thresholds(trained: Trained) -> Thresholds:
    curve = trained.threshold.curve
    return Thresholds(
        threshold=np.array([point.threshold for point in curve]),
        net=np.array([point.net_value for point in curve]),
        trades=np.array([point.trades for point in curve], np.int64),
        chosen=trained.threshold.to_dict(),
    )


def _backtest(ingredients: Ingredients, result: Result) -> Backtest:
    exits: dict[str, tuple[int, float]] = defaultdict(lambda: (0, 0.0))
    returns = np.array([trade.net / trade.entry_notional for trade in result.trades])
    for trade, net in zip(result.trades, returns.tolist(), strict=True):
        count, total = exits[str(trade.reason)]
        exits[str(trade.reason)] = (count + 1, total + net)
    equity = result.equity
    known_ns = equity["known_ns"].to_numpy()
    return Backtest(
        summary=result.summary(),
        known_ns=known_ns,
        equity=equity["equity"].to_numpy(),
        trade_returns=returns,
        exits=dict(exits),
        comparisons={"buy and hold": _held(ingredients.scaled, known_ns, result.initial_cash)},
    )


def _held(frame: pl.DataFrame, known_ns: NDArray[np.int64], cash: float) -> NDArray[np.float64]:
    """Equity of cash spread evenly over all symbols at the first time and left there, without costs."""
    inside = frame.filter((pl.col("known_ns") >= int(known_ns[0])) & (pl.col("known_ns") <= int(known_ns[-1])))
    growth = inside.select("symbol", "known_ns", grown=pl.col("close") / pl.col("close").first().over("symbol"))
    table = growth.pivot(on="symbol", index="known_ns", values="grown").sort("known_ns").fill_null(strategy="forward")
    mean = table.drop("known_ns").fill_null(1.0).mean_horizontal()
    return cash * mean.to_numpy()


def _windows(ingredients: Ingredients) -> list[SplitWindow]:
    dataset = ingredients.dataset
    return [
        SplitWindow(
            name,
            len(rows),
            int(dataset.decided_ns[rows].min()),
            int(dataset.decided_ns[rows].max()),
            int(dataset.resolved_ns[rows].max()),
        )
        for name, rows in ingredients.split.parts().items()
    ]


def _facts(contract: Contract, ingredients: Ingredients, notes: Sequence[str]) -> dict[str, str]:
    bars = ingredients.bars
    known = bars.frame["known_ns"]
    symbols = ", ".join(bars.symbols[:6]) + (f" and {len(bars.symbols) - 6} more" if len(bars.symbols) > 6 else "")
    facts = {
        "Data": f"{bars.source}: {len(bars):,} bars of {bars.step_ns / NS_PER_S:g} s, {symbols}",
        "Span": f"{iso(int(known.min()))} to {iso(int(known.max()))}",  # type: ignore[arg-type]
        "Features": f"{ingredients.feature_set.name}, {len(ingredients.feature_set)} features",
        "Label": f"{contract.label.name}, {contract.label.horizon_s:g} s",
        "Estimator": contract.estimator,
    }
    return facts | {f"Note {number}": note for number, note in enumerate(notes, start=1)}
