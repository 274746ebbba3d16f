"""One HTTP client for everything that is asked: what it hides, what it does not do, and every way of not answering."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import proxies
from alphaloop.markets.pumpfun.ingest.http import Http, HttpError
from local_server import LocalServer

ANSWERS = {
    b"/plain": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nset-cookie: a=b\r\n\r\nok",
    b"/away": b"HTTP/1.1 302 Found\r\nlocation: /plain\r\ncontent-length: 0\r\n\r\n",
    b"/half": b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok",
    b"/none": b"",
    b"/noise": b"good day to you\r\n\r\n",
}


class Server:
    """Answers by path, and keeps what it was asked."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self._server = LocalServer(self.serve)

    async def __aenter__(self) -> Server:
        self.port = await self._server.start(0)
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._server.stop()

    async def serve(self, reader: Any, writer: Any) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            path = head.split(b" ")[1].partition(b"?")[0]
            if path == b"/slow":
                await asyncio.sleep(60)
            writer.write(ANSWERS[path])
            await writer.drain()
            if path != b"/plain" and path != b"/away":
                return


def asked(path: str, times: int = 1, host: str = "127.0.0.1", **options: Any) -> tuple[Any, list[bytes]]:
    async def ask() -> tuple[Any, list[bytes]]:
        async with Server() as server, Http(**({"timeout_s": 5.0} | options)) as client:
            for _ in range(times):
                answer = await client.request("GET", f"http://{host}:{server.port}{path}")
            return answer, server.heads

    return asyncio.run(ask())


def test_an_answer_is_read_and_no_cookie_kept() -> None:
    # By name: clients that keep cookies keep none of an address.
    answer, heads = asked("/plain", times=2, host="localhost")
    assert (answer.status, answer.content, answer.is_success) == (200, b"ok", True)
    assert len(heads) == 2
    assert b"cookie" not in heads[1].lower()


def test_a_redirect_is_an_answer() -> None:
    answer, heads = asked("/away")
    assert (answer.status, answer.is_success, len(heads)) == (302, False, 1)


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert asked("/plain")[0].status == 200


@pytest.mark.parametrize("path", ["/half", "/none", "/noise", "/slow"])
def test_what_is_no_answer_is_one_error(path) -> None:
    with pytest.raises(HttpError) as caught:
        asked(path, timeout_s=0.3)
    assert caught.value.kind.endswith("Error")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://chain.invalid/", "http://", "nonsense", "http://[::1"])
def test_where_nobody_is_or_could_be_is_the_same_error(url) -> None:
    async def ask() -> None:
        async with Http(5.0) as client:
            await client.request("POST", url, b"{}")

    with pytest.raises(HttpError):
        asyncio.run(ask())


@pytest.mark.parametrize("proxy", ["http", "socks5", "socks5h"])
@pytest.mark.parametrize("place", ["127.0.0.1:1", "proxy.invalid:1080"])
def test_a_proxy_that_is_not_there(proxy, place) -> None:
    async def ask() -> None:
        async with Http(5.0, f"{proxy}://name:s3cret-w0rd@{place}") as client:
            await client.request("POST", "http://127.0.0.1:1/key-of-mine", b"{}")

    with pytest.raises(HttpError) as caught:
        asyncio.run(ask())
    assert "s3cret" not in str(caught.value)
    assert "key-of-mine" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}/noise?api-key=abc", "http://127.0.0.1:{}/none", "http://[abc"])
def test_an_error_tells_no_url(url) -> None:
    async def ask() -> None:
        async with Server() as server, Http(5.0) as client:
            await client.request("GET", url.format(server.port))

    with pytest.raises(HttpError) as caught:
        asyncio.run(ask())
    assert "127.0.0.1" not in str(caught.value)
    assert "abc" not in str(caught.value)


@pytest.mark.parametrize("kind", ["http", "socks5h"])
@pytest.mark.parametrize("broken", [True, False])
def test_a_proxy_that_turns_away_or_finds_nobody(kind, broken) -> None:
    async def ask() -> Any:
        made = proxies.HttpProxy if kind == "http" else proxies.SocksProxy
        async with made("name", "p@ss/word", kind) as proxy, Http(5.0, proxy.url) as client:
            proxy.broken = broken
            return await client.request("POST", "http://127.0.0.1:1/", b"{}")

    if kind == "http" and broken:
        assert asyncio.run(ask()).status == 407
    else:
        with pytest.raises(HttpError) as caught:
            asyncio.run(ask())
        assert "p@ss" not in str(caught.value)


@pytest.mark.parametrize("said", [b"good day to you", b"", b"\x05\xff"])
def test_a_proxy_that_speaks_otherwise_or_takes_no_password(said) -> None:
    async def serve(reader: Any, writer: Any) -> None:
        await reader.read(1)
        writer.write(said)

    async def ask() -> None:
        server = LocalServer(serve)
        port = await server.start(0)
        try:
            async with Http(5.0, f"socks5h://name:s3cret-w0rd@127.0.0.1:{port}") as client:
                await client.request("POST", "http://127.0.0.1:1/", b"{}")
        finally:
            await server.stop()

    with pytest.raises(HttpError) as caught:
        asyncio.run(ask())
    assert "s3cret" not in str(caught.value)


def test_a_wrong_password_or_a_port_that_is_none_is_the_same_error() -> None:
    async def ask(port: str, password: str) -> None:
        async with proxies.SocksProxy("name", "right", "socks5h") as proxy:
            place = port or str(proxy.port)
            async with Http(5.0, f"socks5h://name:{password}@127.0.0.1:{place}") as client:
                await client.request("POST", "http://127.0.0.1:1/", b"{}")

    for port, password in (("", "s3cret-w0rd"), ("99999", "right")):
        with pytest.raises(HttpError):
            asyncio.run(ask(port, password))


@pytest.mark.parametrize(("kind", "asks"), [("socks5h", "localhost"), ("socks5", "127.0.0.1")])
def test_who_resolves_names_is_said_by_the_scheme(kind, asks) -> None:
    async def ask() -> list[str]:
        async with (
            Server() as server,
            proxies.SocksProxy("name", "word", kind) as proxy,
            Http(5.0, proxy.url) as client,
        ):
            await client.request("GET", f"http://localhost:{server.port}/plain")
            return [place.replace(f":{server.port}", "") for place in proxy.asked]

    assert asyncio.run(ask()) == [asks]


@pytest.mark.parametrize(("kind", "asks"), [("http", "POST http://127.0.0.1:{}/plain"), ("socks5h", "127.0.0.1:{}")])
def test_a_proxy_is_asked_with_its_credentials(kind, asks) -> None:
    async def ask() -> tuple[Any, Any, int]:
        made = proxies.HttpProxy if kind == "http" else proxies.SocksProxy
        async with Server() as server, made("name", "p@ss/word", kind) as proxy, Http(5.0, proxy.url) as client:
            answer = await client.request("POST", f"http://127.0.0.1:{server.port}/plain", b"")
            return answer, proxy, server.port

    answer, proxy, port = asyncio.run(ask())
    assert answer.content == b"ok"
    assert proxy.asked == [asks.format(port)]
    assert proxy.refused == 0


def test_it_opens_again_after_it_was_closed() -> None:
    async def ask() -> int:
        async with Server() as server:
            client = Http(5.0)
            await client.request("GET", f"http://127.0.0.1:{server.port}/plain")
            await client.close()
            answer = await client.request("GET", f"http://127.0.0.1:{server.port}/plain")
            await client.close()
            await client.close()
            return answer.status

    assert asyncio.run(ask()) == 200
