"""Trials of a study, the ranges that they are drawn from, and their log."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alphaloop.core.files import write_text

# name: (smallest, largest, on a log scale, whole numbers)
SPACE: dict[str, tuple[float, float, bool, bool]] = {
    "num_leaves": (4, 256, True, True),
    "learning_rate": (0.01, 0.3, True, False),
    "min_child_samples": (5, 1000, True, True),
    "feature_fraction": (0.3, 1.0, False, False),
    "bagging_fraction": (0.4, 1.0, False, False),
    "bagging_freq": (1, 7, False, True),
    "lambda_l1": (1e-8, 10.0, True, False),
    "lambda_l2": (1e-8, 10.0, True, False),
}


@dataclass(frozen=True)
class Trial:
    """One trial: `state` is "complete" or "pruned"; `value` is the validation PR-AUC, None if pruned."""

    number: int
    state: str
    value: float | None
    parameters: dict[str, Any]
    rounds: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "number": self.number,
            "state": self.state,
            "value": self.value,
            "parameters": self.parameters,
            "rounds": self.rounds,
        }


@dataclass(frozen=True)
class Study:
    """Every trial in order, and the best parameters by validation PR-AUC."""

    trials: tuple[Trial, ...]
    best: Trial

    def to_dict(self) -> dict[str, Any]:
        """Plain data: counts and the best trial."""
        pruned = sum(trial.state == "pruned" for trial in self.trials)
        return {"trials": len(self.trials), "pruned": pruned, "best": self.best.to_dict()}


def suggest(trial: Any) -> dict[str, Any]:
    """Draw one value of each parameter."""
    found: dict[str, Any] = {}
    for name, (low, high, log, whole) in SPACE.items():
        suggest: Callable[..., Any] = trial.suggest_int if whole else trial.suggest_float
        found[name] = suggest(name, int(low) if whole else low, int(high) if whole else high, log=log)
    return found


def inside_ranges(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Values of `wanted` for the searched parameters, moved into their ranges."""
    inside = {name: min(max(float(wanted[name]), low), high) for name, (low, high, _, _) in SPACE.items()}
    return {name: round(value) if SPACE[name][3] else value for name, value in inside.items()}


def finished_trials(study: Any) -> list[Trial]:
    """Complete and pruned trials, in order and numbered among themselves."""
    import optuna

    states = optuna.trial.TrialState
    found = study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED))
    return [
        Trial(
            number=number,
            state=trial.state.name.lower(),
            value=trial.value if trial.state == states.COMPLETE else None,
            parameters=dict(trial.params),
            rounds=int(trial.user_attrs.get("rounds", 0)),
        )
        for number, trial in enumerate(found)
    ]


def best_of(trials: list[Trial]) -> Trial:
    """Find the complete trial with the best value, the earliest of equals."""
    return max((trial for trial in trials if trial.value is not None), key=lambda trial: (trial.value, -trial.number))


def log_trials(path: Path, trials: list[Trial]) -> None:
    """Write one JSON object per trial and line."""
    write_text(path, "".join(json.dumps(trial.to_dict()) + "\n" for trial in trials))
