"""The audit of a feature set: everything that is done to a function, and that batch, stream and restored are one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from alphaloop.audit.certificate import certify
from alphaloop.audit.findings import AuditResult
from alphaloop.audit.functions import examine, notes_of
from alphaloop.audit.jobs import Job, Scene
from alphaloop.audit.phases import Material
from alphaloop.audit.pool import Pool
from alphaloop.audit.roles import find_roles
from alphaloop.audit.search import Search
from alphaloop.audit.streams import stream_findings
from alphaloop.core.clock import stopwatch
from alphaloop.core.progress import Progress, silent
from alphaloop.data.bars import Bars
from alphaloop.features import FeatureSet

SEARCH_SHARE = 0.75


def audit_feature_set(
    features: FeatureSet,
    bars: Bars,
    *,
    seconds: float = 60.0,
    seed: int = 0,
    dtype: str = "float32",
    progress: Progress = silent,
) -> AuditResult:
    """Try to prove that a feature set reads the future, or that its batch and its stream differ.

    Parameters
    ----------
    features : FeatureSet
    bars : Bars
        What it is computed on; a bar is known at its ``known_ns``.
    seconds : float
        Budget.
    seed : int
    dtype : str
        Type of the features. The past must be equal bit by bit, without any allowance for rounding.
    progress : Progress

    Returns
    -------
    AuditResult
        Certified: bound to the hash of the feature set and of the data file.

    Raises
    ------
    DataError
        If the bars lack an input.
    """
    began = stopwatch()
    checks: Counter[str] = Counter()
    progress("batch = stream = restored", 0, 1)
    streamed = stream_findings(features, bars.frame, checks, seed, dtype)
    frame = bars.frame
    known = frame["known_ns"].to_numpy()
    material = Material(
        frame, replace(find_roles(frame), known=None, time="known_ns"), known, known, np.arange(len(known))
    )
    source = {"kind": "feature_set", "set": features.to_dict(), "dtype": dtype}
    with Pool(frame, material.roles, known, known, source) as pool:
        search = Search(pool, Job(Scene(), flavour="stream"), began + SEARCH_SHARE * seconds, seed, progress)
        findings = examine(search, material, 0.25 * seconds)
        notes = notes_of(search)
    checks.update(search.checks)
    result = AuditResult(features.name, (*findings, *streamed), dict(checks), stopwatch() - began, tuple(notes))
    issued = certify(result, code_hash=features.hash, data_hash=bars.sha256, data_name=bars.source, seed=seed)
    return replace(result, certificate=issued)
