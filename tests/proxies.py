"""Real proxies on loopback that ask for a name and a password: HTTP, by tunnel and by forwarding, and SOCKS 5.

They resolve names that nobody else can, so that what does not go through them arrives nowhere.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from local_server import LocalServer, Reader, Writer

HOST = "chain.invalid"


@dataclass
class Proxy:
    """What all of them share.

    Attributes
    ----------
    broken : bool
        Whoever comes is turned away, in the way of the protocol.
    ports : set of int
        Local ports of the connections that it made for others.
    asked : list of str
        What it was asked for, in its protocol's words.
    refused : int
        How many it turned away.
    """

    user: str
    password: str
    scheme: str = ""
    port: int = 0
    broken: bool = False
    ports: set[int] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    refused: int = 0

    def __post_init__(self) -> None:
        self._server = LocalServer(self.serve)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{quote(self.user)}:{quote(self.password, safe='')}@127.0.0.1:{self.port}"

    @property
    def secrets(self) -> list[bytes]:
        """Every form in which its name and password could be told."""
        pair = f"{self.user}:{self.password}".encode()
        words = [self.user.encode(), self.password.encode(), quote(self.password, safe="").encode()]
        return [*words, base64.b64encode(pair)]

    async def __aenter__(self) -> Proxy:
        self.port = await self._server.start(self.port)
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._server.stop()

    def cut(self) -> None:
        """End every connection."""
        self._server.cut()

    async def serve(self, reader: Reader, writer: Writer) -> None:
        raise NotImplementedError

    @asynccontextmanager
    async def connected(self, host: str, port: int) -> AsyncIterator[tuple[Reader, Writer]]:
        reader, writer = await asyncio.open_connection("127.0.0.1" if host == HOST else host, port)
        self.ports.add(writer.get_extra_info("sockname")[1])
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


async def _tunnel(near: tuple[Reader, Writer], far: tuple[Reader, Writer]) -> None:
    """Until either end is at its end."""
    done, waiting = await asyncio.wait(
        {asyncio.create_task(_pump(near[0], far[1])), asyncio.create_task(_pump(far[0], near[1]))},
        return_when=asyncio.FIRST_COMPLETED,
    )
    for task in waiting:
        task.cancel()
    await asyncio.gather(*done, *waiting, return_exceptions=True)


async def _pump(reader: Reader, writer: Writer) -> None:
    while content := await reader.read(2**16):
        writer.write(content)
        await writer.drain()


class HttpProxy(Proxy):
    """``CONNECT HOST:PORT`` opens a tunnel; ``POST http://HOST:PORT/...`` is forwarded, one request after another."""

    async def serve(self, reader: Reader, writer: Writer) -> None:
        right = "basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.rstrip().split("\r\n")
            method, target, _ = first.split(" ")
            fields = dict(line.split(": ", 1) for line in lines)
            given = {name.lower(): value for name, value in fields.items()}
            kind, _, credentials = given.get("proxy-authorization", "").partition(" ")
            if self.broken or f"{kind.lower()} {credentials}" != right:
                self.refused += 1
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()
                return
            self.asked.append(f"{method} {target}")
            if method == "CONNECT":
                host, _, port = target.rpartition(":")
                async with self.connected(host, int(port)) as far:
                    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                    await _tunnel((reader, writer), far)
                return
            await self._forward(reader, writer, method, target, fields)

    async def _forward(self, reader: Reader, writer: Writer, method: str, target: str, fields: dict[str, str]) -> None:
        parts = urlsplit(target)
        kept = [f"{name}: {value}" for name, value in fields.items() if not name.lower().startswith("proxy-")]
        body = await reader.readexactly(int({n.lower(): v for n, v in fields.items()}.get("content-length", 0)))
        head = [f"{method} {parts.path} HTTP/1.1", *kept]
        async with self.connected(parts.hostname or "", parts.port or 80) as (answers, questions):
            questions.write("\r\n".join([*head, "", ""]).encode() + body)
            answer = await answers.readuntil(b"\r\n\r\n")
            length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length: "))
            writer.write(answer + await answers.readexactly(int(length.split()[1])))
            await writer.drain()


class SocksProxy(Proxy):
    """SOCKS 5 with a name and a password (RFC 1928, RFC 1929); a broken one hangs up in the middle of the greeting."""

    async def serve(self, reader: Reader, writer: Writer) -> None:
        async def take(count: int) -> bytes:
            return await reader.readexactly(count)

        methods = await take((await take(2))[1])
        if self.broken or 2 not in methods:
            self.refused += 1
            return
        writer.write(b"\x05\x02")
        user = await take((await take(2))[1])
        password = await take((await take(1))[0])
        if (user.decode(), password.decode()) != (self.user, self.password):
            self.refused += 1
            writer.write(b"\x01\x01")
            await writer.drain()
            return
        writer.write(b"\x01\x00")
        host, port = await _destination(take)
        self.asked.append(f"{host}:{port}")
        async with self.connected(host, port) as far:
            writer.write(b"\x05\x00\x00\x01" + bytes(6))
            await _tunnel((reader, writer), far)


async def _destination(take: Callable[[int], Awaitable[bytes]]) -> tuple[str, int]:
    kind = (await take(4))[3]
    host = (await take((await take(1))[0])).decode() if kind == 3 else ".".join(map(str, await take(4)))
    return host, int.from_bytes(await take(2), "big")
