"""What a report is made from: plain data, so that the report knows nothing of how it came about.

Everything beyond the name may be left out; what is left out is shown as not measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Plain = Mapping[str, Any]


@dataclass(frozen=True)
class Outcomes:
    """What the model said about each row of a split, and what came.

    Attributes
    ----------
    y
        Class index of each row, shape ``(n,)``.
    p
        Probability of each class, shape ``(n, C)``, or of class 1, shape ``(n,)``.
    decided_ns
        When each row was decided, shape ``(n,)``.
    baselines
        Name to the probabilities of a baseline for the same rows, in the shape of `p`.
    groups
        Code of each row's group, shape ``(n,)``, where rows of a group share one fate; reliability is then resampled by
        groups.
    """

    y: NDArray[Any]
    p: Floats
    decided_ns: Ints
    baselines: Mapping[str, Floats] = field(default_factory=dict)
    groups: NDArray[np.signedinteger] | None = None


@dataclass(frozen=True)
class Thresholds:
    """Net value over the threshold on validation rows, as arrays of shape ``(k,)``, and the choice that was made.

    `net` is a sum of net returns; `chosen` is the contract's ``{"value", "net_value", "trades", "tradable"}``.
    """

    threshold: Floats
    net: Floats
    trades: Ints
    chosen: Plain


@dataclass(frozen=True)
class Backtest:
    """A backtest over the test period.

    Attributes
    ----------
    summary
        At least ``trades``, ``net_return``, ``max_drawdown``; ``fees`` and ``initial_cash`` where known.
    known_ns, equity
        Equity net of costs at each bar time, shape ``(m,)``.
    trade_returns
        Net return of each trade, shape ``(trades,)``.
    exits
        Exit reason to number of trades and the sum of their net returns.
    comparisons
        Name to equity at the same times, for example buy and hold; the first is the benchmark of the conclusion.
    """

    summary: Plain
    known_ns: Ints
    equity: Floats
    trade_returns: Floats | None = None
    exits: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    comparisons: Mapping[str, Floats] = field(default_factory=dict)


@dataclass(frozen=True)
class Premium:
    """Rows of the leak premium: ``name``, ``description``, ``reference``, ``value``, ``premium``, row counts."""

    metric: str
    rows: Sequence[Plain]


@dataclass(frozen=True)
class Trial:
    """One trial of the study; `value` is None where it was pruned or failed."""

    number: int
    value: float | None
    state: str
    parameters: Plain = field(default_factory=dict)


@dataclass(frozen=True)
class SplitWindow:
    """Decision times of a split, both ends included, and when its last label is resolved; nanoseconds."""

    name: str
    rows: int
    first_ns: int
    last_ns: int
    resolved_ns: int | None = None


@dataclass(frozen=True)
class ReportInput:
    """One training run.

    Attributes
    ----------
    name, market, created_ns, classes, sides, horizon_s
        What was trained, when, to foretell what; `sides` is +1, -1 or 0 per class.
    scores
        ``{split: {metric: {"value": v, "interval": [low, high]}}}``; ``test`` is the one that counts.
    baselines
        ``{name: {metric: ...}}`` of the test rows.
    difference
        ``{metric: ...}`` of the model minus the baseline with the best PR-AUC, from
        `alphaloop.evaluation.scores.compare`; computed from `test` where absent.
    test
        Test rows for the curves.
    importance, families
        Share of each feature; family of each feature.
    thresholds, backtest, premium, trials, splits, audit, parity, contract
        The other parts; `audit` has ``clean`` and ``findings``, `parity` has ``rows`` and ``flipped``.
    facts
        Short facts for the header, for example the data file: label to text.
    cautions
        What the rows do not show, told with the verdict: topic to sentence.
    synthetic
        Whether the market was made up.
    seed
        Of the intervals that the report computes itself.
    """

    name: str
    market: str
    created_ns: int
    classes: Sequence[str]
    sides: Sequence[int]
    horizon_s: float
    scores: Mapping[str, Mapping[str, Plain]] = field(default_factory=dict)
    baselines: Mapping[str, Mapping[str, Plain]] = field(default_factory=dict)
    difference: Mapping[str, Plain] | None = None
    test: Outcomes | None = None
    importance: Mapping[str, float] = field(default_factory=dict)
    families: Mapping[str, str] = field(default_factory=dict)
    thresholds: Thresholds | None = None
    backtest: Backtest | None = None
    premium: Premium | None = None
    trials: Sequence[Trial] = ()
    splits: Sequence[SplitWindow] = ()
    audit: Plain | None = None
    parity: Plain | None = None
    contract: Plain | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    cautions: Mapping[str, str] = field(default_factory=dict)
    synthetic: bool = False
    seed: int = 0
