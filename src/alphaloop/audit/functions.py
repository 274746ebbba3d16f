"""The audit of any function of a data frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from alphaloop.audit.age import age_findings, misaligned_findings
from alphaloop.audit.copies import constant_findings, copy_findings
from alphaloop.audit.findings import ALL_ROWS, AuditResult, Finding
from alphaloop.audit.jobs import Job, Outcome, Scene
from alphaloop.audit.mutations import KINDS
from alphaloop.audit.phases import Material, begin, investigate, open_whole
from alphaloop.audit.pool import Pool
from alphaloop.audit.randomness import excuse_noise
from alphaloop.audit.reach import describe
from alphaloop.audit.search import RELATIVE_ROUNDING, Search
from alphaloop.audit.subjects import Reference
from alphaloop.core.clock import stopwatch
from alphaloop.core.errors import DataError, InputError
from alphaloop.core.progress import Progress, silent


class OtherSubjectError(InputError):
    """The name leads to something that has an audit of its own; `kind` says which."""

    def __init__(self, shown: str, kind: str) -> None:
        super().__init__(f"{shown} is a {kind.replace('_', ' ')}, not a function; audit it with audit_{kind}")
        self.kind = kind


SEARCH_SHARE = 0.8
REACH_SHARE = 0.35
REACH_S = 20.0


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
    notes: tuple[str, ...] = ()
    if _needs_one_symbol(reference, material):
        material = material.longest_symbol()
        notes = (
            "the output carries no key and the file is not in order of time: only its longest symbol was audited; "
            "return the time and symbol columns to have all of them audited",
        )
    with _pool(reference, material) as pool:
        search = Search(pool, _choose_flavour(pool, reference)[0], began + SEARCH_SHARE * seconds, seed, progress)
        findings = examine(search, material, max(REACH_SHARE * seconds, REACH_S))
        notes += tuple(notes_of(search))
    return AuditResult(reference.shown, tuple(findings), dict(search.checks), stopwatch() - began, notes)


def _pool(reference: Reference, material: Material) -> Pool:
    source = {"kind": "function", "place": reference.place, "name": reference.name, "is_file": reference.is_file}
    return Pool(material.table, material.roles, material.time, material.known, source, material.origin)


def _needs_one_symbol(reference: Reference, material: Material) -> bool:
    """Whether the rows of the output can only be told by their order, and the order of the file is not that of time.

    Raises
    ------
    DataError
        If there are no symbols to fall back on one.
    """
    if material.chronological:
        return False
    with _pool(reference, material) as pool:
        outcome = _choose_flavour(pool, reference)[1]
    if outcome.how not in ("sequence", "offset", "tail"):
        return False
    if material.roles.symbol is None:
        raise DataError(
            f"{reference.shown} returns {outcome.rows_out} of {outcome.rows_in} rows without their times, and the file "
            "is not in order of time, so they cannot be matched; return the time column too"
        )
    return True


def _reference(function: str | Reference | Callable[..., Any]) -> Reference:
    if isinstance(function, Reference):
        return function
    return Reference.parse(function) if isinstance(function, str) else Reference.of(function)


def _choose_flavour(pool: Pool, reference: Reference) -> tuple[Job, Outcome]:
    """Call the function with each kind of frame until one suits it."""
    if pool.description["kind"] != "function":
        raise OtherSubjectError(reference.shown, pool.description["kind"])
    first: Outcome | None = None
    for flavour in pool.description["flavours"]:
        template = Job(Scene(), relative=RELATIVE_ROUNDING, flavour=flavour)
        outcome = pool.run(template)
        if outcome.status == "ok":
            if outcome.imported:
                pool.preload(outcome.imported)
            return template, outcome
        first = first or outcome
    assert first is not None
    raise DataError(
        f"{reference.shown} fails on the unchanged table ({first.status}: {first.message}); "
        "make it work on the file and run the audit again"
    )


def examine(search: Search, material: Material, reach_s: float) -> list[Finding]:
    """Search, and put everything that was found into words within `reach_s` more seconds."""
    timed = material.roles.time is not None
    whole, history = open_whole(search, material)
    begin(search, whole, material, history)
    found = []
    if not search.late():
        found += age_findings(search, whole, history, timed=timed)
        found += misaligned_findings(search, whole, history, timed=timed)
        search.caught |= {finding.column for finding in found}
    investigate(search, whole, material, history)
    if not search.hits and not any(search.checks[kind] for kind in KINDS):
        failed = ", ".join(search.skipped) or "no time was left"
        raise DataError(
            f"no changed future could be compared with the true one ({failed}); make the function work on other values "
            "and shorter tables, or give more --seconds"
        )
    found += copy_findings(search, whole, material, timed=timed)
    found += constant_findings(search, whole, timed=timed)
    excuse_noise(search)
    return [*_conclude(search, timed, stopwatch() + reach_s), *found]


def _conclude(search: Search, timed: bool, until: float) -> list[Finding]:
    """Describe what was hit, each column with its first row and reach."""
    hits = {name: own for name, own in search.hits.items() if own and name not in search.excused}
    share = (until - stopwatch()) / max(len(hits), 1)
    found = []
    for at, (name, own) in enumerate(sorted(hits.items(), key=lambda item: item[0] == ALL_ROWS)):
        search.progress("how far ahead", at, len(hits))
        found.append(describe(search, name, own, timed=timed, until=stopwatch() + share))
    return found


def notes_of(search: Search) -> list[str]:
    """Say what a careful reader should know about how far the search went."""
    notes = list(search.notes)
    if search.cut_short:
        notes.append("the time budget ended before everything planned was tried; give more --seconds")
    if search.wrote:
        notes.append(
            f"the function writes files ({', '.join(sorted(search.wrote)[:3])}); state kept there may hide a leak"
        )
    if search.skipped:
        failed = (f"{name} {count}x" for name, count in sorted(search.skipped.items()))
        notes.append("not applicable: " + ", ".join(failed))
    return notes
