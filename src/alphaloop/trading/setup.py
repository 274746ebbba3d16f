"""What a contract asks of a trader: features, context, plan. Backtest and live build themselves from the same setup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from alphaloop.artifact.contract import Contract
from alphaloop.core.errors import DataError, ModelCompatibilityError, RecipeError
from alphaloop.features import FeatureSet
from alphaloop.trading.plan import Plan

ATR = "atr"


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
            If the feature graph is not the one that the model was trained on.
        """
        plan = plan or Plan.parse(contract.trading, f"trading plan of artifact {contract.name!r}")
        features = FeatureSet.from_dict(contract.feature_graph)
        if features.hash != contract.feature_set_hash or tuple(features.names) != contract.feature_names:
            raise ModelCompatibilityError(
                f"artifact {contract.name!r}: its feature graph gives feature set {features.hash}, "
                f"but the model was trained on {contract.feature_set_hash}; train again with this version"
            )
        context = _context(contract) if plan.exits.need_atr else None
        return cls(plan, features, context, contract.sides, contract.threshold.value, contract.warm_up_rows)

    def require_bars(self, most_bars: int, source: str) -> None:
        """Check that the longest symbol of `source`, with `most_bars` bars, outlasts the warm-up.

        Raises
        ------
        DataError
            If it does not, so that not one bar could be traded.
        """
        if most_bars <= self.warm_up_rows:
            raise DataError(
                f"{source}: the longest symbol has {most_bars} bars, but the features need {self.warm_up_rows} "
                "to warm up before the first decision; give a longer file"
            )


def _context(contract: Contract) -> FeatureSet:
    if contract.context_graph is not None:
        context = FeatureSet.from_dict(contract.context_graph)
        if ATR in context.names:
            return context
    raise RecipeError(
        f"artifact {contract.name!r} cannot compute the feature {ATR!r} that key 'exits' measures its distances in; "
        "turn take_profit_atr, stop_loss_atr and trailing_atr off or train with a context"
    )
