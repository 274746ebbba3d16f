"""Columns that know how old the file is: row counters, and outputs whose rows were cut apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alphaloop.audit.alignment import Aligned
from alphaloop.audit.findings import Finding
from alphaloop.audit.jobs import FOREVER, Change, Scene
from alphaloop.audit.runs import Stored, load
from alphaloop.audit.search import Search
from alphaloop.audit.stages import Stage
from alphaloop.core.clock import NS_PER_S, iso

Floats = NDArray[np.float64]

DROPPED_ROWS = 379  # A prime: a counter that starts again every so many rows must not come out even.
FAR_ROWS = 700
LEAST_FAR_ROWS = 60
LEAST_SHARE = 1e-9
LONGEST_CYCLE = 250


def age_findings(search: Search, whole: Stage, history: int, *, timed: bool) -> list[Finding]:
    """Columns that change far from the start when the first rows are gone, and do not when these rows are others.

    A moving average forgets the first rows and an expanding one remembers their values; both change as little or as
    much when the values change as when the rows go. A count of rows changes only when they go. Noise drawn by position
    changes then too, but without a pattern.
    """
    n = len(whole.known())
    moments = len(whole.moments)
    drop = min(DROPPED_ROWS, moments // 4)
    far = drop + min(max(2 * history, FAR_ROWS // 2), moments // 3)
    if moments - far < LEAST_FAR_ROWS:
        search.note("the file is too short to look for columns that encode the age of a row")
        return []
    if whole.outcome.how == "sequence":
        return []
    ordered = np.sort(whole.known())
    last = int(np.searchsorted(ordered, whole.moments[min(moments - 1, far + 2000)], side="right"))
    stage = search.stage(Scene(0, min(last, n)))
    later = search.stage(Scene(int(np.searchsorted(ordered, whole.moments[drop])), min(last, n)))
    if stage is None or later is None:
        return []
    altered = _altered(search, stage, drop)
    if not altered:
        return []
    search.checks["first rows dropped"] += 1
    return [
        _finding(stage, name, drop, timed)
        for name in search.suspects
        if name not in search.hits
        and name not in stage.noisy
        and _counts_rows(stage, later.stored, altered, name, int(stage.moments[far]))
    ]


def _altered(search: Search, stage: Stage, drop: int) -> list[Aligned]:
    found = []
    for seed, kind in enumerate(("noise", "scaled x10", "noise")):
        folder = search.pool.path("altered")
        change = Change(kind, until_ns=int(stage.moments[drop]), seed=search.seed + seed)
        if search.pool.run(replace(stage.job, change=change, save=folder)).status == "ok":
            search.checks["first rows altered"] += 1
            found.append(load(Path(folder)).aligned)
    return found


def _counts_rows(stage: Stage, later: Stored, altered: list[Aligned], name: str, far_ns: int) -> bool:
    base = _by_origin(stage.output(), stage.origin(), name, far_ns)
    short = _by_origin(later.aligned, later.origin, name, far_ns)
    rows = sorted(base.keys() & short.keys())
    if len(rows) < LEAST_FAR_ROWS:
        return False
    truth = np.array([base[row] for row in rows])
    moved = np.array([short[row] for row in rows]) - truth
    usable = np.isfinite(moved) & np.isfinite(truth)
    if usable.sum() < LEAST_FAR_ROWS or not (moved[usable] != 0).any():
        return False
    scale = float(np.std(truth[usable])) or float(np.abs(truth[usable]).max()) or 1.0
    size = float(np.quantile(np.abs(moved[usable]), 0.9))
    if size <= LEAST_SHARE * scale or not _has_pattern(moved[usable]):
        return False
    for other in altered:
        values = _by_origin(other, stage.origin(), name, far_ns)
        change = np.array([values.get(row, np.nan) for row in rows])[usable] - truth[usable]
        if not np.isfinite(change).all() or np.abs(change).max(initial=0.0) > 1e-3 * size:
            return False
    return True


def _by_origin(output: Aligned, origin: NDArray[np.int64], name: str, far_ns: int) -> dict[int, float]:
    values = output.columns.get(name)
    if values is None or values.dtype.kind not in "fiub":
        return {}
    rows = np.flatnonzero((output.stamps >= far_ns) & (output.ids >= 0))
    return dict(zip(origin[output.ids[rows]].tolist(), values[rows].astype(np.float64).tolist(), strict=True))


def _has_pattern(moved: Floats) -> bool:
    """Whether the change is a constant, smooth or periodic: something of the row's number, and not noise."""
    centred = moved - moved.mean()
    power = float(centred @ centred)
    if power <= 1e-6 * float(moved @ moved):
        return True
    for lag in range(1, min(LONGEST_CYCLE, len(moved) // 3)):
        if float(centred[lag:] @ centred[:-lag]) > 0.9 * power * (len(moved) - lag) / len(moved):
            return True
    return False


def _finding(stage: Stage, name: str, drop: int, timed: bool) -> Finding:
    return Finding(
        kind="age_index",
        column=name,
        first_row=int(stage.origin()[0]),
        first_time=iso(int(stage.time()[0])) if timed else None,
        reach_s=0.0,
        evidence=(
            f"without the first {drop} rows of the file all later values are others, and with other values in those "
            "rows they are not: the column counts rows, so it tells how long a market has existed and not what it does"
        ),
    )


MOST_LOST_ROWS = 240


def misaligned_findings(search: Search, whole: Stage, history: int, *, timed: bool) -> list[Finding]:
    """Columns of one output row that speak of different times, because each was cut to the shortest at its end.

    Seen on an output without a key that is shorter than its input by a fixed number of rows: in row j of it, several
    columns begin to read at input row j, and end at different later rows. Cut at the start instead, their windows
    would end together.
    """
    lost = whole.job.offset
    if whole.job.sequence != "offset" or not 2 <= lost <= MOST_LOST_ROWS or len(search.suspects) < 2:
        return []
    moments = len(whole.moments)
    length = min(moments, 2 * lost + 60)
    last = int(np.searchsorted(np.sort(whole.known()), whole.moments[length - 1], side="right"))
    stage = search.stage(Scene(0, last))
    if stage is None or len(stage.known()) != length:
        return []
    row = min(lost // 2 + 10, length - lost - 2)
    ends, begins = _windows(search, stage, row, lost)
    group = [name for name in search.suspects if begins.get(name) == row and ends.get(name, row) > row]
    if len({ends[name] for name in group}) < 2:
        return []
    earliest = min(ends[name] for name in group)
    step = int(np.median(np.diff(stage.moments)))
    found = []
    for name in search.suspects:
        ahead = ends.get(name, earliest) - earliest
        if ahead > 0 and name not in search.hits:
            found.append(_misaligned(stage, name, row, ahead, ahead * step / NS_PER_S if timed else None, timed))
    return found


def _windows(search: Search, stage: Stage, row: int, lost: int) -> tuple[dict[str, int], dict[str, int]]:
    """Last and first input row that each column of output row `row` reads."""
    ends: dict[str, int] = {}
    begins: dict[str, int] = {}
    at = row + stage.job.offset
    moments = [int(moment) for moment in stage.moments]
    changes = {}
    for x in range(max(0, row - 2), row + lost + 1):
        changes[search.pool.path("after")] = (x, Change("noise", from_ns=moments[x], seed=x))
        changes[search.pool.path("before")] = (x, Change("noise", until_ns=moments[x] + 1, seed=x))
    jobs = [replace(stage.job, change=change, save=folder) for folder, (_, change) in changes.items()]
    ran = {job.save for job, outcome in search.pool.map(jobs, search.batch) if outcome.status == "ok"}
    for folder, (x, change) in changes.items():
        moved = _moved_at(stage, folder, at) if folder in ran else set()
        if change.from_ns == FOREVER:
            for name in moved:
                begins.setdefault(name, x)
        else:
            ends.update(dict.fromkeys(moved, x))
    search.checks["windows compared"] += 1
    return ends, begins


def _moved_at(stage: Stage, folder: str, at: int) -> set[str]:
    """Columns whose value in the output row of input row `at` is another one in a stored run."""
    base, other = stage.output(), load(Path(folder)).aligned
    mine, theirs = np.flatnonzero(base.ids == at), np.flatnonzero(other.ids == at)
    if not len(mine) or not len(theirs):
        return set()
    same = other.columns.keys() & base.columns.keys()
    return {name for name in same if str(base.columns[name][mine[0]]) != str(other.columns[name][theirs[0]])}


def _misaligned(stage: Stage, name: str, row: int, ahead: int, reach_s: float | None, timed: bool) -> Finding:
    return Finding(
        kind="misaligned",
        column=name,
        first_row=int(stage.origin()[0]),
        first_time=iso(int(stage.time()[0])) if timed else None,
        reach_s=reach_s,
        evidence=(
            f"the output is {stage.job.offset} rows shorter than the input and its columns were cut to one length at "
            f"the wrong end: in its row {row} this column reads {ahead} rows further than the earliest column does"
        ),
    )
