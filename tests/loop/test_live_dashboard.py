"""``alphaloop live dashboard`` as a process beside a running trader, on a real bus, looked at as a browser would."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import live_command as live

PATIENCE_S = 120


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = live.Folder(tmp_path_factory.mktemp("trained"))
    folder.train(1, "first")
    return folder


@pytest.fixture
def folder(trained: Any, tmp_path: Path) -> Any:
    shutil.copytree(trained.models / "first", tmp_path / "models" / "first")
    return live.Folder(tmp_path)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, PATIENCE_S))


@asynccontextmanager
async def dashboard(folder: Any, redis_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser on a dashboard that a process of its own serves; it has not shown the token yet."""
    process = await asyncio.create_subprocess_exec(
        str(live.ALPHALOOP), "live", "dashboard", "--data", str(folder.data), "--port", "0",
        env=live.environment_of(None, redis_url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        line = (await asyncio.wait_for(process.stderr.readline(), 30)).decode()
        found = re.match(r"serving (http://127\.0\.0\.1:\d+); the token that opens it is in \S+live-token\n", line)
        assert found, line + (await process.stderr.read()).decode()
        origin = found[1]
        async with httpx.AsyncClient(
            base_url=origin, headers={"Origin": origin}, trust_env=False, timeout=10, follow_redirects=True
        ) as client:
            yield client
    finally:
        process.terminate()
        out, err = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 0
        *logs, last = err.decode().splitlines()
        assert last == "stopped"
        assert all("login_refused" in line for line in logs)
        assert out == b""


async def enter(client: httpx.AsyncClient, folder: Any) -> None:
    """Give the token, as it stands in the trader's folder."""
    token = (folder.data / "live-token").read_text()
    opened = await client.post("/login", data={"token": token})
    assert opened.status_code == 200
    assert opened.url.path == "/"


def test_a_person_sees_and_steers_the_trader(folder: Any, redis_url: str) -> None:
    hot, cold = (folder.rows[pick(folder.scores())] for pick in (lambda s: s.argmax(), lambda s: s.argmin()))

    async def test() -> None:
        async with live.Market(folder, redis_url) as market, live.Traders() as traders:
            folder.write(market.servers, live.settings_of(market.servers, pace={"silent_s": 600.0}))
            trader = await traders.begin(folder, None, redis_url)
            await trader.is_trading()
            held, left = market.launch("held"), market.launch("left")
            await asyncio.sleep(3 * market.block_s)
            taken = await market.signal(held, hot)
            await trader.until("trade_opened", asset=held)
            stopped = await market.signal(left, cold)
            async with dashboard(folder, redis_url) as browser:
                await enter(browser, folder)
                page = (await browser.get("/")).text
                assert "on paper" in page
                assert f'title="{held}"' in page
                assert "no breaker objects" in page
                assert "Stop entries" in page
                signals = (await browser.get("/signals", params={"last": "15m"})).text
                assert "the probability was below the strategy" in signals
                assert f"find={stopped}" in signals
                why = (await browser.get("/signals", params={"find": taken})).text
                assert "passed all checks" in why
                assert f"{float(folder.scores().max()):.4f}" in why
                assert "none yet" not in why
                assert "none yet" in (await browser.get("/signals", params={"find": stopped})).text

                page = (await browser.post("/commands/stop_entries")).text
                assert "kill_switch" in page
                assert "Resume entries" in page
                assert "Stop entries<" not in page
                assert "kill_switch" not in (await browser.post("/commands/resume")).text

                assert f"/commands/force_exit?asset={held}" in (await browser.get(f"/sell/{held}")).text
                await browser.post("/commands/force_exit", params={"asset": held})
                assert (await trader.until("trade_closed", asset=held))["reason"] == "manual"
                page = await shown(browser, "Net of the newest 1 trades that are over")
                assert "manual" in page
                assert "of 1 won" in page
                refused = await browser.post("/commands/force_exit", params={"asset": held})
                assert refused.status_code == 400
                assert held in refused.text

                await trader.stop()
                page = (await browser.get("/")).text
                assert "The trader tells nothing: it does not answer within 2 s" in page
                assert "It was ended (signal): nobody watches open positions" in page
                assert "manual" in (await browser.get("/trades")).text
                unheard = await browser.post("/commands/stop_entries")
                assert unheard.status_code == 400
                assert "is it running on this bus" in unheard.text
                assert "look before you give it again" in unheard.text

    run(test())


async def shown(browser: httpx.AsyncClient, what: str) -> str:
    """The overview, once this is on it: rows are stored a moment after they are logged."""
    limit = time.monotonic() + 10
    while what not in (page := (await browser.get("/")).text):
        assert time.monotonic() < limit, page
        await asyncio.sleep(0.1)
    return page


def test_nobody_gets_in_without_the_token_or_from_another_site(folder: Any, redis_url: str) -> None:
    async def test() -> None:
        async with live.Market(folder, redis_url) as market, live.Traders() as traders:
            folder.write(market.servers, live.settings_of(market.servers, pace={"silent_s": 600.0}))
            trader = await traders.begin(folder, None, redis_url)
            await trader.is_trading()
            async with dashboard(folder, redis_url) as browser:
                for path in ("/", "/trades", "/signals", "/sell/x", "/nowhere", "/openapi.json"):
                    assert (await browser.get(path)).url.path == "/login"
                assert (await browser.post("/commands/stop_entries")).url.path == "/login"
                wrong = await browser.post("/login", data={"token": "not the token at all"})
                assert (wrong.status_code, "that is not the token" in wrong.text) == (401, True)
                assert "set-cookie" not in wrong.headers
                await enter(browser, folder)
                for origin in ("http://elsewhere.example", "null", ""):
                    foreign = await browser.post("/commands/stop_entries", headers={"Origin": origin})
                    assert (foreign.status_code, foreign.url.path) == (403, "/commands/stop_entries")
                assert "kill_switch" not in (await browser.get("/")).text
                assert (await browser.get("/nowhere")).status_code == 404
                assert (await browser.get("/signals?last=1y")).status_code == 400
                assert (await browser.get("/trades?limit=many")).status_code == 400
                assert (await browser.post("/commands/stop")).status_code == 400
                left = await browser.post("/logout")
                assert left.url.path == "/login"
                assert (await browser.get("/")).url.path == "/login"
            await trader.stop()

    run(test())


def test_without_a_trader_it_says_what_is_missing(folder: Any, redis_url: str) -> None:
    async def test() -> None:
        folder.data.mkdir()
        found = await live.say(folder, None, redis_url, "dashboard")
        assert found.code == 2
        assert "no token" in found.err
        (folder.data / "live-token").write_text("a token that is long enough")
        found = await live.say(folder, None, redis_url, "dashboard")
        assert found.code == 2
        assert "no such database" in found.err

    run(test())
