"""Exits that go out, and prices that are seen, whatever hangs beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import AwayError
from alphaloop.markets.pumpfun.live.batch import Batch
from alphaloop.markets.pumpfun.live.core import TraderCore, Work
from alphaloop.markets.pumpfun.live.reconcile import Reconciliation
from alphaloop.markets.pumpfun.live.settings import Pace, ReconcileSettings
from alphaloop.markets.pumpfun.live.standard import standard_portfolio
from alphaloop.markets.pumpfun.live.store import Loaded
from alphaloop.markets.pumpfun.live.trader import Trader
from alphaloop.trading.portfolio.engine import PortfolioEngine
from alphaloop.trading.portfolio.records import (
    Command,
    Filled,
    Notice,
    Scored,
    Submit,
    Tick,
    Verify,
    Warned,
)
from live_case import ME, SOL, small
from live_chain import Fate
from live_orders import Road

QUICK = Pace(exit_waits_s=0.1, flush_s=0.02, exit_poll_s=0.02, silent_s=5.0, unread_s=30.0)


class Store:
    """A store that hangs while it is told to, and keeps what it was given."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.written: list[Batch] = []

    async def write(self, batch: Batch) -> None:
        await self.open.wait()
        self.written.append(batch)

    async def warnings(self, since_ns: Any) -> list[Warned]:
        await self.open.wait()
        return []


class Bus:
    """Values of channels; the subscriptions of these tests come to nothing."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    async def get_many(self, channels: list[str]) -> list[bytes | None]:
        return [self.values.get(channel) for channel in channels]


class Desk:
    """A trader over the chain of the tests, in a loop of its own."""

    def __init__(self) -> None:
        self.notices = list[Notice]()
        self.heard: list[bytes] = []

    async def ready(self) -> Desk:
        self.chain = small()
        self.road = await Road(self.chain).ready()
        self.core = TraderCore(PortfolioEngine(standard_portfolio()), self.road.venue, self.notices.append)
        start = Reconciliation(self.core, self.road.venue, self.road.clock, ReconcileSettings())
        await start.run(Loaded({}, "", 1))
        self.store, self.bus, intake = Store(), Bus(), SimpleNamespace(heartbeat=None)
        self.trader = Trader(self.core, self.road.venue, self.store, self.bus, intake, self.road.clock, QUICK)  # type: ignore[arg-type]
        self.trader.hear_state = lambda channel, body: self.heard.append(body)  # type: ignore[method-assign]
        self.state = self.core.engine.state
        return self

    def score(self, mint: str) -> None:
        strategy = standard_portfolio().strategies["reach_2x_1h"]
        scores = dict.fromkeys((strategy.model, strategy.dead_model or "", "reach_3x_30m", "reach_2x_10m"), 0.0)
        now_ns = self.road.clock.ns
        self.trader.tell(
            Scored(
                at_ns=now_ns,
                signal_id=mint[:8],
                asset=mint,
                source="signal",
                known_ns=now_ns,
                price=0.03,
                liquidity=100 * SOL,
                scores=scores | {strategy.model: 0.99},
                context=self.chain.context(mint),
            )
        )

    async def hold(self, name: str = "held") -> str:
        """A coin that was bought."""
        mint = self.chain.launch(name)
        self.score(mint)
        await self.trader.submission.flush()
        await self.trader.submission.settle()
        self.road.advance(3)
        await self.trader.prove()
        assert str(self.state.by_asset[mint].state) == "open", self.notices
        return mint

    def told(self, event: str) -> list[dict[str, Any]]:
        return [dict(notice.fields) for notice in self.notices if notice.event == event]

    def handed(self, mint: str) -> list[str]:
        """Sides of what was handed over for a coin."""
        found = {attempt.signature: attempt.side for attempt in self.state.by_asset[mint].attempts}
        return [found[signature] for signature, _, _ in self.chain.submissions if signature in found]


class Running:
    """Tasks that run beside a test, and are taken away after it."""

    def __init__(self, *tasks: Callable[[], Any]) -> None:
        self._begin = tasks

    async def __aenter__(self) -> None:
        self._tasks = [asyncio.create_task(each()) for each in self._begin]

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task


def run(test: Callable[[Desk], Any]) -> None:
    async def whole() -> None:
        await test(await Desk().ready())

    asyncio.run(whole())


async def pass_by(desk: Desk, seconds: float, step_s: float = 0.05) -> None:
    """Let the trader's clock and the loop run for a while."""
    for _ in range(round(seconds / step_s)):
        desk.road.clock.ns += round(step_s * NS_PER_S)
        await asyncio.sleep(step_s)


