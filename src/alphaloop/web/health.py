"""Whether a process lives and is ready, for supervisors, and its numbers, for those who have the token."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from alphaloop.web.guard import BearerGuard
from alphaloop.web.server import serve
from alphaloop.web.settings import WebSettings

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


class Probe(Protocol):
    """What is asked of the process; each is answered at once."""

    def fault(self) -> str:
        """Why the process should be restarted; empty if it should not."""
        ...

    def not_ready(self) -> str:
        """Why the process does not do its work yet, or now; empty if it does."""
        ...

    def exposition(self) -> bytes:
        """Its numbers, as Prometheus reads them."""
        ...


def health_app(probe: Probe, settings: WebSettings) -> FastAPI:
    """Build the application: ``/livez`` and ``/readyz`` for anybody who can reach it, ``/metrics`` behind the token."""

    async def livez(_request: object) -> Response:
        return _verdict(probe.fault())

    async def readyz(_request: object) -> Response:
        return _verdict(probe.fault() or probe.not_ready())

    async def numbers(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(probe.exposition(), media_type=EXPOSITION)(scope, receive, send)

    guarded: ASGIApp = BearerGuard(numbers, settings.token.get_secret_value())
    routes: list[BaseRoute] = [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", guarded)]
    return FastAPI(routes=routes, openapi_url=None, docs_url=None, redoc_url=None)


async def serve_health(
    probe: Probe, settings: WebSettings, stop: asyncio.Event, ready: Callable[[str], None] = lambda url: None
) -> None:
    """Serve until `stop` is set.

    Raises
    ------
    InputError
        If the address cannot be listened on.
    """
    await serve(health_app(probe, settings), settings, stop, lambda url: ready(url.removesuffix("/api")))


def _verdict(fault: str) -> Response:
    return PlainTextResponse(fault + "\n", 503) if fault else PlainTextResponse("ok\n")
