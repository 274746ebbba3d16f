"""What a report reads out of its input before it draws anything: targets, diagnoses, differences, and the evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.evaluation.collapse import Collapse, diagnose
from alphaloop.evaluation.evidence import Evidence, Leak
from alphaloop.evaluation.reliability import Reliability, reliability
from alphaloop.evaluation.report_input import Backtest, Outcomes, Plain, ReportInput
from alphaloop.evaluation.scores import Score, compare

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Target:
    """One class against the rest on the test rows: 0.0 or 1.0, and probabilities, each of shape ``(n,)``."""

    name: str
    y: Floats
    p: Floats
    baseline: Floats | None
    reliability: Reliability
    collapse: tuple[Collapse, ...]


@dataclass(frozen=True)
class Readings:
    """Everything that is computed once and shown in several places."""

    targets: tuple[Target, ...]
    baseline: str | None
    difference: dict[str, Score]
    evidence: Evidence


def read(given: ReportInput) -> Readings:
    """Compute targets, the difference to the best baseline, and the evidence for the conclusion."""
    best = best_baseline(given)
    targets = _targets(given, best)
    difference = _difference(given, best)
    return Readings(targets, best, difference, _evidence(given, targets, best, difference))


def best_baseline(given: ReportInput) -> str | None:
    """Name of the baseline with the highest test PR-AUC; None without baselines."""
    scored = {name: float(found["pr_auc"]["value"]) for name, found in given.baselines.items() if "pr_auc" in found}
    return max(scored, key=lambda name: scored[name]) if scored else None


def plain_name(name: str) -> str:
    """Turn a name as it stands in code into words."""
    return name.replace("_", " ")


def stored_score(scores: Plain | None, metric: str) -> Score | None:
    """Read the score of `metric`, or None where it was not measured."""
    stored = (scores or {}).get(metric)
    return Score.of(stored) if stored is not None and stored.get("value") is not None else None


def trade_mean(backtest: Backtest) -> Score | None:
    """Mean net return of a trade with mean +- 1.96 standard errors, taking trades for independent."""
    returns = backtest.trade_returns
    if returns is None or returns.size == 0:
        return None
    mean = float(returns.mean())
    reach = 1.96 * float(returns.std(ddof=1)) / math.sqrt(returns.size) if returns.size > 1 else math.nan
    return Score(mean, mean - reach, mean + reach)


def before_fees(backtest: Backtest) -> float | None:
    """Return of the backtest with the fees paid added back; spread and slippage stay in it."""
    fees, cash = backtest.summary.get("fees"), backtest.summary.get("initial_cash")
    if fees is None or not cash:
        return None
    return float(backtest.summary["net_return"]) + float(fees) / float(cash)


def _targets(given: ReportInput, best: str | None) -> tuple[Target, ...]:
    test = given.test
    if test is None or len(test.y) == 0:
        return ()
    columns = [1] if len(given.classes) == 2 else [index for index, side in enumerate(given.sides) if side]
    found = []
    for column in columns:
        y = (np.asarray(test.y) == column).astype(np.float64)
        if y.min() == y.max():
            continue
        p = _column(test.p, column)
        other = test.baselines.get(best) if best else None
        found.append(
            Target(
                name=given.classes[column],
                y=y,
                p=p,
                baseline=None if other is None else _column(other, column),
                reliability=reliability(
                    y,
                    p,
                    decided_ns=test.decided_ns,
                    horizon_s=given.horizon_s,
                    seed=given.seed,
                    groups=test.groups,
                ),
                collapse=tuple(diagnose(y, p)),
            )
        )
    return tuple(found)


def _column(p: Floats, column: int) -> Floats:
    return np.asarray(p if p.ndim == 1 else p[:, column], dtype=np.float64)


def _difference(given: ReportInput, best: str | None) -> dict[str, Score]:
    if given.difference is not None:
        return {metric: Score.of(stored) for metric, stored in given.difference.items()}
    test: Outcomes | None = given.test
    if best is None or test is None or best not in test.baselines:
        return {}
    return compare(
        test.y,
        test.p,
        test.baselines[best],
        decided_ns=test.decided_ns,
        horizon_s=given.horizon_s,
        seed=given.seed,
        sides=given.sides,
    )


def _evidence(
    given: ReportInput, targets: tuple[Target, ...], best: str | None, difference: dict[str, Score]
) -> Evidence:
    test, validation = given.scores.get("test"), given.scores.get("validation")
    base_rate = stored_score(test, "base_rate")
    bins = sum(target.reliability.count.size for target in targets)
    chosen = given.thresholds.chosen if given.thresholds else (given.contract or {}).get("threshold", {})
    return Evidence(
        pr_auc=stored_score(test, "pr_auc"),
        roc_auc=stored_score(test, "roc_auc"),
        base_rate=base_rate.value if base_rate else None,
        baseline=plain_name(best) if best else None,
        difference=difference.get("pr_auc"),
        bins=bins,
        bins_off=sum(target.reliability.off for target in targets) if targets else None,
        lean=sum(target.reliability.lean for target in targets) / len(targets) if targets else None,
        collapse=tuple(found for target in targets for found in target.collapse),
        validation_pr_auc=stored_score(validation, "pr_auc"),
        validation_roc_auc=stored_score(validation, "roc_auc"),
        tries=len(given.trials) or None,
        tradable=chosen.get("tradable"),
        threshold_net=chosen.get("net_value"),
        threshold_trades=chosen.get("trades"),
        leaks=_leaks(given),
        premium_metric=given.premium.metric if given.premium else "score",
        audit_clean=None if given.audit is None else bool(given.audit.get("clean")),
        audit_findings=len((given.audit or {}).get("findings", ())),
        parity_rows=(given.parity or {}).get("rows"),
        parity_flipped=(given.parity or {}).get("flipped"),
        synthetic=given.synthetic,
        **_money(given.backtest),
    )


def _leaks(given: ReportInput) -> tuple[Leak, ...]:
    rows = given.premium.rows if given.premium else ()
    return tuple(Leak(row["name"], float(row["premium"])) for row in rows if row["name"] != row["reference"])


def _money(backtest: Backtest | None) -> dict[str, Any]:
    if backtest is None:
        return {}
    benchmark = next(iter(backtest.comparisons.items()), None)
    drawdown = backtest.summary.get("max_drawdown")
    return {
        "trades": int(backtest.summary["trades"]),
        "net_return": float(backtest.summary["net_return"]),
        "before_fees": before_fees(backtest),
        "max_drawdown": None if drawdown is None else float(drawdown),
        "trade_mean": trade_mean(backtest),
        "benchmark": benchmark[0] if benchmark else None,
        "benchmark_return": float(benchmark[1][-1] / benchmark[1][0] - 1.0) if benchmark else None,
    }
