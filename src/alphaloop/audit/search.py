"""The search for a row whose value moves when only later rows move."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from alphaloop.audit.compare import Difference
from alphaloop.audit.jobs import Job, Outcome, Scene
from alphaloop.audit.mutations import SAME_LENGTH
from alphaloop.audit.pool import Pool
from alphaloop.audit.runs import load
from alphaloop.audit.stages import Stage, noise_between, open_stage
from alphaloop.core.clock import stopwatch
from alphaloop.core.progress import Progress, silent

RELATIVE_ROUNDING = 1e-13
ENOUGH_HITS = 12
SETTLED_HITS = 3
LEAST_RUNS = 40
GRACE_S = 60.0
CHUNK = 48
LEAST_RUNS = 12


@dataclass(frozen=True)
class Hit:
    """One run that showed a changed past in one column."""

    stage: Stage
    job: Job
    difference: Difference

    @property
    def kind(self) -> str:
        """How the future was changed."""
        assert self.job.change is not None
        return self.job.change.kind


@dataclass
class Search:
    """What has been tried and seen so far; the phases of an audit share it.

    Attributes
    ----------
    hits : dict of list of Hit
        By column, confirmed ones only.
    suspects : tuple of str
        Columns that the subject computed itself.
    caught : set of str
        Columns that another check has proved guilty already.
    batch : int
        Runs that share a process; more than one only for a subject that was seen to keep nothing between calls.
    excused : set of str
        Columns that are not to be reported, because what they show is no leak.
    checks : Counter
        Runs that could be compared, by kind of change.
    skipped : Counter
        Runs that said nothing: the function raised, was too slow, or its rows could not be matched.
    """

    pool: Pool
    template: Job
    deadline: float
    seed: int = 0
    progress: Progress = silent
    hits: dict[str, list[Hit]] = field(default_factory=dict)
    checks: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    notes: dict[str, None] = field(default_factory=dict)
    wrote: set[str] = field(default_factory=set)
    excused: set[str] = field(default_factory=set)
    suspects: tuple[str, ...] = ()
    caught: set[str] = field(default_factory=set)
    cut_short: bool = False
    planned: int = 0
    batch: int = 1
    affordable: int = 0
    stages: dict[Scene, Stage | None] = field(default_factory=dict)

    def note(self, text: str) -> None:
        """Say something a careful reader should know, once."""
        self.notes.setdefault(text)

    def late(self) -> bool:
        """Whether the budget of time is spent; a busy machine gets grace until the first runs have said something."""
        now = stopwatch()
        if now > self.deadline and (self.planned >= LEAST_RUNS or now > self.deadline + GRACE_S):
            self.cut_short = True
        return self.cut_short

    def stage(self, scene: Scene) -> Stage | None:
        """Open a scene; None where the function has nothing to say of it."""
        if scene not in self.stages:
            whole = self.stages.get(Scene())
            may_be_tail = whole is None or whole.job.sequence == "tail"
            opened = open_stage(self.pool, self.template, scene, may_be_tail=may_be_tail)
            self.stages[scene] = opened if isinstance(opened, Stage) else None
            if isinstance(opened, Outcome):
                self.skipped[f"scene: {opened.status}"] += 1
        return self.stages[scene]

    def try_cuts(self, stage: Stage, plan: Iterable[tuple[int, str]], label: str) -> None:
        """Change the future at each planned cut in the planned way, and keep what moves the past."""
        wanted = list(plan)
        limits: dict[int, int] = {}
        if stage.outcome.how == "sequence":
            limits = self._limits(stage, {at for at, _ in wanted})
        for done in range(0, len(wanted), CHUNK):
            self.progress(label, done, len(wanted))
            candidates = []
            jobs = self._jobs(stage, wanted[done : done + CHUNK], limits)
            for job, outcome in self.pool.map(jobs, self.batch):
                if self._compared(job, outcome) and outcome.differences:
                    candidates.append((job, outcome))
            for job, outcome in candidates:
                self.keep(stage, job, outcome)
            if self.late() or self.settled():
                return

    def alone(self, stage: Stage, plan: Iterable[tuple[int, str]], label: str) -> None:
        """Do as `try_cuts`, with a process of its own for every run."""
        batch, self.batch = self.batch, 1
        self.try_cuts(stage, plan, label)
        self.batch = batch

    def _compared(self, job: Job, outcome: Outcome) -> bool:
        """Count a run; whether it says anything about the past."""
        assert job.change is not None
        self.wrote.update(outcome.wrote)
        if outcome.status != "ok":
            self.skipped[f"{job.change.kind}: {outcome.status}"] += 1
            return False
        if outcome.how == "sequence" and job.limit is None and job.change.kind != "truncated":
            self.skipped[f"{job.change.kind}: rows not matched"] += 1
            return False
        self.checks[job.change.kind] += 1
        return True

    def settled(self) -> bool:
        """Whether every column that could leak has been caught often enough."""
        open_ones = [name for name in self.suspects if name not in self.caught]
        return bool(self.suspects) and all(len(self.hits.get(name, ())) >= SETTLED_HITS for name in open_ones)

    def _limits(self, stage: Stage, cuts: set[int]) -> dict[int, int]:
        """How many first rows of the output speak of the past, shown by ending the table at the cut."""
        jobs = list(self._jobs(stage, ((at, "truncated") for at in sorted(cuts)), {}))
        at_of = {job.change.from_ns: at for job, at in zip(jobs, sorted(cuts), strict=False) if job.change}
        done = self.pool.map(replace(job, base=None) for job in jobs)
        return {at_of[job.change.from_ns]: o.rows_out for job, o in done if o.status == "ok" and job.change}

    def _jobs(self, stage: Stage, plan: Iterable[tuple[int, str]], limits: dict[int, int]) -> Iterator[Job]:
        for at, kind in plan:
            if self.late() and sum(self.checks.values()) >= LEAST_RUNS:
                return
            if not 0 <= at < len(stage.moments) - 1:
                continue
            self.planned += 1
            yield stage.cut(at, kind, self.seed + at, limits.get(at))

    def keep(self, stage: Stage, job: Job, outcome: Outcome) -> None:
        """Record the columns in which a run differed, after the same run has shown it again."""
        new = {n: d for n, d in outcome.differences.items() if self._wanted(stage, n)}
        first = {name for name in new if name not in self.hits}
        if first:
            again = self.confirm(stage, job)
            new = {name: difference for name, difference in new.items() if name not in first or name in again}
        for name, difference in new.items():
            self.hits.setdefault(name, []).append(Hit(stage, job, difference))

    def _wanted(self, stage: Stage, name: str) -> bool:
        full = len(self.hits.get(name, ())) >= ENOUGH_HITS
        return not full and name not in stage.lost and name not in self.excused

    def confirm(self, stage: Stage, job: Job) -> set[str]:
        """Columns that differ again in new runs of the changed scene and not in new runs of the unchanged one."""
        runs = 4 if stage.noisy else 1
        seen: list[set[str]] = []
        for _ in range(runs):
            outcome = self.pool.run(job)
            seen.append(set(outcome.differences) if outcome.status == "ok" else set())
        still = set.intersection(*seen)
        unchanged = [self.pool.path("confirm") for _ in range(2)]
        for folder in unchanged:
            self.pool.run(replace(stage.job, save=folder))
        shaky = self._shaky(stage, unchanged)
        if shaky & still:
            self.note(f"not reproducible now and then: {', '.join(sorted(shaky & still))}")
        return still - shaky

    def _shaky(self, stage: Stage, folders: list[str]) -> set[str]:
        base, found = stage.output(), set()
        for folder in folders:
            if Path(folder, "names.json").is_file():
                sizes = noise_between(base, load(Path(folder)).aligned)
                found |= {name for name, size in sizes.items() if size > stage.job.absolute.get(name, 0.0)}
        return found

    def rotation(self, stage: Stage) -> list[str]:
        """Kinds of change in the order of how much they tell."""
        kinds = ["truncated", "noise", *(kind for kind in SAME_LENGTH if kind != "noise")]
        return [*kinds, "extreme"] if stage.noisy else kinds


def spread_out(first: int, last: int, count: int, rng: np.random.Generator) -> list[int]:
    """Return up to `count` cuts of ``[first, last)`` in an order in which any beginning covers all of it evenly."""
    every = np.arange(first, last)
    if len(every) > count:
        every = np.unique(np.linspace(first, last - 1, count).astype(np.int64))
    return [int(cut) for cut in rng.permutation(every)]