def test_an_exit_waits_for_a_store_that_hangs_no_longer_than_is_set() -> None:
    async def test(desk: Desk) -> None:
        mint = await desk.hold()
        async with Running(desk.trader.submission.keep, desk.trader.submission.keep_exits):
            desk.store.open.clear()
            desk.trader.tell(Command(at_ns=desk.road.clock.ns, name="resume"))
            await pass_by(desk, 0.1)
            desk.trader.command("force_exit", mint, "test")
            await pass_by(desk, 0.3)
            assert desk.handed(mint) == ["buy", "sell"], "a write that began before the exit holds it up no longer"
            assert len(desk.told("store_slow")) == 1
            written = len(desk.store.written)
            desk.store.open.set()
            await pass_by(desk, 0.2)
            rows = [row for batch in desk.store.written[written:] for row in batch.trades.values()]
            assert rows[-1]["status"] == "exit_submitted"
            assert desk.handed(mint) == ["buy", "sell"], "it is not handed over once more for its row"
            desk.road.advance(3)
            await desk.trader.prove()
            assert mint not in desk.state.by_asset
            assert desk.chain.held(ME, mint) == 0

    run(test)


def test_an_exit_whose_own_row_hangs_goes_out_when_its_time_is_over_and_not_before() -> None:
    async def test(desk: Desk) -> None:
        mint = await desk.hold()
        async with Running(desk.trader.submission.keep, desk.trader.submission.keep_exits):
            desk.trader.command("stop_entries", by="test")
            await pass_by(desk, 0.3)  # a write that is over holds up nothing, and hurries nothing either
            assert desk.told("store_slow") == []
            desk.store.open.clear()
            desk.trader.command("force_exit", mint, "test")
            await pass_by(desk, 0.05)
            assert desk.handed(mint) == ["buy"]
            await pass_by(desk, 0.2)
            assert desk.handed(mint) == ["buy", "sell"]

    run(test)


def test_a_purchase_waits_for_its_row_and_is_thrown_away_where_that_takes_too_long() -> None:
    async def test(desk: Desk) -> None:
        mint = desk.chain.launch()
        async with Running(desk.trader.submission.keep, desk.trader.submission.keep_exits):
            desk.store.open.clear()
            desk.score(mint)
            await pass_by(desk, 0.3)
            desk.road.clock.ns += 4 * NS_PER_S
            assert desk.chain.submissions == []
            desk.store.open.set()
            await pass_by(desk, 0.2)
            assert desk.chain.submissions == []
            assert "s after its decision" in desk.told("entry_failed")[0]["reason"]

    run(test)


@pytest.mark.parametrize("end", ["warned", "stopped"])
def test_a_purchase_that_is_no_more_wanted_when_its_row_is_stored_is_not_handed_over(end: str) -> None:
    async def test(desk: Desk) -> None:
        mint = desk.chain.launch()
        async with Running(desk.trader.submission.keep):
            desk.store.open.clear()
            desk.score(mint)
            await pass_by(desk, 0.1)
            now_ns = desk.road.clock.ns
            if end == "warned":
                desk.trader.tell(Warned(at_ns=now_ns, asset=mint, warning_id="w", known_ns=now_ns))
            else:
                desk.trader.command("stop_entries", by="test")
            desk.store.open.set()
            await pass_by(desk, 0.2)
            assert desk.chain.submissions == []
            assert mint not in desk.state.by_asset
            assert "before it was submitted" in desk.told("entry_failed")[0]["reason"]

    run(test)


