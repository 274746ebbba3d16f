"""Columns that say nothing, and columns that say the answer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alphaloop.audit.alignment import Aligned
from alphaloop.audit.findings import Finding
from alphaloop.audit.phases import Material
from alphaloop.audit.roles import symbol_rows
from alphaloop.audit.search import Search
from alphaloop.audit.spelling import NOTHING
from alphaloop.audit.stages import Stage
from alphaloop.core.clock import NS_PER_S, iso

Floats = NDArray[np.float64]

CONSTANT_ROWS = 1000
COPY_CORRELATION = 0.999
COPY_AUC = 0.995
GUARD_CORRELATION = 0.99
LEAST_PAIRS = 200
SHIFTS = 60
MOST_ROWS = 8000
MOST_CLASSES = 20


def constant_findings(search: Search, whole: Stage, *, timed: bool) -> list[Finding]:
    """Columns with one value on the whole file that no variant of the file moved either."""
    found = []
    output = whole.output()
    for name in search.suspects:
        value = _only_value(output.columns[name])
        if value is None:
            if _says_nothing(output.columns[name]):
                search.note(f"column {name!r} is missing on every row of this file, so nothing is proved about it")
            continue
        if len(output.ids) < CONSTANT_ROWS or name in search.hits:
            continue
        others = [stage.output().columns.get(name) for stage in search.stages.values() if stage is not None]
        if any(
            (values is not None and _only_value(values) not in (value, None)) or _varies(values) for values in others
        ):
            search.note(f"column {name!r} is {value} on every row of this file, and not on changed ones")
            continue
        evidence = f"every one of {len(output.ids)} rows says {value}, on the file and on every change of it"
        found.append(_finding("constant", name, whole, 0, 0.0, evidence, timed))
    search.checks["constant columns"] += len(search.suspects)
    return found


def _only_value(values: NDArray[np.generic]) -> str | None:
    """The one value of a column, as text; None if it has several or none."""
    kept = values[values != NOTHING] if values.dtype.kind == "U" else values[~np.isnan(values.astype(np.float64))]
    if not len(kept) or len(kept) < 0.5 * len(values) or not (kept == kept[0]).all():
        return None
    return str(kept[0])


def _varies(values: NDArray[np.generic] | None) -> bool:
    if values is None or not len(values):
        return False
    kept = values[values != NOTHING] if values.dtype.kind == "U" else values[~np.isnan(values.astype(np.float64))]
    return len(kept) > 0 and not bool((kept == kept[0]).all())


def _says_nothing(values: NDArray[np.generic]) -> bool:
    return bool((values == NOTHING).all() if values.dtype.kind == "U" else np.isnan(values.astype(np.float64)).all())


def copy_findings(search: Search, whole: Stage, material: Material, *, timed: bool) -> list[Finding]:
    """Columns that are nearly the target, or nearly a later return of the price."""
    if whole.outcome.how == "sequence":
        return []
    found = []
    output = whole.output()
    names = [name for name in search.suspects if output.columns[name].dtype.kind in "fiub"]
    if material.roles.target is not None:
        target = _target(material)[output.ids]
        for name in names:
            said = near_copy(output.columns[name].astype(np.float64), target)
            if said is not None:
                evidence = f"the column is nearly the target {material.roles.target!r}: {said}"
                found.append(_finding("target_copy", name, whole, int(output.ids.min()), 0.0, evidence, timed))
        search.checks["copies of the target"] += len(names)
    taken = {*search.hits, *(finding.column for finding in found)}
    for name, ahead, strength in _future_copies(output, material, [name for name in names if name not in taken]):
        step = float(np.median(np.diff(whole.moments))) / NS_PER_S if len(whole.moments) > 1 else 0.0
        evidence = (
            f"the column is nearly what the price does up to {ahead} rows later: correlation {strength:.6f} with later "
            "returns and far less with earlier ones; it does not move with the table, so it gets them from elsewhere"
        )
        reach_s = ahead * step if timed else None
        found.append(_finding("future_copy", name, whole, int(output.ids.min()), reach_s, evidence, timed))
    search.checks["copies of later returns"] += len(names)
    return found


def near_copy(values: Floats, target: Floats) -> str | None:
    """Say how `values` give `target` away; None if they do not.

    Parameters
    ----------
    values, target : float (n,)
        NaN where missing. A target with few distinct values is taken as classes.
    """
    both = np.isfinite(values) & np.isfinite(target)
    if both.sum() < LEAST_PAIRS:
        return None
    x, y = values[both], target[both]
    strength = abs(correlation(x, y))
    if strength > COPY_CORRELATION:
        return f"correlation {strength:.6f}"
    classes = np.unique(y)
    if not 2 <= len(classes) <= MOST_CLASSES:
        return None
    for wanted in classes:
        area = auc(x, y == wanted)
        if max(area, 1.0 - area) > COPY_AUC:
            return f"it alone separates class {wanted:g} with an AUC of {max(area, 1.0 - area):.6f}"
    return None


def correlation(x: Floats, y: Floats) -> float:
    """Pearson correlation; 0 where one of them does not vary."""
    x, y = x - x.mean(), y - y.mean()
    norm = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / norm if norm > 0.0 else 0.0


def auc(score: Floats, positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney), ties counted half; 0.5 with one class."""
    ones = int(positive.sum())
    zeros = len(score) - ones
    if not ones or not zeros:
        return 0.5
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - 0.5 * (counts - 1))[inverse]
    return float((ranks[positive].sum() - ones * (ones + 1) / 2.0) / (ones * zeros))


