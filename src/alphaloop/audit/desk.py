"""From what a person names to the audit that suits it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from alphaloop.audit.certificate import certify, source_hash
from alphaloop.audit.findings import AuditResult
from alphaloop.audit.functions import audit_function
from alphaloop.audit.subjects import Reference
from alphaloop.core.errors import InputError
from alphaloop.core.hashing import hash_file
from alphaloop.core.progress import Progress, silent


def audit_named(
    subject: str,
    data: Path,
    *,
    named_set: Callable[[str], Any] | None = None,
    target: str | None = None,
    seconds: float = 60.0,
    seed: int = 0,
    timezone: str | None = None,
    stamp: str = "open",
    progress: Progress = silent,
) -> AuditResult:
    """Audit what `subject` names on the file `data`, and certify the result.

    A user's function gets the raw table of the file, because it expects that file's columns; a feature set or a label
    gets bars.

    Parameters
    ----------
    subject : str
        Name of a feature set, ``FILE.py``, or ``FILE.py:OBJECT``.
    data : Path
    named_set : callable or None
        Finds a feature set by its name.

    Raises
    ------
    UnknownNameError, DataError
        If the subject or the file cannot be used.
    """
    from alphaloop.data.bars import read_table

    options = {"seconds": seconds, "seed": seed, "progress": progress}
    if _is_code(subject) and ":" in subject:
        reference = Reference.parse(subject)
        table = read_table(data)
        result = audit_function(reference, table, target=target, timezone=timezone, stamp=stamp, **options)
        code = source_hash(reference.place, is_file=reference.is_file)
        return _certified(result, code, data, seed)
    raise InputError("not yet")


def _is_code(subject: str) -> bool:
    return ".py" in subject or ":" in subject


def _certified(result: AuditResult, code: str, data: Path, seed: int) -> AuditResult:
    issued = certify(result, code_hash=code, data_hash=hash_file(data), data_name=data.name, seed=seed)
    return replace(result, certificate=issued)
