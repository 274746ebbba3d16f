"""``alphaloop live`` as a process: real Redis and PostgreSQL, chain and block engine over sockets, real commands."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sqlite3
import time
from collections.abc import Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

import live_command as live
from alphaloop.markets.pumpfun.live.schema import SCHEMA
from alphaloop.markets.pumpfun.schema import SCHEMA as COLLECTED
from alphaloop.stores.records import open_records

SOL = live.SOL
PATIENCE_S = 180
WRONG = {"ALPHALOOP_LIVE_TOKEN": "a token that is not the trader's"}
DATABASES = [pytest.param("sqlite"), pytest.param("postgresql", marks=pytest.mark.slow)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = live.Folder(tmp_path_factory.mktemp("trained"))
    for created_ns, name in enumerate(("first", "second", "third"), 1):
        folder.train(created_ns, name)
    graph = next((folder.models / "third").glob("*.onnx"))
    damaged = bytearray(graph.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    graph.write_bytes(damaged)
    return folder


@pytest.fixture
def folder(trained: Any, tmp_path: Path) -> Any:
    shutil.copytree(trained.models / "first", tmp_path / "models" / "first")
    return live.Folder(tmp_path)


@pytest.fixture
def db(request: pytest.FixtureRequest, folder: Any) -> str:
    if request.param == "postgresql":
        found: str = request.getfixturevalue("postgres_place")
        return found
    folder.data.mkdir()
    return f"sqlite:///{folder.data / 'live.db'}"


@pytest.fixture
def hot(folder: Any) -> Any:
    return folder.rows[folder.scores().argmax()]


@pytest.fixture
def cold(folder: Any) -> Any:
    return folder.rows[folder.scores().argmin()]


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, PATIENCE_S))


def rows(url: str, table: str) -> list[dict[str, Any]]:
    with open_records(url) as records:
        records.migrate(SCHEMA)
        return records.select(table)


def wallet_change(trades: list[dict[str, Any]]) -> int:
    return sum(int(row["received_lamports"] - row["spent_lamports"]) for row in trades)


async def later_price(market: Any, mint: str, lamports: int = 0) -> None:
    """Somebody buys, or sells all that the first buyer has; then the collector tells the new price."""
    if lamports:
        market.chain.trade(mint, lamports=lamports)
    else:
        market.chain.trade(mint, tokens=market.chain.held(live.STRANGER, mint))
    before = market.price(mint)
    await live.until(lambda: market.price(mint) != before)
    await market.tell(mint)


@pytest.mark.parametrize("db", DATABASES, indirect=True)
def test_money_from_a_signal_to_a_closed_trade(folder: Any, db: str, redis_url: str, hot: Any, cold: Any) -> None:
    async def test() -> None:
        async with live.Market(folder, redis_url) as market, live.Traders() as traders:
            folder.write(market.servers, live.settings_of(market.servers))
            trader = await traders.begin(folder, db, redis_url, "--money", "--key", folder.key)
            await trader.is_trading()
            assert "REAL MONEY" in trader.text
            before, mint = market.chain.lamports(market.me), market.launch("taken")
            await asyncio.sleep(3 * market.block_s)
            taken = await market.signal(mint, hot)
            await market.signal(mint, hot, signal_id=taken)  # comes twice
            left = await market.signal(market.launch("left"), cold)
            await market.signal(mint, hot, known_ns=time.time_ns() - 11 * 10**9)  # too old
            for body in (b"{", b'{"type":"signal","v":99,"data":{}}'):
                await market.bus.publish("trade:signals", body)
            opened = await trader.until("trade_opened")
            assert market.chain.held(market.me, mint) == opened["quantity"] > 0
            await later_price(market, mint, lamports=30 * SOL)
            closed = await trader.until("trade_closed")
            assert closed["reason"] == "take_profit"
            assert market.chain.held(market.me, mint) == 0
            result = await trader.stop()
            expected = {"signal": 2, "duplicate": 1, "stale": 1, "malformed": 1, "unknown_version": 1}
            assert {name: result["messages"][name] for name in expected} == expected
            decided = {row["signal_id"]: row for row in rows(db, "live_decisions")}
            assert {name: row["stopped_by"] for name, row in decided.items()} == {taken: None, left: "score_threshold"}
            score = json.loads(decided[taken]["record"])["scores"][live.MODEL]
            assert score == float(folder.scores().max())
            (row,) = rows(db, "live_trades")
            assert (row["status"], row["exit_reason"], row["is_over"]) == ("closed", "take_profit", True)
            # The row explains every lamport, and its transactions are those of the chain.
            assert wallet_change([row]) == market.chain.lamports(market.me) - before == closed["net"] > 0
            landed = [entry.signature for entry in market.chain.entries() if market.me in entry.keys]
            assert landed == [row["entry_signature"], row["exit_signature"]]
            market.chain.audit()
            require_no_secrets(folder, trader)

    run(test())


def test_a_second_trader_of_a_wallet_is_refused_although_it_has_a_database_of_its_own(
    folder: Any, redis_url: str, tmp_path: Path
) -> None:
    async def test() -> None:
        async with live.Market(folder, redis_url) as market, live.Traders() as traders:
            folder.write(market.servers, live.settings_of(market.servers))
            money = ("--money", "--key", folder.key)
            first = await traders.begin(folder, None, redis_url, *money)
            await first.is_trading()
            second = await traders.begin(folder, f"sqlite:///{tmp_path / 'other.db'}", redis_url, *money)
            code, _ = await second.end()
            assert code == 1, "a supervisor tries again: the other one may be gone by then"
            assert "another process on this bus trades account" in second.text
            assert not (tmp_path / "other.db").exists() or not rows(
                f"sqlite:///{tmp_path / 'other.db'}", "live_portfolio"
            )
            await first.kill()
            third = await traders.begin(folder, None, redis_url, *money)
            await third.is_trading()
            await third.stop()

    run(test())


def test_an_exit_goes_out_while_the_database_is_held_by_somebody_else(folder: Any, redis_url: str, hot: Any) -> None:
    async def test() -> None:
        async with live.Market(folder, redis_url) as market, live.Traders() as traders:
            folder.write(market.servers, live.settings_of(market.servers))
            trader = await traders.begin(folder, None, redis_url, "--money", "--key", folder.key)
            await trader.is_trading()
            mint = market.launch("held")
            await asyncio.sleep(3 * market.block_s)
            await market.signal(mint, hot)
            await trader.until("trade_opened")
            await asyncio.sleep(1.0)
            with closing(sqlite3.connect(folder.data / "live.db", isolation_level=None)) as other:
                other.execute("BEGIN EXCLUSIVE")
                answer = await live.say(folder, None, redis_url, "force-exit", mint, "--account", market.me)
                assert answer.code == 0, answer
                await live.until(lambda: market.chain.held(market.me, mint) == 0, 10.0, "the sale lands")
                await trader.until("store_slow")
                assert rows_without_lock(folder.data / "live.db") == [("open",)]
                other.execute("ROLLBACK")
            await trader.until("trade_closed")
            result = await trader.stop()
            assert result["total_trades"] == 1
            assert [row["status"] for row in rows(f"sqlite:///{folder.data / 'live.db'}", "live_trades")] == ["closed"]

    run(test())


def rows_without_lock(path: Path) -> list[tuple[str]]:
    """What is stored while somebody else holds the database: readers of its write-ahead log go on."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
        return reader.execute("SELECT status FROM live_trades").fetchall()


