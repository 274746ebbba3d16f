"""The trader's memory: all or nothing, once, for one process, in every kind of database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alphaloop.core.errors import InputError
from alphaloop.markets.pumpfun.live import reports
from alphaloop.markets.pumpfun.live.core import TraderCore, replayed
from alphaloop.markets.pumpfun.live.schema import SCHEMA
from alphaloop.markets.pumpfun.live.standard import standard_portfolio
from alphaloop.markets.pumpfun.live.store import FencedError, RecordsLiveStore, journal
from alphaloop.markets.pumpfun.schema import SCHEMA as COLLECTED
from alphaloop.stores.records import Records, open_records
from alphaloop.trading.portfolio.engine import PortfolioEngine
from alphaloop.trading.portfolio.records import (
    Balance,
    Drafted,
    Filled,
    Landed,
    Mark,
    Notice,
    Opened,
    Order,
    Scored,
    Sent,
    Tick,
)

SOL = 10**9
ME = "wallet"


class Paper:
    """A venue that signs nothing: every order becomes a transaction with a name."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.discarded: list[str] = []

    def prepare(self, order: Order, now_ns: int) -> Drafted:
        self.orders.append(order)
        most = order.amount + 10_000 if order.side == "buy" else 10_000
        return Drafted(
            at_ns=now_ns, order_id=order.order_id, signature=f"sig-{order.order_id}", last_valid=100, most=most
        )

    def discard(self, signature: str) -> None:
        self.discarded.append(signature)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Records]:
    if request.param == "memory":
        url = "memory://"
    elif request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'live.db'}"
    else:
        url = request.getfixturevalue("postgres_place")
    with open_records(url) as opened:
        opened.migrate(SCHEMA)
        opened.migrate(COLLECTED)
        yield opened


def store_of(records: Records, account: str = ME) -> RecordsLiveStore:
    return RecordsLiveStore(records, account, "live", records)


def core_of(state: dict[str, Any] | None = None) -> TraderCore:
    notices: list[Notice] = []
    core = TraderCore(PortfolioEngine(standard_portfolio()), Paper(), notices.append)  # type: ignore[arg-type]
    core.tell(Opened(at_ns=1, deliberate=False, state=state or {}, settings=core.engine.settings.hash))
    return core


def scored(signal_id: str, asset: str, score: float = 0.9, at_ns: int = 10) -> Scored:
    return Scored(
        at_ns=at_ns,
        signal_id=signal_id,
        asset=asset,
        source="signal",
        known_ns=at_ns - 1,
        price=3e-5,
        liquidity=50 * SOL,
        scores={"reach_2x_1h": score},
    )


