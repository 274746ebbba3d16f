"""The trader in one process: equal to the backtest, resumable, and suspicious of what does not fit."""

from __future__ import annotations

import json
from dataclasses import replace

import polars as pl
import pytest

from alphaloop.artifact.scorer import Scorer
from alphaloop.backtest.run import run
from alphaloop.core.clock import SteppedClock
from alphaloop.core.errors import DataError, DivergenceError, InputError
from alphaloop.data.bars import read_bars
from alphaloop.live.cadence import Cadence
from alphaloop.live.shutdown import Stop
from alphaloop.live.trader import RUN_ID, dry_run
from alphaloop.stores.memory import MemoryPlace, MemoryStore
from alphaloop.trading.plan import Plan

OFTEN = Cadence(checkpoint_bars=13, checkpoint_s=1e9)
SELDOM = Cadence(checkpoint_bars=10**9, checkpoint_s=1e9)
PLANS = {
    "the contract's": {},
    "trailing": {"exits": {"trailing_atr": 1.0, "trailing_arm_atr": 0.5, "take_profit_atr": 0}},
    "slow venue": {"costs": {"latency_s": 75.0}, "exits": {"trailing_atr": 1.0, "timeout_s": 300.0}},
    "time-out only": {"exits": {"take_profit_atr": 0, "stop_loss_atr": 0, "timeout_s": 600.0}},
    "risk": {"sizing": {"method": "risk"}, "policy": {"side": "short"}, "exits": {"target_order": "limit"}},
}


class Counting(Stop):
    """Asks itself to stop after some bar times."""

    def __init__(self, after):
        super().__init__()
        self._left = after

    @property
    def asked(self):
        self._left -= 1
        return self._left <= 0


