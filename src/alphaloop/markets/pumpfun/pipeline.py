"""A training run on signals, whole: read, split, audit, train, seal, value the test signals, report, register."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.artifact.contract import Contract
from alphaloop.artifact.folder import replace_artifact
from alphaloop.artifact.registry import Registry
from alphaloop.artifact.scorer import Scorer
from alphaloop.audit import AuditResult
from alphaloop.core.clock import NS_PER_S, Clock, SystemClock
from alphaloop.core.errors import DataError
from alphaloop.core.hashing import canonical_json, hash_json
from alphaloop.core.progress import Progress, silent
from alphaloop.dataset.parts import Split
from alphaloop.dataset.premium import Premium
from alphaloop.dataset.table import Dataset
from alphaloop.evaluation.reliability import Reliability
from alphaloop.evaluation.scores import score
from alphaloop.markets.pumpfun.learning.calibration import Above, above_levels, bins_of, fitted_on
from alphaloop.markets.pumpfun.learning.dataset import SignalRows, read_rows
from alphaloop.markets.pumpfun.learning.economics import Ledger, trade_test_signals
from alphaloop.markets.pumpfun.learning.inspection import inspect
from alphaloop.markets.pumpfun.learning.reading import present
from alphaloop.markets.pumpfun.learning.recipe import PumpRecipe
from alphaloop.markets.pumpfun.learning.split import split_signals, unseen_creators
from alphaloop.markets.pumpfun.learning.stored import open_stored
from alphaloop.training.factory import train
from alphaloop.training.leak_study import measure_leak_premium
from alphaloop.training.release import Origin, contract_of
from alphaloop.training.trained import Trained

Probabilities = NDArray[np.float64]

RECIPE = PumpRecipe
EVENTS = "events"
UNSEEN = "test, creators never seen before"
FEWEST_UNSEEN = 50
STATED = 0.5
"""Probability from which every level gets its sentence; of those below, the highest that is stated."""


@dataclass(frozen=True)
class PumpRun:
    """What a training run came to.

    Attributes
    ----------
    artifact, report
        Folder of the artifact and the HTML page.
    identity
        Id of the artifact, as the registry knows it.
    above
        Promise and outcome of the test signals above each stated probability.
    ledger
        Trades on test signals at the threshold; None for a model that enters nothing.
    verdict
        One sentence that follows from the numbers.
    """

    artifact: Path
    report: Path
    identity: str
    contract: Contract
    trained: Trained
    audit: AuditResult
    premium: tuple[Premium, ...]
    above: tuple[Above, ...]
    ledger: Ledger | None
    left_out: dict[str, int]
    verdict: str
    notes: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """Give the result as plain data, for JSON."""
        return {
            "artifact": str(self.artifact),
            "report": str(self.report),
            "id": self.identity,
            "rows": self.contract.dataset.rows,
            "left_out": self.left_out,
            "test": self.trained.scores["test"],
            "unseen_creators": self.trained.scores.get(UNSEEN),
            "baselines": self.trained.baselines,
            "reliability": [each.to_dict() for each in self.above],
            "parity": self.contract.parity,
            "audit": {key: self.contract.audit[key] for key in ("clean", "findings", "checks", "seconds")},
            "threshold": self.trained.threshold.to_dict(),
            "backtest": self.ledger.summary if self.ledger else None,
            "leak_premium": [each.to_dict() for each in self.premium],
            "best_parameters": self.trained.best_parameters,
            "verdict": self.verdict,
            "notes": list(self.notes),
            "timings_s": {stage: round(seconds, 3) for stage, seconds in self.trained.timings.items()},
        }


def run_training(
    recipe: PumpRecipe,
    data: Path | str,
    *,
    out: Path | None,
    registry: Path,
    audit_s: float = 30.0,
    progress: Progress = silent,
    clock: Clock | None = None,
) -> PumpRun:
    """Train from a recipe and stored signals.

    Parameters
    ----------
    recipe
        What to do.
    data
        ``sqlite:///FILE``, ``postgresql://...``, or a folder of Parquet tables.
    out
        Folder of the results; ``runs/<recipe>-<hash of recipe and rows>`` if absent. A killed study in it is resumed.
    registry
        Folder of the registry that gets the artifact as a candidate; its champion of the recipe's name, if there is
        one, lends its best parameters as the study's first trial.
    audit_s
        Not needed here: the audit of rows takes a few seconds; features are audited on recordings.
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
    with open_stored(str(data)) as stored:
        progress("rows", 0, 1)
        rows, source = read_rows(stored, recipe), stored.name
    dataset = rows.dataset
    split = split_signals(dataset, recipe.split.fractions, recipe.split.embargo_s)
    shelf = Registry(registry, clock)
    folder = out or Path("runs") / f"{recipe.name}-{hash_json([recipe.hash, dataset.fingerprint])[:8]}"
    champion = _champion(shelf, recipe)
    audit = inspect(dataset, split, recipe, source, progress)
    start = champion.best_parameters if champion else None
    trained = train(dataset, split, recipe, out=folder / "study", start=start, progress=progress)
    premium = _premium(dataset, split, recipe, progress)
    trained, unseen = _with_unseen(trained, rows, split, recipe)
    contract = contract_of(trained, _origin(recipe, rows, split, audit, source, clock))
    certificate = {"certificate.json": canonical_json(audit.certificate).encode()}
    identity = replace_artifact(folder / "artifact", contract, trained.onnx_bytes, certificate, stem=recipe.name)
    test = dataset.take(split.test)
    probability = _released(folder / "artifact", test)
    creator = rows.creator[split.test]
    above = above_levels(test, probability, creator, recipe.seed)
    ledger = _ledger(test, probability, contract)
    notes = (
        *filter(None, (rows.survivors, rows.windows)),
        unseen,
        *_calibration_notes(bins_of(test, probability, creator, recipe.seed), above, trained),
        *_notes(trained, champion),
    )
    page = folder / "report.html"
    verdict = present(page, contract, rows, split, trained, audit, premium, ledger, notes)
    shelf.add(folder / "artifact")
    return PumpRun(
        folder / "artifact",
        page,
        identity,
        contract,
        trained,
        audit,
        premium,
        above,
        ledger,
        rows.left_out,
        verdict,
        notes,
    )


