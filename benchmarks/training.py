"""What training costs besides LightGBM and Optuna, and how many trials a minute a study makes beside the plain loop.

``python benchmarks/training.py [--quick]``. The first part trains a whole model on 500,000 x 59, study included, with a
stopwatch around every call into LightGBM and Optuna: what is left is ours, scikit-learn's baselines and the parity gate
included. The second part runs studies over the same ranges: ours (bins reused, early stopping, median pruning, journal
file) beside a plain loop (bins rebuilt, all rounds, no pruning, in memory); and ours twice, to see that it replays.
"""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import optuna

from alphaloop.dataset.splits import chronological
from alphaloop.dataset.table import Dataset
from alphaloop.models import boosted_trees
from alphaloop.models.boosted_trees import LightGBM, LightGBMParameters
from alphaloop.models.estimator import Task
from alphaloop.training.factory import train
from alphaloop.training.recipe import TuningSettings, parse_recipe
from alphaloop.training.trials import SPACE
from alphaloop.training.tuning import Search, tune
from measure import quick, spread, target, write_result

FEATURES = 59
ROWS = 20_000 if quick() else 500_000
TRIALS = 3 if quick() else 12
TUNED_ROWS, HELD_ROWS = (4_000, 1_000) if quick() else (80_000, 20_000)
OUR_TRIALS, PLAIN_TRIALS, ROUNDS = (8, 2, 1) if quick() else (60, 12, 2)
BOOSTING_ROUNDS = 60 if quick() else 300
THREADS = 2
HORIZON = 15
MINUTE_NS = 60_000_000_000

LIGHTGBM_CALLS = (
    (lightgbm, "train"),
    (lightgbm.Dataset, "construct"),
    *((lightgbm.Booster, name) for name in ("predict", "dump_model", "feature_importance")),
)
OPTUNA_CALLS = (
    (optuna, "create_study"),
    *((optuna.Study, name) for name in ("ask", "tell", "get_trials", "enqueue_trial")),
    *((optuna.Trial, name) for name in ("suggest_int", "suggest_float", "report", "should_prune", "set_user_attr")),
)


