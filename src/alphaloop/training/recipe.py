"""Recipes: everything that decides what a training run does, as one TOML file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, overload

from pydantic import Field, field_validator, model_validator

from alphaloop.core.costs import Costs
from alphaloop.core.errors import RecipeError
from alphaloop.core.settings import Settings

BARE_WORD = re.compile(r"[A-Za-z_][\w./:+-]*")


class DatasetSettings(Settings):
    """How the file is to be read, and how much of it."""

    timezone: str | None = Field(default=None, description="time zone of the file's times where they carry none")
    stamp: Literal["open", "close"] = Field(default="open", description="which end of a bar the file's times name")
    step_s: float | None = Field(default=None, gt=0, description="seconds of one bar; found from the file if absent")
    symbols: tuple[str, ...] = Field(default=(), description="symbols to keep; all if empty")
    max_rows: int | None = Field(default=None, gt=0, description="newest rows to keep per symbol; all if absent")


class FeatureSettings(Settings):
    """Which features the model sees."""

    set: str = Field(default="bars", description="a named feature set, or FILE.py:OBJECT")
    context: str | None = Field(default=None, description="a named set of columns for labels and brackets only")


class LabelSettings(Settings):
    """What the model is to foretell; seconds and ATR multiples."""

    kind: Literal["horizon", "barrier"] = "horizon"
    horizon_s: float | None = Field(default=None, gt=0, description="length of the label; overrides horizon_bars")
    horizon_bars: int = Field(default=15, ge=1, description="length of the label in bars, where horizon_s is absent")
    min_return: float | None = Field(default=None, ge=0, lt=1, description="horizon only: least absolute return")
    take_profit_atr: float | None = Field(default=None, gt=0, description="barrier only")
    stop_loss_atr: float | None = Field(default=None, gt=0, description="barrier only")
    scale: str | None = Field(default=None, description="barrier only: the column with the ATR in price units")

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        foreign = ("take_profit_atr", "stop_loss_atr", "scale") if self.kind == "horizon" else ("min_return",)
        wrong = [key for key in foreign if getattr(self, key) is not None]
        if wrong:
            raise ValueError(f"label.{wrong[0]} means nothing to a {self.kind} label; remove it or change label.kind")
        return self

    @property
    def parameters(self) -> dict[str, Any]:
        """The keys that this kind of label takes and that the recipe states."""
        return self.model_dump(exclude={"kind", "horizon_bars"}, exclude_none=True)

    def length_s(self, step_s: float) -> float:
        """Seconds from decision to the latest resolution, for bars of `step_s` seconds."""
        return self.horizon_s or self.horizon_bars * step_s


class SplitSettings(Settings):
    """Which rows train, validate, calibrate and test; purged by label interval, with an embargo."""

    kind: Literal["chronological", "walk_forward", "combinatorial_purged", "by_symbol"] = "chronological"
    fractions: tuple[float, float, float, float] = Field(
        default=(0.60, 0.15, 0.10, 0.15), description="train, validation, calibration, test; their sum is 1"
    )
    embargo_s: float = Field(default=0.0, ge=0)

    @field_validator("fractions")
    @classmethod
    def _a_whole(cls, value: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        if min(value) <= 0 or abs(sum(value) - 1.0) > 1e-9:
            raise ValueError(f"four positive fractions with the sum 1 are needed, got {list(value)}")
        return value


class EstimatorSettings(Settings):
    """Which estimator, and its own parameters (checked against that estimator)."""

    kind: Literal["lightgbm", "logistic", "linear", "one_feature", "last_value", "prior"] = "lightgbm"
    parameters: dict[str, Any] = Field(default_factory=dict)


class BaselineSettings(Settings):
    """The dumb predictors that every score is printed beside."""

    kinds: tuple[Literal["prior", "last_value", "one_feature", "logistic", "linear"], ...] = (
        "prior",
        "last_value",
        "one_feature",
        "logistic",
    )
    last_value_of: str | None = Field(default=None, description="feature whose sign is the last value; found if absent")
    max_rows: int = Field(default=100_000, ge=1_000, description="training rows a baseline is fitted on, evenly spread")


class TuningSettings(Settings):
    """The study over LightGBM's parameters; no study if `trials` is 0."""

    trials: int = Field(default=0, ge=0, le=100_000)
    timeout_s: float | None = Field(default=None, gt=0, description="start no trial after this; replay is then lost")
    startup_trials: int = Field(default=10, ge=1, description="random trials before TPE")
    warmup_rounds: int = Field(default=20, ge=1, description="boosting rounds before a trial may be pruned")
    report_every: int = Field(default=10, ge=1, description="boosting rounds between two reports to the pruner")
    warm_start: str | None = Field(default=None, description="JSON file with `best_parameters` to be tried first")


class CalibrationSettings(Settings):
    """How margins become probabilities, on rows that the model never saw.

    The rows are the calibration part; or, with `origins`, the time before the test from `first` on, each stretch of it
    by a model of the same parameters that was fitted on earlier rows only: see `alphaloop.training.origins`.
    """

    method: Literal["platt", "isotonic", "none"] = "platt"
    origins: int = Field(default=0, ge=0, le=50, description="rolling origins; 0: the calibration part alone")
    first: float = Field(default=0.5, gt=0, lt=1, description="share of the rows before the test that comes before all")
    symbols_apart: bool = Field(default=False, description="whether no model may score symbols that it has seen")


