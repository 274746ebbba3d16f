"""The application: who gets in, what errors look like, and feeds on a real socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from structlog.testing import capture_logs

from alphaloop.core.clock import SteppedClock
from alphaloop.core.errors import BusAwayError, DataError, InputError, StateError, StoreAwayError
from alphaloop.web.app import create_app
from alphaloop.web.events import block
from alphaloop.web.server import serve
from alphaloop.web.settings import WebSettings

TOKEN = "a-token-for-this-test-only"
ERRORS = {
    "input": InputError("bad"),
    "data": DataError("bad data"),
    "state": StateError("broken"),
    "store": StoreAwayError("store away"),
    "bus": BusAwayError("bus away"),
    "defect": ZeroDivisionError("secret details"),
}


class Market:
    """A part with everything that can happen."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue()
        self.open = 0
        self.feeds = {"/feed": self.feed, "/away": self.away}
        self.router = APIRouter()

        @self.router.get("/values")
        def values(limit: int = 3) -> dict[str, Any]:
            return {"floats": [0.1, float("nan"), float("inf"), None], "limit": limit}

        @self.router.get("/errors/{name}")
        def errors(name: str) -> None:
            raise ERRORS[name]

    @asynccontextmanager
    async def feed(self) -> AsyncIterator[AsyncIterator[tuple[str, bytes]]]:
        async def events() -> AsyncIterator[tuple[str, bytes]]:
            while (event := await self.queue.get()) is not None:
                yield event

        self.open += 1
        try:
            yield events()
        finally:
            self.open -= 1

    @asynccontextmanager
    async def away(self) -> AsyncIterator[AsyncIterator[tuple[str, bytes]]]:
        raise BusAwayError("bus away")
        yield


Story = Callable[[httpx.AsyncClient, Market], Awaitable[None]]


def tell(story: Story, **settings: Any) -> None:
    """Run `story` against the application on a socket of its own."""

    async def play() -> None:
        market, stop, addresses = Market(), asyncio.Event(), asyncio.Queue()
        chosen = WebSettings(token=TOKEN, port=0, **settings)
        app = create_app([market], chosen, SteppedClock(7))
        running = asyncio.create_task(serve(app, chosen, stop, addresses.put_nowait))
        address = await asyncio.wait_for(addresses.get(), 10)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=address, headers=headers, timeout=10, trust_env=False) as client:
            try:
                await asyncio.wait_for(story(client, market), 20)
            finally:
                stop.set()
                await asyncio.wait_for(running, 20)

    asyncio.run(play())


