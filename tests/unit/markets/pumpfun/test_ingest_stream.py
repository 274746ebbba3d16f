"""From a node to records: streams, gaps, cut logs, duplicates, disorder, against real servers on loopback."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from alphaloop.core.clock import SteppedClock, SystemClock
from alphaloop.markets.pumpfun.events import AmmTrade, Trade
from alphaloop.markets.pumpfun.ingest.endpoints import endpoints_of_environment
from alphaloop.markets.pumpfun.ingest.feed import Feed
from alphaloop.markets.pumpfun.ingest.gaps import Anchor, GapSettings, History
from alphaloop.markets.pumpfun.ingest.intake import Intake, IntakeSettings
from alphaloop.markets.pumpfun.ingest.limits import Budgets
from alphaloop.markets.pumpfun.ingest.pool import EndpointPool, PoolSettings
from alphaloop.markets.pumpfun.ingest.rpc import ChainError, Rpc, RpcSettings
from alphaloop.markets.pumpfun.ingest.subscription import Notification, StreamSettings
from alphaloop.markets.pumpfun.ingest.unfinished import Unfinished
from alphaloop.markets.pumpfun.wire.encode import encode
from alphaloop.markets.pumpfun.wire.layouts import AMM_PROGRAM, PUMP_PROGRAM
from alphaloop.markets.pumpfun.wire.records import Record


def _module() -> ModuleType:
    path = next(parent for parent in Path(__file__).parents if parent.name == "tests") / "chain_node.py"
    spec = importlib.util.spec_from_file_location("chain_node", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["chain_node"] = module
    spec.loader.exec_module(module)
    return module


chain_node = _module()
MINT, WALLET, CREATOR = chain_node.keys(3)


def trade(number: int) -> bytes:
    return encode(
        Trade(
            signature="",
            log_index=0,
            slot=0,
            event_ns=1_763_000_000_000_000_000 + number * 1_000_000_000,
            known_ns=0,
            mint=MINT,
            wallet=WALLET,
            is_buy=True,
            sol_amount=1_000 + number,
            token_amount=7,
            virtual_sol=30_000_000_000,
            virtual_token=10**15,
            real_sol=1,
            real_token=2,
            fee=9,
            creator_fee=3,
            creator=CREATOR,
        )
    )


def amm_trade(number: int) -> bytes:
    return encode(
        AmmTrade(
            signature="",
            log_index=0,
            slot=0,
            event_ns=1_763_000_000_000_000_000 + number * 1_000_000_000,
            known_ns=0,
            mint="",
            pool=CREATOR,
            wallet=WALLET,
            is_buy=number % 2 == 0,
            sol_amount=1_000 + number,
            token_amount=7,
            pool_base_before=10**14,
            pool_quote_before=10**11,
        )
    )


def tx(number: int, events: int = 1, **options: Any) -> Any:
    data = tuple(trade(1000 * number + each) for each in range(events))
    return chain_node.Tx(chain_node.signature(number), 100 + number // 3, data, **options)


def txs(first: int, last: int) -> list[Any]:
    return [tx(number) for number in range(first, last)]


@dataclass
class Line:
    """Everything between the nodes and the records, and what came out."""

    intake: Intake
    feeds: list[Feed]
    pool: EndpointPool
    history: History
    rpc: Rpc
    unfinished: Unfinished
    records: list[Record]
    recording: asyncio.Task[None]

    @property
    def seen(self) -> list[str]:
        return [record.signature for record in self.records]

    async def reach(self, count: int, timeout_s: float = 10.0) -> None:
        async with asyncio.timeout(timeout_s):
            while len(self.records) < count:
                await asyncio.sleep(0.005)

    async def live(self) -> None:
        async with asyncio.timeout(10):
            await self.feeds[0].live.wait()

    async def settle(self, seconds: float = 0.2) -> None:
        await asyncio.sleep(seconds)


@asynccontextmanager
async def line(
    nodes: list[Any],
    folder: Path,
    *,
    gaps: dict[str, Any] | None = None,
    stream: dict[str, Any] | None = None,
    intake: dict[str, Any] | None = None,
    before: list[Record] = (),  # type: ignore[assignment]
    rate: int = 10_000,
) -> AsyncIterator[Line]:
    environment = {
        "RPC_WS_URLS": ",".join(node.ws_url for node in nodes),
        "RPC_HTTP_URLS": ",".join(node.http_url for node in nodes),
        "RPC_KEYS": ",".join(f"very-secret-{number}" for number in range(len(nodes))),
    }
    known = [one.model_copy(update={"requests_per_s": rate}) for one in endpoints_of_environment(environment)]
    pool = EndpointPool(known, Budgets(SystemClock()), PoolSettings(rest_s=0.02, longest_rest_s=0.2))
    streams = StreamSettings(**({"stall_s": 5.0} | (stream or {})))
    async with Rpc(pool, RpcSettings(timeout_s=2.0)) as rpc:
        patience = {"round_pause_s": 0.05, "absent_pause_s": 0.01}
        history = History(rpc, streams.programs, streams.commitment, GapSettings(**(patience | (gaps or {}))))
        unfinished = Unfinished(folder / "unfinished.json")
        entrance = Intake(history, unfinished, SystemClock(), IntakeSettings(**({"overlap_slots": 2} | (intake or {}))))
        entrance.restore(before)
        feed = Feed(pool, history, entrance, unfinished, streams, SystemClock())
        recorded: list[Record] = []

        async def record() -> None:
            while True:
                taken = await entrance.take(100)
                records = entrance.admit(taken)
                entrance.recorded(taken, records)
                recorded.extend(records)

        tasks = [asyncio.create_task(feed.run()), asyncio.create_task(record())]
        found = Line(entrance, [feed], pool, history, rpc, unfinished, recorded, tasks[1])
        try:
            yield found
            for task in tasks:
                if task.done() and not task.cancelled():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 30))


def signatures(transactions: list[Any]) -> list[str]:
    return [one.signature for one in transactions]


def test_what_is_announced_becomes_records_in_order(tmp_path: Path) -> None:
    async def test() -> None:
        async with chain_node.ChainNode() as node, line([node], tmp_path) as out:
            await out.live()
            await node.add(tx(1), tx(2, events=3), tx(3, err={"InstructionError": [0, "x"]}), tx(4))
            await out.reach(5)
            assert out.seen == signatures([tx(1), tx(2), tx(2), tx(2), tx(4)])
            assert [record.log_index for record in out.records[1:4]] == [3, 5, 7]
            assert [record.data for record in out.records[1:4]] == list(tx(2, events=3).data)
            assert out.intake.counts.failed == 1
            times = [record.known_ns for record in out.records]
            assert times == sorted(set(times))
            assert node.asked("getTransaction") == 0

    run(test)


def test_a_gap_is_filled_in_the_order_of_the_chain_without_duplicates(tmp_path: Path) -> None:
    async def test() -> None:
        async with chain_node.ChainNode(page=7) as node, line([node], tmp_path) as out:
            await out.live()
            await node.add(*txs(0, 30))
            await out.reach(30)
            node.drop()
            await node.add(*txs(30, 80))
            await node.subscribed()
            await node.add(*txs(80, 100))
            await out.reach(100)
            await out.settle()
            assert out.seen == signatures(txs(0, 100))
            assert out.intake.counts.filled >= 50
            assert out.feeds[0].connections == 2

    run(test)


def test_live_ones_wait_until_what_was_before_them_is_recorded(tmp_path: Path) -> None:
    async def test() -> None:
        node = chain_node.ChainNode()
        async with node, line([node], tmp_path) as out:
            await out.live()
            await node.add(*txs(0, 12))
            await out.reach(12)
            node.drop()
            await node.add(*txs(12, 40))
            node.delay_s, node.history_lag = 0.1, 9
            await node.subscribed()
            await node.add(*txs(40, 46))
            await out.settle(0.4)
            node.delay_s = node.history_lag = 0
            await node.add(*txs(46, 60))
            await out.reach(60)
            assert out.seen == signatures(txs(0, 60))

    run(test)


def test_a_long_gap_lets_live_ones_go_first_and_is_remembered_until_filled(tmp_path: Path) -> None:
    async def test() -> None:
        node = chain_node.ChainNode()
        async with node, line([node], tmp_path, gaps={"hold_s": 0.3, "concurrency": 1}) as out:
            await out.live()
            await node.add(*txs(0, 12))
            await out.reach(12)
            node.drop()
            await node.add(*txs(12, 42))
            node.delay_s = 0.05
            await node.subscribed()
            await node.add(tx(60))
            await out.settle(0.6)
            assert out.seen[-1] != tx(41).signature
            assert tx(60).signature in out.seen
            assert Unfinished(tmp_path / "unfinished.json").gap is not None
            node.delay_s = 0.0
            await out.reach(43)
            await out.live()
            assert sorted(out.seen) == sorted(signatures([*txs(0, 42), tx(60)]))
            assert Unfinished(tmp_path / "unfinished.json").gap is None

    run(test)


def test_a_restart_goes_on_where_the_recording_ends(tmp_path: Path) -> None:
    async def test() -> None:
        async with chain_node.ChainNode() as node:
            async with line([node], tmp_path) as first:
                await first.live()
                await node.add(*txs(0, 20))
                await first.reach(20)
            await node.add(*txs(20, 50))
            async with line([node], tmp_path, before=first.records) as second:
                await second.reach(30)
                await second.settle()
                assert second.seen == signatures(txs(20, 50))
                assert second.records[0].known_ns > first.records[-1].known_ns

    run(test)


def test_killed_before_anything_is_recorded_it_goes_on_where_it_began(tmp_path: Path) -> None:
    async def test() -> None:
        async with chain_node.ChainNode(txs(0, 20)) as node:
            async with line([node], tmp_path) as first:
                await first.live()
                first.recording.cancel()
                await node.add(*txs(20, 40))
                await first.settle()
                assert first.records == []
            await node.add(*txs(40, 60))
            async with line([node], tmp_path) as second:
                await second.reach(40)
                await second.settle()
                # Nothing is fetched that was before the first life.
                assert second.seen == signatures(txs(20, 60))
                # Beyond the beginning the recording says the rest.
                assert Unfinished(tmp_path / "unfinished.json").gap is None

    run(test)


def test_the_beginning_is_forgotten_once_the_recording_is_beyond_it(tmp_path: Path) -> None:
    async def test() -> None:
        async with chain_node.ChainNode(txs(0, 20)) as node, line([node], tmp_path) as out:
            await out.live()
            noted = Unfinished(tmp_path / "unfinished.json").gap
            assert noted == Anchor(tx(19).signature, tx(19).slot)
            await node.add(*txs(20, 40))
            await out.reach(20)
            assert out.seen == signatures(txs(20, 40))
            assert Unfinished(tmp_path / "unfinished.json").gap is None

    run(test)


def test_a_gap_behind_live_ones_stays_noted_until_it_is_recorded(tmp_path: Path) -> None:
    """Offered is not recorded: who is killed in between, on a full disk say, has to fill it once more."""

    async def test() -> None:
        node = chain_node.ChainNode()
        async with node, line([node], tmp_path, gaps={"hold_s": 0.0}) as out:
            await out.live()
            await node.add(*txs(0, 12))
            await out.reach(12)
            out.recording.cancel()
            node.drop()
            await node.add(*txs(12, 42))
            async with asyncio.timeout(10):
                while out.intake.pending < 30 or not out.feeds[0].live.is_set():
                    await asyncio.sleep(0.005)
            await out.settle()
            assert Unfinished(tmp_path / "unfinished.json").gap is not None
            taken = await out.intake.take(100)
            out.intake.recorded(taken, out.intake.admit(taken))
            await out.settle()
            assert Unfinished(tmp_path / "unfinished.json").gap is None

    run(test)


def test_duplicates_and_disorder_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        async with chain_node.ChainNode(duplicates=0.5, shuffled=5) as node, line([node], tmp_path) as out:
            await out.live()
            chance = random.Random(5)
            for first in range(0, 300, 20):
                await node.add(*txs(first, first + 20))
                if chance.random() < 0.4:
                    await out.settle(0.02)
                    node.drop()
            await node.subscribed()
            await out.reach(300)
            await out.settle()
            assert sorted(out.seen) == sorted(signatures(txs(0, 300)))
            assert out.intake.counts.duplicates > 0

    run(test)


def test_two_streams_are_one(tmp_path: Path) -> None:
    async def test() -> None:
        chain: list[Any] = []
        async with AsyncExitStack() as stack:
            one = await stack.enter_async_context(chain_node.ChainNode(chain))
            two = await stack.enter_async_context(chain_node.ChainNode(chain))
            out = await stack.enter_async_context(line([one, two], tmp_path))
            again = Feed(out.pool, out.history, out.intake, out.unfinished, StreamSettings(), SystemClock())
            task = asyncio.create_task(again.run())
            await one.subscribed()
            await two.subscribed()
            for number in range(40):
                await one.add(tx(number))
                await two.announce(tx(number))
                if number == 20:
                    one.drop()
            await out.reach(40)
            await out.settle()
            assert sorted(out.seen) == sorted(signatures(txs(0, 40)))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    run(test)


def test_cut_logs_are_recovered_in_their_place(tmp_path: Path) -> None:
    async def test() -> None:
        node = chain_node.ChainNode()
        long = tx(5, events=30, padding=200)
        assert long.cut_logs[-1] == "Log truncated"
        async with node, line([node], tmp_path) as out:
            await out.live()
            node.absent[long.signature] = 2
            await node.add(*txs(0, 5), long, *txs(6, 10))
            await out.reach(39)
            assert [record.data for record in out.records] == [
                data for one in (*txs(0, 5), long, *txs(6, 10)) for data in one.data
            ]
            assert out.intake.counts.recovered == 1
            await node.announce(long)
            await out.settle()
            assert len(out.records) == 39

    run(test)


def test_a_slow_recovery_holds_nobody_up_and_is_not_forgotten(tmp_path: Path) -> None:
    async def test() -> None:
        node = chain_node.ChainNode()
        long = tx(5, events=30, padding=200)
        async with node, line([node], tmp_path, intake={"recover_s": 0.1}) as out:
            await out.live()
            node.delay_s = 0.5
            await node.add(long, *txs(6, 10))
            await out.settle(0.35)
            shown = sum(record.signature == long.signature for record in out.records)
            assert 0 < shown < 30
            assert out.seen[-1] == tx(9).signature
            left = Unfinished(tmp_path / "unfinished.json").transactions
            assert list(left) == [long.signature]
            found = await out.history.transaction(long.signature)
            assert found is not None
            await out.intake.offer(found)
            await out.reach(34)
            assert [r.data for r in out.records if r.signature == long.signature] == list(long.data)
            assert not Unfinished(tmp_path / "unfinished.json").transactions

    run(test)


def test_a_transaction_that_no_node_has_is_written_down(tmp_path: Path) -> None:
    async def test() -> None:
        node = chain_node.ChainNode()
        async with node, line([node], tmp_path) as out:
            await out.live()
            await node.add(*txs(0, 10))
            await out.reach(10)
            node.drop()
            node.absent[tx(12).signature] = 10_000
            await node.add(*txs(10, 20))
            await out.reach(19)
            await out.live()
            assert out.seen == [one for one in signatures(txs(0, 20)) if one != tx(12).signature]
            assert list(out.unfinished.transactions) == [tx(12).signature]

    run(test)


def test_a_silent_connection_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def test() -> None:
        chain = txs(0, 20)
        async with AsyncExitStack() as stack:
            dumb = await stack.enter_async_context(chain_node.ChainNode(chain, silent=True))
            sound = await stack.enter_async_context(chain_node.ChainNode(chain))
            out = await stack.enter_async_context(line([dumb, sound], tmp_path, stream={"stall_s": 0.3}))
            await out.live()
            for number in range(20, 60):
                await sound.add(tx(number))
                await out.settle(0.02)
            await out.reach(40)
            # What happened while it said nothing is history by then.
            assert out.seen == signatures(txs(20, 60))
            assert dumb.connections >= 1

    run(test)
    assert "reason='no notification for 0.3 s'" in capsys.readouterr().out


def test_requests_go_elsewhere_when_one_node_says_too_many(tmp_path: Path) -> None:
    async def test() -> None:
        chain = txs(0, 30)
        async with AsyncExitStack() as stack:
            busy = await stack.enter_async_context(chain_node.ChainNode(chain, too_many=3))
            gone = await stack.enter_async_context(chain_node.ChainNode(chain, refuse=403))
            sound = await stack.enter_async_context(chain_node.ChainNode(chain))
            out = await stack.enter_async_context(line([busy, gone, sound], tmp_path))
            for one in chain:
                assert (await out.history.transaction(one.signature)).answer["slot"] == one.slot
                await out.settle(0.015)
            assert len(gone.requests) == 1
            assert busy.too_many == 0
            with pytest.raises(ChainError, match="-32601"):
                await out.rpc.call("getNothing", [])

    run(test)


def test_requests_keep_to_the_rate_on_their_way_to_the_server(tmp_path: Path) -> None:
    async def test() -> None:
        node = chain_node.ChainNode(txs(0, 120))
        async with node, line([node], tmp_path, rate=25) as out:
            # The first requests open connections, which takes its time: they do not count.
            await asyncio.gather(*(out.history.transaction(one.signature) for one in node.chain[:25]))
            await out.settle(1.1)
            node.requests.clear()
            began = asyncio.get_running_loop().time()
            await asyncio.gather(*(out.history.transaction(one.signature) for one in node.chain[25:85]))
            # 25 at once, 25 a second later, 10 another second later; a busy machine only makes it longer.
            assert asyncio.get_running_loop().time() - began >= 2.0
            assert len(node.requests) == 60

    run(test)


def test_two_programs_are_followed_over_one_connection(tmp_path: Path) -> None:
    async def test() -> None:
        node = chain_node.ChainNode()
        programs = (PUMP_PROGRAM, AMM_PROGRAM)
        async with node, line([node], tmp_path, stream={"programs": programs}) as out:
            await out.live()
            both = tx(3, lines=(f"Program {AMM_PROGRAM} invoke [1]", *tx(3).logs, f"Program {AMM_PROGRAM} success"))
            await node.add(*txs(0, 3), both, *txs(4, 8))
            await out.reach(8)
            await out.settle()
            assert out.seen == signatures(txs(0, 8))
            assert out.intake.counts.duplicates == 1
            assert node.connections == 1

    run(test)


def test_a_history_reaches_as_far_as_that_of_every_program(tmp_path: Path) -> None:
    async def test() -> None:
        node = chain_node.ChainNode([chain_node.Tx(chain_node.signature(n), 100 + n, (trade(n),)) for n in range(9)])
        node.chain.insert(5, chain_node.Tx(chain_node.signature(50), 104, pool=(amm_trade(50),)))
        first = Anchor(node.chain[0].signature, 100)
        async with node, line([node], tmp_path, stream={"programs": (PUMP_PROGRAM, AMM_PROGRAM)}) as out:
            listed, reach = await out.history.since(first)
            assert [one.signature for one in listed] == signatures(node.chain[1:])
            assert reach == 104
            node.hidden = {node.chain[5].signature}
            assert (await out.history.since(first))[1] == 0

    run(test)


def test_trades_of_a_pool_count_only_where_its_program_is_followed(tmp_path: Path) -> None:
    """A transaction that touches both programs tells a few of a pool's trades to those who follow the curve alone."""

    async def test() -> None:
        both = chain_node.Tx(chain_node.signature(2), 101, (trade(2),), pool=(amm_trade(2),))
        cut = chain_node.Tx(chain_node.signature(3), 101, (trade(3),), pool=(amm_trade(3),), padding=9_000)
        async with chain_node.ChainNode() as node, line([node], tmp_path) as out:
            await out.live()
            await node.add(tx(1), both, cut, tx(4))
            await out.reach(4)
            await out.settle()
            assert [record.data for record in out.records] == [one.data[0] for one in node.chain]
            assert out.intake.counts.recovered == 1
            assert out.intake.counts.unfollowed == 2

    run(test)


