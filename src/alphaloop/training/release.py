"""From a proved model to the contract that travels with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from alphaloop.artifact.contract import (
    CalibrationEntry,
    Contract,
    DatasetEntry,
    FeatureEntry,
    FileEntry,
    LabelEntry,
    RecipeEntry,
    ThresholdEntry,
    WindowEntry,
)
from alphaloop.artifact.golden import Golden
from alphaloop.core.clock import NS_PER_S, iso
from alphaloop.dataset.parts import Split
from alphaloop.dataset.table import Dataset
from alphaloop.training.recipe import Procedure
from alphaloop.training.trained import Trained


class Column(Protocol):
    """One feature, as far as a contract names it."""

    @property
    def name(self) -> str:
        """Unique in its set."""
        ...

    @property
    def family(self) -> str:
        """The group it belongs to."""
        ...

    @property
    def unit(self) -> str:
        """What it is measured in."""
        ...


class ColumnSet(Protocol):
    """A feature set, as far as a contract names it: expressions over a series, or a market's own readings."""

    @property
    def features(self) -> Sequence[Column]:
        """The features, in order."""
        ...

    @property
    def hash(self) -> str:
        """Identity of the set."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Give everything there is to know, as plain data."""
        ...


class Question(Protocol):
    """A label, as far as a contract names it."""

    @property
    def name(self) -> str:
        """Kind of label."""
        ...

    @property
    def hash(self) -> str:
        """Identity of the label."""
        ...

    @property
    def horizon_s(self) -> float:
        """Longest time from decision to resolution, in seconds."""
        ...

    def model_dump(self, *, mode: str = ...) -> dict[str, Any]:
        """Give the settings as plain data."""
        ...


@dataclass(frozen=True)
class Origin:
    """Where a model comes from, as far as the model itself does not know.

    Attributes
    ----------
    step_ns
        Length of one bar; None where rows are events.
    files
        ``{name: sha256}`` of the data.
    trading
        The trading plan as plain data.
    audit
        The audit's verdict as plain data.
    created_ns
        When the contract is made.
    symbols
        Names to write down; those of `dataset` if absent. A market whose symbols come and go gives none.
    """

    recipe: Procedure
    feature_set: ColumnSet
    context: ColumnSet | None
    label: Question
    dataset: Dataset
    split: Split
    step_ns: int | None
    warm_up_rows: int
    files: Mapping[str, str]
    trading: Mapping[str, Any]
    audit: Mapping[str, Any]
    created_ns: int
    symbols: tuple[str, ...] | None = None


def contract_of(trained: Trained, origin: Origin) -> Contract:
    """Write down everything that a trained model promises."""
    recipe, dataset, label = origin.recipe, origin.dataset, origin.label
    rows, probabilities = trained.golden
    stamp = iso(origin.created_ns // NS_PER_S * NS_PER_S).replace("-", "").replace(":", "")
    return Contract(
        id=f"{recipe.name}-{stamp}-{dataset.fingerprint[:8]}",
        name=recipe.name,
        market=recipe.market,
        created_ns=origin.created_ns,
        task="binary" if trained.task.binary else "multiclass",
        classes=trained.task.classes,
        sides=trained.task.sides,
        features=tuple(
            FeatureEntry(name=feature.name, family=feature.family, unit=feature.unit)
            for feature in origin.feature_set.features
        ),
        feature_graph=origin.feature_set.to_dict(),
        context_graph=origin.context.to_dict() if origin.context else None,
        feature_set_hash=origin.feature_set.hash,
        label=LabelEntry(
            name=label.name, hash=label.hash, horizon_s=label.horizon_s, settings=label.model_dump(mode="json")
        ),
        dataset=_dataset(origin),
        recipe=RecipeEntry(name=recipe.name, hash=recipe.hash, settings=recipe.model_dump(mode="json")),
        training_window={
            part: WindowEntry(
                first_ns=int(dataset.decided_ns[taken].min()), last_ns=int(dataset.decided_ns[taken].max())
            )
            for part, taken in origin.split.parts().items()
        },
        warm_up_rows=origin.warm_up_rows,
        estimator=recipe.estimator.kind,
        best_parameters=trained.best_parameters,
        class_ratio=trained.class_ratio,
        calibration=CalibrationEntry(**trained.calibration.to_dict()),
        threshold=ThresholdEntry(**trained.threshold.to_dict()),
        trading=dict(origin.trading),
        scores=trained.scores,
        baselines=trained.baselines,
        parity=trained.parity.to_dict(),
        audit=dict(origin.audit),
        reference=trained.reference,
        library_versions=trained.library_versions,
        golden=Golden.of(rows, probabilities),
    )


def _dataset(origin: Origin) -> DatasetEntry:
    return DatasetEntry(
        fingerprint=origin.dataset.fingerprint,
        files=tuple(FileEntry(name=name, sha256=sha256) for name, sha256 in origin.files.items()),
        rows={part: len(taken) for part, taken in origin.split.parts().items()},
        symbols=origin.dataset.symbols if origin.symbols is None else origin.symbols,
        step_s=origin.step_ns / NS_PER_S if origin.step_ns else None,
    )