def _champion(shelf: Registry, recipe: PumpRecipe) -> Contract | None:
    """Find the champion that the study may start from: the same name, estimator and features."""
    identity = shelf.champion(recipe.name)
    contract = shelf.load(identity).contract if identity else None
    if contract is None or contract.estimator != recipe.estimator.kind:
        return None
    return contract if contract.feature_set_hash == recipe.feature_set.hash else None


def _premium(dataset: Dataset, split: Split, recipe: PumpRecipe, progress: Progress) -> tuple[Premium, ...]:
    try:
        return measure_leak_premium(
            dataset, split, embargo_s=recipe.split.embargo_s, seed=recipe.seed, progress=progress
        )
    except DataError:  # too few rows for one of its variants, which says nothing about the model
        return ()


def _with_unseen(trained: Trained, rows: SignalRows, split: Split, recipe: PumpRecipe) -> tuple[Trained, str]:
    """Add the score of test signals whose creator no other part has seen."""
    places = unseen_creators(rows.creators, split)
    test = rows.dataset.take(places)
    counts = test.class_counts()
    if len(places) < FEWEST_UNSEEN or min(counts.values()) == 0:
        return trained, f"{len(places)} test signals have a creator never seen before: too few for a score apart"
    p = trained.probabilities["test"][np.searchsorted(split.test, places)]
    found = score(
        test.y,
        p,
        decided_ns=test.decided_ns,
        horizon_s=float((test.resolved_ns - test.decided_ns).max()) / NS_PER_S,
        seed=recipe.seed,
        resamples=recipe.evaluation.resamples,
        sides=trained.task.sides,
    )
    scores = {**trained.scores, UNSEEN: {name: each.to_dict() for name, each in found.items()}}
    pr_auc, base = found["pr_auc"], found["base_rate"]
    note = (
        f"on {len(places):,} of {len(split.test):,} test signals, whose creator was never seen before, PR-AUC is "
        f"{pr_auc.value:.3f} at a base rate of {base.value:.3f}"
    )
    return replace(trained, scores=scores), note


def _origin(
    recipe: PumpRecipe, rows: SignalRows, split: Split, audit: AuditResult, source: str, clock: Clock
) -> Origin:
    verdict = audit.to_dict()
    return Origin(
        recipe=recipe,
        feature_set=_Described(recipe),
        context=None,
        label=recipe.label,
        dataset=rows.dataset,
        split=split,
        step_ns=None,
        warm_up_rows=0,
        files={source: rows.dataset.fingerprint},
        trading=recipe.trading,
        audit={key: value for key, value in verdict.items() if key != "certificate"},
        created_ns=clock.now_ns(),
        symbols=(),
    )


class _Described:
    """The feature set as the contract has it: marked as read from events."""

    def __init__(self, recipe: PumpRecipe) -> None:
        self.features = recipe.feature_set.features
        self.hash = recipe.feature_set.hash
        self._plain = {"kind": EVENTS, **recipe.feature_set.to_dict()}

    def to_dict(self) -> dict[str, Any]:
        return self._plain


def _released(folder: Path, test: Dataset) -> Probabilities:
    """Probability of class 1 of each test row, by the graph that is released."""
    return Scorer.load(folder).score(np.ascontiguousarray(test.X))[:, 1].astype(np.float64)


def _ledger(test: Dataset, probability: Probabilities, contract: Contract) -> Ledger | None:
    threshold = contract.threshold.value
    if contract.sides[1] <= 0 or threshold is None:
        return None
    return trade_test_signals(test, probability, threshold)


def _calibration_notes(found: Reliability, above: tuple[Above, ...], trained: Trained) -> list[str]:
    what = trained.task.classes[1]
    notes = [f"{found.off} of {len(found.count)} reliability bins of the test lie outside their interval"]
    if trained.calibration.method != "none":
        notes.insert(0, fitted_on(trained.calibrated_on, what))
    return notes + [each.sentence(what) for each in above if each.level >= STATED or each is above[-1]]


def _notes(trained: Trained, champion: Contract | None) -> list[str]:
    notes = []
    if trained.empty_features:
        notes.append(f"no training row has a value of {', '.join(trained.empty_features)}; the model does not use them")
    if champion and trained.study:
        notes.append(f"the study began with the best parameters of the champion {champion.id}")
    if not trained.threshold.tradable:
        reason = trained.threshold.reason or "no threshold made money net of costs on validation rows"
        notes.append(f"{reason}; the registry will not promote this")
    return notes
