"""The models that score signals now, kept up with a folder: a bad one is refused, and the one before it stays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import structlog

from alphaloop.artifact.manifest import MANIFEST
from alphaloop.artifact.registry import Registry
from alphaloop.artifact.scorer import Scorer
from alphaloop.core.clock import Clock, SystemClock
from alphaloop.core.errors import AlphaloopError, ModelCompatibilityError
from alphaloop.markets.pumpfun.signals.catalogue import GENESIS, SIGNAL, EventFeatureSet
from alphaloop.markets.pumpfun.signals.vector import Vector

MARKET: Final = "pumpfun"
LEDGER: Final = "ledger.jsonl"
GENESIS_PREFIX: Final = "genesis_"

log = structlog.get_logger("alphaloop.pumpfun.models")


@dataclass(frozen=True)
class Model:
    """A loaded model and when it was loaded."""

    scorer: Scorer
    loaded_ns: int

    @property
    def name(self) -> str:
        """Model name, such as ``reach_2x_1h``."""
        return self.scorer.contract.name

    @property
    def target(self) -> str:
        """What it foretells; the name without what says that it is asked of launches."""
        return self.name.removeprefix(GENESIS_PREFIX)

    @property
    def feature_set(self) -> str:
        """Name of the feature set it reads."""
        return str(self.scorer.contract.feature_graph["name"])

    @property
    def feature_set_hash(self) -> str:
        """Identity of that set."""
        return self.scorer.contract.feature_set_hash

    def is_newer(self, created_ns: int) -> bool:
        """Whether it was made after `created_ns`."""
        return self.scorer.contract.created_ns > created_ns


class Candidate(NamedTuple):
    """An artifact as it describes itself; whether that is true is seen when it is loaded."""

    created_ns: int
    identity: str
    path: Path


@dataclass
class ModelsAtHand:
    """Models by name, from a registry or from a folder of artifacts.

    In a registry the champion of each name counts. In any other folder it is the newest sound artifact of each name,
    one or two folders deep: dropping a folder in is enough, and taking it out goes back to the one before. Whether an
    artifact is new is told from its manifest, so a look that finds nothing new costs a few reads. A model whose
    artifact is gone is let go at the second look that misses it: the first may have come while it was being replaced.

    Every model scores with `Scorer`, one row like many, so that whoever scores a message and whoever scores a row of
    the store come to the same bits.

    Attributes
    ----------
    models : dict of str to Model
    refused : dict of str to str
        What could not be loaded, and why, as of the last look.
    """

    folder: Path
    clock: Clock = field(default_factory=SystemClock)
    models: dict[str, Model] = field(init=False, default_factory=dict)
    refused: dict[str, str] = field(init=False, default_factory=dict)
    _missed: set[str] = field(init=False, default_factory=set)

    def reload(self) -> list[str]:
        """Look at the folder and take over what is new; gives the names of the models that changed."""
        self.refused = {}
        found = self._champions() if (self.folder / LEDGER).is_file() else self._newest()
        changed = [name for name, candidates in found.items() if self._take_first_sound(name, candidates)]
        for name in [name for name in self.models if name not in found and not self._is_refused(name)]:
            if name in self._missed:
                changed.append(name)
                log.warning("model_gone", model=name, model_id=self.models[name].scorer.id)
                self.models = {other: model for other, model in self.models.items() if other != name}
            self._missed ^= {name}
        self._missed -= set(found)
        return changed

    def signal(self, vector: Vector) -> Mapping[str, float]:
        """Calibrated probability by target of a signal's features."""
        return self._scores(SIGNAL, vector)

    def genesis(self, vector: Vector) -> Mapping[str, float]:
        """Calibrated probability by target of a launch's features."""
        return self._scores(GENESIS, vector)

    def report(self) -> dict[str, Any]:
        """Say which models are loaded and what was refused, as plain data."""
        loaded = {
            name: {"id": model.scorer.id, "loaded_ns": model.loaded_ns, "feature_set": model.feature_set}
            for name, model in sorted(self.models.items())
        }
        return {"models": loaded, "refused": dict(self.refused)}

    def _scores(self, wanted: EventFeatureSet, vector: Vector) -> dict[str, float]:
        row = np.ascontiguousarray(vector, np.float32).reshape(1, -1)
        return {
            model.target: probability_of_hit(model.scorer, row)[0]
            for model in self.models.values()
            if model.feature_set_hash == wanted.hash
        }

    def _champions(self) -> dict[str, list[Candidate]]:
        registry = Registry(self.folder)
        found: dict[str, list[Candidate]] = {}
        try:
            names = sorted({entry.name for entry in registry.list() if entry.market == MARKET})
            for name in names:
                identity = registry.champion(name)
                if identity is not None:
                    found[name] = [Candidate(0, identity, registry.path(identity))]
        except AlphaloopError as error:
            self._refuse(LEDGER, str(error))
            return {name: [Candidate(0, model.scorer.id, self.folder)] for name, model in self.models.items()}
        return found

    def _newest(self) -> dict[str, list[Candidate]]:
        """Artifacts of each name, the newest first; what is no artifact of this market is left aside."""
        found: dict[str, list[Candidate]] = {}
        for manifest in sorted([*self.folder.glob(f"*/{MANIFEST}"), *self.folder.glob(f"*/*/{MANIFEST}")]):
            path = manifest.parent
            if any(part.startswith(".") for part in path.relative_to(self.folder).parts):
                continue
            try:
                identity = str(json.loads(manifest.read_bytes())["id"])
                name, created_ns = _named(path)
            except (OSError, ValueError, TypeError, KeyError) as error:
                self._refuse(str(path), f"{path} is no artifact of this market ({type(error).__name__}: {error})")
                continue
            found.setdefault(name, []).append(Candidate(created_ns, identity, path))
        return {name: sorted(candidates, reverse=True) for name, candidates in found.items()}

    def _take_first_sound(self, name: str, candidates: Sequence[Candidate]) -> bool:
        """Take over the first that can be used, and say whether it is another one than now."""
        present, refused = self.models.get(name), False
        for created_ns, identity, path in candidates:
            if present is not None and (present.scorer.id == identity or (refused and present.is_newer(created_ns))):
                return False
            try:
                scorer = Scorer.load(path)
                _check(scorer, identity)
            except AlphaloopError as error:
                refused = True
                self._refuse(name, str(error))
            else:
                self._replace(name, scorer, present)
                return True
        return False

    def _replace(self, name: str, scorer: Scorer, present: Model | None) -> None:
        # A new dict, not a changed one: another thread may be scoring with the models of the old one.
        self.models = {**self.models, name: Model(scorer, self.clock.now_ns())}
        log.info("model_loaded", model=name, model_id=scorer.id, replaces=present.scorer.id if present else None)

    def _is_refused(self, name: str) -> bool:
        return any(name == what or Path(what).name == name for what in self.refused)

    def _refuse(self, what: str, reason: str) -> None:
        self.refused[what] = reason
        log.error("model_refused", model=what, reason=reason)


