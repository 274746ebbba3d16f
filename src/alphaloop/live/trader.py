"""The trader: bar times in, journalled decisions out, and able to die at any instruction.

At each bar time, in this order: take the bars in, let the session decide, write the journal, and only then send the
intents to the venue. From time to time a checkpoint goes with the journal in one transaction. After a crash the trader
restores the last checkpoint and works the bar times since then again; what it says must be what the journal holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from alphaloop.artifact.scorer import Scorer
from alphaloop.core.clock import Clock, SystemClock, stopwatch
from alphaloop.core.hashing import canonical_json
from alphaloop.core.progress import Progress, silent
from alphaloop.data.bars import Bars
from alphaloop.live.cadence import Cadence
from alphaloop.live.journal import Journal
from alphaloop.live.opinion import Opinion
from alphaloop.live.shutdown import Stop
from alphaloop.live.source import BarTime, ReplaySource
from alphaloop.stores.contract import Checkpoint, Event, Store
from alphaloop.trading.plan import Plan
from alphaloop.trading.records import Order, Reason, Trade
from alphaloop.trading.results import Result
from alphaloop.trading.session import Session
from alphaloop.trading.setup import Setup

RUN_ID = "dry-run"


@dataclass(frozen=True)
class Outcome:
    """How a dry run ended.

    Attributes
    ----------
    summary : dict
        As of `Result.summary`; figures so far if the run was stopped.
    finished : bool
        False if it was stopped; it can be resumed.
    resumed_at : int
        Bar times that an earlier process had worked off; 0 for a fresh start.
    """

    summary: dict[str, Any]
    finished: bool
    resumed_at: int


def dry_run(
    scorer: Scorer,
    bars: Bars,
    store: Store,
    *,
    plan: Plan | None = None,
    cadence: Cadence | None = None,
    stop: Stop | None = None,
    clock: Clock | None = None,
    progress: Progress = silent,
) -> Outcome:
    """Trade a recording as if it were live, without money.

    The trades are those of `backtest.run` over the same bars to the last bit, whatever `cadence` is and however often
    the process was killed in between.

    Parameters
    ----------
    store : Store
        Open; holds journal and state. A finished run gives its result again without trading.
    plan : Plan, optional
        Instead of the plan in the contract.

    Raises
    ------
    InputError
        If the store belongs to a run with another artifact, other data or another plan, or as `Setup.for_bars`.
    DivergenceError
        If the bar times after the checkpoint lead to other events than the journal holds.
    """
    setup = Setup.for_bars(scorer.contract, bars, plan)
    source = ReplaySource(bars)
    identity = _identity(scorer, bars, setup.plan)
    run = store.begin(RUN_ID, identity)
    if run.result is not None:
        return Outcome(json.loads(run.result), True, source.total)
    trader = _Trader(setup, scorer, source, store, cadence or Cadence(), clock or SystemClock())
    trader.start(identity)
    return trader.work(stop or Stop(), progress)


class _Trader:
    def __init__(
        self, setup: Setup, scorer: Scorer, source: ReplaySource, store: Store, cadence: Cadence, clock: Clock
    ) -> None:
        self._source = source
        self._store = store
        self._cadence = cadence
        self._clock = clock
        self._session = Session(setup.plan, keep_points=False)
        self._opinion = Opinion(setup, scorer, source.symbols)
        self._cursor = 0
        self._saved_at = 0
        self._saved_s = stopwatch()

    def start(self, identity: str) -> None:
        checkpoint = self._store.checkpoint(RUN_ID)
        events = self._store.events(RUN_ID)
        if checkpoint is None:
            self._journal = Journal(self._store, RUN_ID, 0, events)
            self._journal.say(0, "started", json.loads(identity))
        else:
            self._journal = Journal(self._store, RUN_ID, checkpoint.seq, events[checkpoint.seq :])
            state = json.loads(checkpoint.state)
            self._session.restore(state["session"], list(_trades(events[: checkpoint.seq])))
            self._opinion.restore(state["opinion"], checkpoint.blobs)
            self._cursor = self._saved_at = checkpoint.cursor
        self._resumed_at = self._cursor

    def work(self, stop: Stop, progress: Progress) -> Outcome:
        total = self._source.total
        now_ns = 0
        for bar_time in self._source.bar_times(self._cursor):
            now_ns = bar_time.now_ns
            self._live_through(bar_time)
            self._cursor += 1
            progress("trade", self._cursor, total)
            if stop.asked and self._cursor < total:
                self._save(now_ns)
                return Outcome(self._result().summary(), False, self._resumed_at)
            if self._is_due():
                self._save(now_ns)
            if self._cadence.throttle_s:
                stop.pause(self._cadence.throttle_s)
        return self._finish()

    def _live_through(self, bar_time: BarTime) -> None:
        session = self._session
        signals = self._opinion.signals(bar_time)
        intents = session.step(bar_time.now_ns, bar_time.rows, signals)
        if session.log:
            self._write_log(bar_time.now_ns)
            self._journal.commit()
        session.dispatch(intents)

    def _write_log(self, now_ns: int) -> None:
        for entry in self._session.log:
            if isinstance(entry, Order) and entry.reason is Reason.ENTRY:
                self._journal.say(now_ns, "decision", self._opinion.evidence(entry.symbol))
            self._journal.say_entry(now_ns, entry)
        self._session.log.clear()

    def _is_due(self) -> bool:
        if self._cursor - self._saved_at >= self._cadence.checkpoint_bars:
            return True
        return stopwatch() - self._saved_s >= self._cadence.checkpoint_s

    def _save(self, now_ns: int) -> None:
        state = canonical_json({"session": self._session.state(), "opinion": self._opinion.state()})
        checkpoint = Checkpoint(self._journal.next_seq, self._cursor, now_ns, state, self._opinion.blobs())
        self._saved_at, self._saved_s = self._cursor, stopwatch()
        # While catching up the journal is ahead of us, and a checkpoint before its end is as good as any.
        self._journal.commit(checkpoint=checkpoint, beat_ns=self._clock.now_ns())

    def _finish(self) -> Outcome:
        last_ns = int(self._source.feed.times[-1])
        self._session.finish(last_ns)
        self._write_log(last_ns)
        summary = self._result().summary()
        self._journal.say(last_ns, "finished", summary)
        self._journal.commit(beat_ns=self._clock.now_ns(), result=canonical_json(summary))
        return Outcome(summary, True, self._resumed_at)

    def _result(self) -> Result:
        feed = self._source.feed
        return Result.of(self._session, feed.times[: self._cursor], int(feed.starts[self._cursor]))


def _identity(scorer: Scorer, bars: Bars, plan: Plan) -> str:
    known = bars.frame["known_ns"]
    read = [list(bars.symbols), bars.step_ns, len(bars), known.min(), known.max()]
    return canonical_json({"artifact": scorer.id, "data": bars.sha256, "read": read, "plan": plan.hash})


def _trades(events: Iterable[Event]) -> Iterable[Trade]:
    for event in events:
        if event.kind == "trade":
            body = json.loads(event.body)
            yield Trade(**body | {"reason": Reason(body["reason"])})