class Accounts:
    """Exclusive seconds by owner: the innermost open account runs, the others wait."""

    def __init__(self) -> None:
        self.seconds = {"ours": 0.0, "lightgbm": 0.0, "optuna": 0.0}
        self._open = ["ours"]
        self._since = time.perf_counter()

    def _book(self) -> None:
        now = time.perf_counter()
        self.seconds[self._open[-1]] += now - self._since
        self._since = now

    @contextmanager
    def owner(self, name: str):
        self._book()
        self._open.append(name)
        try:
            yield
        finally:
            self._book()
            self._open.pop()

    def wrap(self, call: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(call)
        def booked(*arguments: Any, **more: Any) -> Any:
            with self.owner(name):
                return call(*arguments, **more)

        return booked


@contextmanager
def accounts():
    """Book every call into the two libraries, and our callback inside LightGBM's loop to us again."""
    book = Accounts()
    replaced = [(place, name, getattr(place, name)) for place, name in (*LIGHTGBM_CALLS, *OPTUNA_CALLS)]
    watch = boosted_trees._watch
    try:
        for place, name, call in replaced:
            setattr(place, name, book.wrap(call, "lightgbm" if (place, name) in LIGHTGBM_CALLS else "optuna"))
        boosted_trees._watch = lambda *arguments: book.wrap(watch(*arguments), "ours")
        yield book
        book._book()
    finally:
        boosted_trees._watch = watch
        for place, name, call in replaced:
            setattr(place, name, call)


def rows(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features with gaps, classes, and returns with a weak signal: about 0.6 ROC-AUC."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, FEATURES), np.float32)
    outcome = 0.25 * (X[:, 0] + X[:, 1] * (X[:, 2] > 0) - np.tanh(X[:, 3] * X[:, 4])) + rng.standard_normal(n)
    X[rng.random((n, 1)) + rng.random((1, FEATURES)) < 0.05] = np.nan
    return X, (outcome > 0).astype(np.int8), 1e-3 * outcome


def dataset(n: int) -> Dataset:
    X, y, gross = rows(n, 0)
    decided = 1_700_000_000_000_000_000 + MINUTE_NS * np.arange(n, dtype=np.int64)
    return Dataset(
        symbol=np.zeros(n, np.int32),
        symbols=("SYN",),
        decided_ns=decided,
        resolved_ns=decided + HORIZON * MINUTE_NS,
        X=X,
        y=y,
        gross=gross,
        net_long=gross - 3e-4,
        net_short=-gross - 3e-4,
        feature_names=tuple(f"f{index}" for index in range(FEATURES)),
        families=("synthetic",) * FEATURES,
        classes=("DOWN", "UP"),
        sides=(-1, 1),
    )


def overhead(trials: int) -> dict[str, Any]:
    """Train on `ROWS` rows; seconds and shares by owner, and by stage."""
    data = dataset(ROWS)
    split = chronological(data.decided_ns, data.resolved_ns)
    recipe = parse_recipe(
        {
            "name": "benchmark",
            "estimator": {"kind": "lightgbm", "parameters": {"num_leaves": 63, "num_threads": THREADS}},
            "tuning": {"trials": trials},
        },
        "benchmark",
    )
    with tempfile.TemporaryDirectory() as folder, accounts() as book:
        began = time.perf_counter()
        trained = train(data, split, recipe, out=Path(folder))
        whole = time.perf_counter() - began
    return {
        "rows": ROWS,
        "trials": trials,
        "seconds": round(whole, 2),
        "seconds_by_owner": {name: round(value, 3) for name, value in book.seconds.items()},
        "seconds_by_stage": {name: round(value, 3) for name, value in trained.timings.items()},
        "share_outside": round(book.seconds["ours"] / whole, 4),
        "parity": trained.parity.to_dict(),
        "test_roc_auc": round(trained.scores["test"]["roc_auc"]["value"], 4),
    }


def tuning() -> dict[str, Any]:
    """Trials a minute of our study and of the plain loop, over the same ranges, rows, rounds and threads."""
    (X, y, _), (held_X, held_y, _) = rows(TUNED_ROWS, 1), rows(HELD_ROWS, 2)
    task = Task(("DOWN", "UP"), (-1, 1), tuple(f"f{index}" for index in range(FEATURES)))
    base = LightGBMParameters(rounds=BOOSTING_ROUNDS, early_stopping_rounds=20, num_threads=THREADS)

    def ours(trials: int = OUR_TRIALS) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            binned = LightGBM(task, base).bin(X, y, (held_X, held_y))
            search = Search(task, base, binned, (held_X, held_y), 0, "benchmark")
            return tune(search, TuningSettings(trials=trials), folder=Path(folder))

    def plain() -> optuna.Study:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
        study.optimize(lambda trial: plain_trial(trial, (X, y), (held_X, held_y)), n_trials=PLAIN_TRIALS)
        return study

    speed: dict[str, list[float]] = {"ours": [], "plain": []}
    studies = []
    for _ in range(ROUNDS):
        for name, run, trials in (("ours", ours, OUR_TRIALS), ("plain", plain, PLAIN_TRIALS)):
            began = time.perf_counter()
            studies.append((name, run()))
            speed[name].append(60.0 * trials / (time.perf_counter() - began))
    mine = [study for name, study in studies if name == "ours"]
    mine.append(ours(OUR_TRIALS // 4) if len(mine) < 2 else mine[1])
    shared = min(len(mine[0].trials), len(mine[1].trials))
    return {
        "rows": [TUNED_ROWS, HELD_ROWS],
        "trials_a_minute": {name: spread(values, 1) for name, values in speed.items()},
        "ratio": spread([a / b for a, b in zip(speed["ours"], speed["plain"], strict=True)], 2),
        "pruned": mine[0].to_dict()["pruned"],
        "trials": {"ours": OUR_TRIALS, "plain": PLAIN_TRIALS},
        "best_pr_auc": {
            "ours": round(mine[0].best.value, 4),
            "plain": round(next(study for name, study in studies if name == "plain").best_value, 4),
        },
        "replays": mine[0].trials[:shared] == mine[1].trials[:shared],
    }


def plain_trial(trial: optuna.Trial, train_rows: tuple, held: tuple) -> float:
    """What a first script does: everything anew in each trial, all rounds to the end."""
    found = {
        name: (trial.suggest_int if whole else trial.suggest_float)(
            name, int(low) if whole else low, int(high) if whole else high, log=log
        )
        for name, (low, high, log, whole) in SPACE.items()
    }
    settings = {"objective": "binary", "metric": "average_precision", "verbosity": -1, "num_threads": THREADS}
    train_set = lightgbm.Dataset(*train_rows)
    valid = train_set.create_valid(*held)
    booster = lightgbm.train({**settings, **found}, train_set, BOOSTING_ROUNDS, valid_sets=[valid])
    return float(booster.best_score["valid_0"]["average_precision"])


def main() -> None:
    studied, alone, speed = overhead(TRIALS), overhead(0), tuning()
    write_result(
        "training",
        {
            "training": studied,
            "training_without_a_study": alone,
            "tuning": speed,
            "targets": [
                target("share of training outside LightGBM and Optuna", studied["share_outside"], below=0.10),
                target("trials a minute over the plain loop", speed["ratio"]["median"], at_least=3.0),
                target("the same seed gives the same study", float(speed["replays"]), at_least=1.0),
            ],
        },
        ("alphaloop", "numpy", "lightgbm", "optuna", "onnxruntime", "scikit-learn"),
    )
    if quick():
        print(studied, alone, speed, sep="\n")


if __name__ == "__main__":
    main()