def test_nothing_is_lost_between_the_grants_of_two_subscriptions(tmp_path: Path) -> None:
    """The first program's stream may run long before the second one is granted, and histories lag apart."""

    def pool(number: int) -> Any:
        return chain_node.Tx(chain_node.signature(number), 100 + number, pool=(amm_trade(number),))

    def curve(number: int) -> Any:
        return chain_node.Tx(chain_node.signature(number), 100 + number, data=(trade(1000 * number),))

    async def test() -> None:
        node = chain_node.ChainNode()
        programs = (PUMP_PROGRAM, AMM_PROGRAM)
        async with node, line([node], tmp_path, stream={"programs": programs}) as out:
            await out.live()
            await node.add(curve(0), pool(1))
            await out.reach(2)
            node.subscribe_s = 0.4
            node.drop()
            await node.subscribed()
            # Told by the one stream, while nobody listens to the other; and history has only the later of these.
            await node.add(curve(10))
            node.hidden = {pool(11).signature}
            await node.add(pool(11), curve(12))
            asked = node.asked("getSignaturesForAddress")
            await node.granted(2)
            # A page and an empty one of each program.
            while node.asked("getSignaturesForAddress") < asked + 4:
                await asyncio.sleep(0.001)
            node.hidden = set()
            await node.add(curve(13), pool(14), curve(15))
            await out.reach(8)
            assert sorted(out.seen) == sorted(signatures(node.chain))

    run(test)


