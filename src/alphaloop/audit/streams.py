"""Batch, stream and restored must be one: rows in any chunks, saved and restored anywhere, give the same bits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alphaloop.audit.compare import plain
from alphaloop.audit.findings import Finding, spell
from alphaloop.core.clock import iso
from alphaloop.core.random import stream
from alphaloop.features import FeatureSet
from alphaloop.features.stream import FeatureStream

ONE_BY_ONE_ROWS = 400
CHUNKINGS = 2
RESTORES = 6


def stream_findings(
    features: FeatureSet, frame: pl.DataFrame, checks: Counter[str], seed: int, dtype: str
) -> list[Finding]:
    """Compare `compute` with pushes of random chunks, of single rows, and with restored streams.

    Parameters
    ----------
    features : FeatureSet
    frame : polars.DataFrame
        Bars with symbol, known_ns and the inputs.
    checks : Counter
        Is told what ran.
    """
    order = np.lexsort((np.arange(frame.height), frame["known_ns"].to_numpy()))
    batch = features.compute(frame, dtype=np.dtype(dtype)).select(features.names).to_numpy()[order]
    known = frame["known_ns"].to_numpy()[order]
    symbols = frame["symbol"].cast(pl.String).to_numpy()[order]
    columns = {name: frame[name].cast(pl.Float64).to_numpy()[order] for name in features.inputs}
    rows = _Rows(features, columns, known, symbols, order, np.dtype(dtype))
    found: dict[str, Finding] = {}
    for how, pushed in _roads(rows, seed):
        checks[how] += 1
        for name, finding in _differences(rows, batch[: len(pushed)], pushed, how).items():
            found.setdefault(name, finding)
    return list(found.values())


class _Rows:
    """Rows in the order of time, and a way to push a stretch of them."""

    def __init__(
        self,
        features: FeatureSet,
        columns: dict[str, NDArray[np.float64]],
        known: NDArray[np.int64],
        symbols: NDArray[Any],
        order: NDArray[np.int64],
        dtype: np.dtype[Any],
    ) -> None:
        self.features, self.columns, self.known, self.order, self.dtype = features, columns, known, order, dtype
        self.names = list(dict.fromkeys([*(str(name) for name in np.unique(symbols)), *features.references]))
        place = {name: at for at, name in enumerate(self.names)}
        self.ids = np.array([place[str(name)] for name in symbols], np.int64)
        # Rows known at one moment are pushed together, because some may look at the others.
        self.borders = np.flatnonzero(np.diff(known, prepend=known[0] - 1))

    def fresh(self) -> FeatureStream:
        return self.features.stream(self.names, dtype=self.dtype)

    def push(self, into: FeatureStream, first: int, last: int) -> NDArray[Any]:
        part = {name: values[first:last] for name, values in self.columns.items()}
        return into.push(part, self.known[first:last], self.ids[first:last])

    def pushed(self, cuts: list[int], restored: set[int]) -> NDArray[Any]:
        current, out = self.fresh(), []
        for first, last in pairwise([0, *cuts]):
            if first in restored:
                current = FeatureStream.restore(self.features, current.save())
            out.append(self.push(current, first, last))
        return np.concatenate(out)


def _roads(rows: _Rows, seed: int) -> Iterator[tuple[str, NDArray[Any]]]:
    rng, n = stream(seed, "chunks"), len(rows.known)
    few = rows.borders[rows.borders <= ONE_BY_ONE_ROWS]
    last = int(rows.borders[len(few)]) if len(few) < len(rows.borders) else n
    singles = [int(cut) for cut in few[1:]] + [last]
    yield "pushed row by row", rows.pushed(singles, set())
    yield "saved and restored at every row", rows.pushed(singles, set(singles))
    for _ in range(CHUNKINGS):
        count = int(rng.integers(3, 40))
        chosen = np.unique(rng.choice(rows.borders[1:], min(count, len(rows.borders) - 1), replace=False))
        yield "pushed in random chunks", rows.pushed([*map(int, chosen), n], set())
    chosen = np.unique(rng.choice(rows.borders[1:], min(RESTORES, len(rows.borders) - 1), replace=False))
    yield "saved and restored at random rows", rows.pushed([*map(int, chosen), n], {int(cut) for cut in chosen})


def _differences(rows: _Rows, batch: NDArray[Any], pushed: NDArray[Any], how: str) -> dict[str, Finding]:
    bits = np.dtype(f"u{batch.dtype.itemsize}")
    same = (np.ascontiguousarray(batch).view(bits) == np.ascontiguousarray(pushed).view(bits)) | (
        np.isnan(batch) & np.isnan(pushed)
    )
    found = {}
    for column in np.flatnonzero(~same.all(axis=0)):
        row = int(np.argmin(same[:, column]))
        name = rows.features.names[column]
        values = f"{spell(plain(batch[row, column]))} at once, {spell(plain(pushed[row, column]))} {how}"
        found[name] = Finding(
            kind="stream",
            column=name,
            first_row=int(rows.order[row]),
            first_time=iso(int(rows.known[row])),
            reach_s=0.0,
            evidence=f"batch and stream differ on {int((~same[:, column]).sum())} rows; the first has {values}",
        )
    return found