def probability_of_hit(scorer: Scorer, rows: np.ndarray[Any, np.dtype[np.float32]]) -> list[float]:
    """Probability of class 1 of float32 `rows` (n, F), as the floats that float32 stands for."""
    return [float(value) for value in scorer.score(rows)[:, 1]]


def _named(path: Path) -> tuple[str, int]:
    """Name and time of an artifact, read from its contract without checking it; raises if it is not of this market."""
    graphs = sorted(path.glob("*.onnx"))
    if not graphs:
        # Perhaps it is being copied: the next look will tell.
        raise ValueError("it has no graph")
    graph = graphs[0].stem
    contract = json.loads((path / ("metadata.json" if graph == "model" else f"{graph}_metadata.json")).read_bytes())
    if contract["market"] != MARKET:
        raise ValueError(f"its market is {contract['market']!r}")
    return str(contract["name"]), int(contract["created_ns"])


def _check(scorer: Scorer, identity: str) -> None:
    """Refuse what this release cannot feed: other features than it computes, or more than two classes."""
    contract = scorer.contract
    sets = {each.name: each for each in (SIGNAL, GENESIS)}
    wanted = sets.get(str(contract.feature_graph.get("name")))
    if scorer.id != identity or wanted is None or contract.market != MARKET or len(contract.classes) != 2:
        raise ModelCompatibilityError(
            f"model {contract.name!r} ({scorer.id[:12]}) of market {contract.market!r} with features "
            f"{contract.feature_graph.get('name')!r} and {len(contract.classes)} classes is none that scores signals "
            "here; train it with a recipe of this market"
        )
    scorer.require(wanted.names, wanted.hash)