@pytest.mark.parametrize("end", ["warned", "late"])
def test_a_purchase_that_nobody_took_is_not_handed_over_behind_a_slow_write(end: str) -> None:
    async def test(desk: Desk) -> None:
        mint = desk.chain.launch()
        desk.score(mint)
        desk.road.engine.away, desk.road.wire.away = 1, 1
        await desk.trader.submission.flush()
        await desk.trader.submission.settle()
        assert desk.chain.submissions == []
        desk.road.clock.ns += 2 * NS_PER_S
        async with Running(desk.trader.submission.keep):
            desk.store.open.clear()
            desk.trader.tell(Tick(at_ns=desk.road.clock.ns))
            await pass_by(desk, 0.1)
            now_ns = desk.road.clock.ns
            if end == "warned":
                desk.trader.tell(Warned(at_ns=now_ns, asset=mint, warning_id="w", known_ns=now_ns))
            else:
                desk.road.clock.ns += 4 * NS_PER_S
            desk.store.open.set()
            await pass_by(desk, 0.2)
        assert desk.chain.submissions == []
        assert desk.state.by_asset[mint].unproved(), "somebody may have it all the same"

    run(test)


def test_an_exit_waits_no_longer_where_the_clock_is_set_back_meanwhile() -> None:
    async def test(desk: Desk) -> None:
        mint = await desk.hold()
        async with Running(desk.trader.submission.keep, desk.trader.submission.keep_exits):
            desk.store.open.clear()
            desk.trader.command("force_exit", mint, "test")
            await asyncio.sleep(0.04)
            desk.road.clock.ns -= 60 * NS_PER_S
            await pass_by(desk, 0.4)
            assert desk.handed(mint) == ["buy", "sell"]

    run(test)


def test_what_was_being_written_when_the_end_came_is_written_again() -> None:
    async def test(desk: Desk) -> None:
        async with Running(desk.trader.submission.keep):
            desk.store.open.clear()
            desk.trader.command("stop_entries", by="test")
            await pass_by(desk, 0.1)
        desk.store.open.set()
        await desk.trader.submission.flush()
        (batch,) = desk.store.written[-1:]
        assert [told.name for told in batch.inputs if isinstance(told, Command)] == ["stop_entries"]
        assert batch.account is not None
        assert batch.account["entries_stopped"]

    run(test)


def test_a_purchase_that_was_taken_is_not_handed_over_again_once_it_is_to_be_left() -> None:
    async def test(desk: Desk) -> None:
        desk.chain.script(*[Fate("never")] * 2)
        mints = [desk.chain.launch(name) for name in ("left", "wanted")]
        for mint in mints:
            desk.score(mint)
        await desk.trader.submission.flush()
        await desk.trader.submission.settle()
        desk.trader.command("force_exit", mints[0], "test")
        desk.road.clock.ns += 2 * NS_PER_S
        await desk.road.venue.resend()
        assert [desk.handed(mint) for mint in mints] == [["buy"], ["buy", "buy"]]

    run(test)


@pytest.mark.parametrize("complete", [True, False])
def test_a_sale_goes_where_the_chain_says_that_the_coin_trades(complete: bool) -> None:
    async def test(desk: Desk) -> None:
        mint = await desk.hold()
        trade = desk.state.by_asset[mint]
        trade.venue = "curve" if complete else "pool"
        if complete:
            desk.chain.finish(mint)
            desk.road.advance(3)
        desk.trader.submission.work_on(Work([], [Verify(mint, refresh=True)]))
        await desk.trader.submission.settle()
        assert trade.venue == ("pool" if complete else "curve")

    run(test)


def test_a_balance_that_was_read_before_something_was_booked_corrects_nothing() -> None:
    async def test(desk: Desk) -> None:
        read = desk.road.venue.balance

        async def late() -> int:
            amount = await read()
            desk.state.pay(-5)  # as a sale that ended meanwhile would
            return amount

        desk.road.venue.balance = late  # type: ignore[method-assign]
        before = desk.state.account.balance
        await desk.trader._compare_balance()
        assert desk.state.account.balance == before - 5

    run(test)


