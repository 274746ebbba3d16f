"""Whether a subject keeps something between calls: a second call in one process against a first in a fresh one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from alphaloop.audit.jobs import Job
from alphaloop.audit.runs import load
from alphaloop.audit.search import Search
from alphaloop.audit.stages import Stage, noise_between

BATCH = 12


def share_processes(search: Search, stage: Stage) -> None:
    """Let the many runs on short scenes share processes, if calling the subject twice is seen to change nothing.

    Runs on the whole file, and every run that confirms a finding, keep a process of their own in any case.
    """
    middle = len(stage.moments) // 2
    if stage.noisy or middle < 2:
        return
    changed = replace(stage.cut(middle, "noise", search.seed), base=None)
    shorter = replace(stage.cut(middle, "truncated", search.seed), base=None)
    for earlier, later in ((stage.job, changed), (changed, stage.job), (shorter, stage.job), (stage.job, shorter)):
        if not _same_after(search, earlier, later):
            search.note("the function keeps something between calls; every run had a process of its own")
            return
        search.checks["called twice in one process"] += 1
    search.batch = BATCH


def _same_after(search: Search, earlier: Job, later: Job) -> bool:
    alone, after = search.pool.path("alone"), search.pool.path("after")
    if search.pool.run(replace(later, save=alone)).status != "ok":
        return True
    outcomes = [outcome for _, outcome in search.pool.map([earlier, replace(later, save=after)], batch=2)]
    if outcomes[-1].status != "ok":
        return False
    return not noise_between(load(Path(alone)).aligned, load(Path(after)).aligned)
