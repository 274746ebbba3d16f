"""How far into the future a leaking column reads, and on which row it first does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from alphaloop.audit.compare import LEAST_FELT
from alphaloop.audit.findings import ALL_ROWS, Finding, spell
from alphaloop.audit.jobs import Change, Scene
from alphaloop.audit.search import Hit, Search
from alphaloop.audit.stages import Stage
from alphaloop.core.clock import NS_PER_S, iso, stopwatch

ROWS_PROBED = 3
RETIMED = ("calendar borders", "quarter hours", "months", "holes in time")


@dataclass(frozen=True)
class Reach:
    """The furthest later row that moves a row, in nanoseconds.

    `to_end` says that it is the last row of what was given, `open_end` that time ran out before a row was found that is
    too far to matter.
    """

    ns: int
    to_end: bool
    open_end: bool = False


def describe(search: Search, column: str, hits: list[Hit], *, timed: bool, until: float) -> Finding:
    """Turn the hits of one column into a finding."""
    hits = hits + list(_earlier(search, column, hits, until))
    best = _telling(hits)
    reach = Reach(0, False)
    for hit in _samples(hits):
        reach = max(reach, measure(search, column, hit, until), key=lambda found: (found.ns, found.to_end))
    row, stage = _first_row(hits)
    if reach.to_end:
        reach, (row, stage) = _to_end_of_file(search, column, best, reach, (row, stage))
    origin, times = stage.origin(), stage.time()
    inside = 0 <= row < len(origin)
    return Finding(
        kind="row_selection" if column == ALL_ROWS else "lookahead",
        column=column,
        first_row=int(origin[row]) if inside else 0,
        first_time=iso(int(times[row])) if inside and timed else None,
        reach_s=reach.ns / NS_PER_S if timed else None,
        evidence=_evidence(column, best, reach, timed),
    )


def _earlier(search: Search, column: str, hits: list[Hit], until: float) -> Iterator[Hit]:
    """Try cuts before the earliest that showed the leak on the file, so that the first affected row is found."""
    own = [hit for hit in hits if hit.stage.scene.variant is None]
    if not own:
        return
    hit = min(own, key=lambda h: (h.stage.scene.first, h.job.change.from_ns if h.job.change else 0))
    assert hit.job.change is not None
    first = int(np.searchsorted(hit.stage.moments, hit.job.change.from_ns)) - 1
    cuts = [*range(min(first, 24)), *range(24, first, max(1, (first - 24) // 24))]
    jobs = [hit.stage.cut(at, hit.kind, search.seed + at, hit.job.limit) for at in cuts]
    for job, outcome in search.pool.map(job for job in jobs if stopwatch() < until):
        if outcome.status == "ok" and column in outcome.differences:
            yield Hit(hit.stage, job, outcome.differences[column])


def _to_end_of_file(
    search: Search, column: str, hit: Hit, reach: Reach, first: tuple[int, Stage]
) -> tuple[Reach, tuple[int, Stage]]:
    """Whether what reaches to the end of a scene reaches to the end of the file, from its first row on."""
    whole = search.stages.get(Scene())
    if whole is None or len(whole.moments) < 3:
        return reach, first
    for kind in dict.fromkeys([hit.kind, "noise", "scaled x10", "truncated"]):
        outcome = search.pool.run(whole.cut(len(whole.moments) - 2, kind, search.seed))
        found = outcome.differences.get(column)
        if found is not None and 0 <= found.rows[0] < len(whole.known()):
            row = found.rows[0]
            earlier = first[1].scene.variant is None and first[1].origin()[first[0]] <= row
            return Reach(int(whole.moments[-1] - whole.known()[row]), True), first if earlier else (row, whole)
    return reach, first


def _telling(hits: list[Hit]) -> Hit:
    """Prefer the hit on the unchanged file, then one in which only values changed."""
    return min(hits, key=lambda hit: (hit.stage.scene.variant is not None, hit.kind == "truncated"))


def _samples(hits: list[Hit]) -> list[Hit]:
    """Hits whose changed rows lie furthest before their cut, on the file itself where it shows there."""

    def distance(hit: Hit) -> int:
        row = hit.difference.rows[0]
        known = hit.stage.known()
        assert hit.job.change is not None
        return hit.job.change.from_ns - int(known[row]) if 0 <= row < len(known) else 0

    def at_end(hit: Hit) -> bool:
        assert hit.job.change is not None
        return hit.job.change.from_ns >= int(hit.stage.moments[-1])

    ranked = sorted(hits, key=lambda hit: (hit.stage.scene.variant is not None, at_end(hit), -distance(hit)))
    return ranked[:ROWS_PROBED]


def _first_row(hits: list[Hit]) -> tuple[int, Stage]:
    own = [hit for hit in hits if hit.stage.scene.variant is None] or hits

    def place(hit: Hit) -> int:
        row, origin = hit.difference.rows[0], hit.stage.origin()
        return int(origin[row]) if 0 <= row < len(origin) else 2**62

    first = min(own, key=place)
    return first.difference.rows[0], first.stage


def measure(search: Search, column: str, hit: Hit, until: float) -> Reach:
    """Bisect over how much after the row is left as it is before the row stops moving."""
    stage, change = hit.stage, hit.job.change
    assert change is not None
    row, known, moments = hit.difference.rows[0], stage.known(), stage.moments
    if not 0 <= row < len(known):
        return Reach(max(0, change.from_ns - _stamp(stage, row)), False)
    own = int(np.searchsorted(moments, known[row]))
    low = int(np.searchsorted(moments, change.from_ns))
    last = len(moments) - 1
    if low < last and _moves(search, column, hit, last):
        return Reach(_span(search, stage, own, last), True)
    step, high = 1, last
    while low + step < last and stopwatch() < until:
        if not _moves(search, column, hit, low + step):
            high = low + step
            break
        low, step = low + step, step * 2
    while high - low > 1 and stopwatch() < until:
        middle = (low + high) // 2
        if _moves(search, column, hit, middle):
            low = middle
        else:
            high = middle
    return Reach(_span(search, stage, own, low), False, open_end=high - low > 1)


def _span(search: Search, stage: Stage, own: int, far: int) -> int:
    """Nanoseconds between two moments; in a variant that moves the stamps, as many of the file's own steps."""
    whole = search.stages.get(Scene())
    if stage.scene.variant not in RETIMED or whole is None or len(whole.moments) < 2:
        return int(stage.moments[far] - stage.moments[own])
    return (far - own) * int(np.median(np.diff(whole.moments)))