@pytest.mark.parametrize("database", ["memory://"])
def test_money_wants_a_database_that_lasts(folder: Any, redis_url: str, database: str) -> None:
    async def test() -> None:
        async with live.Market(folder, redis_url) as market, live.Traders() as traders:
            folder.write(market.servers, live.settings_of(market.servers))
            trader = await traders.begin(folder, database, redis_url, "--money", "--key", folder.key)
            code, _ = await trader.end()
            assert code == 2
            assert "forgets what money bought" in trader.text

    run(test())


def require_no_secrets(folder: Any, trader: Any) -> None:
    key = bytes(folder.wallet)
    secrets = [key, str(folder.wallet).encode(), json.dumps(list(key))[1:-1].encode(), b"secret-key", b"not-to-be-seen"]
    allowed = {str(folder.key), str(folder.endpoints)}
    assert not [found for found in live.collect_command.files_with(folder.path, secrets) if found[0] not in allowed]
    assert not [secret for secret in secrets if secret in trader.text.encode()]


@pytest.mark.parametrize("how", ["inside", pytest.param("processes", marks=pytest.mark.slow)])
def test_commands_act_on_the_running_trader(
    folder: Any, trained: Any, redis_url: str, hot: Any, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "inside":
        monkeypatch.setattr("alphaloop.markets.pumpfun.live.control.ANSWER_S", 1.5)

    async def test() -> None:
        async with live.Market(folder, redis_url) as market, live.Traders() as traders:
            folder.write(market.servers, live.settings_of(market.servers, pace={"silent_s": 600.0}))
            trader = await traders.begin(folder, None, redis_url, "--port", "0")
            await trader.is_trading()
            held, other = market.launch("held"), market.launch("other")
            await asyncio.sleep(3 * market.block_s)
            first = await market.signal(held, hot)
            await trader.until("trade_opened", asset=held)

            async def say(*words: str, code: int = 0, **options: Any) -> Any:
                ask = live.say if how == "processes" else live.say_inside
                answer = await ask(folder, None, redis_url, *words, **options)
                assert answer.code == code, (words, answer, trader.text[-2000:])
                return answer

            status = await say("status", "--json")
            positions = await say("positions", "--json")
            trades = await say("trades", "--json")
            why = await say("why", first[:31], "--json")
            why_not = await say("why-not", "--last", "1h", "--json")
            config = await say("config", "--settings", str(folder.settings), "--json")
            running = await say("config", "--running", "--data", str(folder.data), "--json")
            # Also where the database is away, as long as the account is named.
            away = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
            unknown = await say("status", "--json", code=1, environment=away)
            named = await say("status", "--json", "--account", "dry:paper", environment=away)
            refused = await say("force-exit", held, code=2, environment=WRONG)
            assert (status.json["mode"], status.json["open_positions"], status.json["phase"]) == ("dry", 1, 2)
            assert [each["token_mint"] for each in positions.json["positions"]] == [held]
            assert [each["status"] for each in trades.json["trades"]] == ["open"]
            assert [each["outcome"] for each in why.json["decisions"]] == ["taken"]
            assert [each["trade_id"] for each in why.json["trades"]] == ["t1"]
            assert [(each["reason"], each["count"]) for each in why_not.json["reasons"]] == [("taken", 1)]
            assert config.json["portfolio"]["strategies"][live.MODEL]["score_threshold"] == live.THRESHOLD
            assert running.json == config.json
            assert "--account" in unknown.err
            assert named.json["account"] == status.json["account"]
            assert "with this token" in refused.err
            assert not trader.events("exit_decided")
            await require_health(folder, trader)

            await say("stop-entries")
            stopped = await market.signal(other, hot)
            await say("resume")
            await later_signal(market, other, hot, trader)
            await say("force-exit", held)
            assert (await trader.until("trade_closed", asset=held))["reason"] == "manual"
            answer = await say("why", stopped)
            assert "kill_switch" in answer.out

            await require_reload(folder, trained, trader, say)
            answer = await say("stop")
            assert "1 positions open" in answer.out
            code, out = await trader.end()
            assert code == 0
            assert len(json.loads(out)["positions"]) == 1
            assert market.chain.lamports(market.me) == market.funds  # on paper nothing is submitted
            assert not market.chain.submissions

    run(test())


async def later_signal(market: Any, mint: str, row: Any, trader: Any) -> None:
    await market.signal(mint, row)
    await trader.until("trade_opened", asset=mint)


async def require_health(folder: Any, trader: Any) -> None:
    url = next(line for line in trader.said if line.startswith("serving ")).removeprefix("serving ")
    token = (folder.data / "live-token").read_text().strip()
    assert (folder.data / "live-token").stat().st_mode & 0o777 == 0o600
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        assert (await client.get("/livez")).status_code == 200
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.text) == (200, "ok\n")
        assert (await client.get("/metrics")).status_code == 401
        numbers = await client.get("/metrics", headers={"authorization": f"Bearer {token}"})
    assert numbers.status_code == 200
    assert "alphaloop_live_open_positions 1.0" in numbers.text
    assert 'alphaloop_live_messages_total{kind="signal"} 1.0' in numbers.text
    assert token not in trader.text


