"""The audit of events: planted leaks are found, with column, first row and reach; the market itself is clean."""

from __future__ import annotations

import re
from itertools import islice

import numpy as np
import pytest

from alphaloop.audit.certificate import verify_certificate
from alphaloop.core.clock import iso
from alphaloop.core.errors import DataError
from alphaloop.core.hashing import hash_json
from alphaloop.core.progress import silent
from alphaloop.core.random import stream
from alphaloop.markets.pumpfun.events import Create, Trade
from alphaloop.markets.pumpfun.market import PumpMarket
from alphaloop.markets.pumpfun.proofs.audit import LATE, _Search, audit_events
from alphaloop.markets.pumpfun.proofs.desk import audit_recording
from alphaloop.markets.pumpfun.proofs.futures import FUTURES
from alphaloop.markets.pumpfun.proofs.trials import Trials
from alphaloop.markets.pumpfun.recording.segments import write_segment
from alphaloop.markets.pumpfun.settings import PumpSettings
from alphaloop.markets.pumpfun.signals.catalogue import GENESIS, SIGNAL
from alphaloop.markets.pumpfun.simulator.chain import events as chain_events
from alphaloop.markets.pumpfun.simulator.settings import SimulationSettings

S = 1_000_000_000
AHEAD_S = 20


@pytest.fixture(scope="module")
def events(pump):
    return pump.market_events(2_500, 11)  # fewer than the audit always runs through, whatever the budget


@pytest.fixture(scope="module")
def options(pump):
    return PumpSettings(tracked_wallets=pump.TRACKED)


class Peeking(PumpMarket):
    """A market that was given its future: it counts the sells of the next 20 s among the last minute's."""

    def __init__(self, options, events) -> None:
        super().__init__(options)
        honest, sells = self.shelf.tokens.features, [e for e in events if isinstance(e, Trade) and not e.is_buy]

        def features(mint, now_ns):
            late = sum(e.mint == mint and now_ns < e.known_ns <= now_ns + AHEAD_S * S for e in sells)
            return honest(mint, now_ns) | {"sells_60s": honest(mint, now_ns)["sells_60s"] + late}

        self.shelf.tokens.features = features


class FeedsFirst(PumpMarket):
    """A market that feeds an event before it fires the timers that were due: the classic mistake of a live loop."""

    def apply(self, event):
        if isinstance(event, Trade) and not event.quote_mint:
            self.genesis.update(event)
        return super().apply(event)


class Amends(PumpMarket):
    """A market that goes on writing into a row that it has handed out."""

    last = None

    def apply(self, event):
        out = super().apply(event)
        for emission in out:
            if getattr(emission, "table", "") == "signals":
                self.last = emission
        if self.last is not None and isinstance(event, Create):
            values = bytearray(self.last.values["features"])
            values[-4:] = b"\0\0\x80\x3f"
            self.last.values["features"] = bytes(values)
        return out


class Filters(PumpMarket):
    """A market that keeps the signals of tokens that will be traded much: survivors only."""

    def __init__(self, options, events) -> None:
        super().__init__(options)
        trades = [event.mint for event in events if isinstance(event, Trade)]
        self.kept = {mint for mint in set(trades) if trades.count(mint) > 60}

    def apply(self, event):
        return [
            e for e in super().apply(event) if getattr(e, "table", "") != "signals" or e.values["mint"] in self.kept
        ]


def reaching(events, options):
    """Number and time of the signals on whose tokens somebody sells in the 20 s that `Peeking` was given."""
    market, found = PumpMarket(options), {}
    rows = [e for event in events for e in market.apply(event) if getattr(e, "table", "") == "signals"]
    for number, row in enumerate(rows):
        mint, known_ns = row.values["mint"], row.values["known_ns"]
        late = (e.known_ns for e in events if isinstance(e, Trade) and not e.is_buy and e.mint == mint)
        if any(known_ns < at <= known_ns + AHEAD_S * S for at in late):
            found[number] = iso(known_ns)
    return found


def audit(make, features, events, seconds=0.1, trials=None):
    hashes = {"settings_hash": "s", "data_hash": "d"}
    return audit_events(make, features, events, seconds=seconds, trials=trials, **hashes)


@pytest.mark.parametrize("features", [SIGNAL, GENESIS], ids=lambda features: features.name)
def test_the_market_is_clean_under_every_future(events, options, features) -> None:
    result = audit(lambda _: PumpMarket(options), features, events, seconds=600.0, trials=32)
    assert result.clean, result.findings
    assert {f"future {kind}" for kind in FUTURES} <= result.checks.keys(), result.checks
    assert not [name for name in result.checks if "failed" in name], result.notes
    assert result.checks["saved and restored, timers fired at idle moments"] == 1
    assert verify_certificate(result.certificate, code_hash=hash_json([features.hash, "s"]), data_hash="d") == []


