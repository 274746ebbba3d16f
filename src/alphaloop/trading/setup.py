"""What a contract asks of a trader: features, context, plan. Backtest and live build themselves from the same setup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import polars as pl

from alphaloop.artifact.contract import Contract
from alphaloop.core.errors import DataError, ModelCompatibilityError, RecipeError
from alphaloop.data.bars import Bars
from alphaloop.features import FeatureSet
from alphaloop.trading.plan import Plan

ATR = "atr"
EVENTS = "events"


@dataclass(frozen=True)
class Setup:
    """A contract made ready for trading.

    Attributes
    ----------
    features : FeatureSet
        The model's inputs, from the graph in the contract.
    context : FeatureSet or None
        Holds `atr` (price units), which the plan's distances are multiples of; None if the plan has no distances.
    threshold : float or None
        The artifact's own; None if it found none worth trading.
    """

    plan: Plan
    features: FeatureSet
    context: FeatureSet | None
    sides: tuple[int, ...]
    threshold: float | None
    warm_up_rows: int

    @classmethod
    def of(cls, contract: Contract, plan: Plan | None = None) -> Self:
        """Read `contract`; a given `plan` goes before its own.

        Raises
        ------
        RecipeError
            If the plan is not usable, or needs an ATR that the contract cannot compute.
        ModelCompatibilityError
            If the feature graph is not the one that the model was trained on, or no graph at all but one of a market
            whose features come from events.
        """
        if contract.feature_graph.get("kind") == EVENTS:
            raise ModelCompatibilityError(
                f"artifact {contract.name!r} reads its features from the events of market {contract.market!r}, "
                "which no series of bars can give; trade it with that market's own trader"
            )
        plan = plan or Plan.parse(contract.trading, f"trading plan of artifact {contract.name!r}")
        features = FeatureSet.from_dict(contract.feature_graph)
        if features.hash != contract.feature_set_hash or tuple(features.names) != contract.feature_names:
            raise ModelCompatibilityError(
                f"artifact {contract.name!r}: its feature graph gives feature set {features.hash}, "
                f"but the model was trained on {contract.feature_set_hash}; train again with this version"
            )
        context = _context(contract) if plan.exits.need_atr else None
        return cls(plan, features, context, contract.sides, contract.threshold.value, contract.warm_up_rows)

    @classmethod
    def for_bars(cls, contract: Contract, bars: Bars, plan: Plan | None = None) -> Self:
        """Read `contract` and check that `bars` can be traded with it.

        Raises
        ------
        DataError
            If no symbol has more bars than the warm-up, so that not one decision would be taken.
        RecipeError, ModelCompatibilityError
            As `of`.
        """
        setup = cls.of(contract, plan)
        most = bars.frame.group_by("symbol").len()["len"].to_numpy().max(initial=0)
        if most <= setup.warm_up_rows:
            raise DataError(
                f"{bars.source}: the longest symbol has {most} bars, but the features need {setup.warm_up_rows} "
                "to warm up before the first decision; give a longer file"
            )
        return setup


def in_sample_share(contract: Contract, known_ns: pl.Series) -> float:
    """Share of bars whose time lies in the windows that the model learned from: all splits but the test."""
    learned = [window for part, window in contract.training_window.items() if part != "test"]
    if not learned or known_ns.is_empty():
        return 0.0
    first, last = min(w.first_ns for w in learned), max(w.last_ns for w in learned)
    return float(((known_ns >= first) & (known_ns <= last)).mean() or 0.0)  # type: ignore[arg-type]


def _context(contract: Contract) -> FeatureSet:
    if contract.context_graph is not None:
        context = FeatureSet.from_dict(contract.context_graph)
        if ATR in context.names:
            return context
    raise RecipeError(
        f"artifact {contract.name!r} cannot compute the feature {ATR!r} that key 'exits' measures its distances in; "
        "turn take_profit_atr, stop_loss_atr and trailing_atr off or train with a context"
    )
