"""Gradient-boosted trees by LightGBM, on float32 features with NaN for missing."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from alphaloop.core.errors import DataError
from alphaloop.core.progress import Progress, silent
from alphaloop.core.settings import Settings
from alphaloop.models.estimator import Classes, Features, Margins, Task, class_counts, require_float32, shares
from alphaloop.models.graph import Graph
from alphaloop.models.tree_arrays import TreeArrays
from alphaloop.models.tree_graph import emit_trees

# Threads that wait for each other by spinning take the cores from whoever has work; read when the library loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

BINARY_METRIC, MULTICLASS_METRIC = "average_precision", "multi_logloss"


class LightGBMParameters(Settings):
    """Parameters of the boosting; the names are LightGBM's."""

    rounds: int = Field(default=500, ge=1, le=100_000, description="most boosting rounds")
    early_stopping_rounds: int = Field(default=50, ge=0, description="rounds without a better score; 0: never")
    least_rounds: int = Field(
        default=1, ge=1, le=100_000, description="fewest rounds that early stopping may keep; never more than `rounds`"
    )
    learning_rate: float = Field(default=0.03, gt=0, le=1)
    num_leaves: int = Field(default=15, ge=2, le=131_072)
    max_depth: int = Field(default=-1, ge=-1)
    min_child_samples: int = Field(default=200, ge=0)
    feature_fraction: float = Field(default=0.5, gt=0, le=1)
    bagging_fraction: float = Field(default=0.8, gt=0, le=1)
    bagging_freq: int = Field(default=1, ge=0)
    lambda_l1: float = Field(default=0.0, ge=0)
    lambda_l2: float = Field(default=1.0, ge=0)
    max_bin: int = Field(default=255, ge=2, le=65_535)
    zero_as_missing: bool = False
    use_missing: bool = True
    balance: bool = Field(default=True, description="weigh the classes of the training rows to equal sums")
    num_threads: int = Field(default=2, ge=1, le=1024)


@dataclass(frozen=True)
class BinnedRows:
    """Training and validation rows in LightGBM's bins: built once, used by every trial of a study."""

    train: Any
    validation: Any | None
    offset: NDArray[np.float64]
    scale_pos_weight: float


@dataclass(frozen=True)
class Round:
    """One boosting round, as a round hook sees it: its number from 0 and the validation score, larger is better."""

    number: int
    score: float


RoundHook = Callable[[Round], None]


