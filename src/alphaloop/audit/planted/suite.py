"""Runs the audit on every planted function and says whether it saw what is there, and nothing else."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

from alphaloop.audit.findings import AuditResult, Finding
from alphaloop.audit.functions import audit_function
from alphaloop.audit.planted import tables
from alphaloop.audit.planted.cases import Case, all_cases, find_cases
from alphaloop.core.errors import AlphaloopError, InputError
from alphaloop.core.progress import Progress, silent

SECONDS = 3.0
PATIENCE = 6.0


def run(
    progress: Progress = silent, names: Sequence[str] | None = None, seed: int = 0, seconds: float = SECONDS
) -> dict[str, Any]:
    """Audit the planted functions.

    Parameters
    ----------
    progress : Progress
    names : sequence of str or None
        Names of cases; None for all.
    seed : int
        Seed of the changed futures; the tables are always the same.
    seconds : float
        Budget of time for each function. Where it did not do, `PATIENCE` times as much is given before a leak counts as
        missed, so that a busy machine fails nobody.

    Returns
    -------
    dict
        ``cases``: for each its ``name``, ``leak``, ``passed``, ``said``, ``seconds`` and ``findings``; ``leaks`` and
        ``clean``: how many there are; ``found``: how many leaks were found as they should be; ``false``: how many clean
        functions were reported; ``passed``: whether all leaks were found and no clean function was reported.

    Raises
    ------
    UnknownNameError
        If a name is none of a case.
    InputError
        If pandas is not installed: half of the functions use it.
    """
    if importlib.util.find_spec("pandas") is None:
        raise InputError("half of the planted functions use pandas, which is missing; pip install pandas, then again")
    cases = all_cases() if names is None else find_cases(tuple(names))
    rows = []
    for at, case in enumerate(cases):
        progress(case.name, at, len(cases))
        rows.append(examine(case, seed, seconds))
    return summary(rows)


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Count what `examine` said of each case."""
    leaks, clean = ([row for row in rows if row["leak"] is wanted] for wanted in (True, False))
    return {
        "cases": rows,
        "leaks": len(leaks),
        "found": sum(row["passed"] for row in leaks),
        "clean": len(clean),
        "false": sum(not row["passed"] for row in clean),
        "passed": all(row["passed"] for row in rows),
    }


def examine(case: Case, seed: int = 0, seconds: float = SECONDS) -> dict[str, Any]:
    """Audit one function and hold the findings against its declaration."""
    table = tables.build(case.table)
    row: dict[str, Any] = {}
    for budget in (seconds, PATIENCE * seconds):
        try:
            result = audit_function(case.function, table, target=case.target, seconds=budget, seed=seed)
        except AlphaloopError as error:
            row = _row(case, f"not audited: {error}", None)
            continue
        row = _row(case, objection(case, result.findings), result)
        if row["passed"] or not case.leak:
            break
    return row


def objection(case: Case, findings: Sequence[Finding]) -> str:
    """Say what is wrong with the findings of a case; empty if nothing is."""
    if not case.leak:
        return "; ".join(_told(finding) for finding in findings)
    for name in case.columns:
        own = [finding for finding in findings if finding.column == name]
        if not own:
            return f"nothing said of {name}" + (f", but {_told(findings[0])}" if findings else "")
        if not any(finding.kind == case.kinds[0] for finding in own):
            return f"no {case.kinds[0]}, but {_told(own[0])}"
    for finding in findings:
        if finding.column not in case.columns:
            return f"innocent column reported: {_told(finding)}"
        if finding.kind not in case.kinds:
            return f"not expected: {_told(finding)}"
        if not _plausible(case, finding):
            return f"reach is not {_span(case)} s: {_told(finding)}"
    return ""


def _plausible(case: Case, finding: Finding) -> bool:
    if case.reach_s is None or finding.kind != case.kinds[0]:
        return True
    least, most = case.reach_s
    return finding.reach_s is not None and least <= finding.reach_s <= most


def _span(case: Case) -> str:
    assert case.reach_s is not None
    least, most = case.reach_s
    return f"{least:g}" if least == most else f"{least:g} to {most:g}"


def _told(finding: Finding) -> str:
    reach = "" if not finding.reach_s else f", {finding.reach_s:g} s ahead"
    return f"{finding.kind} in {finding.column}{reach}"


def _row(case: Case, wrong: str, result: AuditResult | None) -> dict[str, Any]:
    findings = result.findings if result is not None else ()
    fine = "; ".join(_told(finding) for finding in findings) or "nothing found"
    return {
        "name": case.name,
        "function": f"{case.function.__module__.rpartition('.')[2]}:{case.function.__name__}",
        "leak": case.leak,
        "passed": not wrong,
        "said": wrong or fine,
        "seconds": round(result.seconds, 3) if result is not None else 0.0,
        "findings": [finding.to_dict() for finding in findings],
    }
