"""From a training run to its report: gathers what the page shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from alphaloop.artifact.contract import Contract
from alphaloop.audit import AuditResult
from alphaloop.core.clock import iso
from alphaloop.dataset.parts import Split
from alphaloop.dataset.premium import Premium as MeasuredPremium
from alphaloop.dataset.table import Dataset
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
from alphaloop.markets.pumpfun.learning.dataset import SignalRows
from alphaloop.markets.pumpfun.learning.economics import Ledger
from alphaloop.training.leak_study import METRIC
from alphaloop.training.trained import Trained


def present(
    page: Path,
    contract: Contract,
    rows: SignalRows,
    split: Split,
    trained: Trained,
    audit: AuditResult,
    premium: Sequence[MeasuredPremium],
    ledger: Ledger | None,
    notes: Sequence[str],
) -> str:
    """Write the report and return its verdict, one sentence."""
    dataset = rows.dataset
    test = dataset.take(split.test)
    settings = contract.recipe.settings
    curve = trained.threshold.curve
    report = ReportInput(
        name=contract.name,
        market=contract.market,
        created_ns=contract.created_ns,
        classes=contract.classes,
        sides=contract.sides,
        horizon_s=contract.label.horizon_s,
        scores=trained.scores,
        baselines=trained.baselines,
        test=Outcomes(
            test.y,
            trained.probabilities["test"],
            test.decided_ns,
            trained.baseline_probabilities,
            rows.creator[split.test],
        ),
        importance=trained.importance,
        families=dict(zip(dataset.feature_names, dataset.families, strict=True)),
        thresholds=Thresholds(
            threshold=np.array([point.threshold for point in curve]),
            net=np.array([point.net_value for point in curve]),
            trades=np.array([point.trades for point in curve], np.int64),
            chosen=trained.threshold.to_dict(),
        ),
        backtest=_backtest(ledger),
        premium=Premium(METRIC, [each.to_dict() for each in premium]) if premium else None,
        trials=[Trial(t.number, t.value, t.state, t.parameters) for t in trained.study.trials] if trained.study else (),
        splits=_windows(dataset, split),
        audit=audit.to_dict(),
        parity=contract.parity,
        contract=contract.model_dump(mode="json"),
        facts=_facts(contract, rows, notes),
        cautions=rows.cautions,
        synthetic=bool(settings["dataset"]["synthetic"]),
        seed=int(settings["seed"]),
    )
    return write_report(page, report).verdict.text


def _facts(contract: Contract, rows: SignalRows, notes: Sequence[str]) -> dict[str, str]:
    dataset, source = rows.dataset, contract.dataset.files[0].name
    asked = ", ".join(f"{key} {value}" for key, value in contract.label.settings.items() if key != "kind")
    facts = {
        "Data": f"{source}: {len(dataset):,} signals on {len(np.unique(dataset.symbol)):,} tokens",
        "Span": f"{iso(int(dataset.decided_ns[0]))} to {iso(int(dataset.decided_ns[-1]))}",
        "Features": f"{contract.feature_graph['name']}, {len(contract.features)} features",
        "Label": f"{contract.label.name}: {asked}",
        "Estimator": contract.estimator,
        "Left out": ", ".join(f"{count:,} {reason}" for reason, count in rows.left_out.items()) or "nothing",
    }
    return facts | {f"Note {number}": note for number, note in enumerate(notes, start=1)}


def _backtest(ledger: Ledger | None) -> Backtest | None:
    if ledger is None:
        return None
    return Backtest(ledger.summary, ledger.known_ns, ledger.equity, trade_returns=ledger.returns)


def _windows(dataset: Dataset, split: Split) -> list[SplitWindow]:
    return [
        SplitWindow(
            name,
            len(rows),
            int(dataset.decided_ns[rows].min()),
            int(dataset.decided_ns[rows].max()),
            int(dataset.resolved_ns[rows].max()),
        )
        for name, rows in split.parts().items()
    ]
