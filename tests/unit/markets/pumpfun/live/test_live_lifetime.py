"""The start and the end of the trader's process: it can be stopped at any time, and says what it could not do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from solders.keypair import Keypair

from alphaloop.bus.memory import MemoryBus
from alphaloop.cli.live_health import LiveProbe
from alphaloop.cli.live_pages import show_status
from alphaloop.core.clock import SystemClock
from alphaloop.core.errors import AwayError, InputError, StateError, StoreAwayError
from alphaloop.live.shutdown import Stop
from alphaloop.markets.pumpfun.live.assembly import LivePlaces, trade
from alphaloop.markets.pumpfun.live.facts import ChainFacts
from alphaloop.markets.pumpfun.live.models import InlineModels
from alphaloop.markets.pumpfun.live.notices import messenger
from alphaloop.markets.pumpfun.live.paper_venue import PaperVenue
from alphaloop.markets.pumpfun.live.process import LiveProcess
from alphaloop.markets.pumpfun.live.settings import LiveSettings, Pace
from alphaloop.markets.pumpfun.live.store import RecordsLiveStore
from alphaloop.markets.pumpfun.transactions.signer import Signer
from alphaloop.stores.records import open_records

PATIENCE_S = 10.0


async def nothing() -> None:
    """Wait for nothing."""


async def forever() -> None:
    await asyncio.Event().wait()


class Desk:
    """Hears nothing."""

    async def run(self) -> None:
        await forever()


def process(bus: MemoryBus, store: RecordsLiveStore, models: Path, warm_up: Any = nothing, **pace: Any) -> LiveProcess:
    settings = LiveSettings(pace=Pace(**pace))
    facts = ChainFacts(settings.execution.facts, settings.execution.priority)
    venue = PaperVenue(Signer(Keypair()), facts, None, SystemClock(), settings.execution)
    words = messenger(settings.notify, {})
    inline = InlineModels(models, settings.portfolio)
    return LiveProcess(settings, "dry", "me", store, bus, venue, inline, words, warm_up)


def run(test: Any) -> Any:
    async def main() -> Any:
        async with asyncio.timeout(PATIENCE_S), MemoryBus() as bus:
            with open_records("memory://") as records:
                store = RecordsLiveStore(records, "me", "dry")
                try:
                    return await test(bus, store)
                finally:
                    store.close()

    return asyncio.run(main())


async def started(trader: LiveProcess) -> None:
    while trader.trader is None:
        await asyncio.sleep(0.01)


def test_paper_needs_no_endpoint_and_money_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RPC_WS_URLS", "RPC_HTTP_URLS", "RPC_KEYS", "ALPHALOOP_LIVE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    key = tmp_path / "key.json"
    key.write_text(str(list(bytes(Keypair()))))
    key.chmod(0o600)
    database = f"sqlite:///{tmp_path / 'live.db'}"
    places = LivePlaces(tmp_path, database, database, "memory://", tmp_path, key=key)
    assert places.known_endpoints() == []
    stop = Stop()
    stop.ask("signal")
    assert trade(places, LiveSettings(), "dry", stop)["mode"] == "dry"
    with pytest.raises(InputError, match="money needs an RPC endpoint"):
        trade(places, LiveSettings(), "live", stop)
    monkeypatch.setenv("RPC_KEYS", "one,two")  # half of what is needed is a mistake, not none
    with pytest.raises(InputError, match="RPC_WS_URLS"):
        places.known_endpoints()


@pytest.mark.parametrize("by", ["command", "signal"])
def test_a_start_that_waits_for_the_chain_can_be_stopped(tmp_path: Path, by: str) -> None:
    async def test(bus: MemoryBus, store: RecordsLiveStore) -> None:
        before = await store.load(1)
        await store.stopped("keyboard", 2)
        assert before.stopped_by == ""
        stop, waiting = Stop(), process(bus, store, tmp_path, forever)
        running = asyncio.create_task(waiting.run(stop, lambda _process, _stop: Desk()))  # type: ignore[arg-type, return-value]
        await asyncio.sleep(0.1)
        with pytest.raises(InputError, match="is starting"):
            waiting.carry_out("status", {}, "anna", stop)
        if by == "command":
            assert waiting.carry_out("stop", {}, "anna", stop)["stopping"]
        else:
            stop.ask(by)
        found = await running
        assert not found["ready"]
        # Whoever ends a start that never traded: what a person did before still counts.
        assert (await store.load(3)).stopped_by == ("command" if by == "command" else "keyboard")

    run(test)


@pytest.mark.parametrize("asked", [1, 2])
def test_a_start_asks_who_trades_before_it_takes_the_account_and_before_it_trades(tmp_path: Path, asked: int) -> None:
    async def test(bus: MemoryBus, store: RecordsLiveStore) -> None:
        epochs = list[int]()

        async def ask() -> None:
            epochs.append(store.epoch)
            if len(epochs) == asked:
                raise StateError("another process trades the account; stop it")

        trader = process(bus, store, tmp_path)
        trader.ask_first = ask
        with pytest.raises(StateError, match="another process"):
            await trader.run(Stop())
        assert trader.trader is None
        assert epochs == [0, 1][:asked]

    run(test)


def test_a_start_that_fails_leaves_it_to_the_next_one_who_ended_the_process_before(tmp_path: Path) -> None:
    async def away() -> None:
        raise AwayError("the chain is away; try again")

    async def test(bus: MemoryBus, store: RecordsLiveStore) -> None:
        await store.load(1)
        await store.stopped("command", 2)
        with pytest.raises(AwayError):
            await process(bus, store, tmp_path, away).run(Stop())
        assert (await store.load(3)).stopped_by == "command"
        stop, trader = Stop(), process(bus, store, tmp_path)
        running = asyncio.create_task(trader.run(stop))
        await started(trader)
        stop.ask("signal")
        await running
        assert (await store.load(4)).stopped_by == "signal"

    run(test)


def test_what_cannot_be_stored_at_the_end_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def test(bus: MemoryBus, store: RecordsLiveStore) -> None:
        stop, trader = Stop(), process(bus, store, tmp_path, stop_s=0.2)
        running = asyncio.create_task(trader.run(stop))
        await started(trader)

        async def away(*_arguments: Any) -> None:
            raise StoreAwayError("the database is away")

        store.write = store.stopped = away  # type: ignore[method-assign, assignment]
        stop.ask("signal")
        await running

    run(test)
    assert "end_not_stored" in capsys.readouterr().out


def test_without_a_model_it_is_not_ready_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def test(bus: MemoryBus, store: RecordsLiveStore) -> dict[str, Any]:
        stop, trader = Stop(), process(bus, store, tmp_path)
        running = asyncio.create_task(trader.run(stop))
        assert LiveProbe(trader).not_ready() == "starting"
        await started(trader)
        assert "no model" in LiveProbe(trader).not_ready()
        found = trader.status()
        stop.ask("signal")
        await running
        return found

    status = run(test)
    show_status(status)
    said = capsys.readouterr().out
    assert "none: nothing can be entered" in said
    assert "missing     reach_2x_1h" in said
