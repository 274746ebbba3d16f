"""The numbers that a conclusion may rest on; whatever was not measured is None."""

from __future__ import annotations

from dataclasses import dataclass

from alphaloop.evaluation.collapse import Collapse
from alphaloop.evaluation.scores import Score


@dataclass(frozen=True)
class Leak:
    """What one careless arrangement of training rows would have scored above the honest one."""

    name: str
    premium: float


@dataclass(frozen=True)
class Evidence:
    """One training run in the numbers that matter.

    Attributes
    ----------
    pr_auc, roc_auc, base_rate
        Test scores of the model.
    baseline, difference
        Name of the baseline with the best test PR-AUC, and the model's PR-AUC minus its, resampled in pairs.
    bins, bins_off, lean
        Bins of the reliability diagram, how many of them miss their interval, and mean promise minus mean outcome.
    collapse
        Ways in which the test probabilities have collapsed.
    validation_pr_auc, validation_roc_auc, tries
        Scores on the rows that tuning looked at, and how many trials were compared on them.
    tradable, threshold_net, threshold_trades
        Whether a threshold paid on validation, and the net value and trades of the chosen one.
    trades, net_return, before_fees, max_drawdown, trade_mean
        The backtest: returns of the whole period, drawdown as a positive share, and the mean net return of a trade with
        an interval that takes trades for independent.
    benchmark, benchmark_return
        Name and return of what the backtest is compared with.
    leaks
        Premium of each careless arrangement in PR-AUC or whatever score the study used, `premium_metric`.
    audit_clean, audit_findings
        The audit's answer and how many findings it has.
    parity_rows, parity_flipped
        Rows compared between the native model and the graph, and decisions that differ.
    synthetic
        Whether the market was made up.
    """

    pr_auc: Score | None = None
    roc_auc: Score | None = None
    base_rate: float | None = None
    baseline: str | None = None
    difference: Score | None = None
    bins: int = 0
    bins_off: int | None = None
    lean: float | None = None
    collapse: tuple[Collapse, ...] = ()
    validation_pr_auc: Score | None = None
    validation_roc_auc: Score | None = None
    tries: int | None = None
    tradable: bool | None = None
    threshold_net: float | None = None
    threshold_trades: int | None = None
    trades: int | None = None
    net_return: float | None = None
    before_fees: float | None = None
    max_drawdown: float | None = None
    trade_mean: Score | None = None
    benchmark: str | None = None
    benchmark_return: float | None = None
    leaks: tuple[Leak, ...] = ()
    premium_metric: str = "score"
    audit_clean: bool | None = None
    audit_findings: int = 0
    parity_rows: int | None = None
    parity_flipped: int | None = None
    synthetic: bool = False
