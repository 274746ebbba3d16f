"""The audit of any function of a data frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from alphaloop.audit.cuts import notable_cuts
from alphaloop.audit.findings import ALL_ROWS, AuditResult, Finding
from alphaloop.audit.jobs import Job, Outcome, Scene
from alphaloop.audit.pool import Pool
from alphaloop.audit.reach import describe
from alphaloop.audit.roles import Roles, find_roles, known_times
from alphaloop.audit.search import RELATIVE_ROUNDING, Search, spread_out
from alphaloop.audit.stages import Stage
from alphaloop.audit.subjects import Reference
from alphaloop.audit.tables import Column
from alphaloop.audit.variants import VARIANTS
from alphaloop.core.clock import stopwatch
from alphaloop.core.errors import DataError
from alphaloop.core.progress import Progress, silent
from alphaloop.core.random import stream

DENSE_ROWS = 130
VARIANT_ROWS = 110
LONGEST_HISTORY = 3000
REACH_SHARE = 0.35


@dataclass(frozen=True)
class Material:
    """The table under the subject, and when its rows were known."""

    table: pl.DataFrame
    roles: Roles
    time: np.ndarray[Any, np.dtype[np.int64]]
    known: np.ndarray[Any, np.dtype[np.int64]]

    @classmethod
    def of(cls, table: pl.DataFrame, target: str | None, timezone: str | None, stamp: str) -> Material:
        """Find parts and times."""
        roles = find_roles(table, target)
        return cls(table, roles, *known_times(table, roles, timezone=timezone, stamp=stamp))


def audit_function(
    function: str | Reference | Callable[..., Any],
    table: pl.DataFrame,
    *,
    target: str | None = None,
    seconds: float = 60.0,
    seed: int = 0,
    timezone: str | None = None,
    stamp: str = "open",
    progress: Progress = silent,
) -> AuditResult:
    """Try to prove that a function of a data frame reads the future.

    Parameters
    ----------
    function : callable, ``FILE.py:OBJECT`` or ``package.module:object``
        Takes one polars or pandas frame, gives a frame, series or array. It is called in fresh processes only.
    table : polars.DataFrame
        What it is called with, as its file has it.
    target : str or None
        Column with what is to be predicted; a row's own target counts as future.
    seconds : float
        Budget; what was left out is said in the notes.
    seed : int
    timezone, stamp
        Zone of zone-less times, and whether stamps name the ``open`` or the ``close`` of a bar.
    progress : Progress

    Returns
    -------
    AuditResult

    Raises
    ------
    UnknownNameError
        If the function cannot be found or called with one frame.
    DataError
        If it fails on the unchanged table, or returns something that is no table.
    """
    began = stopwatch()
    reference = _reference(function)
    material = Material.of(table, target, timezone, stamp)
    source = {"kind": "function", "place": reference.place, "name": reference.name, "is_file": reference.is_file}
    with Pool(table, material.roles, material.time, material.known, source) as pool:
        template, outcome = _choose_flavour(pool, reference)
        search = Search(pool, template, began + 0.8 * seconds, seed, progress)
        investigate(search, material)
        findings = conclude(search, material, began + seconds * (1.0 + REACH_SHARE))
        notes = _notes(search, outcome)
    return AuditResult(reference.shown, tuple(findings), dict(search.checks), stopwatch() - began, tuple(notes))


def _reference(function: str | Reference | Callable[..., Any]) -> Reference:
    if isinstance(function, Reference):
        return function
    return Reference.parse(function) if isinstance(function, str) else Reference.of(function)


def _choose_flavour(pool: Pool, reference: Reference) -> tuple[Job, Outcome]:
    """Call the function with each kind of frame until one suits it."""
    first: Outcome | None = None
    for flavour in pool.description["flavours"]:
        template = Job(Scene(), relative=RELATIVE_ROUNDING, flavour=flavour)
        outcome = pool.run(template)
        if outcome.status == "ok":
            return template, outcome
        first = first or outcome
    assert first is not None
    raise DataError(
        f"{reference.shown} fails on the unchanged table ({first.status}: {first.message}); "
        "make it work on the file and run the audit again"
    )


def investigate(search: Search, material: Material) -> None:
    """Run all phases, from the most to the least telling, until done or out of time."""
    whole = search.stage(Scene())
    if whole is None:
        raise DataError("the function worked once and failed when called again on the same table; make it repeatable")
    columns = [name for name in whole.outcome.columns if name not in passed_through(whole, material)]
    history = find_history(search, whole, material)
    for phase in (_dense_start, _whole_file, _variants, _dense_elsewhere):
        phase(search, whole, material, history)
        if columns and search.leaked(columns):
            return


def passed_through(stage: Stage, material: Material) -> set[str]:
    """Columns of the output that are the input's own."""
    output, found = stage.output(), set()
    inside = output.ids >= 0
    for name, values in output.columns.items():
        if name not in material.table.columns or output.how == "sequence":
            continue
        own = Column.of(pa.chunked_array([material.table[name].to_arrow()])).spelled()[output.ids[inside]]
        mine = values[inside]
        if mine.dtype.kind == own.dtype.kind == "f" or "U" not in (mine.dtype.kind + own.dtype.kind):
            same = np.array_equal(mine.astype(np.float64), own.astype(np.float64), equal_nan=True)
        else:
            same = np.array_equal(mine.astype(np.str_), own.astype(np.str_))
        if same:
            found.add(name)
    return found


