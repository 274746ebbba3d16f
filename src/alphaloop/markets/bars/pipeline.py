"""A training run for bars, whole: read, prepare, audit, train, seal, backtest on test rows, report, register."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alphaloop.artifact.contract import Contract
from alphaloop.artifact.folder import replace_artifact
from alphaloop.artifact.registry import Registry
from alphaloop.artifact.scorer import Scorer
from alphaloop.audit import AuditResult
from alphaloop.backtest.simulate import simulate
from alphaloop.core.clock import NS_PER_S, Clock, SystemClock
from alphaloop.core.hashing import canonical_json, hash_json
from alphaloop.core.progress import Progress, silent
from alphaloop.dataset.premium import Premium
from alphaloop.markets.bars.ingredients import SCALE, Ingredients, prepare, read
from alphaloop.markets.bars.inspection import inspect
from alphaloop.markets.bars.presentation import present
from alphaloop.trading.results import Result
from alphaloop.training.factory import train
from alphaloop.training.leak_study import measure_leak_premium
from alphaloop.training.recipe import Recipe
from alphaloop.training.release import Origin, contract_of
from alphaloop.training.trained import Trained

RECIPE = Recipe


@dataclass(frozen=True)
class BarsRun:
    """What a training run came to.

    Attributes
    ----------
    artifact, report
        Folder of the artifact and the HTML page.
    identity
        Id of the artifact, as the registry knows it.
    verdict
        One sentence that follows from the numbers.
    backtest
        Over the test rows only, net of costs.
    """

    artifact: Path
    report: Path
    identity: str
    contract: Contract
    trained: Trained
    audit: AuditResult
    premium: tuple[Premium, ...]
    backtest: Result
    verdict: str
    notes: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """Give the result as plain data, for JSON."""
        traded = self.backtest.summary()
        return {
            "artifact": str(self.artifact),
            "report": str(self.report),
            "id": self.identity,
            "rows": self.contract.dataset.rows,
            "test": self.trained.scores["test"],
            "baselines": self.trained.baselines,
            "parity": self.contract.parity,
            "audit": {key: self.contract.audit[key] for key in ("clean", "findings", "checks", "seconds")},
            "threshold": self.trained.threshold.to_dict(),
            "backtest": {key: traded[key] for key in ("trades", "net_return", "max_drawdown", "trades_digest")},
            "leak_premium": [each.to_dict() for each in self.premium],
            "best_parameters": self.trained.best_parameters,
            "verdict": self.verdict,
            "notes": list(self.notes),
            "timings_s": {stage: round(seconds, 3) for stage, seconds in self.trained.timings.items()},
        }


def run_training(
    recipe: Recipe,
    data: Path | str,
    *,
    out: Path | None,
    registry: Path,
    audit_s: float,
    progress: Progress = silent,
    clock: Clock | None = None,
) -> BarsRun:
    """Train from a recipe and a file of bars.

    Parameters
    ----------
    recipe
        What to do.
    data
        File of bars.
    out
        Folder of the results; ``runs/<recipe>-<hash of recipe and data>`` if absent. A killed study in it is resumed.
    registry
        Folder of the registry that gets the artifact as a candidate; its champion of the recipe's name, if there is
        one, lends its best parameters as the study's first trial.
    audit_s
        Time for the audit, in seconds.
    clock
        Dates the artifact.

    Raises
    ------
    InputError
        If recipe or data cannot be used; nothing is written then.
    ParityError
        If the exported graph is not the model; no artifact is written then.
    """
    clock = clock or SystemClock()
    bars = read(recipe, Path(data))
    recipe = _concrete(recipe, bars.step_ns / NS_PER_S)
    shelf = Registry(registry, clock)
    ingredients = prepare(recipe, bars, progress)
    folder = out or Path("runs") / f"{recipe.name}-{hash_json([recipe.hash, bars.sha256])[:8]}"
    dataset, split = ingredients.dataset, ingredients.split
    champion = _champion(shelf, recipe, ingredients)
    audit = inspect(ingredients, recipe, audit_s, progress)
    start = champion.best_parameters if champion else None
    trained = train(dataset, split, recipe, out=folder / "study", start=start, progress=progress)
    premium = measure_leak_premium(
        dataset, split, embargo_s=recipe.split.embargo_s, seed=recipe.seed, progress=progress
    )
    contract = contract_of(trained, _origin(recipe, ingredients, audit, clock))
    certificate = {"certificate.json": canonical_json(audit.certificate).encode()}
    identity = replace_artifact(folder / "artifact", contract, trained.onnx_bytes, certificate)
    backtest = backtest_test_rows(Scorer.load(folder / "artifact"), ingredients, progress)
    notes = (*ingredients.notes, *_notes(trained, champion))
    verdict = present(folder / "report.html", contract, ingredients, trained, audit, premium, backtest, notes)
    shelf.add(folder / "artifact")
    return BarsRun(
        artifact=folder / "artifact",
        report=folder / "report.html",
        identity=identity,
        contract=contract,
        trained=trained,
        audit=audit,
        premium=premium,
        backtest=backtest,
        verdict=verdict,
        notes=notes,
    )


def backtest_test_rows(scorer: Scorer, ingredients: Ingredients, progress: Progress = silent) -> Result:
    """Trade the released graph over the test period only, on features that saw all the history before it."""
    dataset, test = ingredients.dataset, ingredients.split.test
    first, last = int(dataset.decided_ns[test].min()), int(dataset.resolved_ns[test].max())
    known = ingredients.scaled["known_ns"]
    inside = ((known >= first) & (known <= last)).arg_true()
    frame = ingredients.scaled[inside]
    X = ingredients.features[inside].select(dataset.feature_names).to_numpy().astype(np.float32)
    return simulate(
        frame,
        scorer.score(np.ascontiguousarray(X)),
        dataset.sides,
        ingredients.plan,
        threshold=scorer.contract.threshold.value,
        atr=frame[SCALE].to_numpy(),
        progress=progress,
    )


def _concrete(recipe: Recipe, step_s: float) -> Recipe:
    """State the label's length in seconds, as the contract must, whatever the recipe said it in."""
    label = recipe.label.model_copy(update={"horizon_s": recipe.label.length_s(step_s)})
    return recipe.model_copy(update={"label": label})


