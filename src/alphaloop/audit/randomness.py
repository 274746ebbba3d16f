"""Columns of noise: drawn by position from a seed, they change with the length of the table and tell nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alphaloop.audit.jobs import Change
from alphaloop.audit.runs import load
from alphaloop.audit.search import Search
from alphaloop.audit.stages import Stage, noise_between

LEAST_ROWS = 40
LAGS = 20


def excuse_noise(search: Search) -> None:
    """Take back what only the length of the table moved, where the column is noise that reads no input at all."""
    for name, hits in search.hits.items():
        if any(hit.kind != "truncated" for hit in hits):
            continue
        if all(_reads_nothing(search, hit.stage, name) for hit in hits[:2]) and is_white(hits[0].stage, name):
            search.excused.add(name)
            search.note(
                f"column {name!r} is noise drawn by position: it changes with the number of rows and reads none of them"
            )


def _reads_nothing(search: Search, stage: Stage, name: str) -> bool:
    """Whether the column is the same after every value of the table was changed."""
    for seed, kind in enumerate(("noise", "scaled x10")):
        folder = search.pool.path("all")
        change = Change(kind, from_ns=int(stage.moments[0]), seed=search.seed + seed)
        if search.pool.run(replace(stage.job, change=change, save=folder)).status != "ok":
            return False
        if noise_between(stage.output(), load(Path(folder)).aligned).get(name, 0.0) > 0.0:
            return False
    return True


def is_white(stage: Stage, name: str) -> bool:
    """Whether neighbouring values of a column have nothing to do with each other."""
    values = stage.output().columns[name]
    numbers: NDArray[np.float64]
    if values.dtype.kind == "U":
        numbers = np.unique(values, return_inverse=True)[1].astype(np.float64)
    else:
        numbers = values.astype(np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if len(numbers) < LEAST_ROWS:
        return False
    centred = numbers - numbers.mean()
    power = float(centred @ centred)
    if power == 0.0:
        return False
    limit = 5.0 / np.sqrt(len(numbers))
    return all(abs(float(centred[k:] @ centred[:-k])) < limit * power for k in range(1, LAGS))
