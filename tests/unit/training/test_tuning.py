"""A study: reproducible, resumable after a kill, pruned, warm-started, logged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap

import optuna
import pytest

from alphaloop.core.errors import RecipeError
from alphaloop.models.boosted_trees import LightGBM, LightGBMParameters
from alphaloop.models.estimator import Task
from alphaloop.training.recipe import TuningSettings
from alphaloop.training.trials import SPACE
from alphaloop.training.tuning import JOURNAL, TRIALS, Search, macro_pr_auc, tune, warm_start

BASE = LightGBMParameters(rounds=40, early_stopping_rounds=8, num_threads=1)
QUICK = TuningSettings(trials=12, startup_trials=4, warmup_rounds=4, report_every=4)


@pytest.fixture
def search(dataset_of):
    def make(classes=2, seed=1, identity="a"):
        data, held = dataset_of(2000, classes=classes), dataset_of(1000, classes=classes, seed=5)
        task = Task(data.classes, data.sides, data.feature_names)
        rows = LightGBM(task, BASE).bin(data.X, data.y, (held.X, held.y))
        return Search(task, BASE, rows, (held.X, held.y), seed, identity)

    return make


def plain(study):
    return [trial.to_dict() for trial in study.trials]


def test_same_seed_same_study_and_another_seed_another(search):
    first = tune(search(), QUICK)
    assert plain(first) == plain(tune(search(), QUICK))
    assert plain(first) != plain(tune(search(seed=2), QUICK))
    assert any(trial.state == "pruned" for trial in first.trials)
    assert first.best.value == max(trial.value for trial in first.trials if trial.value is not None)


def test_a_study_in_parts_is_the_study_in_one(search, tmp_path):
    whole = tune(search(), QUICK)
    for trials in (3, 3, 7, 12):
        parts = tune(search(), QUICK.model_copy(update={"trials": trials}), folder=tmp_path)
    assert plain(parts) == plain(whole)


def test_an_interrupted_trial_is_run_again(search, tmp_path):
    whole = tune(search(), QUICK)
    seen = 0

    def interrupt(stage, done, total):
        nonlocal seen
        seen += 1
        if seen == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(search(), QUICK, folder=tmp_path, progress=interrupt)
    assert plain(tune(search(), QUICK, folder=tmp_path)) == plain(whole)


KILLED = """
import os, signal, sys
import numpy as np
sys.path.insert(0, {here!r})
from conftest import make_dataset
from alphaloop.models.boosted_trees import LightGBM, LightGBMParameters, Round
from alphaloop.models.estimator import Task
from alphaloop.training.recipe import TuningSettings
from alphaloop.training.tuning import Search, tune
from pathlib import Path

data, held = make_dataset(2000), make_dataset(1000, seed=5)
task = Task(data.classes, data.sides, data.feature_names)
base = LightGBMParameters(**{base!r})
rows = LightGBM(task, base).bin(data.X, data.y, (held.X, held.y))
fit, fits = LightGBM.fit_binned, 0

def dying(self, *arguments, hooks=(), **more):
    global fits
    fits += 1
    def die(seen):
        if fits == 5 and seen.number == 6:
            os.kill(os.getpid(), signal.SIGKILL)
    return fit(self, *arguments, hooks=[*hooks, die], **more)

LightGBM.fit_binned = dying
tune(Search(task, base, rows, (held.X, held.y), 1, "a"), TuningSettings(**{quick!r}), folder=Path({out!r}))
"""


def test_a_killed_study_goes_on_to_the_trials_it_would_have_had(search, tmp_path):
    """kill -9 in the middle of the fifth trial, after it has reported to the pruner."""
    script = KILLED.format(
        here=os.path.dirname(__file__), base=BASE.model_dump(), quick=QUICK.model_dump(), out=str(tmp_path)
    )
    died = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert len((tmp_path / TRIALS).read_text().splitlines()) == 4
    assert plain(tune(search(), QUICK, folder=tmp_path)) == plain(tune(search(), QUICK))


def test_trials_are_logged_one_object_a_line(search, tmp_path):
    study = tune(search(), QUICK, folder=tmp_path)
    assert [json.loads(line) for line in (tmp_path / TRIALS).read_text().splitlines()] == plain(study)
    assert (tmp_path / JOURNAL).stat().st_size > 0


def test_studies_of_other_data_are_kept_apart(search, tmp_path):
    few = QUICK.model_copy(update={"trials": 2})
    tune(search(identity="a"), QUICK, folder=tmp_path)
    assert len(tune(search(identity="b"), few, folder=tmp_path).trials) == 2


def test_first_trial_is_the_start(search):
    few = QUICK.model_copy(update={"trials": 1})
    start = {"num_leaves": 9, "learning_rate": 0.2, "best_iteration": 5, "lambda_l2": 1e9}
    first = tune(search(), few, start=start).trials[0].parameters
    assert (first["num_leaves"], first["learning_rate"]) == (9, 0.2)
    assert first["lambda_l2"] == SPACE["lambda_l2"][1]
    assert first["min_child_samples"] == BASE.min_child_samples
    assert tune(search(), few).trials[0].parameters["num_leaves"] == BASE.num_leaves


def test_time_budget_ends_the_study_after_a_trial(search):
    study = tune(search(), QUICK.model_copy(update={"timeout_s": 1e-9}))
    assert len(study.trials) == 1


def test_three_classes_are_judged_by_macro_pr_auc(search):
    from sklearn.metrics import average_precision_score

    wanted = search(classes=3)
    study = tune(wanted, QUICK.model_copy(update={"trials": 2}))
    X, y = wanted.validation
    model = LightGBM(wanted.task, BASE)
    model.fit_binned(wanted.rows, seed=1)
    raw = model.raw(X)
    oracle = [average_precision_score(y == k, raw[:, k]) for k in (0, 2)]
    assert macro_pr_auc(wanted.task, y, raw) == pytest.approx(sum(oracle) / 2)
    assert 0 < study.best.value < 1


def test_optuna_keeps_its_voice(search):
    before = optuna.logging.get_verbosity()
    tune(search(), QUICK.model_copy(update={"trials": 1}))
    assert optuna.logging.get_verbosity() == before


def test_warm_start_reads_the_best_parameters_of_an_artifact(tmp_path):
    file = tmp_path / "metadata.json"
    file.write_text(json.dumps({"best_parameters": {"num_leaves": 9}, "name": "x"}))
    assert warm_start(TuningSettings(warm_start=str(file))) == {"num_leaves": 9}
    assert warm_start(TuningSettings()) is None
    for content in ("{}", "[1]", "nothing", '{"best_parameters": 3}'):
        file.write_text(content)
        with pytest.raises(RecipeError, match="best_parameters"):
            warm_start(TuningSettings(warm_start=str(file)))
    with pytest.raises(RecipeError, match=r"absent\.json"):
        warm_start(TuningSettings(warm_start=str(tmp_path / "absent.json")))
