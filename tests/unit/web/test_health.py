"""Supervisors may ask without a token; numbers want it."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from pydantic import SecretStr

from alphaloop.web.health import health_app
from alphaloop.web.settings import WebSettings

TOKEN = "a token that is long enough"


class Process:
    def __init__(self) -> None:
        self.broken = self.waits = ""

    def fault(self) -> str:
        return self.broken

    def not_ready(self) -> str:
        return self.waits

    def exposition(self) -> bytes:
        return b"alphaloop_live_phase 1.0\n"


class Client:
    """Asks the application in this process."""

    def __init__(self, process: Process) -> None:
        self._app = health_app(process, WebSettings(token=SecretStr(TOKEN)))

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(ask())


@pytest.fixture
def asked() -> tuple[Client, Process]:
    process = Process()
    return Client(process), process


def test_a_process_that_works(asked: tuple[Client, Process]) -> None:
    client, _ = asked
    assert (client.get("/livez").status_code, client.get("/readyz").status_code) == (200, 200)


def test_one_that_is_not_ready_lives(asked: tuple[Client, Process]) -> None:
    client, process = asked
    process.waits = "it is starting"
    assert client.get("/livez").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "it is starting\n")


def test_one_that_is_broken_is_neither(asked: tuple[Client, Process]) -> None:
    client, process = asked
    process.broken = "no decision can be made"
    assert (client.get("/livez").status_code, client.get("/readyz").status_code) == (503, 503)


def test_numbers_want_the_token(asked: tuple[Client, Process]) -> None:
    client, _ = asked
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.text == "alphaloop_live_phase 1.0\n"
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_nothing_else_is_there(asked: tuple[Client, Process]) -> None:
    client, _ = asked
    assert [client.get(path).status_code for path in ("/", "/docs", "/openapi.json", "/api")] == [404] * 4
