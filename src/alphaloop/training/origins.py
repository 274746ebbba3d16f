"""Rolling origins: what models that had seen only what came before would have said about many later stretches of time.

A calibration part is one short stretch. Where rows come in families that share one outcome, such as the signals of one
token, it holds few outcomes however many rows it has, and a map fitted on it has the slope of chance. Rolling origins
give margins of the whole time after the first origin, each by a model of the released one's kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.errors import DataError
from alphaloop.dataset.intervals import Rows, purge, time_groups
from alphaloop.dataset.parts import Split
from alphaloop.dataset.table import Dataset
from alphaloop.models.estimator import Classes, Estimator, Margins
from alphaloop.training.readiness import LEAST_ROWS
from alphaloop.training.recipe import CalibrationSettings


@dataclass(frozen=True)
class Origin:
    """A moment up to which is learned, and the stretch after it: positions in the dataset."""

    before: Rows
    held: Rows


@dataclass(frozen=True)
class HeldOut:
    """Margins of rows by models that never saw them, with the rows' classes and symbols; one entry per row."""

    raw: Margins
    y: Classes
    symbol: NDArray[np.int32]

    @property
    def symbols(self) -> int:
        """How many symbols the rows are of."""
        return len(np.unique(self.symbol))

    def symbols_of(self, index: int) -> int:
        """How many symbols have a row of a class."""
        return len(np.unique(self.symbol[self.y == index]))


def rolling_origins(
    dataset: Dataset, split: Split, settings: CalibrationSettings, embargo_s: float = 0.0
) -> Iterator[Origin]:
    """Cut the time before the test into stretches, each with all earlier rows that may be learned from for it.

    Test rows, and what was purged for their sake, are in none. The first stretch begins where `settings.first` of the
    rows have been decided; the others hold as many rows each. Rows whose label reaches into a stretch, or comes nearer
    than `embargo_s`, are not learned from for it; with `settings.symbols_apart` neither are rows of its symbols.
    """
    rows = np.sort(np.concatenate([split.train, split.validation, split.calibration]))
    borders = np.linspace(settings.first, 1.0, settings.origins + 1)[:-1]
    stretch = time_groups(dataset.decided_ns[rows], borders)
    for number in range(1, settings.origins + 1):
        held, before = rows[stretch == number], rows[stretch < number]
        if settings.symbols_apart:
            before = before[~np.isin(dataset.symbol[before], dataset.symbol[held])]
        yield Origin(purge(before, held, dataset.decided_ns, dataset.resolved_ns, embargo_s), held)


def rolling_margins(dataset: Dataset, origins: Iterator[Origin], fit: Callable[[Dataset], Estimator]) -> HeldOut:
    """Margins of every stretch by the model that `fit` makes of the rows before it.

    Raises
    ------
    DataError
        If no origin has rows enough of every class before it.
    """
    found = []
    for origin in origins:
        before = dataset.take(origin.before)
        if len(before) >= LEAST_ROWS["train"] and min(before.class_counts().values()) and len(origin.held):
            held = dataset.take(origin.held)
            found.append(HeldOut(fit(before).raw(held.X), held.y, held.symbol))
    if not found:
        raise DataError(
            f"calibration: no rolling origin has {LEAST_ROWS['train']} rows before it and one of each class; bring "
            "more data or set calibration.origins to 0"
        )
    return HeldOut(
        np.concatenate([each.raw for each in found]),
        np.concatenate([each.y for each in found]),
        np.concatenate([each.symbol for each in found]),
    )
