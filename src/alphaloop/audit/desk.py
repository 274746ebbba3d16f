"""From what a person names to the audit that suits it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import polars as pl

from alphaloop.audit.certificate import certify, source_hash
from alphaloop.audit.feature_sets import audit_feature_set
from alphaloop.audit.findings import AuditResult
from alphaloop.audit.functions import OtherSubjectError, audit_function
from alphaloop.audit.labels import audit_label
from alphaloop.audit.subjects import Reference
from alphaloop.core.errors import UnknownNameError
from alphaloop.core.hashing import hash_file
from alphaloop.core.progress import Progress, silent
from alphaloop.data.bars import Bars, read_bars
from alphaloop.data.tables import read_table
from alphaloop.features import Feature, FeatureSet, atr, load_feature_set

ATR_ROWS = 14


def audit_named(
    subject: str,
    data: Path,
    *,
    named_set: Callable[[str], FeatureSet],
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
        Name of a feature set, ``FILE.py`` (its expressions), or ``FILE.py:OBJECT`` with a function of one data frame, a
        feature set or a label.
    data : Path
        Parquet, CSV or Feather file.
    named_set : callable
        Finds a feature set by its name.
    target, seconds, seed, timezone, stamp, progress
        See `audit_function`.

    Raises
    ------
    UnknownNameError, DataError
        If the subject or the file cannot be used.
    """

    def bars() -> Bars:
        return read_bars(data, timezone=timezone, stamp="close" if stamp == "close" else "open")

    def audit_set(features: FeatureSet) -> AuditResult:
        return audit_feature_set(features, bars(), seconds=seconds, seed=seed, progress=progress)

    if not _is_code(subject):
        return audit_set(named_set(subject))
    if subject.endswith(".py"):
        return audit_set(_expressions(subject))
    reference = Reference.parse(subject)
    code = source_hash(reference.place, is_file=reference.is_file)
    try:
        result = audit_function(
            reference,
            read_table(data),
            target=target,
            seconds=seconds,
            seed=seed,
            timezone=timezone,
            stamp=stamp,
            progress=progress,
        )
    except OtherSubjectError as other:
        if other.kind == "feature_set":
            return audit_set(_quietly(subject))
        return _label(reference, bars(), code, seconds, seed, progress)
    issued = certify(result, code_hash=code, data_hash=hash_file(data), data_name=data.name, seed=seed)
    return replace(result, certificate=issued)


def _is_code(subject: str) -> bool:
    return ".py" in subject or ":" in subject


def _expressions(file: str) -> FeatureSet:
    try:
        return _quietly(file)
    except UnknownNameError as error:
        raise UnknownNameError(f"{error}; to audit a function, name it as {file}:FUNCTION") from None


def _quietly(reference: str) -> FeatureSet:
    """Run a user's file without letting it print between ours."""
    with redirect_stdout(StringIO()):
        return load_feature_set(reference)


def _label(reference: Reference, bars: Bars, code: str, seconds: float, seed: int, progress: Progress) -> AuditResult:
    """Give a label bars, and the ATR in price units that labels scale by."""
    scale = FeatureSet("scale", [Feature("atr", atr(ATR_ROWS))])
    frame = bars.frame.with_columns(scale.compute(bars.frame)["atr"].cast(pl.Float64))
    return audit_label(
        reference,
        frame,
        bars.step_ns,
        seconds=seconds,
        seed=seed,
        code_hash=code,
        data_hash=bars.sha256,
        data_name=bars.source,
        progress=progress,
    )
