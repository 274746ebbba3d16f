"""A small HTTP/1.1 server on loopback that does what it is told to: answers, errors, silence, cut connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from local_server import LocalServer, Reader, Writer


class Request(NamedTuple):
    """What was asked: method, path with query, headers in lower case, decoded body."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Response:
    """An answer; `content` is made JSON unless it is bytes."""

    content: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Fault:
    """What goes wrong with one request.

    Attributes
    ----------
    status : int
        Answered instead, with `content`; 0: no answer.
    hang_s : float
        Silence before anything else.
    carried_out : bool
        The request is carried out before it goes wrong, as when an answer is lost.
    cut : bool
        The connection is closed instead of an answer.
    """

    status: int = 0
    content: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    hang_s: float = 0.0
    carried_out: bool = False
    cut: bool = False


Answerer = Callable[[Request], Awaitable[Response]]
Judge = Callable[[Request], "Fault | None"]


class HttpServer:
    """Serves one answerer; a judge may say what goes wrong with a request."""

    def __init__(self, answer: Answerer, judge: Judge) -> None:
        self._answer, self._judge = answer, judge
        self._server = LocalServer(self._serve)
        self.requests: list[Request] = []

    @property
    def port(self) -> int:
        return self._server.port

    async def start(self, port: int = 0) -> None:
        await self._server.start(port)

    async def stop(self) -> None:
        await self._server.stop()

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        while await self._one(await _read(reader), writer):
            pass

    async def _one(self, request: Request, writer: Writer) -> bool:
        self.requests.append(request)
        fault = self._judge(request)
        if fault is None:
            response = await self._answer(request)
        else:
            if fault.carried_out:
                await self._answer(request)
            await asyncio.sleep(fault.hang_s)
            if fault.cut:
                return False
            if fault.status:
                response = Response(fault.content, fault.status, fault.headers)
            else:
                response = await self._answer(request)
        _write(writer, response)
        await writer.drain()
        return True


async def _read(reader: Reader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines if ": " in line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, json.loads(body) if body else None)


def _write(writer: Writer, response: Response) -> None:
    content = response.content if isinstance(response.content, bytes) else json.dumps(response.content).encode()
    headers = {"content-type": "application/json", **response.headers, "content-length": str(len(content))}
    lines = [f"HTTP/1.1 {response.status} X", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    writer.write("\r\n".join(lines).encode() + content)
