"""What every label is: settings, classes with a side, and a table with one interval per bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from alphaloop.core.clock import to_ns
from alphaloop.core.costs import Costs
from alphaloop.core.errors import RecipeError
from alphaloop.core.hashing import hash_json
from alphaloop.core.settings import Settings
from alphaloop.labels.series import Series

UNRESOLVED = -1


@dataclass(frozen=True)
class Outcomes:
    """What a kernel writes, one entry per bar: nanoseconds, fractions, and `UNRESOLVED` where there is no label."""

    resolved_ns: NDArray[np.int64]
    label: NDArray[np.int8]
    gross: NDArray[np.float64]
    net_long: NDArray[np.float64]
    net_short: NDArray[np.float64]

    @classmethod
    def blank(cls, n: int) -> Outcomes:
        """Nothing resolved yet."""
        nothing = [np.full(n, np.nan) for _ in range(3)]
        return cls(np.zeros(n, np.int64), np.full(n, UNRESOLVED, np.int8), *nothing)

    def arrays(self) -> tuple[NDArray[np.generic], ...]:
        """Give the arrays in the order that kernels take them."""
        return (self.resolved_ns, self.label, self.gross, self.net_long, self.net_short)


class Label(Settings):
    """A question about the time after a decision, and how its answer is read off the bars.

    The interval of a label is half-open on the left, ``(decided_ns, resolved_ns]``: a bar known at `decided_ns` belongs
    to the decision, a bar known at `resolved_ns` to the answer. Nothing known outside the interval moves the label,
    except the deciding bar's own close and scale, which the trader has.
    """

    name: ClassVar[str]
    classes: ClassVar[tuple[str, ...]]
    sides: ClassVar[tuple[int, ...]]

    horizon_s: float = Field(gt=0, le=366 * 86_400, description="longest time from decision to resolution, in seconds")

    @property
    def hash(self) -> str:
        """SHA-256 of the kind of label and all its settings."""
        return hash_json({"label": self.name, **self.model_dump(mode="json")})

    @property
    def horizon_ns(self) -> int:
        """`horizon_s` in whole nanoseconds."""
        return to_ns(self.horizon_s)

    def compute(self, frame: pl.DataFrame, step_ns: int, costs: Costs) -> pl.DataFrame:
        """Label every bar.

        Parameters
        ----------
        frame : polars.DataFrame
            Bars with symbol, open_ns, known_ns, open, high, low, close and what the label reads besides.
        step_ns : int
            Length of one bar in nanoseconds.
        costs : Costs
            What entering and leaving cost, and how late an order arrives.

        Returns
        -------
        polars.DataFrame
            One row per bar in the order of `frame`: symbol, decided_ns (the bar's known_ns), resolved_ns, label (Int8
            index into `classes`, null where the bars do not resolve it), gross (return of the mid from the decision to
            the resolution), net_long and net_short (return on the notional of a trade entered after latency and left by
            this label's rule, after all costs; null where no such trade was possible).

        Raises
        ------
        RecipeError
            If the horizon is shorter than one bar: no label could ever resolve.
        DataError
            If a column is missing or a bar occurs twice.
        """
        if self.horizon_ns < step_ns:
            raise RecipeError(
                f"label {self.name!r}: key 'horizon_s' is {self.horizon_s:g}, shorter than one bar of "
                f"{step_ns / 1e9:g} s: no label could resolve; make it at least one bar"
            )
        series = Series.of(frame, self._reads())
        outcomes = Outcomes.blank(len(series))
        self._resolve(series, costs, outcomes)
        return _table(series, outcomes)

    def _reads(self) -> tuple[str, ...]:
        """Columns read besides those of a bar."""
        return ()

    def _resolve(self, series: Series, costs: Costs, outcomes: Outcomes) -> None:
        raise NotImplementedError


def _table(series: Series, outcomes: Outcomes) -> pl.DataFrame:
    back = series.restore
    label = back(outcomes.label)
    columns = {
        "decided_ns": back(series.known_ns),
        "resolved_ns": back(outcomes.resolved_ns),
        "label": label,
        "gross": back(outcomes.gross),
        "net_long": back(outcomes.net_long),
        "net_short": back(outcomes.net_short),
    }
    table = pl.DataFrame({"symbol": series.symbol, **columns})
    return table.with_columns(
        pl.when(pl.col("label") != UNRESOLVED).then(pl.col("label")).alias("label"),
        pl.col("gross", "net_long", "net_short").fill_nan(None),
    )