def bought(core: TraderCore) -> str:
    """One position; gives the signature of its purchase."""
    core.tell(Balance(at_ns=2, amount=2 * SOL))
    core.tell(scored("s1", "mint"))
    signature = core.engine.unproved().popitem()[0]
    core.tell(Sent(at_ns=11, signature=signature))
    core.tell(Landed(at_ns=12, signature=signature, slot=1))
    core.tell(Filled(at_ns=13, signature=signature, quantity=10**9, cash=-(SOL // 10), traded=SOL // 10))
    return signature


def run(call: Any) -> Any:
    return asyncio.run(call)


def test_what_was_written_is_what_the_next_process_finds(records: Records) -> None:
    store, core = store_of(records), core_of()
    loaded = run(store.load(5))
    assert (loaded.state, loaded.stopped_by, loaded.epoch) == ({}, "", 1)
    bought(core)
    core.tell(scored("s2", "other", score=0.1, at_ns=20))
    batch, _ = core.take(30)
    run(store.write(batch))

    again = store_of(records)
    found = run(again.load(40))
    assert found.epoch == 2
    state = core.engine.state.save()
    assert found.state == json.loads(json.dumps(state))
    assert core_of(found.state).engine.state.save() == state


def test_a_batch_that_is_given_twice_is_stored_once(records: Records) -> None:
    store, core = store_of(records), core_of()
    run(store.load(5))
    bought(core)
    batch, _ = core.take(30)
    run(store.write(batch))
    run(store.write(batch))
    assert records.count("live_decisions") == 1
    assert records.count("live_trades") == 1
    told = [each for _, _, inputs in journal(records, ME) for each in inputs]
    assert len(told) == len(batch.inputs)


def test_a_process_whose_account_was_taken_over_stores_nothing(records: Records) -> None:
    first, second, core = store_of(records), store_of(records), core_of()
    run(first.load(5))
    run(second.load(6))
    bought(core)
    batch, _ = core.take(30)
    with pytest.raises(FencedError, match="taken it over"):
        run(first.write(batch))
    assert records.count("live_trades") == 0
    assert records.count("live_journal") == 0
    run(second.write(batch))
    assert records.count("live_trades") == 1
    with pytest.raises(FencedError):
        run(first.stopped("command", 50))


def test_who_ended_the_process_is_told_to_the_next_one_once(records: Records) -> None:
    first = store_of(records)
    run(first.load(5))
    run(first.stopped("command", 6))
    assert run(store_of(records).load(7)).stopped_by == "command"
    second = store_of(records)
    assert run(second.load(8)).stopped_by == "command"  # the start of 7 stored nothing: it may have failed
    core = core_of()
    bought(core)
    run(second.write(core.take(9)[0]))
    assert run(store_of(records).load(10)).stopped_by == ""


def test_the_columns_that_users_know(records: Records) -> None:
    store, core = store_of(records), core_of()
    run(store.load(5))
    signature = bought(core)
    core.tell(Mark(at_ns=10**10, asset="mint", price=1.0, known_ns=10**10))  # far above every target
    sale = next(iter(core.engine.unproved()))
    core.tell(Landed(at_ns=10**10 + 1, signature=sale, slot=2))
    core.tell(Filled(at_ns=10**10 + 2, signature=sale, quantity=10**9, cash=SOL // 5, traded=SOL // 5, remaining=0))
    run(store.write(core.take(10**10 + 3)[0]))
    (trade,) = records.select("live_trades")
    assert trade["token_mint"] == "mint"
    assert trade["status"] == "closed"
    assert trade["exit_reason"] == "take_profit"
    assert trade["entry_price"] == pytest.approx(0.1 / 1_000)  # SOL for 1,000 tokens
    assert trade["exit_price"] == pytest.approx(0.2 / 1_000)
    assert trade["net_pnl"] == pytest.approx(0.1)
    assert trade["entry_signature"] == signature
    assert trade["exit_signature"] == sale
    (portfolio,) = records.select("live_portfolio")
    assert portfolio["current_balance"] == pytest.approx(2.1)
    assert portfolio["total_trades"] == portfolio["total_wins"] == portfolio["current_streak"] == 1
    assert portfolio["win_rate"] == 100.0
    assert portfolio["is_active"] is True


def test_the_journal_leads_to_the_same_decisions_and_the_same_state(records: Records) -> None:
    store, core = store_of(records), core_of()
    run(store.load(5))
    bought(core)
    run(store.write(core.take(30)[0]))
    for number in range(20):
        core.tell(scored(f"n{number}", f"mint{number}", score=number / 20, at_ns=40 + number))
    run(store.write(core.take(90)[0]))
    inputs = [each for _, _, piece in journal(records, ME) for each in piece]
    fresh = PortfolioEngine(standard_portfolio())
    outputs = replayed(fresh, inputs)
    assert fresh.state.save() == core.engine.state.save()
    decisions = [msgspec.json.encode(each) for each in outputs if type(each).__name__ == "Decision"]
    assert sorted(decisions) == sorted(row["record"] for row in records.select("live_decisions"))


def test_a_journal_of_many_pieces_is_read_in_order(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alphaloop.markets.pumpfun.live.store.PIECES_AT_ONCE", 3)
    store, core = store_of(records), core_of()
    run(store.load(5))
    for number in range(11):
        core.tell(scored(f"n{number}", "mint", score=0.1, at_ns=40 + number))
        run(store.write(core.take(41 + number)[0]))
    found = list(journal(records, ME))
    assert [seq for _, seq, _ in found] == sorted(seq for _, seq, _ in found)
    assert sum(len(inputs) for _, _, inputs in found) == 12
    assert list(journal(records, ME, epoch=2)) == []


def test_warnings_that_count_are_those_since_the_decision(records: Records) -> None:
    rows = [
        {"anti_id": f"{mint}{known_ns}", "mint": mint, "known_ns": known_ns, "severity": 2, "reasons": []}
        for mint in ("a", "b", "c")
        for known_ns in (100, 200, 300)
    ]
    records.add("anti_signals", rows)
    found = run(store_of(records).warnings({"a": 150, "b": 300}))
    assert [(each.asset, each.known_ns) for each in found] == [("a", 200), ("a", 300), ("b", 300)]
    assert run(store_of(records).warnings({})) == []


def test_why_a_signal_was_not_traded(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "PAGE", 2)
    store, core = store_of(records), core_of()
    run(store.load(5))
    bought(core)
    core.tell(scored("abcd1", "mint", at_ns=20))
    core.tell(scored("abcd2", "low", score=0.3, at_ns=21))
    run(store.write(core.take(30)[0]))
    told = reports.why(records, ME, "abcd1")
    assert told["decisions"][0]["outcome"] == "open_position"
    assert told["trades"] == []
    assert reports.why(records, ME, "s1")["trades"][0]["token_mint"] == "mint"
    with pytest.raises(InputError, match="begins 2 signals"):
        reports.why(records, ME, "abcd")
    with pytest.raises(InputError, match="no decision on signal"):
        reports.why(records, ME, "zzz")
    counted = reports.why_not(records, ME, 0)
    assert (counted["signals"], counted["taken"]) == (3, 1)
    assert {each["reason"]: each["count"] for each in counted["reasons"]} == {
        "taken": 1,
        "open_position": 1,
        "score_threshold": 1,
    }
    assert all(each["meaning"] for each in counted["reasons"])
    assert reports.why_not(records, ME, 10**6)["signals"] == 0


def test_the_account_that_is_meant(records: Records) -> None:
    with pytest.raises(InputError, match="none yet"):
        reports.chosen_account(records, None)
    run(store_of(records, "replay").load(4))
    assert reports.chosen_account(records, None)["account"] == "replay"
    run(store_of(records, "one").load(5))
    assert reports.chosen_account(records, None)["account"] == "one"
    run(store_of(records, "two").load(6))
    with pytest.raises(InputError, match=r"2 accounts have traded .* --account: two, one"):
        reports.chosen_account(records, None)
    assert reports.chosen_account(records, "one")["account"] == "one"
    with pytest.raises(InputError, match="known are: two, one, replay"):
        reports.chosen_account(records, "three")


def test_while_nothing_can_be_stored_the_newest_row_counts_and_the_journal_stays_bounded() -> None:
    core = TraderCore(PortfolioEngine(standard_portfolio()), Paper(), lambda notice: None, journal_limit=50)  # type: ignore[arg-type]
    core.tell(Opened(at_ns=1, deliberate=False, state={}, settings=""))
    bought(core)
    for number in range(200):
        batch, _ = core.take(20 + number)
        core.put_back(batch, 20 + number)
        core.tell(Mark(at_ns=20 + number, asset="mint", price=1e-4 + number * 1e-9, known_ns=20 + number))
    batch, _ = core.take(300)
    assert len(batch.inputs) <= 51
    assert isinstance(batch.inputs[0], Opened)
    assert len(batch.trades) == 1
    fresh = PortfolioEngine(standard_portfolio())
    replayed(fresh, batch.inputs)
    assert fresh.state.save() == core.engine.state.save()


def test_moments_at_which_nothing_happened_are_not_in_the_journal() -> None:
    core = core_of()
    bought(core)
    before = len(core.take(20)[0].inputs)
    assert before
    for number in range(100):
        core.tell(Tick(at_ns=1_000 + number))
    core.tell(scored("s2", "other", score=0.1, at_ns=500))  # the clock was set back
    core.tell(Tick(at_ns=3600 * SOL * 2))  # two hours later: the position's time is up
    batch, _ = core.take(30)
    assert [type(each).__name__ for each in batch.inputs[:3]] == ["Tick", "Scored", "Tick"]
    assert len(batch.inputs) < 10


def test_a_journal_without_quiet_moments_leads_to_the_same_state() -> None:
    core = core_of()
    inputs = list(core.take(1)[0].inputs)
    core.tell(Balance(at_ns=2, amount=2 * SOL))
    for number in range(50):
        core.tell(Tick(at_ns=100 + number * 10))
        core.tell(scored(f"n{number}", f"mint{number}", score=0.7 + number / 100, at_ns=100 + number * 7))
    inputs += core.take(9_999)[0].inputs
    fresh = PortfolioEngine(standard_portfolio())
    replayed(fresh, inputs)
    assert fresh.state.save() == core.engine.state.save()
    assert fresh.state.now_ns == core.engine.state.now_ns


def test_the_next_process_is_told_of_the_signals_that_were_decided_on_lately(records: Records) -> None:
    store, core = store_of(records), core_of()
    assert run(store.load(5)).decided == []
    bought(core)
    core.tell(scored("s2", "other", score=0.1, at_ns=20))
    run(store.write(core.take(30)[0]))
    assert sorted(run(store_of(records).load(40)).decided) == ["s1", "s2"]
    assert run(store_of(records).load(21 + 600 * 10**9)).decided == []
