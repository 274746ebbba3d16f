"""The application: what the parts contribute, behind the token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.responses import Response

from alphaloop.core.clock import Clock, SystemClock
from alphaloop.web.events import EventStream
from alphaloop.web.guard import BearerGuard
from alphaloop.web.part import Feed, Part
from alphaloop.web.replies import HANDLERS, JsonReply
from alphaloop.web.settings import WebSettings

BASE = "/api"


def create_app(parts: Sequence[Part], settings: WebSettings, clock: Clock | None = None) -> FastAPI:
    """Build the application.

    Everything needs the token, the description at ``/api/openapi.json`` too.

    Parameters
    ----------
    parts : sequence of Part
        Their routes and feeds are served below ``/api``.
    settings : WebSettings
        Token and heartbeat.
    clock : Clock, optional
        What heartbeats tell.
    """
    app = FastAPI(
        title="alphaloop",
        openapi_url=f"{BASE}/openapi.json",
        docs_url=None,
        redoc_url=None,
        default_response_class=JsonReply,
    )
    for part in parts:
        for path, feed in part.feeds.items():
            _add_feed(app, path, feed, settings, clock or SystemClock())
        app.include_router(part.router, prefix=BASE)
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.add_middleware(BearerGuard, token=settings.token.get_secret_value())
    return app


def _add_feed(app: FastAPI, path: str, feed: Feed, settings: WebSettings, clock: Clock) -> None:
    async def stream() -> Response:
        return EventStream(feed, settings.heartbeat_s, clock)

    described: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}
    app.add_api_route(f"{BASE}{path}", stream, methods=["GET"], response_class=Response, responses=described)
