"""The audit of features of events: change everything after a signal in many ways, and look for a changed past."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np

from alphaloop.audit.certificate import certify
from alphaloop.audit.findings import ALL_ROWS, AuditResult, Finding, spell
from alphaloop.core.clock import NS_PER_S, iso, stopwatch
from alphaloop.core.errors import DataError
from alphaloop.core.hashing import hash_json
from alphaloop.core.progress import Progress, silent
from alphaloop.core.random import stream
from alphaloop.markets.pumpfun.events import Input
from alphaloop.markets.pumpfun.proofs.futures import FUTURES
from alphaloop.markets.pumpfun.proofs.observations import TABLES, Maker, Observation
from alphaloop.markets.pumpfun.proofs.roads import road_findings
from alphaloop.markets.pumpfun.proofs.trials import Trial, Trials, Verdict
from alphaloop.markets.pumpfun.signals.catalogue import EventFeatureSet

TRUE_RUN_SHARE = 0.2
SEARCH_SHARE = 0.75
LEAST_TRIALS = 2 * len(FUTURES)
LATE = 2 / 3


@dataclass(frozen=True)
class Hit:
    """A row that a trial moved."""

    row: int
    trial: Trial


def audit_events(
    make: Maker,
    features: EventFeatureSet,
    events: Sequence[Input],
    *,
    seconds: float = 60.0,
    seed: int = 0,
    trials: int | None = None,
    settings_hash: str = "",
    data_hash: str = "",
    data_name: str = "",
    total: int | None = None,
    notes: Sequence[str] = (),
    progress: Progress = silent,
) -> AuditResult:
    """Try to prove that a feature of a signal, or whether there is a signal at all, depends on later events.

    Every trial cuts the recording right after a sampled row, changes all that follows in one of the ways of `FUTURES`,
    runs the market, and compares every row known before the cut bit by bit. Trials start from a fresh market or from a
    state kept along the true run, whichever is the last before the cut. Then the whole recording takes the other
    road: saved and restored at random events, timers fired at idle moments.

    Parameters
    ----------
    make : callable
        Makes a market for events; it is given all that it will be fed, and an honest one does not look.
    features : EventFeatureSet
        The signals' or the launches'.
    events : sequence of events
        By rising `known_ns`.
    seconds : float
        Budget; the notes say how much was covered. Every future is tried behind two rows, however long that takes.
    seed : int
        Of the cuts and the futures.
    trials : int or None
        Stop after so many, even if there is time for more.
    settings_hash, data_hash, data_name : str
        What the certificate is bound to, beside the hash of the feature set.
    total : int or None
        Events that the recording has, where `events` are a stretch of it.
    notes : sequence of str
        Sentences for the result's notes.

    Returns
    -------
    AuditResult
        Certified. `Finding.first_row` counts the rows of the feature set from 0, in the order of `events`. Its
        `coverage` says of how many events and rows the verdict speaks, and how many features never moved in them.

    Raises
    ------
    DataError
        If the recording makes no row of this feature set.
    """
    began = stopwatch()
    progress("true run", 0, 1)
    true = Trials(make, features, events, began + TRUE_RUN_SHARE * seconds)
    if not true.rows:
        raise DataError(
            f"{data_name or 'the recording'}: {len(events)} events make no row of {features.name!r} "
            f"({TABLES[features.name]}); give a longer recording"
        )
    search = _Search(true, seed, began + SEARCH_SHARE * seconds, progress)
    search.run(trials)
    findings = [search.describe(column, hits, began + seconds) for column, hits in search.hits.items()]
    progress("other road", 0, 1)
    findings += road_findings(make, features, true.events, true.rows, seed, search.checks)
    idle = unmoved(true.rows, features)
    said = (*notes, *_told(search, len(events) - len(true.events), idle))
    covered = _coverage(true, len(events) if total is None else total, len(search.cut_at), len(idle))
    seconds_taken, checks = stopwatch() - began, dict(search.checks)
    result = AuditResult(features.name, tuple(findings), checks, seconds_taken, said, coverage=covered)
    code = hash_json([features.hash, settings_hash])
    return replace(
        result, certificate=certify(result, code_hash=code, data_hash=data_hash, data_name=data_name, seed=seed)
    )


def unmoved(rows: Sequence[Observation], features: EventFeatureSet) -> list[str]:
    """Features of which the rows show one value or none: whatever they read, no change of it could be seen."""
    vectors = np.stack([row.vector for row in rows])
    known = [column[~np.isnan(column)] for column in vectors.T]
    return [name for name, values in zip(features.names, known, strict=True) if len(np.unique(values)) < 2]


def _told(search: _Search, left: int, idle: list[str]) -> list[str]:
    true = search.trials
    return [
        f"{len(true.rows)} rows of {len(true.events)} events; the recording was cut right behind "
        f"{len(search.cut_at)} of {len(search.cuts)} places near a kept state",
        *([f"the last {left} events did not fit into the budget of time"] if left else []),
        *([f"not exercised, because constant or missing in all of these rows: {', '.join(idle)}"] if idle else []),
        *search.failures,
    ]


def _coverage(true: Trials, total: int, cuts: int, idle: int) -> str:
    hours = (true.events[-1].known_ns - true.events[0].known_ns) / (3_600 * NS_PER_S)
    return (
        f"on {len(true.events):,} of {total:,} events ({hours:.1f} h from {iso(true.events[0].known_ns)}), cut behind "
        f"{cuts:,} of {len(true.rows):,} rows; {idle} of {len(true.features)} features not exercised"
    )


class _Search:
    """Runs trials until time is up and keeps what moved, by column."""

    def __init__(self, trials: Trials, seed: int, until: float, progress: Progress) -> None:
        self.trials, self.seed, self.until, self.progress = trials, seed, until, progress
        self.checks: Counter[str] = Counter()
        self.hits: dict[str, list[Hit]] = {}
        self.cut_at: set[int] = set()
        self.failures: list[str] = []
        self.cuts = self._cuts()

    def run(self, limit: int | None) -> None:
        """Take cuts in turn, early and late ones, every future at each before the next."""
        done = 0
        for number, cut in enumerate(self.cuts):
            for kind in FUTURES:
                if done == limit or (done >= LEAST_TRIALS and stopwatch() >= self.until):
                    return
                done += 1
                self.progress("futures", number, len(self.cuts))
                trial = self.trials.around(cut, kind, self.seed)
                self._note(trial, self.trials.run(trial))

    def _cuts(self) -> list[int]:
        """Each once: one that a fresh market can be run to, and then late ones, where long memories act, and others."""
        cuts = self.trials.cuts()
        order = stream(self.seed, "cuts").permutation(len(cuts))
        shuffled = [cuts[int(place)] for place in order]
        fresh = [cut for cut in shuffled if self.trials.around(cut, "truncated", 0).first == 0][:1]
        border = LATE * len(self.trials.events)
        late = [cut for cut in shuffled if cut >= border and cut not in fresh]
        early = [cut for cut in shuffled if cut < border and cut not in fresh]
        return [*fresh, *(cut for pair in zip_longest(late, early) for cut in pair if cut is not None)]

    def _note(self, trial: Trial, verdict: Verdict) -> None:
        self.cut_at.add(trial.cut)
        self.checks[f"future {trial.kind}{' (market failed)' if verdict.failed else ''}"] += 1
        if verdict.failed:
            text = f"a future ({trial.kind}) after event {trial.cut} made the market fail: {verdict.failed}"
            if len(self.failures) < 3:
                self.failures.append(text)
            return
        for row, places in verdict.moved.items():
            for place in places:
                self.hits.setdefault(self.trials.features.names[place], []).append(Hit(row, trial))
        if verdict.lost or verdict.new:
            row = verdict.lost[0] if verdict.lost else self._row_before(trial.cut)
            self.hits.setdefault(ALL_ROWS, []).append(Hit(row, trial))

    def _row_before(self, cut: int) -> int:
        return max((place for place, row in enumerate(self.trials.rows) if row.events <= cut), default=0)

    def describe(self, column: str, hits: list[Hit], until: float) -> Finding:
        """Say which row moves first, by what, and how far ahead the column reads."""
        first = min(hits, key=lambda hit: hit.row)
        row = self.trials.rows[first.row]
        reach_ns, open_end = self._reach(column, first, until)
        ahead = f"{'at least ' if open_end else ''}{reach_ns / NS_PER_S:.3f} s"
        kinds = ", ".join(sorted({hit.trial.kind for hit in hits}))
        rows = len({hit.row for hit in hits})
        if column == ALL_ROWS:
            said = f"whether there is a row depends on events up to {ahead} later"
        else:
            place = self.trials.features.names.index(column)
            said = f"{spell(float(row.vector[place]))} changes when only events up to {ahead} later change"
        return Finding(
            kind="row_selection" if column == ALL_ROWS else "lookahead",
            column=column,
            first_row=first.row,
            reach_s=reach_ns / NS_PER_S,
            evidence=f"{said}; {rows} rows moved under futures: {kinds}",
            first_time=iso(row.known_ns),
        )

    def _reach(self, column: str, hit: Hit, until: float) -> tuple[int, bool]:
        """Time from the row to the last event that moves it, by halving; whether it may be even further."""
        events, row = self.trials.events, self.trials.rows[hit.row]
        near, far = hit.trial.cut, hit.trial.last
        while far - near > 1 and stopwatch() < until:
            middle = (near + far) // 2
            if self._moves(column, hit, replace(hit.trial, cut=middle)):
                near = middle
            else:
                far = middle
        to_end = near >= hit.trial.last - 1 or far - near > 1
        return events[near].known_ns - row.known_ns, to_end

    def _moves(self, column: str, hit: Hit, trial: Trial) -> bool:
        verdict = self.trials.run(trial)
        if column == ALL_ROWS:
            return bool(verdict.lost or verdict.new)
        place = self.trials.features.names.index(column)
        return place in verdict.moved.get(hit.row, ())
