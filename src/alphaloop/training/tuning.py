"""A study over LightGBM's parameters that can be killed, resumed and replayed bit for bit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.clock import stopwatch
from alphaloop.core.errors import RecipeError
from alphaloop.core.progress import Progress, silent
from alphaloop.core.random import stream
from alphaloop.evaluation.metrics import Forecast, ranking_scores
from alphaloop.models.boosted_trees import BinnedRows, LightGBM, LightGBMParameters, Round, tuned
from alphaloop.models.estimator import Classes, Features, Task
from alphaloop.training.recipe import TuningSettings
from alphaloop.training.trials import Study, best_of, finished_trials, inside_ranges, log_trials, suggest

JOURNAL, TRIALS = "study.journal", "trials.jsonl"
UNPRUNED_TRIALS = 5


@dataclass(frozen=True)
class Search:
    """What a study searches on.

    Attributes
    ----------
    task, base
        Task, and the parameters that are not searched.
    rows
        Training and validation rows, binned once for all trials.
    validation
        The validation rows themselves, for the score of more than two classes.
    seed
        Of every fit and of the sampler.
    identity
        Hash of whatever makes two studies comparable; a stored study of another identity is not resumed.
    """

    task: Task
    base: LightGBMParameters
    rows: BinnedRows
    validation: tuple[Features, Classes]
    seed: int
    identity: str


def tune(
    search: Search,
    settings: TuningSettings,
    *,
    folder: Path | None = None,
    start: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> Study:
    """Search for the parameters with the best validation PR-AUC.

    TPE proposes, the median rule prunes, early stopping ends each fit. The sampler is seeded anew before each trial,
    from the seed and the number of trials finished, so that a killed study goes on to the trials it would have had.

    Parameters
    ----------
    search
        Data, fixed parameters and seed.
    settings
        How many trials, and how long.
    folder
        Where the journal and the log of trials (JSON lines) live; in memory only if absent.
    start
        Parameters to try first, such as the best of the last study; the fixed parameters if absent.
    progress
        Told after each trial.
    """
    import optuna

    with _quiet(optuna):
        study = _open(optuna, search, settings, folder)
        _clear_interrupted(optuna, study)
        finished = finished_trials(study)
        if not finished:
            study.enqueue_trial(inside_ranges(search.base.model_dump() | dict(start or {})), skip_if_exists=True)
        began = stopwatch()
        while len(finished) < settings.trials:
            if finished and settings.timeout_s is not None and stopwatch() - began > settings.timeout_s:
                break
            study.sampler = _sampler(optuna, settings, search.seed, len(finished))
            _run_trial(optuna, study, search, settings)
            finished = finished_trials(study)
            if folder is not None:
                log_trials(folder / TRIALS, finished)
            progress("tune", len(finished), settings.trials)
    return Study(tuple(finished), best_of(finished))


def warm_start(settings: TuningSettings) -> dict[str, Any] | None:
    """Read `best_parameters` from the JSON file that `settings.warm_start` names; None if it names none.

    Raises
    ------
    RecipeError
        If the file cannot be read or holds no `best_parameters`.
    """
    if settings.warm_start is None:
        return None
    try:
        found = json.loads(Path(settings.warm_start).read_text(encoding="utf-8"))["best_parameters"]
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError):
        found = None
    if not isinstance(found, dict):
        raise RecipeError(
            f"tuning.warm_start: {settings.warm_start!r} is not a JSON file with a table 'best_parameters'; "
            "name the metadata.json of an artifact, or remove the key"
        )
    return found


def macro_pr_auc(task: Task, y: Classes, scores: NDArray[np.float64]) -> float:
    """Mean PR-AUC of the entering classes against the rest; `scores` (n,) of class 1, or (n, C)."""
    if scores.ndim == 1:
        return ranking_scores(Forecast.of((y == 1).astype(np.float64), scores))[0]
    each = [ranking_scores(Forecast.of((y == k).astype(np.float64), scores[:, k]))[0] for k in task.entering]
    return float(np.mean(each))


def _run_trial(optuna: Any, study: Any, search: Search, settings: TuningSettings) -> None:
    trial = study.ask()
    model = LightGBM(search.task, tuned(search.base, suggest(trial)))
    rounds = 0

    def report(seen: Round) -> None:
        nonlocal rounds
        rounds = seen.number + 1
        if rounds % settings.report_every == 0:
            trial.report(seen.score, rounds)
            if trial.should_prune():
                raise optuna.TrialPruned

    try:
        value = model.fit_binned(search.rows, seed=search.seed, hooks=[report])
        if not search.task.binary:
            margins = model.raw(search.validation[0])
            value = macro_pr_auc(search.task, search.validation[1], margins - _log_sum(margins))
    except optuna.TrialPruned:
        trial.set_user_attr("rounds", rounds)
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        return
    trial.set_user_attr("rounds", rounds)
    study.tell(trial, value)


def _log_sum(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    peak = margins.max(axis=1, keepdims=True)
    return np.asarray(peak + np.log(np.exp(margins - peak).sum(axis=1, keepdims=True)))


def _open(optuna: Any, search: Search, settings: TuningSettings, folder: Path | None) -> Any:
    storage = None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        backend = optuna.storages.journal.JournalFileBackend(str(folder / JOURNAL))
        storage = optuna.storages.JournalStorage(backend)
    pruner = optuna.pruners.MedianPruner(UNPRUNED_TRIALS, settings.warmup_rounds, settings.report_every)
    return optuna.create_study(
        storage=storage, study_name=search.identity, direction="maximize", pruner=pruner, load_if_exists=True
    )


def _sampler(optuna: Any, settings: TuningSettings, seed: int, finished: int) -> Any:
    drawn = int(stream(seed, "tuning", finished).integers(0, 2**31))
    return optuna.samplers.TPESampler(n_startup_trials=settings.startup_trials, seed=drawn)


def _clear_interrupted(optuna: Any, study: Any) -> None:
    """Give up trials that a killed run left open, so that they are run again under a new number."""
    states = optuna.trial.TrialState
    for trial in study.get_trials(deepcopy=False, states=(states.RUNNING,)):
        study.tell(trial.number, state=states.FAIL)


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