class LightGBM:
    """LightGBM with deterministic settings, class weights from the training rows, and early stopping.

    Weighing the classes moves all margins; the constant it moves them by is taken off again, so that the sigmoid (or
    softmax) of the margins estimates the true probability even before calibration.
    """

    def __init__(self, task: Task, parameters: LightGBMParameters | None = None) -> None:
        self.task = task
        self.parameters = parameters or LightGBMParameters()
        self._booster: Any = None
        self._offset = np.zeros(task.outputs)
        self._scale_pos_weight = 1.0
        self._arrays: TreeArrays | None = None

    def bin(self, X: Features, y: Classes, validation: tuple[Features, Classes] | None = None) -> BinnedRows:
        """Bin rows once for any number of `fit_binned` calls whose parameters differ in anything but the binning."""
        return self._bin(X, y, None, validation)

    def fit(
        self,
        X: Features,
        y: Classes,
        *,
        weight: NDArray[np.float64] | None = None,
        validation: tuple[Features, Classes] | None = None,
        seed: int = 0,
        progress: Progress = silent,
    ) -> None:
        """Boost on rows `X` (n, F), stopping early by `validation`; see `Estimator.fit`."""
        self.fit_binned(self._bin(X, y, weight, validation), seed=seed, progress=progress)

    def fit_binned(
        self, rows: BinnedRows, *, seed: int = 0, progress: Progress = silent, hooks: Sequence[RoundHook] = ()
    ) -> float:
        """Boost on binned rows; returns the best validation score (larger is better), NaN without validation rows.

        Each of `hooks` is called after each round and may stop the fit by raising.
        """
        import lightgbm

        chosen = self.parameters
        callbacks = [_watch(hooks, progress, chosen.rounds)]
        if rows.validation is not None and chosen.early_stopping_rounds:
            callbacks.append(_stopping(chosen))
        self._booster = lightgbm.train(
            self._settings(rows, seed),
            rows.train,
            num_boost_round=chosen.rounds,
            valid_sets=[] if rows.validation is None else [rows.validation],
            valid_names=[] if rows.validation is None else ["validation"],
            callbacks=callbacks,
        )
        progress("fit", chosen.rounds, chosen.rounds)
        self._offset, self._scale_pos_weight, self._arrays = rows.offset, rows.scale_pos_weight, None
        scores = self._booster.best_score.get("validation", {})
        sign = 1.0 if self.task.binary else -1.0
        return sign * float(next(iter(scores.values()))) if scores else float("nan")

    def raw(self, X: Features) -> Margins:
        """Sum of the leaves, without the class weights' constant; see `Estimator.raw`."""
        require_float32(X)
        if not len(X):
            return np.zeros(0 if self.task.binary else (0, self.task.n_classes))
        margins = np.asarray(
            self._booster.predict(X, raw_score=True, num_threads=self.parameters.num_threads), np.float64
        )
        return margins + (self._offset[0] if self.task.binary else self._offset)

    def importance(self) -> NDArray[np.float64]:
        """Total gain of each feature's splits, as shares."""
        gain = self._booster.feature_importance("gain", iteration=self._booster.best_iteration or None)
        return shares(np.asarray(gain, np.float64))

    def leaves(self, X: Features) -> NDArray[np.int32]:
        """Leaf index of each row in each tree, (n, T); see `Trees.leaves`."""
        found = self._booster.predict(X, pred_leaf=True, num_threads=self.parameters.num_threads)
        return np.asarray(found, np.int32).reshape(len(X), -1)

    def split_points(self) -> dict[int, NDArray[np.float32]]:
        """Thresholds of the exported trees; see `Trees.split_points`."""
        return self.arrays().split_points()

    def arrays(self) -> TreeArrays:
        """Trees up to the best round, as they are exported."""
        if self._arrays is None:
            dump = self._booster.dump_model(num_iteration=self._booster.best_iteration or None)
            self._arrays = TreeArrays.from_dump(dump)
        return self._arrays

    def emit(self, graph: Graph, features: str) -> str:
        """One tree ensemble; see `Estimator.emit`."""
        return emit_trees(graph, features, self.arrays(), self._offset)

    def describe(self) -> dict[str, Any]:
        """Parameters, number of rounds kept, and the weight of a positive row."""
        found = self.parameters.model_dump(mode="json")
        found["best_iteration"] = int(self._booster.best_iteration or self._booster.current_iteration())
        return found | ({"scale_pos_weight": self._scale_pos_weight} if self.task.binary else {})

    def _bin(
        self,
        X: Features,
        y: Classes,
        weight: NDArray[np.float64] | None,
        validation: tuple[Features, Classes] | None,
    ) -> BinnedRows:
        import lightgbm

        require_float32(X)
        counts = class_counts(y, self.task.n_classes).astype(np.float64)
        if np.count_nonzero(counts) < self.task.n_classes:
            empty = self.task.classes[int(np.argmin(counts))]
            raise DataError(f"no training row of class {empty!r} in {len(y)} rows; bring more data or change the label")
        balanced = counts.sum() / (len(counts) * counts) if self.parameters.balance else np.ones(len(counts))
        scale = float(balanced[1] / balanced[0]) if self.task.binary else 1.0
        if not self.task.binary:
            weight = balanced[y] * (1.0 if weight is None else weight)
        train = lightgbm.Dataset(X, y, weight=weight, params=self._binning(), free_raw_data=True).construct()
        held = None
        if validation is not None:
            held = lightgbm.Dataset(*validation, reference=train, params=self._binning()).construct()
        offset = -np.array([np.log(scale)]) if self.task.binary else -np.log(balanced)
        return BinnedRows(train, held, offset, scale)

    def _binning(self) -> dict[str, Any]:
        """Parameters that a LightGBM dataset is built with and that no later fit may change."""
        chosen = self.parameters
        return {
            "max_bin": chosen.max_bin,
            "feature_pre_filter": False,
            "zero_as_missing": chosen.zero_as_missing,
            "use_missing": chosen.use_missing,
            "num_threads": chosen.num_threads,
            "verbosity": -1,
        }

    def _settings(self, rows: BinnedRows, seed: int) -> dict[str, Any]:
        chosen = self.parameters.model_dump(exclude={"rounds", "early_stopping_rounds", "least_rounds", "balance"})
        fixed: dict[str, Any] = {"deterministic": True, "force_col_wise": True, "seed": seed}
        if self.task.binary:
            fixed |= {"objective": "binary", "metric": BINARY_METRIC, "scale_pos_weight": rows.scale_pos_weight}
        else:
            fixed |= {"objective": "multiclass", "metric": MULTICLASS_METRIC, "num_class": self.task.n_classes}
        return {**chosen, **self._binning(), **fixed}


def _stopping(chosen: LightGBMParameters) -> Callable[[Any], None]:
    """Stop by the validation score, and look for the best of it from the least number of rounds on."""
    import lightgbm

    stop = lightgbm.early_stopping(chosen.early_stopping_rounds, verbose=False)
    first = min(chosen.least_rounds, chosen.rounds) - 1

    def after_round(env: Any) -> None:
        if env.iteration >= first:
            stop(replace(env, begin_iteration=first))

    return after_round


def _watch(hooks: Sequence[RoundHook], progress: Progress, rounds: int) -> Callable[[Any], None]:
    def after_round(env: Any) -> None:
        if env.iteration % 10 == 9:
            progress("fit", env.iteration + 1, rounds)
        for _, _, value, larger_is_better, *_ in (env.evaluation_result_list or [])[:1]:
            seen = Round(env.iteration, value if larger_is_better else -value)
            for hook in hooks:
                hook(seen)

    return after_round


def tuned(parameters: LightGBMParameters, found: Mapping[str, Any]) -> LightGBMParameters:
    """`parameters` with those of `found` that are parameters."""
    known = {key: value for key, value in found.items() if key in LightGBMParameters.model_fields}
    return LightGBMParameters.parse(parameters.model_dump() | known, "best parameters")
