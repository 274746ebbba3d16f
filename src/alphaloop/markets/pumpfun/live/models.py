"""The models that strategies name, scoring messages inside the process, one or several at a time.

They are loaded, checked and bound away from the decisions, in a thread; a decision sees all models of one load or all
of the next. The numbers are those of the scoring service to the bit: the same graph, the same runtime, the same row.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
import structlog
from numpy.typing import NDArray

from alphaloop.artifact.panel import Panel
from alphaloop.core.clock import Clock, SystemClock
from alphaloop.markets.pumpfun.models_at_hand import Model, ModelsAtHand
from alphaloop.markets.pumpfun.signals.catalogue import GENESIS, SIGNAL, EventFeatureSet
from alphaloop.trading.portfolio.settings import PortfolioSettings

log = structlog.get_logger("alphaloop.pumpfun.live.models")

SETS: Final[Mapping[str, EventFeatureSet]] = {"signal": SIGNAL, "genesis_signal": GENESIS}
"""Features that messages of a type carry."""

HIT: Final = 1


class Scores(NamedTuple):
    """What the models say of one row: probability and artifact by model name."""

    scores: dict[str, float]
    models: dict[str, str]


class Bank:
    """All models that are asked about messages of one type.

    Parameters
    ----------
    models : mapping of str to Model
    features : int
    walk : bool
        As in `Panel`.

    Attributes
    ----------
    ids : dict of str to str
        Artifact by model name.
    left_whole : dict of str to str
        Models that run as whole graphs, and why.
    """

    def __init__(self, models: Mapping[str, Model], features: int, walk: bool) -> None:
        scorers = {name: model.scorer for name, model in models.items()}
        self.ids = {name: scorer.id for name, scorer in scorers.items()}
        self._panel = Panel(scorers, features, walk)
        self.left_whole = self._panel.left_whole
        self._walk = walk

    def is_of(self, models: Mapping[str, Model], walk: bool) -> bool:
        """Whether another bank of these models would be the same."""
        ids = {name: model.scorer.id for name, model in models.items()}
        return self.ids == ids and (self._walk or not walk)

    def score(self, vector: NDArray[np.float32]) -> Scores:
        """Score a row of shape (F,)."""
        return Scores({name: float(found[HIT]) for name, found in self._panel.score(vector).items()}, self.ids)

    def score_all(self, rows: NDArray[np.float32]) -> list[Scores]:
        """Score rows of shape (n, F)."""
        found = {name: each[:, HIT].tolist() for name, each in self._panel.score_all(rows).items()}
        return [Scores(dict(zip(found, each, strict=True)), self.ids) for each in zip(*found.values(), strict=True)]


class InlineModels:
    """Models by type of message, kept up with a folder of artifacts or a registry.

    `score` belongs to the event loop; `reload` may be called from any thread.

    Parameters
    ----------
    folder : Path
    portfolio : PortfolioSettings
        Whose strategies name the models.
    """

    def __init__(self, folder: Path, portfolio: PortfolioSettings, clock: Clock | None = None) -> None:
        self._at_hand = ModelsAtHand(folder, clock or SystemClock())
        self._wanted = portfolio.models
        self._banks: Mapping[str, Bank] = MappingProxyType({})
        self._report: dict[str, Any] = {"models": {}, "refused": {}, "missing": self._missing({}), "left_whole": {}}
        self._lock = threading.Lock()

    def score(self, source: str, vector: NDArray[np.float32]) -> Scores | None:
        """Score the features of a message; None if there is no model for messages of its type.

        Parameters
        ----------
        source : str
            Type of the message.
        vector : float32 array of shape (F,)
            In the order of the feature set that messages of this type carry, NaN where missing.
        """
        bank = self._banks.get(source)
        return None if bank is None else bank.score(vector)

    def score_all(self, source: str, rows: NDArray[np.float32]) -> Sequence[Scores | None]:
        """Score the features of several messages of a type, shape (n, F), as `score` does, to the bit."""
        bank = self._banks.get(source)
        return [None] * len(rows) if bank is None else bank.score_all(rows)

    def reload(self, walk: bool = True) -> list[str]:
        """Take over what is new; gives the names of the models that changed.

        What cannot be used is refused and reported, and the model before it stays; nothing is raised.

        Parameters
        ----------
        walk : bool, default True
            Without it, graphs that are new stay whole until the next call, which is sooner done; see `Panel`.
        """
        with self._lock:
            before = self._ids()
            try:
                self._look(walk)
            except Exception as error:  # whatever is wrong with a folder, the models at hand go on
                reason = f"{type(error).__name__}: {error}"
                log.error("models_not_read", folder=str(self._at_hand.folder), reason=reason)
                self._report = self._report | {"refused": {str(self._at_hand.folder): reason}}
                return []
            after = self._ids()
            return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))

    def report(self) -> dict[str, Any]:
        """Say which models are at hand, refused, missing though strategies name them, and left whole: plain data."""
        return self._report

    def _look(self, walk: bool) -> None:
        if not self._at_hand.folder.is_dir():
            # A folder that is away for a moment must not take its models with it.
            raise FileNotFoundError("no such folder; bring it back")
        self._at_hand.reload()
        refused, chosen = dict(self._at_hand.refused), self._chosen()
        for source, names in self._wanted.items():
            for name in names - chosen.get(source, {}).keys():
                if name in self._at_hand.models:
                    refused[name] = (
                        f"model {name!r} reads {self._at_hand.models[name].feature_set}, which {source!r} messages do "
                        "not carry; name another model in the strategy"
                    )
        banks = {source: self._bank(source, models, walk) for source, models in chosen.items() if models}
        self._banks = MappingProxyType(banks)
        whole = {name: reason for bank in banks.values() for name, reason in bank.left_whole.items()}
        loaded = {name: model for models in chosen.values() for name, model in models.items()}
        self._report = {
            "models": {
                name: {"id": model.scorer.id, "loaded_ns": model.loaded_ns, "feature_set": model.feature_set}
                for name, model in sorted(loaded.items())
            },
            "refused": refused,
            "missing": self._missing(chosen),
            "left_whole": dict(sorted(whole.items())),
        }
        for name in self._report["missing"]:
            log.warning("model_missing", model=name)

    def _bank(self, source: str, models: Mapping[str, Model], walk: bool) -> Bank:
        """The bank at hand if nothing about it has changed."""
        bank = self._banks.get(source)
        return bank if bank is not None and bank.is_of(models, walk) else Bank(models, len(SETS[source]), walk)

    def _chosen(self) -> dict[str, dict[str, Model]]:
        at_hand = self._at_hand.models
        return {
            source: {
                name: at_hand[name]
                for name in sorted(names)
                if name in at_hand and at_hand[name].feature_set_hash == SETS[source].hash
            }
            for source, names in self._wanted.items()
            if source in SETS
        }

    def _missing(self, chosen: Mapping[str, Mapping[str, Model]]) -> list[str]:
        return sorted(
            {name for source, names in self._wanted.items() for name in names - chosen.get(source, {}).keys()}
        )

    def _ids(self) -> dict[str, str]:
        return {name: each["id"] for name, each in self._report["models"].items()}
