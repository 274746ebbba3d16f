"""alphaloop closes the loop of model-driven trading.

Market history, features that cannot see the future, honest labels, tuned and calibrated models, one ONNX artifact with
its contract, and a trader that scores with exactly that artifact. The names below are the public face; they are
imported when they are first used, so that ``import alphaloop`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alphaloop.artifact.contract import Contract
    from alphaloop.artifact.registry import Registry
    from alphaloop.artifact.scorer import Scorer
    from alphaloop.audit import AuditResult, audit_function
    from alphaloop.backtest.run import run as run_backtest
    from alphaloop.core.costs import Costs
    from alphaloop.core.errors import AlphaloopError, InputError, ModelCompatibilityError, RefusedError
    from alphaloop.data.bars import Bars, read_bars
    from alphaloop.data.synthetic import synthetic_bars
    from alphaloop.dataset.table import Dataset
    from alphaloop.features import Feature, FeatureSet
    from alphaloop.labels import Barrier, Horizon
    from alphaloop.markets.catalog import find_feature_set, find_recipe, trainer
    from alphaloop.trading.plan import Plan
    from alphaloop.training.recipe import Recipe, load_recipe

_HOME = {
    "AlphaloopError": "core.errors",
    "AuditResult": "audit",
    "Barrier": "labels",
    "Bars": "data.bars",
    "Contract": "artifact.contract",
    "Costs": "core.costs",
    "Dataset": "dataset.table",
    "Feature": "features",
    "FeatureSet": "features",
    "Horizon": "labels",
    "InputError": "core.errors",
    "ModelCompatibilityError": "core.errors",
    "Plan": "trading.plan",
    "Recipe": "training.recipe",
    "RefusedError": "core.errors",
    "Registry": "artifact.registry",
    "Scorer": "artifact.scorer",
    "audit_function": "audit",
    "find_feature_set": "markets.catalog",
    "find_recipe": "markets.catalog",
    "load_recipe": "training.recipe",
    "read_bars": "data.bars",
    "run_backtest": "backtest.run:run",
    "synthetic_bars": "data.synthetic",
    "trainer": "markets.catalog",
}

__all__ = [
    "AlphaloopError",
    "AuditResult",
    "Barrier",
    "Bars",
    "Contract",
    "Costs",
    "Dataset",
    "Feature",
    "FeatureSet",
    "Horizon",
    "InputError",
    "ModelCompatibilityError",
    "Plan",
    "Recipe",
    "RefusedError",
    "Registry",
    "Scorer",
    "audit_function",
    "find_feature_set",
    "find_recipe",
    "load_recipe",
    "read_bars",
    "run_backtest",
    "synthetic_bars",
    "trainer",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'alphaloop' has no attribute {name!r}")
    module, _, attribute = _HOME[name].partition(":")
    return getattr(import_module(f"alphaloop.{module}"), attribute or name)


def __dir__() -> list[str]:
    return sorted(__all__)
