"""The audit inside a training run: the rows, their parts, and what is fitted on them.

How features were made is not in the rows: that is proved on recordings, by ``alphaloop audit pumpfun-signal`` and
``pumpfun-genesis``, which change what came after a signal and look for a changed feature.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from alphaloop.audit import AuditResult, Finding, audit_dataset, certify
from alphaloop.audit.dataset import together
from alphaloop.audit.fitting import Fit, FitAndRank
from alphaloop.core.hashing import hash_json
from alphaloop.core.progress import Progress, silent
from alphaloop.dataset.parts import Split
from alphaloop.dataset.table import Dataset
from alphaloop.markets.pumpfun.learning.recipe import PumpRecipe
from alphaloop.models.boosted_trees import LightGBM, LightGBMParameters
from alphaloop.models.catalog import create
from alphaloop.models.estimator import Estimator, Task

FITTED = ("one_feature", "logistic")
MOST_FITTED = 5_000
QUICK = LightGBMParameters(rounds=30, early_stopping_rounds=0, num_leaves=15, min_child_samples=20)
NOTE = "features were not audited here; audit a recording: alphaloop audit pumpfun-signal, pumpfun-genesis"

Features = NDArray[np.float32]
Classes = NDArray[np.int8]


def inspect(
    dataset: Dataset, split: Split, recipe: PumpRecipe, data_name: str, progress: Progress = silent
) -> AuditResult:
    """Audit the rows of a training run and certify the result by the hashes of recipe and data."""
    task = Task(dataset.classes, dataset.sides, dataset.feature_names)
    rows = audit_dataset(
        dataset,
        split,
        fits={kind: _fit(create(kind, task), split.train, recipe.seed) for kind in FITTED},
        fit_and_rank=_ranker(task, recipe.seed),
        seed=recipe.seed,
        progress=progress,
    )
    tokens = AuditResult("tokens", shared_tokens(dataset, split), {"tokens across parts": 6}, 0.0, (NOTE,))
    result = together(f"recipe {recipe.name!r}", rows, tokens)
    code = hash_json([recipe.hash, recipe.feature_set.hash, recipe.label.hash])
    issued = certify(result, code_hash=code, data_hash=dataset.fingerprint, data_name=data_name, seed=recipe.seed)
    return replace(result, certificate=issued)


def shared_tokens(dataset: Dataset, split: Split) -> tuple[Finding, ...]:
    """Find tokens that two parts have in common."""
    found = []
    for (earlier, a), (later, b) in combinations(split.parts().items(), 2):
        shared = np.intersect1d(dataset.symbol[a], dataset.symbol[b])
        if len(shared):
            mint = dataset.symbols[int(shared[0])]
            row = int(a[np.flatnonzero(dataset.symbol[a] == shared[0])[0]])
            evidence = f"{len(shared)} tokens are in {earlier} and {later}, the first is {mint}; split by token too"
            found.append(Finding("shared_rows", "(rows)", row, 0.0, evidence))
    return tuple(found)


def _fit(model: Estimator, train: NDArray[np.int64], seed: int) -> Fit:
    """Fit as the factory does and return the margins of training rows: whatever else it had read would move them."""
    sampled = train[:: max(1, len(train) // MOST_FITTED)]

    def fit(X: Features, y: Classes) -> NDArray[np.float64]:
        model.fit(X[sampled], y[sampled], seed=seed)
        return np.asarray(model.raw(X[sampled]), np.float64)

    return fit


def _ranker(task: Task, seed: int) -> FitAndRank:
    def fit_and_rank(X: Features, y: Classes, scored: Features) -> NDArray[np.float64]:
        model = LightGBM(task, QUICK)
        model.fit(X, y, seed=seed)
        return np.asarray(model.raw(scored), np.float64)

    return fit_and_rank
