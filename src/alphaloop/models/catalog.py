"""Estimators by the name that recipes use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alphaloop.core.errors import UnknownNameError
from alphaloop.core.settings import Settings, nearest
from alphaloop.models.boosted_trees import LightGBM, LightGBMParameters
from alphaloop.models.estimator import Estimator, Task
from alphaloop.models.last_value import LastValue, LastValueParameters
from alphaloop.models.linear import Linear, LinearParameters
from alphaloop.models.logistic import Logistic, LogisticParameters
from alphaloop.models.one_feature import OneFeature, OneFeatureParameters
from alphaloop.models.prior import Prior, PriorParameters

PARAMETERS: dict[str, type[Settings]] = {
    "prior": PriorParameters,
    "last_value": LastValueParameters,
    "one_feature": OneFeatureParameters,
    "logistic": LogisticParameters,
    "linear": LinearParameters,
    "lightgbm": LightGBMParameters,
}
KINDS = tuple(PARAMETERS)


def parameters_of(kind: str) -> type[Settings]:
    """Find the settings class of an estimator's parameters.

    Raises
    ------
    UnknownNameError
        If there is no estimator of that name.
    """
    if kind not in PARAMETERS:
        raise UnknownNameError(f"there is no estimator {kind!r}; {nearest(kind, list(KINDS))}")
    return PARAMETERS[kind]


def create(kind: str, task: Task, parameters: Mapping[str, Any] | None = None) -> Estimator:
    """Make an unfitted estimator.

    Raises
    ------
    UnknownNameError
        If there is no estimator of that name.
    RecipeError
        If a parameter is unknown or impossible.
    """
    chosen = parameters_of(kind).parse(parameters or {}, "recipe", at="estimator.parameters")
    match chosen:
        case PriorParameters():
            return Prior(task, chosen)
        case LastValueParameters():
            return LastValue(task, chosen)
        case OneFeatureParameters():
            return OneFeature(task, chosen)
        case LogisticParameters():
            return Logistic(task, chosen)
        case LinearParameters():
            return Linear(task, chosen)
        case _:
            return LightGBM(task, LightGBMParameters.model_validate(chosen.model_dump()))
