"""What an audit says: findings as records, and the result that carries them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "lookahead",
    "row_selection",
    "age_index",
    "misaligned",
    "target_copy",
    "future_copy",
    "constant",
    "label_interval",
    "fit_outside_training",
    "shuffled_labels",
    "shared_rows",
    "shared_intervals",
    "stream",
]

ALL_ROWS = "(rows)"


@dataclass(frozen=True)
class Finding:
    """One proof that a column knows what it should not.

    Attributes
    ----------
    kind : str
        What was proved; `lookahead` for a value that changes when only later rows change.
    column : str
        The column, or ``(rows)`` where which rows are there at all depends on the future.
    first_row : int
        The first affected row seen, counted from 0 in the order of the file.
    first_time : str or None
        Its time stamp (ISO 8601), where the file has times.
    reach_s : float or None
        How far after that row the column reads, in seconds; 0.0 where the finding is not about later rows, None where
        the file has no times to say it.
    evidence : str
        What was changed, and what changed because of it.
    """

    kind: Kind
    column: str
    first_row: int
    reach_s: float | None
    evidence: str
    first_time: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "kind": self.kind,
            "column": self.column,
            "first_row": self.first_row,
            "first_time": self.first_time,
            "reach_s": self.reach_s,
            "evidence": self.evidence,
        }


@dataclass(frozen=True)
class AuditResult:
    """What was audited, what was tried, and what was found.

    Attributes
    ----------
    subject : str
        Name of the function, feature set, label or dataset.
    findings : tuple of Finding
        Every proof of a leak; none on a clean subject.
    checks : dict
        How often each kind of check ran to its end.
    seconds : float
        Wall-clock time of the audit.
    notes : tuple of str
        What a careful reader should know: coverage cut short, columns that are not reproducible, how rows were matched.
    certificate : dict
        The same, bound to hashes of code and data; see `alphaloop.audit.certificate`.
    coverage : str
        Of how much the verdict speaks, where that is not all of the data; goes with the verdict wherever that is told.
    """

    subject: str
    findings: tuple[Finding, ...]
    checks: dict[str, int]
    seconds: float
    notes: tuple[str, ...] = ()
    certificate: dict[str, Any] = field(default_factory=dict)
    coverage: str = ""

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "subject": self.subject,
            "clean": self.clean,
            "coverage": self.coverage,
            "findings": [finding.to_dict() for finding in self.findings],
            "checks": dict(self.checks),
            "seconds": round(self.seconds, 3),
            "notes": list(self.notes),
            "certificate": self.certificate,
        }


def spell(value: Any) -> str:
    """Write one value for a sentence; a missing one is ``missing``."""
    if value is None:
        return "missing"
    if isinstance(value, float):
        return "missing" if math.isnan(value) else f"{value:.12g}"
    return repr(value) if isinstance(value, str) else str(value)