def _champion(shelf: Registry, recipe: Recipe, ingredients: Ingredients) -> Contract | None:
    """Find the champion that the study may start from: the same name, estimator and features."""
    identity = shelf.champion(recipe.name)
    contract = shelf.load(identity).contract if identity else None
    if contract is None or contract.estimator != recipe.estimator.kind:
        return None
    return contract if contract.feature_set_hash == ingredients.feature_set.hash else None


def _origin(recipe: Recipe, ingredients: Ingredients, audit: AuditResult, clock: Clock) -> Origin:
    verdict = audit.to_dict()
    return Origin(
        recipe=recipe,
        feature_set=ingredients.feature_set,
        context=ingredients.context,
        label=ingredients.label,
        dataset=ingredients.dataset,
        split=ingredients.split,
        step_ns=ingredients.bars.step_ns,
        warm_up_rows=ingredients.warm_up_rows,
        files={ingredients.bars.source: ingredients.bars.sha256},
        trading=ingredients.plan.model_dump(mode="json"),
        audit={key: value for key, value in verdict.items() if key != "certificate"},
        created_ns=clock.now_ns(),
    )


def _notes(trained: Trained, champion: Contract | None) -> tuple[str, ...]:
    notes = []
    if trained.empty_features:
        notes.append(f"no training row has a value of {', '.join(trained.empty_features)}; the model does not use them")
    if champion and trained.study:
        notes.append(f"the study began with the best parameters of the champion {champion.id}")
    if not trained.threshold.tradable:
        reason = trained.threshold.reason or "no threshold made money net of costs on validation rows"
        notes.append(f"{reason}; the registry will not promote this")
    return tuple(notes)