async def require_reload(folder: Any, trained: Any, trader: Any, say: Any) -> None:
    """A new artifact is taken over on request; a damaged one is refused, and the one before it stays."""
    shutil.copytree(trained.models / "second", folder.models / "second")
    await say("reload")
    second = await trader.until("model_loaded", count=2)
    shutil.copytree(trained.models / "third", folder.models / "third")
    await say("reload")
    await trader.until("model_refused")
    models = (await say("status", "--json")).json["models"]
    limit = time.monotonic() + 30
    # The look that refused it is not over yet: the trees of the one before are still taken apart.
    while not models["refused"] and time.monotonic() < limit:
        await asyncio.sleep(0.1)
        models = (await say("status", "--json")).json["models"]
    assert list(models["refused"]) == [live.MODEL]
    assert models["models"][live.MODEL]["id"] == second["model_id"]
    assert models["left_whole"] == {}
    assert "refused" in (await say("status")).out


@pytest.mark.parametrize("db", DATABASES, indirect=True)
def test_killed_with_positions_open(folder: Any, db: str, redis_url: str, hot: Any) -> None:
    async def test() -> None:
        async with live.Market(folder, redis_url) as market, live.Traders() as traders:
            folder.write(market.servers, live.settings_of(market.servers))
            options = ("--money", "--key", folder.key)
            trader = await traders.begin(folder, db, redis_url, *options)
            await trader.is_trading()
            before = market.chain.lamports(market.me)
            warned, fallen = market.launch("warned"), market.launch("fallen", money=30 * SOL)
            await asyncio.sleep(3 * market.block_s)
            ids = [await market.signal(mint, hot) for mint in (warned, fallen)]
            await trader.until("trade_opened", count=2)
            await trader.kill()
            # While it is away: a warning that only the collector's table holds, and a fall of a price.
            with open_records(db) as records:
                records.migrate(COLLECTED)
                row = {"anti_id": "w1", "mint": warned, "known_ns": time.time_ns(), "severity": 1, "reasons": []}
                records.add("anti_signals", [row])
            await later_price(market, fallen)
            trader = await traders.begin(folder, db, redis_url, *options)
            await trader.is_trading()
            await asyncio.sleep(0.5)  # it listens a moment later
            for mint, identity in zip((warned, fallen), ids, strict=True):
                await market.signal(mint, hot, signal_id=identity)  # the collector says it once more
            assert (await trader.until("trade_closed", asset=warned))["reason"] == "anti_signal"
            assert (await trader.until("trade_closed", asset=fallen))["reason"] == "stop_loss"
            await asyncio.sleep(1.0)
            result = await trader.stop()
            assert result["reconciled"]["resumed"] == 2
            assert result["messages"]["duplicate"] == 2
            assert "signal" not in result["messages"]
            assert not result["positions"]
            trades = rows(db, "live_trades")
            assert {row["signal_id"]: row["status"] for row in trades} == dict.fromkeys(ids, "closed")
            assert len(trades) == 2
            assert wallet_change(trades) == market.chain.lamports(market.me) - before
            mine = [entry for entry in market.chain.entries() if market.me in entry.keys and entry.err is None]
            assert len(mine) == 4
            market.chain.audit()

    run(test())


