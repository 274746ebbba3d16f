"""From a recipe and a file to rows that can be learned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import DataError, RecipeError
from alphaloop.core.progress import Progress, silent
from alphaloop.data.bars import Bars, read_bars
from alphaloop.dataset.splits import Split, chronological
from alphaloop.dataset.table import Dataset, join
from alphaloop.features import FeatureSet
from alphaloop.labels import Barrier, Horizon
from alphaloop.labels.base import Label
from alphaloop.markets.bars.features import CONTEXT
from alphaloop.markets.catalog import find_feature_set
from alphaloop.trading.plan import Plan
from alphaloop.training.recipe import Recipe

SCALE = "atr"
WARM_UP_SHARE = 1 / 3
"""A warm-up that would take more than this share of the rows is cut down to that of the bar's own windows."""


@dataclass(frozen=True)
class Ingredients:
    """Everything that a training run learns from.

    Attributes
    ----------
    features, labels : DataFrame
        One row per bar, in the order of `bars.frame`.
    scaled : DataFrame
        The bars with the context column that labels scale by.
    warm_up_rows : int
        Rows of each symbol that are left out at its start.
    notes : tuple of str
        What a reader of the result should know about how the rows came about.
    """

    bars: Bars
    feature_set: FeatureSet
    context: FeatureSet
    label: Label
    plan: Plan
    features: pl.DataFrame
    labels: pl.DataFrame
    scaled: pl.DataFrame
    warm_up_rows: int
    dataset: Dataset
    split: Split
    notes: tuple[str, ...]


def read(recipe: Recipe, data: Path) -> Bars:
    """Read the bars that a recipe asks for.

    Raises
    ------
    DataError
        If the file is not usable, or lacks a symbol that the recipe names.
    """
    wanted = recipe.dataset
    bars = read_bars(data, timezone=wanted.timezone, stamp=wanted.stamp, step_s=wanted.step_s)
    if wanted.symbols:
        bars = bars.only(wanted.symbols)
    if wanted.max_rows:
        newest = bars.frame.group_by("symbol", maintain_order=True).tail(wanted.max_rows)
        bars = Bars(newest.select(bars.frame.columns), bars.step_ns, bars.source, bars.sha256)
    return bars


def prepare(recipe: Recipe, bars: Bars, progress: Progress = silent) -> Ingredients:
    """Compute features and labels, join them, and split the rows.

    Raises
    ------
    RecipeError
        If the recipe asks for something that these bars cannot give.
    DataError
        If there are too few bars, or every label has the same class.
    """
    step_s = bars.step_ns / NS_PER_S
    feature_set = find_feature_set(recipe.features.set)
    label = build_label(recipe, step_s)
    plan = build_plan(recipe, label)
    warm_up_rows, notes = usable_warm_up(feature_set, bars)
    progress("features", 0, 2)
    features = feature_set.compute(bars.frame)
    context = CONTEXT.compute(bars.frame)
    scaled = bars.frame.with_columns(context[SCALE].cast(pl.Float64))
    progress("features", 1, 2)
    labels = label.compute(scaled, bars.step_ns, recipe.costs)
    dataset = join(features, labels, feature_set, label, warm_up_rows)
    split = split_rows(recipe, dataset, label)
    progress("features", 2, 2)
    return Ingredients(
        bars, feature_set, CONTEXT, label, plan, features, labels, scaled, warm_up_rows, dataset, split, notes
    )


def build_label(recipe: Recipe, step_s: float) -> Label:
    """Make the label of a recipe for bars of `step_s` seconds.

    Raises
    ------
    RecipeError
        If a parameter does not fit the kind of label.
    """
    settings = recipe.label
    values: dict[str, Any] = {**settings.parameters, "horizon_s": settings.length_s(step_s)}
    kind: type[Label] = Horizon if settings.kind == "horizon" else Barrier
    return kind.parse(values, f"recipe {recipe.name!r}, [label]")


def build_plan(recipe: Recipe, label: Label) -> Plan:
    """Make the trading plan of a recipe; what it leaves out follows from the label, so that both mean the same trade.

    Raises
    ------
    RecipeError
        If a key is unknown or a value impossible.
    """
    if "costs" in recipe.trading:
        raise RecipeError(
            f"recipe {recipe.name!r}: unknown key 'trading.costs'; costs are said once, in the table [costs]"
        )
    implied: dict[str, Any] = {"timeout_s": label.horizon_s}
    if isinstance(label, Barrier):
        implied |= {"take_profit_atr": label.take_profit_atr, "stop_loss_atr": label.stop_loss_atr}
    stated = recipe.trading.get("exits", {})
    exits = {**implied, **stated} if isinstance(stated, Mapping) else stated
    values = {**recipe.trading, "exits": exits, "costs": recipe.costs.model_dump()}
    return Plan.parse(values, f"recipe {recipe.name!r}, [trading]")


def split_rows(recipe: Recipe, dataset: Dataset, label: Label) -> Split:
    """Split the rows in the order of time, purged by label interval.

    Raises
    ------
    RecipeError
        If the recipe names a split that yields folds rather than one model.
    """
    if recipe.split.kind != "chronological":
        raise RecipeError(
            f"recipe {recipe.name!r}: split.kind {recipe.split.kind!r} makes folds for research, a recipe trains one "
            "model; use 'chronological' here and alphaloop.dataset.splits in your own study"
        )
    embargo_s = recipe.split.embargo_s
    return chronological(dataset.decided_ns, dataset.resolved_ns, recipe.split.fractions, embargo_s)


def usable_warm_up(feature_set: FeatureSet, bars: Bars) -> tuple[int, tuple[str, ...]]:
    """Choose how many rows of each symbol to leave out at its start.

    The full warm-up, unless it would take more than `WARM_UP_SHARE` of the longest symbol: then that of the features
    that read no higher time frame. The others are NaN in the rows between, as they are for a trader who starts then.

    Raises
    ------
    DataError
        If no symbol has more rows than the warm-up.
    """
    step_s = bars.step_ns / NS_PER_S
    longest = int(bars.frame.group_by("symbol").len()["len"].max() or 0)  # type: ignore[arg-type]
    full = feature_set.warm_up(step_s)
    if full <= longest * WARM_UP_SHARE:
        return full, ()
    own = [feature for feature in feature_set.features if not _reads_higher(feature.formula)]
    short = max((feature.warm_up(step_s) for feature in own), default=full)
    if short >= longest:
        raise DataError(
            f"{bars.source}: the longest symbol has {longest} rows, and feature set {feature_set.name!r} needs {short} "
            f"rows to warm up at a step of {step_s:g} s; give more bars or a smaller feature set"
        )
    if short == full:
        return full, ()
    return short, (
        f"the full warm-up of {full} rows would take more than a third of {longest} rows per symbol: rows from "
        f"{short} on are used, and features of higher time frames are missing in the first of them",
    )


def _reads_higher(formula: str) -> bool:
    return "higher(" in formula