def test_a_book_that_peeks_is_found_with_column_row_and_reach(events, options) -> None:
    result = audit(lambda given: Peeking(options, given), SIGNAL, events, seconds=600.0, trials=24)
    (finding,) = [finding for finding in result.findings if finding.column == "sells_60s"]
    assert {f.column for f in result.findings} == {"sells_60s"}
    assert finding.kind == "lookahead"
    # A row that what was planted can move: of a token that is sold within those 20 s.
    assert reaching(events, options)[finding.first_row] == finding.first_time
    assert 0.0 < finding.reach_s <= AHEAD_S
    assert "changes when only events up to" in finding.evidence
    assert not result.certificate["clean"]


def test_an_event_fed_before_the_timers_it_comes_after_is_found(events, options) -> None:
    result = audit(lambda _: FeedsFirst(options), GENESIS, events)
    found = {finding.column for finding in result.findings}
    assert {"n_trades"} <= found
    assert "name_len" not in found


def test_a_row_that_is_amended_later_is_found(events, options) -> None:
    result = audit(lambda _: Amends(options), SIGNAL, events)
    assert [finding.column for finding in result.findings if finding.kind == "lookahead"] == ["hit_rate_2x_6h"]


def test_signals_chosen_with_hindsight_are_found(events, options) -> None:
    result = audit(lambda given: Filters(options, given), SIGNAL, events)
    assert {(finding.kind, finding.column) for finding in result.findings} == {("row_selection", "(rows)")}


def test_state_that_a_restart_loses_is_found(events, options) -> None:
    class Forgets(PumpMarket):
        def restore(self, state: bytes) -> None:
            super().restore(state)
            self.shelf.births._state.uses.clear()
            self.shelf.births._state.births.clear()

    result = audit(lambda _: Forgets(options), GENESIS, events)
    assert {finding.kind for finding in result.findings} == {"stream"}
    assert {finding.column for finding in result.findings} == {"symbol_seen_24h"}
    assert "saved, restored" in result.findings[0].evidence


def test_the_verdict_says_of_how_much_it_speaks(events, options) -> None:
    result = audit(lambda _: PumpMarket(options), SIGNAL, events, trials=1)
    said = re.fullmatch(
        r"on 2,500 of 2,500 events \((\d+\.\d) h from (\S+)\), cut behind 1 of ([\d,]+) rows; "
        r"(\d+) of 68 features not exercised",
        result.coverage,
    )
    assert said is not None, result.coverage
    assert said[2] == iso(events[0].known_ns)
    market = PumpMarket(options)
    rows = [e for event in events for e in market.apply(event) if getattr(e, "table", "") == "signals"]
    vectors = np.stack([np.frombuffer(row.values["features"], "<f4") for row in rows])
    known = {name: set(column[~np.isnan(column)]) for name, column in zip(SIGNAL.names, vectors.T, strict=True)}
    idle = [name for name, values in known.items() if len(values) < 2]
    assert (int(said[3].replace(",", "")), int(said[4])) == (len(rows), len(idle))
    assert idle
    assert f"not exercised, because constant or missing in all of these rows: {', '.join(idle)}" in result.notes
    assert result.to_dict()["coverage"] == result.certificate["coverage"] == result.coverage


def test_half_of_the_places_are_late_ones(events, options) -> None:
    """What remembers hours acts late in a recording; time is up long before every place was taken."""
    trials = Trials(lambda _: PumpMarket(options), SIGNAL, events, float("inf"))
    search = _Search(trials, 0, float("inf"), silent)
    first = search.cuts[1:21]
    assert sum(cut >= LATE * len(events) for cut in first) == 10
    assert sorted(search.cuts) == trials.cuts()


def test_a_long_recording_is_audited_from_a_place_drawn_by_the_seed(tmp_path) -> None:
    records = list(islice(chain_events(SimulationSettings(seed=3)), 5_000))
    for first in range(0, 5_000, 700):
        write_segment(tmp_path, records[first : first + 700])
    found = [audit_recording(SIGNAL, tmp_path, seconds=0.1, seed=seed) for seed in (0, 1)]
    froms = [re.search(r"on 3,000 of 5,000 events \(\d+\.\d h from (\S+)\)", result.coverage)[1] for result in found]
    assert froms[0] != froms[1]
    times = [iso(record.known_ns) for record in records]
    for begin, result in zip(froms, found, strict=True):
        place = times.index(begin)
        assert 0 < place <= 2_000
        assert f"3,000 events from the {place:,}th on were read, a place drawn by the seed" in result.notes


def test_nothing_to_audit_is_an_error(pump, events) -> None:
    with pytest.raises(DataError, match="make no row of 'pumpfun-signal'"):
        audit(lambda _: PumpMarket(), SIGNAL, events[:20])


@pytest.mark.parametrize("kind", FUTURES)
def test_a_future_leaves_the_past_alone_and_changes_the_rest(events, kind) -> None:
    cut = 1_000
    changed = FUTURES[kind](events, cut, stream(1, kind))
    assert changed[:cut] == events[:cut]
    assert changed[cut:] != events[cut:]
    known = [event.known_ns for event in changed]
    assert known == sorted(set(known))
    assert all(at >= events[cut].known_ns for at in known[cut:])
    if kind not in ("inserted", "truncated"):
        assert changed[cut] != events[cut]