@pytest.mark.slow
@pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)
def test_a_halt_outlives_a_supervisor_and_no_person(folder: Any, db: str, redis_url: str, hot: Any) -> None:
    async def test() -> None:
        async with live.Market(folder, redis_url, funds=SOL // 20) as market, live.Traders() as traders:
            folder.write(market.servers, live.settings_of(market.servers))

            async def life(expected: str | None) -> Any:
                """A start, and what becomes of a signal."""
                trader = await traders.begin(folder, db, redis_url, "--money", "--key", folder.key)
                await trader.is_trading()
                mint = market.launch(f"coin {len(market.published)}")
                await asyncio.sleep(3 * market.block_s)
                identity = await market.signal(mint, hot)

                def decided() -> Any:
                    return [row for row in rows(db, "live_decisions") if row["signal_id"] == identity]

                (row,) = await live.until(decided)
                assert row["stopped_by"] == expected
                return trader

            trader = await life("phase")  # 0.05 SOL: nothing can be entered, and the account is halted
            assert (await live.say(folder, db, redis_url, "status", "--json")).json["halted"]
            market.chain.fund(market.me, 12 * SOL)
            await trader.kill()
            trader = await life("min_balance")
            await trader.until("still_halted")
            trader.process.send_signal(signal.SIGTERM)
            await trader.end()
            trader = await life("min_balance")
            assert (await live.say(folder, db, redis_url, "stop")).code == 0
            await trader.end()
            trader = await life(None)
            await trader.until("halt_lifted")
            await trader.stop()

    run(test())
