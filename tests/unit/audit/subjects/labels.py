"""Labels that do not keep to their intervals; the tests of the audit hand them to it."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

STEP_NS = 60_000_000_000


@dataclass(frozen=True)
class Crooked:
    """Says that it resolves after five bars, and compares with the close `look` bars later (earlier if negative)."""

    look: int
    intervals: bool = True
    horizon_s: float = 300.0
    classes: tuple[str, ...] = ("DOWN", "UP")

    def compute(self, frame: pl.DataFrame, step_ns: int, costs: object) -> pl.DataFrame:
        later = pl.col("close").shift(-self.look).over("symbol")
        label = frame.select("symbol", decided_ns="known_ns", label=(later > pl.col("close")).cast(pl.Int8))
        if not self.intervals:
            return label.select("symbol", "label")
        return label.with_columns(resolved_ns=pl.col("decided_ns") + 5 * STEP_NS)


FURTHER = Crooked(8)
BACK = Crooked(-3)
BARE = Crooked(5, intervals=False)
