"""The audit inside a training run: features, label, rows, and what is fitted on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from alphaloop.audit import AuditResult, audit_dataset, audit_feature_set, audit_label, certify
from alphaloop.audit.dataset import together
from alphaloop.audit.fitting import Fit, FitAndRank
from alphaloop.core.hashing import hash_json
from alphaloop.core.progress import Progress, silent
from alphaloop.markets.bars.ingredients import Ingredients
from alphaloop.models.boosted_trees import LightGBM, LightGBMParameters
from alphaloop.models.catalog import create
from alphaloop.models.estimator import Estimator, Task
from alphaloop.training.recipe import Recipe

FEATURES_SHARE = 0.75
FITTED = ("one_feature", "logistic")
QUICK = LightGBMParameters(rounds=30, early_stopping_rounds=0, num_leaves=31, min_child_samples=20)

Features = NDArray[np.float32]
Classes = NDArray[np.int8]


def inspect(ingredients: Ingredients, recipe: Recipe, seconds: float, progress: Progress = silent) -> AuditResult:
    """Audit everything that a training run rests on, and certify it by the hashes of code and data.

    Parameters
    ----------
    seconds
        Budget for features and label together; the checks of the rows take a few seconds besides.
    """
    dataset, split = ingredients.dataset, ingredients.split
    task = Task(dataset.classes, dataset.sides, dataset.feature_names)
    rows = audit_dataset(
        dataset,
        split,
        fits={kind: _fit(create(kind, task), split.train, recipe.seed) for kind in FITTED},
        fit_and_rank=_ranker(task, recipe.seed),
        seed=recipe.seed,
        progress=progress,
    )
    for_features, for_label = FEATURES_SHARE * seconds, (1.0 - FEATURES_SHARE) * seconds
    features = audit_feature_set(
        ingredients.feature_set, ingredients.bars, seconds=for_features, seed=recipe.seed, progress=progress
    )
    label = audit_label(
        ingredients.label,
        ingredients.scaled,
        ingredients.bars.step_ns,
        recipe.costs,
        seconds=for_label,
        seed=recipe.seed,
        progress=progress,
    )
    result = together(f"recipe {recipe.name!r}", features, label, rows)
    code = hash_json([recipe.hash, ingredients.feature_set.hash, ingredients.label.hash])
    issued = certify(
        result, code_hash=code, data_hash=ingredients.bars.sha256, data_name=ingredients.bars.source, seed=recipe.seed
    )
    return replace(result, certificate=issued)


def _fit(model: Estimator, train: NDArray[np.int64], seed: int) -> Fit:
    """Fit as the factory does, and return the margins of the training rows: any other scaling or choice moves them."""
    sampled = train[:: max(1, len(train) // 5_000)]

    def fit(X: Features, y: Classes) -> NDArray[np.float64]:
        model.fit(X[sampled], y[sampled], seed=seed)
        return np.asarray(model.raw(X[sampled]), np.float64)

    return fit


def _ranker(task: Task, seed: int) -> FitAndRank:
    def fit_and_rank(X: Features, y: Classes, scored: Features) -> NDArray[np.float64]:
        model = LightGBM(task, QUICK)
        model.fit(X, y, seed=seed)
        margins = model.raw(scored)
        return margins if margins.ndim == 1 else margins[:, -1] - margins[:, :-1].max(axis=1)

    return fit_and_rank
