"""The factory: from a dataset and a recipe to a model that is proved, scored once, and ready to be sealed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.artifact.session import GraphRunner
from alphaloop.core.clock import NS_PER_S, stopwatch
from alphaloop.core.hashing import hash_json
from alphaloop.core.progress import Progress, silent
from alphaloop.dataset.parts import PARTS, Split
from alphaloop.dataset.table import Dataset
from alphaloop.evaluation.scores import score
from alphaloop.models.boosted_trees import LightGBM, tuned
from alphaloop.models.catalog import create
from alphaloop.models.estimator import Estimator, Task, Trees
from alphaloop.trading.plan import Policy
from alphaloop.trading.policy import choose
from alphaloop.training.calibrate import Calibration, Uncalibrated, fit_calibration
from alphaloop.training.export import to_onnx
from alphaloop.training.hard_rows import hard_rows
from alphaloop.training.origins import HeldOut, rolling_margins, rolling_origins
from alphaloop.training.parity import ParityEvidence, gate
from alphaloop.training.readiness import check_parts
from alphaloop.training.recipe import Procedure
from alphaloop.training.reference import golden_rows, library_versions, reference_distribution
from alphaloop.training.threshold import Threshold, choose_threshold, confidence_of, settle
from alphaloop.training.trained import Scores, Trained
from alphaloop.training.trials import Study
from alphaloop.training.tuning import Search, tune, warm_start


def train(
    dataset: Dataset,
    split: Split,
    recipe: Procedure,
    *,
    out: Path | None = None,
    start: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> Trained:
    """Baselines, tune, fit, calibrate, threshold, export, gate; then look at the test rows, once.

    Parameters
    ----------
    dataset
        Rows with features, classes and net returns.
    split
        Rows of each part. Test rows are used for the last scores and for nothing else.
    recipe
        What to do.
    out
        Folder of the study's journal and log; the study is in memory only if absent.
    start
        Parameters that the study tries first; else those of `recipe.tuning.warm_start`, else the recipe's own.
    progress
        Told of every stage and trial.

    Raises
    ------
    DataError
        If a part has too few rows or lacks a class, or no feature has a value.
    RecipeError
        If the recipe names parameters that do not exist.
    ParityError
        If the exported graph is not the model.
    """
    return _Line(dataset, split, recipe, out, start, progress).run()


@dataclass(frozen=True)
class _Native:
    """A fitted estimator with its calibration: the model that the graph has to be."""

    estimator: Estimator
    calibration: Calibration = field(default_factory=Uncalibrated)

    def probabilities(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        return self.calibration.probabilities(self.estimator.raw(X))


class _Line:
    """One run through the stages, in order; each stage reads what the earlier ones left."""

    def __init__(
        self,
        dataset: Dataset,
        split: Split,
        recipe: Procedure,
        out: Path | None,
        start: Mapping[str, Any] | None,
        progress: Progress,
    ) -> None:
        self.recipe, self.out, self.progress = recipe, out, progress
        self.task = Task(dataset.classes, dataset.sides, dataset.feature_names)
        self.policy = Policy.parse(recipe.trading.get("policy", {}), recipe.name, at="trading.policy")
        self.timings: dict[str, float] = {}
        self.study: Study | None = None
        self.start = start if start is not None else warm_start(recipe.tuning)
        with self._stage("prepare"):
            self.dataset, self.split = dataset, split
            self.rows = {name: dataset.take(getattr(split, name)) for name in PARTS}
            self.fingerprint = dataset.fingerprint if recipe.tuning.trials and out else ""
            self.empty = check_parts(self.rows)

    def run(self) -> Trained:
        with self._stage("baselines"):
            baselines = {str(kind): _Native(self._baseline(kind)) for kind in self.recipe.baselines.kinds}
        estimator = self._fit()
        held = self._held_out(estimator)
        model = _Native(estimator, fit_calibration(self.recipe.calibration.method, held.raw, held.y, self.task.classes))
        with self._stage("threshold"):
            validation = self.rows["validation"]
            p = model.probabilities(validation.X)
            chosen = choose_threshold(p, validation, self.task.sides, self.policy, self.recipe.threshold)
            if not model.calibration.informative:
                # What is left is the class share of the calibration rows: to trade on that is to bet on a drift.
                chosen = replace(chosen, tradable=False, reason="calibration rows contradict the model's order")
        with self._stage("export"):
            onnx_bytes = to_onnx(model.estimator, model.calibration, len(self.task.feature_names))
        with self._stage("parity"):
            threshold, parity = self._gate(onnx_bytes, model, chosen)
        with self._stage("reference"):
            golden = golden_rows(self.rows["train"].X, self.recipe.seed)
            reference = reference_distribution(self.rows["train"].X, self.task.feature_names)
        with self._stage("score"):
            early = {name: model.probabilities(self.rows[name].X) for name in ("train", "calibration")}
            tested = {kind: each.probabilities(self.rows["test"].X) for kind, each in ({"": model} | baselines).items()}
            scores = dict(zip(tested, self._score_all(list(tested.values())), strict=True))
            on_validation = self._score(p, "validation")
        return Trained(
            task=self.task,
            estimator=model.estimator,
            calibration=model.calibration,
            calibrated_on=held,
            threshold=threshold,
            onnx_bytes=onnx_bytes,
            probabilities={**early, "validation": p, "test": tested.pop("")},
            scores={"validation": on_validation, "test": scores.pop("")},
            baselines=scores,
            baseline_probabilities=tested,
            best_parameters=model.estimator.describe(),
            importance=self._named(model.estimator.importance()),
            class_ratio=_class_ratio(self.rows["train"]),
            study=self.study,
            parity=parity,
            reference=reference,
            golden=(golden, GraphRunner(onnx_bytes).batch(golden)),
            empty_features=tuple(self.task.feature_names[index] for index in self.empty),
            library_versions=library_versions(),
            timings=self.timings,
        )

    def _named(self, values: NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(self.task.feature_names, values.tolist(), strict=True))

    def _held_out(self, estimator: Estimator) -> HeldOut:
        """Margins to calibrate on: the model's own of the calibration part, or those of models like it before it."""
        with self._stage("calibrate"):
            settings = self.recipe.calibration
            if not settings.origins:
                part = self.rows["calibration"]
                return HeldOut(estimator.raw(part.X), part.y, part.symbol)
            origins = rolling_origins(self.dataset, self.split, settings, self.recipe.split.embargo_s)
            return rolling_margins(self.dataset, origins, lambda rows: self._alike(estimator, rows))

    def _alike(self, estimator: Estimator, rows: Dataset) -> Estimator:
        """The same kind of model, with the parameters and the rounds of the fitted one, on other rows."""
        parameters: Any = self.recipe.estimator.parameters
        if isinstance(estimator, LightGBM):
            kept = {"rounds": estimator.describe()["best_iteration"], "early_stopping_rounds": 0}
            parameters = tuned(estimator.parameters, kept).model_dump()
        model = create(self.recipe.estimator.kind, self.task, parameters)
        model.fit(rows.X, rows.y, seed=self.recipe.seed)
        return model

    def _fit(self) -> Estimator:
        train, validation = self.rows["train"], self.rows["validation"]
        held = (validation.X, validation.y)
        chosen = self.recipe.estimator
        estimator = create(chosen.kind, self.task, chosen.parameters)
        if not (isinstance(estimator, LightGBM) and self.recipe.tuning.trials):
            with self._stage("fit"):
                estimator.fit(train.X, train.y, validation=held, seed=self.recipe.seed, progress=self.progress)
            return estimator
        with self._stage("tune"):
            binned = estimator.bin(train.X, train.y, held)
            search = Search(self.task, estimator.parameters, binned, held, self.recipe.seed, self._identity())
            self.study = tune(search, self.recipe.tuning, folder=self.out, start=self.start, progress=self.progress)
        with self._stage("fit"):
            best = LightGBM(self.task, tuned(estimator.parameters, self.study.best.parameters))
            best.fit_binned(binned, seed=self.recipe.seed, progress=self.progress)
        return best

    def _identity(self) -> str:
        """Hash of what two studies must share to be one; how many trials are wanted is not part of it."""
        tuning = self.recipe.tuning.model_dump(exclude={"trials", "timeout_s", "warm_start"})
        settings = [self.recipe.estimator.model_dump(), tuning, self.recipe.seed, dict(self.start or {})]
        rows = [[len(part), int(part.decided_ns[0]), int(part.decided_ns[-1])] for part in self.rows.values()]
        return hash_json([self.fingerprint, settings, rows])

    def _gate(self, onnx_bytes: bytes, model: _Native, chosen: Threshold) -> tuple[Threshold, ParityEvidence]:
        """Settle the threshold away from the probabilities of the hard rows, then send the graph through the gate."""
        trees = model.estimator if isinstance(model.estimator, Trees) else None
        ordinary = np.concatenate([self.rows["validation"].X, self.rows["calibration"].X])
        rows = hard_rows(ordinary, trees.split_points() if trees else {}, self.recipe.seed)
        expected = model.probabilities(rows)
        settled = settle(chosen, confidence_of(expected, self.task.sides, self.policy)[1])
        policy = self.policy.model_copy(update={"threshold": None})

        def decide(p: NDArray[np.floating[Any]]) -> NDArray[np.int8]:
            return choose(p, self.task.sides, policy, settled.value)[0]

        leaves = trees.leaves if trees else None
        return settled, gate(onnx_bytes, lambda _: expected, rows, decide=decide, leaves=leaves)

    def _baseline(self, kind: str) -> Estimator:
        rows = self.rows["train"]
        stride = max(1, -(-len(rows) // self.recipe.baselines.max_rows))
        parameters = {"column": self.recipe.baselines.last_value_of} if kind == "last_value" else {}
        model = create(kind, self.task, parameters)
        model.fit(rows.X[::stride], rows.y[::stride], seed=self.recipe.seed)
        return model

    def _score_all(self, each: list[NDArray[np.float64]]) -> list[Scores]:
        """Score several probabilities of the test rows; resampling is numpy's work, which threads share."""
        with ThreadPoolExecutor(max_workers=min(len(each), os.cpu_count() or 1)) as pool:
            return list(pool.map(self._score, each))

    def _score(self, p: NDArray[np.float64], part: str = "test") -> Scores:
        rows = self.rows[part]
        found = score(
            rows.y,
            p,
            decided_ns=rows.decided_ns,
            horizon_s=float((rows.resolved_ns - rows.decided_ns).max()) / NS_PER_S,
            seed=self.recipe.seed,
            resamples=self.recipe.evaluation.resamples,
            sides=self.task.sides,
        )
        return {name: each.to_dict() for name, each in found.items()}

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        self.progress(name, 0, 0)
        began = stopwatch()
        yield
        self.timings[name] = stopwatch() - began


def _class_ratio(rows: Dataset) -> dict[str, float]:
    return {name: count / len(rows) for name, count in rows.class_counts().items()}