def test_prices_are_read_while_the_store_hangs() -> None:
    async def test(desk: Desk) -> None:
        mint = await desk.hold()
        desk.store.open.clear()
        async with Running(desk.trader.watch.keep):
            for body in (b"first", b"second"):
                desk.bus.values[f"token:{mint}"] = body
                await pass_by(desk, 0.15)
        assert desk.heard == [b"first", b"second"], "each is read, and read once"

    run(test)


@pytest.mark.parametrize("is_blind", [False, True])
def test_a_collector_that_lives_and_sees_nothing_counts_as_silent(is_blind: bool) -> None:
    async def test(desk: Desk) -> None:
        mint = await desk.hold()
        trader = desk.trader
        async with Running(trader.watch.keep):
            trader.intake.heartbeat = SimpleNamespace(listening=True)
            trader.heard_ns = desk.road.clock.ns
            await pass_by(desk, 0.1)
            trader.intake.heartbeat = SimpleNamespace(listening=not is_blind)
            for _ in range(8):
                trader.heard_ns = desk.road.clock.ns  # its heartbeats go on
                desk.road.clock.ns += NS_PER_S
                await asyncio.sleep(0.05)
            assert bool(desk.told("prices_stale")) == is_blind
            desk.chain.trade(mint, lamports=20 * SOL)
            desk.road.advance(4)
            before = desk.state.by_asset[mint].last
            await pass_by(desk, 0.2)
            assert (desk.state.by_asset[mint].last > before) == is_blind

    run(test)


def test_silence_is_noticed_after_the_clock_was_set_back() -> None:
    async def test(desk: Desk) -> None:
        desk.trader.heard_ns = desk.road.clock.ns + 3_600 * NS_PER_S
        async with Running(desk.trader.watch.keep):
            await pass_by(desk, 0.1)
            desk.road.clock.ns += 6 * NS_PER_S
            await asyncio.sleep(0.1)
        assert len(desk.told("prices_stale")) == 1

    run(test)


def test_a_purchase_that_nobody_can_read_is_held_as_the_wallet_has_it_and_can_be_left() -> None:
    async def test(desk: Desk) -> None:
        mint = desk.chain.launch()
        desk.score(mint)
        await desk.trader.submission.flush()
        await desk.trader.submission.settle()
        desk.road.advance(3)
        read = desk.road.venue.fill

        async def unread(signature: str, asset: str, side: Any) -> Filled | None:
            raise AwayError("a node's transaction cannot be read; ask again")

        desk.road.venue.fill = unread  # type: ignore[method-assign]
        await desk.trader.prove()
        assert str(desk.state.by_asset[mint].state) == "landed"
        desk.road.advance(100)
        for _ in range(20):
            await desk.trader.prove()
        assert str(desk.state.by_asset[mint].state) == "landed", "this process has not tried for long enough"
        desk.road.advance(100)
        await desk.trader.prove()
        trade = desk.state.by_asset[mint]
        assert len(desk.told("fill_unread")) == 1
        assert (str(trade.state), trade.quantity) == ("open", desk.chain.held(ME, mint))
        assert desk.state.account.balance <= desk.chain.lamports(ME)
        desk.road.venue.fill = read  # type: ignore[method-assign]
        await desk.road.keeper.refresh("blockhash")
        desk.trader.command("force_exit", mint, "test")
        await desk.trader.submission.flush()
        await desk.trader.submission.settle()
        desk.road.advance(3)
        await desk.trader.prove()
        assert mint not in desk.state.by_asset
        assert desk.chain.held(ME, mint) == 0
        await desk.trader._compare_balance()
        assert desk.state.account.balance == desk.chain.lamports(ME)

    run(test)


def test_work_for_exits_is_taken_once() -> None:
    buy, sell, look = Submit("b", "buy", "A"), Submit("s", "sell", "A"), Verify("A")
    work = Work([buy, sell], [look])
    exits, again = work.take_exits(), work.take_exits()
    assert (exits.submits, exits.verifies) == ([sell], [look])
    assert (again.submits, again.verifies) == ([], [])
    assert work.submits == [buy]