def test_no_key_is_ever_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture) -> None:
    async def test() -> None:
        async with chain_node.ChainNode(refuse=500) as node, line([node], tmp_path) as out:
            await node.subscribed()
            with pytest.raises(ChainError) as caught:
                await out.rpc.call("getTransaction", ["x", {}])
            assert "very-secret" not in str(caught.value)
            assert all("very-secret" in path for path in node.paths)
            node.drop()
            await node.subscribed()
        async with line([chain_node.ChainNode(ws_port=1, http_port=1)], tmp_path) as out:
            await out.settle(0.3)
            assert out.pool.endpoints[0].failures > 1

    caplog.set_level(logging.INFO)
    run(test)
    said = capsys.readouterr()
    assert "stream_lost" in said.out + said.err
    assert "very-secret" not in said.out + said.err + caplog.text


def test_known_times_increase_whatever_the_clock_does(tmp_path: Path) -> None:
    async def test() -> None:
        clock = SteppedClock(1_000)
        history = History(None, (), "confirmed")  # type: ignore[arg-type]
        intake = Intake(history, Unfinished(tmp_path / "u.json"), clock, IntakeSettings())

        async def times(number: int, now_ns: int) -> list[int]:
            clock.ns = now_ns
            one = tx(number, events=2)
            await intake.offer(Notification(one.signature, one.slot, False, one.logs, now_ns))
            return [record.known_ns for record in intake.admit(await intake.take(10))]

        assert await times(1, 1_000) == [1_000, 1_001]
        assert await times(2, 500) == [1_002, 1_003]
        assert await times(3, 2_000) == [2_000, 2_001]
        intake.after(9_000)
        assert await times(4, 3_000) == [9_001, 9_002]

    run(test)


def test_memory_of_what_was_seen_is_bounded() -> None:
    from alphaloop.markets.pumpfun.ingest.memory import SeenEvents

    seen = SeenEvents(100)
    for number in range(10_000):
        assert seen.add(str(number), 4)
        assert not seen.add(str(number), 4)
        assert len(seen) <= 200
        assert number < 100 or not seen.add(str(number - 99), 4)
