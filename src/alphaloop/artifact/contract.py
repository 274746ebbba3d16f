"""What an artifact promises: everything about a model that is not its weights.

The contract is `metadata.json` (or `NAME_metadata.json`) of the artifact. It is plain data: whoever can read JSON can
read it in ten years. Fields are only ever added, with a default; a change that an old reader would misunderstand raises
`FORMAT_VERSION`.
"""

from __future__ import annotations

from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from alphaloop.artifact.golden import Golden
from alphaloop.core.settings import Settings

FORMAT_VERSION: Final = 1


class Record(BaseModel):
    """A part of the contract: frozen, unknown keys refused, floats finite."""

    model_config = Settings.model_config


class FeatureEntry(Record):
    """One column of the graph's input."""

    name: str = Field(min_length=1)
    family: str = "default"
    unit: str = "1"


class LabelEntry(Record):
    """The question that the model answers."""

    name: str
    hash: str
    horizon_s: float = Field(gt=0)
    settings: dict[str, Any] = Field(default_factory=dict)


class FileEntry(Record):
    """A data file by its name and content."""

    name: str
    sha256: str


class DatasetEntry(Record):
    """The rows that the model was made from."""

    fingerprint: str
    files: tuple[FileEntry, ...] = ()
    rows: dict[str, int] = Field(default_factory=dict)
    symbols: tuple[str, ...] = ()
    step_s: float | None = None


class RecipeEntry(Record):
    """The settings of the training run."""

    name: str
    hash: str
    settings: dict[str, Any] = Field(default_factory=dict)


class WindowEntry(Record):
    """Decision times of a split, both ends included, in nanoseconds."""

    first_ns: int
    last_ns: int


class CalibrationEntry(Record):
    """The map from raw score to probability; platt_a, platt_b or knots beside the method."""

    model_config = ConfigDict(extra="allow")

    method: str = "none"


class ThresholdEntry(Record):
    """The probability from which a trade is worth its costs, and what says so."""

    model_config = ConfigDict(extra="allow")

    value: float | None = None
    net_value: float | None = None
    trades: int | None = None
    tradable: bool = False


class Contract(Settings):
    """The promises of one artifact.

    Attributes
    ----------
    id : str
        Name of the training run, given by whoever trains. The artifact's own id is the hash of its manifest.
    task : {"binary", "multiclass"}
        Binary graphs give two columns, one per class, like all others.
    classes, sides : tuple of shape (C,)
        Classes in the order of the graph's columns; +1 buys, -1 sells, 0 stays out.
    features : tuple of shape (F,)
        Columns of the graph's input, in order.
    feature_graph, context_graph : dict
        `FeatureSet.to_dict()` of the model's features and, if any, of the context that brackets need: the trading side
        computes them without any file of the user. With ``"kind": "events"`` it is no graph but the description of
        features that a market reads from its books at an event.
    warm_up_rows : int
        Rows per symbol before the features may be trusted.
    scores : dict
        ``{split: {metric: {"value": v, "interval": [low, high]}}}``.
    reference : dict
        ``{feature: {"edges": [...], "shares": [...], "missing": share}}`` of the training rows, for drift.
    golden : Golden
        Rows with the probabilities that the graph gave when it was sealed.
    """

    format_version: Literal[1] = FORMAT_VERSION
    id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    market: str
    created_ns: int
    task: Literal["binary", "multiclass"]
    classes: tuple[str, ...] = Field(min_length=2)
    sides: tuple[Literal[-1, 0, 1], ...]
    features: tuple[FeatureEntry, ...] = Field(min_length=1)
    feature_graph: dict[str, Any]
    context_graph: dict[str, Any] | None = None
    feature_set_hash: str
    label: LabelEntry
    dataset: DatasetEntry
    recipe: RecipeEntry
    training_window: dict[str, WindowEntry] = Field(default_factory=dict)
    warm_up_rows: int = Field(ge=0)
    estimator: str
    best_parameters: dict[str, Any] = Field(default_factory=dict)
    class_ratio: dict[str, float] | float | None = None
    calibration: CalibrationEntry = CalibrationEntry()
    threshold: ThresholdEntry = ThresholdEntry()
    trading: dict[str, Any] = Field(default_factory=dict)
    scores: dict[str, Any] = Field(default_factory=dict)
    baselines: dict[str, Any] = Field(default_factory=dict)
    parity: dict[str, Any] = Field(default_factory=dict)
    audit: dict[str, Any] = Field(default_factory=dict)
    reference: dict[str, Any] = Field(default_factory=dict)
    library_versions: dict[str, str] = Field(default_factory=dict)
    golden: Golden

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if len(self.sides) != len(self.classes):
            raise ValueError(f"sides has {len(self.sides)} entries for {len(self.classes)} classes")
        if (self.task == "binary") != (len(self.classes) == 2):
            raise ValueError(f"task is {self.task!r} with {len(self.classes)} classes")
        if len(set(self.feature_names)) != len(self.features):
            raise ValueError("a feature name occurs twice")
        expected = (len(self.features), len(self.classes))
        if self.golden.shape != expected:
            raise ValueError(f"golden vectors have (features, classes) {self.golden.shape}, expected {expected}")
        return self

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the graph's input columns, in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def families(self) -> tuple[str, ...]:
        """Family of each input column, in order."""
        return tuple(feature.family for feature in self.features)