def _target(material: Material) -> Floats:
    column = material.table[material.roles.target or ""]
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return column.cast(pl.String).rank("dense").cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _future_copies(output: Aligned, material: Material, names: list[str]) -> Iterator[tuple[str, int, float]]:
    closes = [name for name in material.roles.prices if name.lower().endswith("close")] or list(material.roles.prices)
    if not closes or not names:
        return
    place = np.full(material.table.height, -1)
    inside = output.ids >= 0
    place[output.ids[inside]] = np.flatnonzero(inside)
    rows = max(symbol_rows(material.table, material.roles), key=len)
    rows = rows[np.argsort(material.known[rows], kind="stable")][:MOST_ROWS]
    with np.errstate(all="ignore"):
        level = np.log(material.table[closes[0]].cast(pl.Float64).fill_null(float("nan")).to_numpy()[rows])
    for name in names:
        values = np.where(place[rows] >= 0, output.columns[name].astype(np.float64)[place[rows]], np.nan)
        best = max(_matches(values, level), default=(0.0, 0))
        if best[0] > COPY_CORRELATION:
            yield name, best[1], best[0]


def _matches(values: Floats, level: Floats) -> Iterator[tuple[float, int]]:
    """Correlation with later one-row and cumulative returns, where no earlier return does as well."""
    returns = np.diff(level, prepend=np.nan)
    for series in (values, np.diff(values, prepend=np.nan)):
        past = max(_strength(series, _shifted(returns, -k)) for k in range(SHIFTS))
        past = max(past, *(_strength(series, level - _shifted(level, -k)) for k in range(1, SHIFTS)))
        if past > GUARD_CORRELATION:
            continue
        for k in range(1, SHIFTS + 1):
            strength = _strength(series, _shifted(returns, k))
            if k > 1:
                strength = max(strength, _strength(series, _shifted(level, k) - level))
            yield strength, k


def _shifted(values: Floats, k: int) -> Floats:
    """The value `k` rows later; earlier for a negative `k`."""
    out = np.full(len(values), np.nan)
    if k == 0:
        return values
    if abs(k) < len(values):
        out[: len(values) - k if k > 0 else None][max(0, -k) :] = values[max(0, k) : len(values) + min(0, k)]
    return out


def _strength(x: Floats, y: Floats) -> float:
    both = np.isfinite(x) & np.isfinite(y)
    return abs(correlation(x[both], y[both])) if both.sum() >= LEAST_PAIRS else 0.0


def _finding(
    kind: str, name: str, stage: Stage, row: int, reach_s: float | None, evidence: str, timed: bool
) -> Finding:
    row = max(row, 0)
    when = iso(int(stage.time()[row])) if timed else None
    return Finding(kind, name, int(stage.origin()[row]), reach_s, evidence, when)  # type: ignore[arg-type]