class ThresholdSettings(Settings):
    """How the entry threshold is chosen on validation rows."""

    min_trades: int = Field(default=30, ge=1, description="fewest trades a threshold must make to be considered")
    candidates: int = Field(default=200, ge=2, le=10_000)
    overlapping: bool = Field(default=False, description="whether a symbol may hold several positions at once")


class EvaluationSettings(Settings):
    """How scores get their intervals."""

    resamples: int = Field(default=500, ge=20, le=100_000)


class Procedure(Settings):
    """How a model is made from rows, whatever the rows are: what all recipes share and all that the factory reads.

    A market whose rows are no series of bars adds its own tables to this, such as its kinds of label, and says so by
    the name ``RECIPE`` in its module ``pipeline``. `trading` is passed on as it is; the trading plan checks it when the
    artifact is assembled.
    """

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    market: str
    seed: int = Field(default=0, ge=0, lt=2**31)
    split: SplitSettings = SplitSettings()
    estimator: EstimatorSettings = EstimatorSettings()
    baselines: BaselineSettings = BaselineSettings()
    tuning: TuningSettings = TuningSettings()
    calibration: CalibrationSettings = CalibrationSettings()
    threshold: ThresholdSettings = ThresholdSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    costs: Costs = Costs()
    trading: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _only_trees_are_tuned(self) -> Self:
        if self.tuning.trials and self.estimator.kind != "lightgbm":
            raise ValueError(
                f"tuning.trials is {self.tuning.trials}, but only estimator.kind 'lightgbm' is tuned, "
                f"not {self.estimator.kind!r}; set tuning.trials to 0"
            )
        return self


class Recipe(Procedure):
    """Everything that decides what a training run on a series of bars does."""

    market: str = "bars"
    dataset: DatasetSettings = DatasetSettings()
    features: FeatureSettings = FeatureSettings()
    label: LabelSettings = LabelSettings()


AnyRecipe = TypeVar("AnyRecipe", bound=Procedure)
KindOf = Callable[[str], type[AnyRecipe]]


@overload
def load_recipe(path: Path | str, overrides: Sequence[str] = ()) -> Recipe: ...


@overload
def load_recipe(path: Path | str, overrides: Sequence[str], kind_of: KindOf[AnyRecipe]) -> AnyRecipe: ...


def load_recipe(
    path: Path | str, overrides: Sequence[str] = (), kind_of: KindOf[Any] = lambda market: Recipe
) -> Procedure:
    """Read a recipe from a TOML file, apply ``a.b=value`` overrides, and check every key and value.

    Parameters
    ----------
    path
        The TOML file.
    overrides
        Each ``dotted.key=value``; the value in TOML's syntax, where a bare word is a string.
    kind_of
        Kind of recipe that a market reads, by the market's name; `Recipe` for all if absent.

    Raises
    ------
    RecipeError
        Naming the file, the path of the key, the value, and the nearest right key.
    """
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise RecipeError(f"{path}: the recipe cannot be read ({reason}); name a TOML file") from None
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path}: not valid TOML: {error}; correct it and run again") from None
    for override in overrides:
        _apply(values, override)
    market = values.get("market", Recipe.model_fields["market"].default)
    return parse_recipe(values, path.name, kind_of(market) if isinstance(market, str) else Recipe)


@overload
def parse_recipe(values: Mapping[str, Any], source: str) -> Recipe: ...


@overload
def parse_recipe(values: Mapping[str, Any], source: str, kind: type[AnyRecipe]) -> AnyRecipe: ...


def parse_recipe(values: Mapping[str, Any], source: str, kind: type[Procedure] = Recipe) -> Procedure:
    """Build a recipe from plain values, the estimator's own parameters included; `source` names it in errors.

    Raises
    ------
    RecipeError
        As `load_recipe`.
    """
    from alphaloop.models.catalog import parameters_of

    recipe = kind.parse(values, source)
    settings = parameters_of(recipe.estimator.kind)
    settings.parse(recipe.estimator.parameters, source, at="estimator.parameters")
    return recipe


def parse_override(text: str) -> tuple[tuple[str, ...], Any]:
    """Split ``a.b=value`` into its key path and its value.

    Raises
    ------
    RecipeError
        If there is no ``=``, an empty key, or a value that is neither TOML nor a bare word.
    """
    key, equals, raw = text.partition("=")
    path = tuple(part.strip() for part in key.split("."))
    if not equals or not all(path):
        raise RecipeError(f"--set {text!r}: expected dotted.key=value, for example tuning.trials=50")
    raw = raw.strip()
    try:
        return path, tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        if BARE_WORD.fullmatch(raw):
            return path, raw
    raise RecipeError(f"--set {text!r}: {raw!r} is not a TOML value; put text in double quotes")


def _apply(values: dict[str, Any], override: str) -> None:
    path, value = parse_override(override)
    table = values
    for depth, part in enumerate(path[:-1], start=1):
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise RecipeError(f"--set {override!r}: {'.'.join(path[:depth])!r} is no table; shorten the key")
    table[path[-1]] = value