def find_history(search: Search, whole: Stage, material: Material) -> int:
    """Moments after which the function has begun to speak in every column, at most `LONGEST_HISTORY`."""
    output = whole.output()
    moments, first = whole.moments, 0
    for values in output.columns.values():
        if values.dtype.kind == "U":
            continue
        says = np.flatnonzero(~np.isnan(values.astype(np.float64)))
        if len(says):
            stamps = (
                output.stamps[says]
                if output.how != "sequence"
                else material.known[np.minimum(says, len(material.known) - 1)]
            )
            first = max(first, int(np.searchsorted(moments, stamps.min())))
    # Outputs without their warm-up rows begin at once; the rows they lack are history too.
    lacking = max(0, whole.outcome.rows_in - whole.outcome.rows_out)
    history = min(max(first, lacking if lacking < len(moments) // 2 else 0), LONGEST_HISTORY, len(moments) // 2)
    while history < len(moments) // 2:
        if _works(search, material, history + 2):
            break
        history = max(2 * history, 16)
    return min(history, len(moments) // 2)


def _works(search: Search, material: Material, moments: int) -> bool:
    last = int(np.searchsorted(np.sort(material.known), np.unique(material.known)[moments - 1], side="right"))
    return search.pool.run(replace(search.template, scene=Scene(0, last))).status == "ok"


def _scene(material: Material, start: int, length: int, variant: str | None = None, seed: int = 0) -> Scene:
    """Rows of `length` moments from moment `start` on."""
    moments, known = np.unique(material.known), np.sort(material.known)
    start = max(0, min(start, len(moments) - length))
    end = min(start + length, len(moments)) - 1
    first = int(np.searchsorted(known, moments[start]))
    return Scene(first, int(np.searchsorted(known, moments[end], side="right")), variant, seed)


def _dense(search: Search, stage: Stage | None, history: int, kinds: list[str], count: int, label: str) -> None:
    """Cut a short scene at every moment after its history."""
    if stage is None or search.late():
        return
    rng = stream(search.seed, "dense", label)
    last = len(stage.moments) - 1
    cuts = spread_out(min(history, last // 2), last, count, rng)
    plan = [(cut, kind) for at, cut in enumerate(cuts) for kind in _kinds_at(kinds, at)]
    search.try_cuts(stage, plan, label, len(plan))


def _kinds_at(kinds: list[str], at: int) -> Iterator[str]:
    """Kinds written with a plus come at every cut, of the others one at each cut in turn."""
    always = [kind[1:] for kind in kinds if kind.startswith("+")]
    turns = [kind for kind in kinds if not kind.startswith("+")]
    yield from always
    if turns:
        yield turns[at % len(turns)]


def _dense_start(search: Search, whole: Stage, material: Material, history: int) -> None:
    stage = search.stage(_scene(material, 0, history + DENSE_ROWS))
    _dense(search, stage, history, ["+truncated", "+noise"], DENSE_ROWS, "every row")


def _whole_file(search: Search, whole: Stage, material: Material, history: int) -> None:
    rng = stream(search.seed, "cuts")
    cuts = notable_cuts(material.table, material.roles, material.time, material.known, history, rng)
    kinds = search.rotation(whole)
    plan = [(cut, kind) for cut in cuts[:5] for kind in dict.fromkeys(kinds)]
    plan += [
        (cut, kind) for at, cut in enumerate(cuts[5:160]) for kind in ("truncated", kinds[1 + at % (len(kinds) - 1)])
    ]
    budget = max(30, int(0.4 * (search.deadline - stopwatch()) / max(whole.outcome.seconds, 0.02)))
    if len(plan) > budget:
        search.note(f"the whole file was cut {budget} times of {len(plan)} planned; give more --seconds for the rest")
    search.try_cuts(whole, plan[:budget], "notable rows", min(budget, len(plan)))


def _variants(search: Search, whole: Stage, material: Material, history: int) -> None:
    rng = stream(search.seed, "variants")
    length = history + VARIANT_ROWS
    kinds = [kind for kind in search.rotation(whole) if kind not in ("truncated", "noise")]
    for name in VARIANTS:
        if search.late():
            break
        if name == "symbols take turns" and material.roles.symbol is None:
            continue
        start = int(rng.integers(0, max(1, len(whole.moments) - length)))
        stage = search.stage(_scene(material, start, length, name, search.seed))
        turns = [kind for other in kinds for kind in ("truncated", "noise", other)]
        _dense(search, stage, history, turns, VARIANT_ROWS, name)


def _dense_elsewhere(search: Search, whole: Stage, material: Material, history: int) -> None:
    rng = stream(search.seed, "elsewhere")
    cuts = notable_cuts(material.table, material.roles, material.time, material.known, history, rng)
    length = history + DENSE_ROWS
    for at in cuts[3:24:7]:
        if search.late():
            return
        stage = search.stage(_scene(material, at - history - DENSE_ROWS // 2, length))
        _dense(search, stage, history, ["truncated", "noise", "+scaled x10"], DENSE_ROWS, "every row elsewhere")


def conclude(search: Search, material: Material, until: float) -> list[Finding]:
    """Findings of everything that was hit, each with its first row and reach."""
    hits = {name: found for name, found in search.hits.items() if found}
    share = (until - stopwatch()) / max(len(hits), 1)
    timed = material.roles.time is not None
    found = []
    for at, (name, own) in enumerate(hits.items()):
        search.progress("how far ahead", at, len(hits))
        found.append(describe(search, name, own, timed=timed, until=stopwatch() + share))
    if any(finding.column != ALL_ROWS for finding in found):
        return sorted(found, key=lambda finding: finding.column == ALL_ROWS)
    return found


def _notes(search: Search, outcome: Outcome) -> list[str]:
    notes = list(search.notes)
    if search.cut_short:
        notes.append("the time budget ended before everything planned was tried; give more --seconds")
    if search.wrote:
        notes.append(
            f"the function writes files ({', '.join(sorted(search.wrote)[:3])}); state kept there may hide a leak"
        )
    failed = {name: count for name, count in search.skipped.items()}
    if failed:
        notes.append("not applicable: " + ", ".join(f"{name} {count}x" for name, count in sorted(failed.items())))
    return notes