def _moves(search: Search, column: str, hit: Hit, at: int) -> bool:
    """Whether the first row of a hit still moves when the change begins at the moment `at` only."""
    change, row = hit.job.change, hit.difference.rows[0]
    assert change is not None
    kinds = dict.fromkeys([change.kind, "noise", "truncated", "scaled x10"])
    starts = int(hit.stage.moments[at])
    probes = [
        replace(
            hit.job,
            change=Change(kind, from_ns=starts, seed=change.seed + 7919 * seed),
            to_ns=int(hit.stage.known()[row]),
        )
        for seed, kind in enumerate([*kinds][:3])
    ]
    for _, outcome in search.pool.map(probes):
        found = outcome.differences.get(column)
        if found is not None and found.rows[0] == row and found.size >= LEAST_FELT * _effect(hit):
            return True
    return False


def _effect(hit: Hit) -> float:
    """Size of what a hit showed; that of the value itself where it went missing."""
    size, before = hit.difference.size, hit.difference.before
    if np.isfinite(size):
        return size
    return abs(before) if isinstance(before, float) and np.isfinite(before) else 0.0


def _stamp(stage: Stage, row: int) -> int:
    output = stage.output()
    return int(output.stamps[output.ids == row][0]) if (output.ids == row).any() else 0


def _evidence(column: str, hit: Hit, reach: Reach, timed: bool) -> str:
    stage, change, difference = hit.stage, hit.job.change, hit.difference
    assert change is not None
    how = {
        "truncated": "the table ended there",
        "noise": "later rows were replaced by noise",
        "NaN": "later rows were NaN",
        "null": "later rows were null",
        "permuted": "later rows changed places",
        "reversed": "later rows came in reverse",
        "constant": "later rows stood still",
        "delayed": "later rows came days later",
        "extreme": "later rows were extreme",
    }.get(change.kind, f"later rows were {change.kind}")
    at = int(np.searchsorted(np.sort(stage.known()), change.from_ns)) - 1
    rows = stage.origin()[np.argsort(stage.known(), kind="stable")]
    where = f"{stage.scene.shown}, with everything known after row {rows[max(at, 0)]} changed ({how})"
    worst = difference.rows[2]
    origin = stage.origin()
    place = f"row {origin[worst]}" if 0 <= worst < len(origin) else "a row whose key the input does not have"
    far = f"{reach.ns / NS_PER_S:g} s" if timed else f"{reach.ns // NS_PER_S} rows"
    least = "at least " if reach.open_end else ""
    span = "it reads to the end of what it is given" if reach.to_end else f"it reads {least}{far} ahead"
    if column == ALL_ROWS:
        return f"{where}, {place} went from {difference.before} to {difference.after}; {span}"
    values = f"{spell(difference.before)} to {spell(difference.after)}"
    return f"{where}, {place} went from {values} ({difference.count} earlier rows moved); {span}"
