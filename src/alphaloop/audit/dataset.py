"""The audit of a dataset and its split, and of what is fitted on them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alphaloop.audit.findings import AuditResult, Finding
from alphaloop.audit.fitting import Fit, FitAndRank, check_fit, check_shuffled
from alphaloop.audit.partition import check_parts, check_target_copies
from alphaloop.core.clock import stopwatch
from alphaloop.core.progress import Progress, silent
from alphaloop.dataset.parts import Split
from alphaloop.dataset.table import Dataset

MOST_ROWS = 20_000


def audit_dataset(
    dataset: Dataset,
    split: Split,
    *,
    fits: dict[str, Fit] | None = None,
    fit_and_rank: FitAndRank | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> AuditResult:
    """Try to prove that the parts of a dataset know each other.

    Parameters
    ----------
    dataset, split
        All rows, and which of them learn, validate, calibrate and test.
    fits
        Name to a fit that may read the training rows only; see `check_fit`.
    fit_and_rank
        Trains and ranks; see `check_shuffled`. The check is left out, and a note says so, where this is None.
    seed
        Of noise and shuffles.
    """
    began = stopwatch()
    steps = 3 + len(fits or {})
    findings: list[Finding] = list(check_parts(dataset, split))
    progress("audit of the rows", 1, steps)
    findings += check_target_copies(dataset, split.train)
    checks = {"keys, intervals and rows across parts": 6, "copies of the target": len(dataset.feature_names)}
    progress("audit of the rows", 2, steps)
    for done, (name, fit) in enumerate((fits or {}).items(), start=3):
        findings += check_fit(fit, dataset.X, dataset.y, split.train, what=name, seed=seed)
        checks["fits on training rows only"] = checks.get("fits on training rows only", 0) + 3
        progress("audit of the rows", done, steps)
    notes = []
    if fit_and_rank is None:
        notes.append("shuffled labels were not tried: no model was given")
    else:
        train, test = _thin(split.train), _thin(split.test)
        findings += check_shuffled(fit_and_rank, dataset.X, dataset.y, train, test, seed=seed)
        checks["shuffled labels"] = 3
    progress("audit of the rows", steps, steps)
    return AuditResult("dataset", tuple(findings), checks, stopwatch() - began, tuple(notes))


def together(subject: str, *results: AuditResult) -> AuditResult:
    """Put several audits together under one name; counts of the same check add up."""
    checks: dict[str, int] = {}
    for result in results:
        for name, count in result.checks.items():
            checks[name] = checks.get(name, 0) + count
    return AuditResult(
        subject,
        tuple(finding for result in results for finding in result.findings),
        checks,
        sum(result.seconds for result in results),
        tuple(note for result in results for note in result.notes),
    )


def _thin(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return rows[:: max(1, -(-len(rows) // MOST_ROWS))]
