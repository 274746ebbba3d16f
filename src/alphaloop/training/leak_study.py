"""What purge and time order are worth on this data: the leak premium, measured with a small, fixed model."""

from __future__ import annotations

import numpy as np

from alphaloop.core.progress import Progress, silent
from alphaloop.dataset.intervals import Rows
from alphaloop.dataset.parts import Split
from alphaloop.dataset.premium import Premium, leak_premium, symbol_variants, time_variants
from alphaloop.dataset.table import Dataset
from alphaloop.evaluation.metrics import Forecast, ranking_scores
from alphaloop.models.boosted_trees import LightGBM, LightGBMParameters
from alphaloop.models.estimator import Task

METRIC = "ROC-AUC"
MOST_ROWS = 60_000
PARAMETERS = LightGBMParameters(rounds=80, early_stopping_rounds=0, num_leaves=31, min_child_samples=50)


def measure_leak_premium(
    dataset: Dataset, split: Split, *, embargo_s: float, seed: int, progress: Progress = silent
) -> tuple[Premium, ...]:
    """Score the same test rows after honest and after careless choices of training rows.

    The model is small and its parameters are fixed, so the figures compare with each other and not with the model that
    is released. Nothing is chosen by them.

    Parameters
    ----------
    dataset, split
        All rows, and which of them are the test.
    embargo_s
        Embargo of the honest variants, in seconds.
    seed
        Of the draws and of the model.

    Returns
    -------
    tuple of Premium
        Test ROC-AUC of each variant (mean over the traded classes) and how much it flatters. Without the variants of
        unseen symbols if the test holds a single symbol.
    """
    task = Task(dataset.classes, dataset.sides, dataset.feature_names)

    def fit_and_score(train: Rows, test: Rows) -> float:
        stride = max(1, -(-len(train) // MOST_ROWS))
        rows, scored = dataset.take(train[::stride]), dataset.take(test)
        model = LightGBM(task, PARAMETERS)
        model.fit(rows.X, rows.y, seed=seed)
        return _roc_auc(task, scored, model.raw(scored.X))

    times = dataset.decided_ns, dataset.resolved_ns
    variants = time_variants(*times, split.test, embargo_s, seed)
    variants += symbol_variants(*times, dataset.symbol, split.test, None, embargo_s, seed)
    return leak_premium(variants, fit_and_score, progress)


def _roc_auc(task: Task, rows: Dataset, margins: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    if margins.ndim == 2:
        margins = np.exp(margins - margins.max(axis=1, keepdims=True))
        margins /= margins.sum(axis=1, keepdims=True)
    columns = [(1, margins)] if margins.ndim == 1 else [(k, margins[:, k]) for k in task.entering]
    each = [ranking_scores(Forecast.of((rows.y == k).astype(np.float64), column))[1] for k, column in columns]
    return float(np.mean(each))
