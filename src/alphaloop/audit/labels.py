"""The converse for labels: nothing outside ``(decided_ns, resolved_ns]`` may move one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from alphaloop.audit.certificate import certify
from alphaloop.audit.compare import Difference
from alphaloop.audit.findings import AuditResult, Finding, spell
from alphaloop.audit.jobs import Change, Job, Scene
from alphaloop.audit.phases import Material
from alphaloop.audit.pool import Pool
from alphaloop.audit.roles import find_roles
from alphaloop.audit.search import Search, spread_out
from alphaloop.audit.stages import Stage
from alphaloop.audit.subjects import Reference
from alphaloop.core.clock import NS_PER_S, iso, stopwatch
from alphaloop.core.costs import Costs
from alphaloop.core.errors import DataError
from alphaloop.core.hashing import hash_arrays
from alphaloop.core.progress import Progress, silent
from alphaloop.core.random import stream
from alphaloop.labels.base import Label

NEEDED = ("decided_ns", "resolved_ns")
KINDS = ("noise", "truncated", "scaled x10", "NaN", "permuted", "constant")
VARIANTS_TRIED = ("jumps", "gaps", "spikes", "holes in time", "flat runs", "volatile")
LEAST_SCENE = 160
MOST_SCENE = 4000
CUTS = 20


@dataclass(frozen=True)
class Outside:
    """One run that moved a label from outside its interval."""

    stage: Stage
    change: Change
    difference: Difference


def audit_label(
    label: Label | Reference,
    frame: pl.DataFrame,
    step_ns: int,
    costs: Costs | None = None,
    *,
    seconds: float = 30.0,
    seed: int = 0,
    code_hash: str | None = None,
    data_hash: str | None = None,
    data_name: str = "",
    progress: Progress = silent,
) -> AuditResult:
    """Try to prove that a label moves with something outside its own interval.

    Parameters
    ----------
    label : Label, or a reference to one in a user's file
    frame : polars.DataFrame
        Bars with symbol, open_ns, known_ns, open, high, low, close and what the label reads besides.
    step_ns : int
        Length of one bar in nanoseconds.
    costs : Costs or None
    seconds, seed
        Budget and seed.
    code_hash, data_hash, data_name
        What the certificate is bound to; by default the label's own hash and that of the frame.

    Returns
    -------
    AuditResult
        Findings of kind ``label_interval``: `column` moved although its interval did not, or an interval is impossible.

    Raises
    ------
    DataError
        If the label cannot be computed on the frame or says no intervals.
    """
    began = stopwatch()
    known = frame["known_ns"].to_numpy()
    roles = replace(find_roles(frame), known=None, time="known_ns")
    material = Material(frame, roles, known, known, np.arange(len(known)))
    source = _source(label, step_ns, costs or Costs())
    with Pool(frame, roles, known, known, source) as pool:
        search = Search(pool, Job(Scene()), began + seconds, seed, progress)
        found = _examine(search, material)
    shown = label.shown if isinstance(label, Reference) else label.name
    notes = list(search.notes)
    if search.cut_short:
        notes.append("the time budget ended before everything planned was tried; give more --seconds")
    result = AuditResult(shown, tuple(found), dict(search.checks), stopwatch() - began, tuple(notes))
    code = code_hash or (label.hash if isinstance(label, Label) else "")
    data = data_hash or hash_arrays(known, *(frame[name].to_numpy() for name in ("open", "high", "low", "close")))
    return replace(result, certificate=certify(result, code_hash=code, data_hash=data, data_name=data_name, seed=seed))


def _source(label: Label | Reference, step_ns: int, costs: Costs) -> dict[str, Any]:
    if isinstance(label, Reference):
        reference, settings = label, None
    else:
        reference, settings = Reference.of(type(label)), label.model_dump(mode="json")
    return {
        "kind": "label",
        "place": reference.place,
        "name": reference.name,
        "is_file": reference.is_file,
        "settings": settings,
        "step_ns": step_ns,
        "costs": costs.model_dump(mode="json"),
    }


def _examine(search: Search, material: Material) -> list[Finding]:
    rows = min(len(material.known), MOST_SCENE)
    first = search.stage(Scene(0, rows))
    if first is None:
        outcome = search.pool.run(replace(search.template, scene=Scene(0, rows)))
        raise DataError(f"the label cannot be computed on these bars ({outcome.message}); correct it and run again")
    missing = [name for name in NEEDED if name not in first.outcome.columns]
    if missing:
        raise DataError(f"the label's table has no column {missing[0]!r}; a label says when it is decided and resolved")
    found = _impossible(first)
    search.checks["intervals"] += len(first.known())
    length = _scene_length(first)
    stages = [(first, CUTS), *((search.stage(scene), CUTS // 2) for scene in _scenes(search, material, length))]
    hits: dict[str, list[Outside]] = {}
    for done, (stage, cuts) in enumerate(stages):
        search.progress("labels outside their interval", done, len(stages))
        if stage is not None and not search.late():
            _try(search, stage, cuts, hits)
    return found + [_finding(name, own) for name, own in hits.items()]


def _scene_length(stage: Stage) -> int:
    """Three horizons and some rows."""
    output = stage.output()
    spans = output.columns["resolved_ns"].astype(np.float64) - output.columns["decided_ns"].astype(np.float64)
    spans = spans[np.isfinite(spans) & (spans > 0)]
    step = float(np.median(np.diff(stage.moments))) if len(stage.moments) > 1 else 1.0
    longest = float(np.quantile(spans, 0.95)) / step if len(spans) else 0.0
    return int(min(max(3 * longest + 60, LEAST_SCENE), MOST_SCENE))


def _scenes(search: Search, material: Material, length: int) -> Iterator[Scene]:
    rng = stream(search.seed, "labels")
    n = len(material.known)
    for variant in VARIANTS_TRIED:
        start = int(rng.integers(0, max(1, n - length)))
        yield Scene(start, min(start + length, n), variant, search.seed)


def _try(search: Search, stage: Stage, cuts: int, hits: dict[str, list[Outside]]) -> None:
    rng = stream(search.seed, "label cuts", stage.scene.variant or "")
    last = len(stage.moments) - 1
    jobs = []
    for turn, at in enumerate(spread_out(1, last, cuts, rng)):
        kind, seed = KINDS[turn % len(KINDS)], search.seed + at
        after, before = int(stage.moments[at + 1]), int(stage.moments[at])
        later = int(stage.moments[min(last, at + 1 + len(stage.moments) // 3)])
        changes = (
            Change(kind, from_ns=after, seed=seed),
            Change(kind, until_ns=before, seed=seed),
            Change(kind, from_ns=later, until_ns=before, seed=seed),
        )
        jobs += [replace(stage.job, change=change, base=stage.base, within="resolved_ns") for change in changes]
    for job, outcome in search.pool.map(job for job in jobs if not search.late()):
        assert job.change is not None
        if outcome.status != "ok":
            search.skipped[f"{job.change.kind}: {outcome.status}"] += 1
            continue
        search.checks[f"outside the interval: {job.change.kind}"] += 1
        for name, difference in outcome.differences.items():
            # Where the bars end before a label's time is up, it stays open; that is the end of the data and no leak.
            if job.change.kind == "truncated" and difference.after is None:
                continue
            hits.setdefault(name, []).append(Outside(stage, job.change, difference))


def _impossible(stage: Stage) -> list[Finding]:
    """Intervals that end before they begin, or begin before their bar is known."""
    output, found = stage.output(), []
    decided = output.columns["decided_ns"].astype(np.float64)
    resolved = output.columns["resolved_ns"].astype(np.float64)
    for column, wrong, evidence in (
        ("resolved_ns", resolved < decided, "a label is resolved before it is decided"),
        ("decided_ns", decided < output.stamps.astype(np.float64), "a label is decided before its bar is known"),
    ):
        rows = np.flatnonzero(wrong)
        if len(rows):
            row = int(output.ids[rows[0]])
            when = iso(int(stage.time()[row]))
            text = f"{evidence}, on {len(rows)} rows"
            found.append(Finding("label_interval", column, int(stage.origin()[row]), 0.0, text, when))
    return found


def _finding(name: str, hits: list[Outside]) -> Finding:
    own = [hit for hit in hits if hit.stage.scene.variant is None] or hits
    hit = min(own, key=lambda h: int(h.stage.origin()[max(h.difference.rows[0], 0)]))
    stage, change, row = hit.stage, hit.change, max(hit.difference.rows[0], 0)
    output = stage.output()
    at = int(np.flatnonzero(output.ids == row)[0])
    resolved = float(output.columns["resolved_ns"][at])
    ahead = max(0.0, (float(change.from_ns) - resolved) / NS_PER_S) if change.from_ns < 2**62 else 0.0
    side = "after it was resolved" if change.from_ns < 2**62 else "before it was decided"
    worst = stage.origin()[hit.difference.rows[2]]
    evidence = (
        f"{stage.scene.shown}, rows {side} were changed ({change.kind}) and row {worst} "
        f"went from {spell(hit.difference.before)} to {spell(hit.difference.after)}"
    )
    return Finding("label_interval", name, int(stage.origin()[row]), ahead, evidence, iso(int(stage.time()[row])))