def test_only_the_token_opens() -> None:
    async def story(client: httpx.AsyncClient, market: Market) -> None:
        assert (await client.get("/values")).status_code == 200
        for given in ("", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer ☃".encode()):
            for path in ("/values", "/feed", "/nowhere", "/openapi.json"):
                refused = await client.get(path, headers={"Authorization": given})
                assert refused.status_code == 401
                assert refused.headers["WWW-Authenticate"] == "Bearer"
                assert refused.json() == {"error": "this needs the token; send it as Authorization: Bearer TOKEN"}
        del client.headers["Authorization"]
        assert (await client.get("/values")).status_code == 401
        assert (await client.get(f"/values?token={TOKEN}")).status_code == 401
        twice = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", f"Bearer {TOKEN}")]
        assert (await client.get("/values", headers=twice)).status_code == 401
        assert (await client.get("/values", headers={"Authorization": f"bearer {TOKEN}"})).status_code == 200
        assert market.open == 0

    tell(story)


def test_answers_are_plain_json() -> None:
    async def story(client: httpx.AsyncClient, market: Market) -> None:
        assert (await client.get("/values")).json() == {"floats": [0.1, None, None, None], "limit": 3}
        assert "/api/values" in (await client.get("/openapi.json")).json()["paths"]
        wrong = await client.get("/values?limit=many")
        assert wrong.status_code == 400
        assert wrong.json()["error"].startswith("parameter 'limit': input should be a valid integer")
        gone = await client.get("/nowhere")
        assert (gone.status_code, gone.json()["error"][:40]) == (404, "there is nothing at /api/nowhere; look a")
        assert (await client.post("/values")).json() == {"error": "POST /api/values: Method Not Allowed"}

    tell(story)


@pytest.mark.parametrize(
    ("name", "status"), [("input", 400), ("data", 400), ("state", 500), ("store", 503), ("bus", 503)]
)
def test_errors_have_one_form(name: str, status: int) -> None:
    async def story(client: httpx.AsyncClient, market: Market) -> None:
        answer = await client.get(f"/errors/{name}")
        assert answer.status_code == status
        assert answer.json() == {"error": str(ERRORS[name])}
        assert ("Retry-After" in answer.headers) == (status == 503)

    tell(story)


def test_a_defect_says_nothing_about_itself() -> None:
    async def story(client: httpx.AsyncClient, market: Market) -> None:
        answer = await client.get("/errors/defect")
        assert answer.status_code == 500
        assert answer.json() == {"error": "/api/errors/defect: a defect of ours; look at the log of the server"}

    tell(story)


def test_a_feed_that_cannot_be_opened_is_an_ordinary_error() -> None:
    async def story(client: httpx.AsyncClient, market: Market) -> None:
        answer = await client.get("/away")
        assert (answer.status_code, answer.json()) == (503, {"error": "bus away"})

    tell(story)


async def blocks(answer: httpx.Response) -> AsyncIterator[tuple[str, list[str]]]:
    name, data = "", []
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data.append(line.removeprefix("data: "))
        else:
            yield name, data
            name, data = "", []


def test_a_feed_sends_what_comes_and_beats() -> None:
    async def story(client: httpx.AsyncClient, market: Market) -> None:
        async with client.stream("GET", "/feed") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["cache-control"] == "no-store"
            found = blocks(answer)
            assert await anext(found) == ("heartbeat", ['{"nowNs":7}'])
            market.queue.put_nowait(("signal", b'{"a":1}'))
            market.queue.put_nowait(("signal", b"two\nlines"))
            seen = [await anext(found) for _ in range(2)]
            assert seen == [("signal", ['{"a":1}']), ("signal", ["two", "lines"])]
            assert await anext(found) == ("heartbeat", ['{"nowNs":7}'])
            market.queue.put_nowait(None)
            rest = [event async for event in found]
            assert all(name == "heartbeat" for name, _ in rest)
        await until(lambda: market.open == 0)

    tell(story, heartbeat_s=0.3)


def test_heartbeats_keep_their_pace_in_heavy_traffic() -> None:
    async def story(client: httpx.AsyncClient, market: Market) -> None:
        async def pour() -> None:
            while True:
                market.queue.put_nowait(("signal", b"{}"))
                await asyncio.sleep(0.002)

        pouring = asyncio.create_task(pour())
        beats = 0
        async with client.stream("GET", "/feed") as answer:
            async for name, _ in blocks(answer):
                beats += name == "heartbeat"
                if beats == 4:
                    break
        pouring.cancel()

    tell(story, heartbeat_s=0.05)


def test_a_caller_that_leaves_closes_its_feed() -> None:
    async def story(client: httpx.AsyncClient, market: Market) -> None:
        async with client.stream("GET", "/feed") as one, client.stream("GET", "/feed") as two:
            await anext(blocks(one))
            await anext(blocks(two))
            assert market.open == 2
        await until(lambda: market.open == 0)

    tell(story)


def test_stopping_ends_open_feeds() -> None:
    async def play() -> None:
        market, stop, addresses = Market(), asyncio.Event(), asyncio.Queue()
        settings = WebSettings(token=TOKEN, port=0, shutdown_s=1)
        running = asyncio.create_task(serve(create_app([market], settings), settings, stop, addresses.put_nowait))
        address = await addresses.get()
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            httpx.AsyncClient(base_url=address, headers=headers, trust_env=False) as client,
            client.stream("GET", "/feed") as answer,
        ):
            found = blocks(answer)
            await anext(found)
            stop.set()
            with pytest.raises(httpx.RemoteProtocolError):
                await asyncio.wait_for(anext(found), 10)
        await asyncio.wait_for(running, 10)
        assert market.open == 0

    asyncio.run(play())


def test_loopback_is_the_default_and_anything_else_is_said() -> None:
    assert WebSettings().is_loopback
    assert WebSettings(host="::1").is_loopback
    assert WebSettings(host="localhost").is_loopback
    assert not WebSettings(host="0.0.0.0").is_loopback
    assert not WebSettings(host="example.org").is_loopback

    async def story(client: httpx.AsyncClient, market: Market) -> None:
        assert (await client.get("/values")).status_code == 200

    with capture_logs() as told:
        tell(story, host="0.0.0.0")
    assert [entry["event"] for entry in told] == ["reachable_from_other_machines"]


def test_tokens_are_long_random_and_hidden() -> None:
    one, two = WebSettings(), WebSettings()
    assert one.token != two.token
    assert len(one.token.get_secret_value()) >= 43
    assert one.token.get_secret_value() not in repr(one) + str(one.model_dump(mode="json"))
    with pytest.raises(ValueError, match="at least 16"):
        WebSettings(token="short")


def test_an_address_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = WebSettings(port=taken.getsockname()[1])
        with pytest.raises(InputError, match="cannot be listened on"):
            asyncio.run(serve(create_app([], settings), settings, asyncio.Event()))


def test_blocks() -> None:
    assert block("a", b"x\ny") == b"event: a\ndata: x\ndata: y\n\n"


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to hold")
