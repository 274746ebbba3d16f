"""The dataset: one row per decision, with what was known then and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alphaloop.core.clock import iso
from alphaloop.core.errors import DataError
from alphaloop.core.hashing import hash_arrays, hash_json

ROW_FIELDS = ("symbol", "decided_ns", "resolved_ns", "X", "y", "gross", "net_long", "net_short")


class Features(Protocol):
    """What is asked of a feature set."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        ...

    @property
    def families(self) -> tuple[str, ...]:
        """Family of each feature, in order."""
        ...


class Question(Protocol):
    """What is asked of a label."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes by index."""
        ...

    @property
    def sides(self) -> tuple[int, ...]:
        """Side of each class: +1, -1 or 0."""
        ...


@dataclass(frozen=True)
class Dataset:
    """Rows in the order of ``(decided_ns, symbol)``.

    Attributes
    ----------
    symbol : int32 array of shape (n,)
        Index into `symbols`.
    symbols : tuple of str
        Every symbol of the joined table, sorted.
    decided_ns, resolved_ns : int64 arrays of shape (n,)
        Interval ``(decided_ns, resolved_ns]`` of each label.
    X : float32 array of shape (n, F)
        Features as known at `decided_ns`; NaN where not warm.
    y : int8 array of shape (n,)
        Index into `classes`.
    gross, net_long, net_short : float64 arrays of shape (n,)
        Returns that the label says would have been had; NaN where no trade was possible.
    feature_names, families : tuple of str of length F
        Name and family of each column of `X`.
    classes, sides : tuples of length C
        Classes, and +1, -1 or 0 for each.
    """

    symbol: NDArray[np.int32]
    symbols: tuple[str, ...]
    decided_ns: NDArray[np.int64]
    resolved_ns: NDArray[np.int64]
    X: NDArray[np.float32]
    y: NDArray[np.int8]
    gross: NDArray[np.float64]
    net_long: NDArray[np.float64]
    net_short: NDArray[np.float64]
    feature_names: tuple[str, ...]
    families: tuple[str, ...]
    classes: tuple[str, ...]
    sides: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over every array and every name, as 64 hex digits."""
        names = (self.symbols, self.feature_names, self.families, self.classes, self.sides)
        return hash_json([names, hash_arrays(*(getattr(self, name) for name in ROW_FIELDS))])

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Dataset:
        """Make the dataset of some of the rows, given by position or mask, in the order given."""
        return replace(self, **{name: getattr(self, name)[rows] for name in ROW_FIELDS})

    def class_counts(self) -> dict[str, int]:
        """Count the rows of each class."""
        counts = np.bincount(self.y, minlength=len(self.classes))
        return {name: int(count) for name, count in zip(self.classes, counts, strict=True)}


def join(
    features: pl.DataFrame, labels: pl.DataFrame, feature_set: Features, label: Question, warm_up_rows: int
) -> Dataset:
    """Put features and labels together at decision times.

    Parameters
    ----------
    features : polars.DataFrame
        symbol, known_ns and the columns of `feature_set`, as its ``compute`` gives them.
    labels : polars.DataFrame
        As a label's ``compute`` gives them.
    feature_set : FeatureSet
        Says the order and families of the columns.
    label : Label
        Says the classes.
    warm_up_rows : int
        Rows of each symbol, counted from its first, that are left out.

    Returns
    -------
    Dataset
        Without the warm-up and without the rows whose label the data does not resolve.

    Raises
    ------
    DataError
        If a column is missing, a key occurs twice, no row is left, or all rows have one class.
    """
    names = list(feature_set.names)
    _require_columns(features, ("symbol", "known_ns", *names), "features")
    _require_columns(labels, ("symbol", "decided_ns", "label"), "labels")
    table = _aligned(features.select("symbol", "known_ns", *names), labels)
    place = pl.int_range(pl.len()).over("symbol")
    kept = table.sort("symbol", "decided_ns").filter((place >= warm_up_rows) & pl.col("label").is_not_null())
    if kept.is_empty():
        raise DataError(
            f"no row is left of {len(table)}: {warm_up_rows} rows per symbol are warm-up and "
            f"{labels['label'].null_count()} labels are not resolved by the data; give more bars or a shorter horizon"
        )
    kept = kept.sort("decided_ns", "symbol")
    dataset = _dataset(kept, tuple(features["symbol"].unique().sort()), feature_set, label)
    _require_classes(dataset)
    return dataset


def _dataset(kept: pl.DataFrame, symbols: tuple[str, ...], feature_set: Features, label: Question) -> Dataset:
    codes = kept["symbol"].replace_strict(list(symbols), list(range(len(symbols))), return_dtype=pl.Int32)
    X = np.empty((len(kept), len(feature_set.names)), np.float32)
    for column, name in enumerate(feature_set.names):
        X[:, column] = kept[name].cast(pl.Float32).fill_null(float("nan")).to_numpy()
    returns = {name: _floats(kept[name]) for name in ("gross", "net_long", "net_short")}
    return Dataset(
        symbol=codes.to_numpy(writable=True),
        symbols=symbols,
        decided_ns=kept["decided_ns"].to_numpy(writable=True),
        resolved_ns=kept["resolved_ns"].to_numpy(writable=True),
        X=X,
        y=kept["label"].cast(pl.Int8).to_numpy(writable=True),
        **returns,
        feature_names=tuple(feature_set.names),
        families=tuple(feature_set.families),
        classes=tuple(label.classes),
        sides=tuple(label.sides),
    )


def _floats(column: pl.Series) -> NDArray[Any]:
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy(writable=True)


def _aligned(features: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    same = len(features) == len(labels) and (
        features["known_ns"].equals(labels["decided_ns"]) and features["symbol"].equals(labels["symbol"])
    )
    _require_unique(features, "known_ns", "features")
    if same:
        return labels.hstack(features.drop("symbol", "known_ns"))
    _require_unique(labels, "decided_ns", "labels")
    return labels.join(features, left_on=["symbol", "decided_ns"], right_on=["symbol", "known_ns"], how="inner")


def _require_columns(table: pl.DataFrame, names: Sequence[str], what: str) -> None:
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise DataError(f"{what} have no column {missing[0]!r} ({len(missing)} missing); compute them again")


def _require_unique(table: pl.DataFrame, time: str, what: str) -> None:
    twice = table.select(pl.struct("symbol", time).is_duplicated()).to_series().arg_true()
    if len(twice):
        row = int(twice[0])
        symbol, ns = table["symbol"][row], int(table[time][row])
        raise DataError(
            f"{what} row {row}: symbol {symbol!r} has two rows at {iso(ns)}; keep one row per symbol and time"
        )


def _require_classes(dataset: Dataset) -> None:
    counts = dataset.class_counts()
    present = [name for name, count in counts.items() if count]
    if len(present) < 2:
        raise DataError(
            f"all {len(dataset)} labels are {present[0]!r}: one class cannot be learned; "
            "change the label's horizon or thresholds, or give more data"
        )