@pytest.fixture(scope="module")
def folder(case, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trader")
    case.make_artifact(folder / "artifact")
    case.write_bars(folder / "bars.parquet", 500)
    return folder


@pytest.fixture(scope="module")
def scorer(folder):
    return Scorer.load(folder / "artifact")


@pytest.fixture(scope="module")
def bars(folder):
    return read_bars(folder / "bars.parquet")


def plan(case, name):
    merged = {part: {**case.PLAN.get(part, {}), **PLANS[name].get(part, {})} for part in case.PLAN | PLANS[name]}
    return Plan.parse(merged, "test")


@pytest.mark.parametrize("name", PLANS)
def test_it_is_the_backtest_to_the_last_bit(case, scorer, bars, name):
    expected = run(scorer, bars, plan(case, name)).summary()
    assert expected["trades"] > 10
    outcome = dry_run(scorer, bars, MemoryStore(), plan=plan(case, name))
    assert outcome.finished
    assert outcome.summary == expected


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("cadence", [OFTEN, SELDOM], ids=["often", "seldom"])
def test_stopped_and_resumed_it_is_the_same(case, scorer, bars, name, cadence):
    place = MemoryPlace()
    expected = run(scorer, bars, plan(case, name)).summary()
    for after in (1, 2, 30, 111, 97):
        with MemoryStore(place) as store:
            outcome = dry_run(scorer, bars, store, plan=plan(case, name), cadence=cadence, stop=Counting(after))
            assert not outcome.finished
    with MemoryStore(place) as store:
        outcome = dry_run(scorer, bars, store, plan=plan(case, name), cadence=cadence)
    assert outcome.resumed_at == 1 + 2 + 30 + 111 + 97
    assert outcome.summary == expected


def test_a_stop_on_the_last_bar_is_an_end(scorer, bars):
    assert dry_run(scorer, bars, MemoryStore(), stop=Counting(500)).finished
    assert not dry_run(scorer, bars, MemoryStore(), stop=Counting(499)).finished


def test_the_journal_tells_each_story_in_order(scorer, bars):
    store = MemoryStore()
    summary = dry_run(scorer, bars, store).summary
    events = store.events(RUN_ID)
    kinds = [event.kind for event in events]
    assert (kinds[0], kinds[-1]) == ("started", "finished")
    assert [event.seq for event in events] == list(range(len(events)))
    assert [e.time_ns for e in events] == sorted(e.time_ns for e in events)
    assert kinds.count("trade") == summary["trades"]
    entries = [i for i, e in enumerate(events) if e.kind == "order" and json.loads(e.body)["reason"] == "entry"]
    assert entries
    for i in entries:
        order, decision = json.loads(events[i].body), json.loads(events[i - 1].body)
        assert events[i - 1].kind == "decision"
        assert decision["symbol"] == order["symbol"]
        assert max(decision["probabilities"]) == order["confidence"]


def test_a_journalled_decision_can_be_scored_again(scorer, bars):
    import numpy as np

    store = MemoryStore()
    dry_run(scorer, bars, store)
    decisions = [json.loads(event.body) for event in store.events(RUN_ID) if event.kind == "decision"]
    X = np.array([[np.nan if v is None else float(v) for v in d["features"]] for d in decisions], np.float32)
    assert scorer.score(X).tolist() == [d["probabilities"] for d in decisions]


def test_a_finished_run_tells_its_result_and_does_nothing(scorer, bars):
    place = MemoryPlace()
    with MemoryStore(place) as store:
        first = dry_run(scorer, bars, store)
        events = store.events(RUN_ID)
    with MemoryStore(place) as store:
        again = dry_run(scorer, bars, store)
        assert store.events(RUN_ID) == events
    assert (again.summary, again.finished) == (first.summary, True)


def test_a_state_belongs_to_one_plan_one_artifact_and_one_history(case, scorer, bars, tmp_path):
    place = MemoryPlace()
    with MemoryStore(place) as store:
        dry_run(scorer, bars, store, stop=Counting(50))
    case.make_artifact(tmp_path / "other", name="other")
    changed = [
        (Scorer.load(tmp_path / "other"), bars, None),
        (scorer, replace(bars, sha256="0" * 64), None),
        (scorer, replace(bars, frame=bars.frame.with_columns(pl.col("open_ns", "known_ns") + 1)), None),
        (scorer, bars, Plan()),
    ]
    for other, others_bars, others_plan in changed:
        with MemoryStore(place) as store, pytest.raises(InputError, match="cannot go on as"):
            dry_run(other, others_bars, store, plan=others_plan)


def test_a_replay_that_says_something_else_is_caught(scorer, bars):
    place = MemoryPlace()
    with MemoryStore(place) as store:
        dry_run(scorer, bars, store, cadence=SELDOM, stop=Counting(200))
    place.checkpoints.clear()
    journal = place.events[RUN_ID]
    at = next(i for i, event in enumerate(journal) if event.kind == "fill")
    journal[at] = replace(journal[at], body=journal[at].body.replace('"fee":', '"fee":1'))
    with MemoryStore(place) as store, pytest.raises(DivergenceError, match=f"event {at} is fill"):
        dry_run(scorer, bars, store)


def test_a_history_that_became_shorter_is_caught(scorer, bars):
    place = MemoryPlace()
    with MemoryStore(place) as store:
        dry_run(scorer, bars, store, cadence=SELDOM, stop=Counting(490))
    place.checkpoints.clear()
    short = replace(bars, frame=bars.frame.filter(pl.col("known_ns") <= bars.frame["known_ns"].unique().sort()[400]))
    run_of = place.runs[RUN_ID]
    identity = json.loads(run_of.identity)
    identity["read"][2:] = [len(short), short.frame["known_ns"].min(), short.frame["known_ns"].max()]
    from alphaloop.core.hashing import canonical_json

    place.runs[RUN_ID] = replace(run_of, identity=canonical_json(identity))
    started = place.events[RUN_ID][0]
    place.events[RUN_ID][0] = replace(started, body=canonical_json(identity))
    with MemoryStore(place) as store, pytest.raises(DivergenceError):
        dry_run(scorer, short, store)


def test_fewer_bars_than_the_warm_up_are_refused(case, scorer, tmp_path):
    short = read_bars(case.write_bars(tmp_path / "short.parquet", 19))
    with pytest.raises(DataError, match="need 19 to warm up"):
        dry_run(scorer, short, MemoryStore())


def test_it_shows_that_it_lives(scorer, bars):
    store = MemoryStore()
    dry_run(scorer, bars, store, cadence=OFTEN, clock=SteppedClock(77), stop=Counting(40))
    assert store.heartbeat(RUN_ID) == 77
    checkpoint = store.checkpoint(RUN_ID)
    assert checkpoint is not None
    assert checkpoint.cursor == 40


def test_progress_counts_bar_times(scorer, bars):
    seen = []
    dry_run(scorer, bars, MemoryStore(), progress=lambda *step: seen.append(step))
    assert seen[-1] == ("trade", 500, 500)
