"""A stage: one scene whose unchanged output is known, so that changed ones can be held against it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alphaloop.audit.alignment import Aligned
from alphaloop.audit.jobs import Change, Job, Outcome, Scene
from alphaloop.audit.pool import Pool
from alphaloop.audit.runs import Stored, load

NOISE_FACTOR = 5.0
NOISE_RUNS = 5


@dataclass(frozen=True)
class Stage:
    """A scene and what the subject says of it.

    Attributes
    ----------
    moments : int64 (k,)
        Its distinct known times, ascending.
    job : Job
        The template of every run on it: flavour, how rows are matched, noise to allow.
    base : str
        Folder of the unchanged output.
    noisy : frozenset of str
        Columns that differ between runs on the same rows.
    """

    scene: Scene
    moments: NDArray[np.int64]
    job: Job
    base: str
    outcome: Outcome
    noisy: frozenset[str] = frozenset()
    lost: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def stored(self) -> Stored:
        """The unchanged output and what the scene holds."""
        return load(Path(self.base))

    def output(self) -> Aligned:
        """Return the unchanged output."""
        return self.stored.aligned

    def origin(self) -> NDArray[np.int64]:
        """Row of the file of each row of the scene."""
        return self.stored.origin

    def known(self) -> NDArray[np.int64]:
        """When each row of the scene is known."""
        return self.stored.known

    def time(self) -> NDArray[np.int64]:
        """Stamp of each row of the scene."""
        return self.stored.time

    def cut(self, at: int, kind: str, seed: int, limit: int | None = None) -> Job:
        """Change everything known after the `at`-th moment."""
        change = Change(kind, from_ns=int(self.moments[at + 1]), seed=seed)
        return replace(self.job, change=change, base=self.base, limit=limit)


def open_stage(pool: Pool, template: Job, scene: Scene, *, may_be_tail: bool = True) -> Stage | Outcome:
    """Run the subject on a scene twice; learn how its rows are matched and how exact its columns are.

    Parameters
    ----------
    may_be_tail : bool
        Whether an output of fixed length may be the last rows of the input; where the whole file is not read so, no
        part of it is.

    Returns
    -------
    Stage, or the outcome that says why there is none
    """
    first, second = pool.path("base"), pool.path("again")
    jobs = [replace(template, scene=scene, save=folder) for folder in (first, second)]
    outcomes = {job.save: outcome for job, outcome in pool.map(jobs)}
    outcome = outcomes[first]
    bad = next((o for o in outcomes.values() if o.status != "ok"), None)
    if bad is not None:
        return bad
    moments = np.unique(load(Path(first)).known)
    job = replace(template, scene=scene, save=None, timeout_s=max(10.0, 20.0 * outcome.seconds))
    stage = Stage(scene, moments, job, first, outcome)
    if outcome.how == "sequence":
        stage = _matched(pool, stage, may_be_tail)
    return _with_noise(pool, stage, Path(second))


def _matched(pool: Pool, stage: Stage, may_be_tail: bool) -> Stage:
    """Two shorter runs show how an output without a key is to be read."""
    k = len(stage.moments)
    if k < 8:
        return stage
    cuts = [stage.cut(at, "truncated", 0) for at in (k * 3 // 5, k * 17 // 20)]
    outcomes = [stage.outcome, *(outcome for _, outcome in pool.map(replace(job, base=None) for job in cuts))]
    lengths = [(o.rows_in, o.rows_out) for o in outcomes if o.status == "ok"]
    lost = {rows_in - rows_out for rows_in, rows_out in lengths}
    if len(lengths) < 2:
        return stage
    if len(lost) == 1:
        job = replace(stage.job, sequence="offset", offset=lost.pop())
    elif may_be_tail and lengths[0][1] > 0 and len({rows_out for _, rows_out in lengths}) == 1:
        job = replace(stage.job, sequence="tail")
    else:
        return stage
    again = pool.path("base")
    outcome = pool.run(replace(job, save=again))
    return replace(stage, job=job, base=again, outcome=outcome)


def _with_noise(pool: Pool, stage: Stage, second: Path) -> Stage:
    base, again = stage.output(), load(second).aligned
    spread = noise_between(base, again)
    if not spread:
        return stage
    for at in range(NOISE_RUNS):
        folder = pool.path(f"noise{at}")
        if pool.run(replace(stage.job, save=folder)).status == "ok":
            for name, size in noise_between(base, load(Path(folder)).aligned).items():
                spread[name] = max(spread.get(name, 0.0), size)
    lost = frozenset(name for name, size in spread.items() if not np.isfinite(size))
    absolute = {name: NOISE_FACTOR * size for name, size in spread.items() if name not in lost}
    return replace(stage, job=replace(stage.job, absolute=absolute), noisy=frozenset(spread), lost=lost)


def noise_between(a: Aligned, b: Aligned) -> dict[str, float]:
    """Largest difference of each column between two runs on the same rows; infinite where it cannot be measured."""
    if len(a.ids) != len(b.ids):
        return dict.fromkeys(a.columns, np.inf)
    if not np.array_equal(a.ids, b.ids):
        left, right = np.argsort(a.ids), np.argsort(b.ids)
    else:
        left = right = np.arange(len(a.ids))
    found = {}
    for name, values in a.columns.items():
        size = _gap(values[left], b.columns[name][right]) if name in b.columns else np.inf
        if size > 0.0:
            found[name] = size
    return found


def _gap(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    if a.dtype.kind == "U" or b.dtype.kind == "U":
        return 0.0 if np.array_equal(a.astype(np.str_), b.astype(np.str_)) else np.inf
    left, right = a.astype(np.float64), b.astype(np.float64)
    if np.array_equal(left, right, equal_nan=True):
        return 0.0
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    with np.errstate(invalid="ignore"):
        gap = np.abs(left - right)[~same]
    return float(gap.max()) if np.isfinite(gap).all() else np.inf
