"""Pages for browsers, behind the page that asks for the token."""

from __future__ import annotations

from typing import Protocol

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from alphaloop.core.clock import Clock, SystemClock
from alphaloop.core.errors import AlphaloopError, StateError
from alphaloop.web.sessions import SessionGuard
from alphaloop.web.settings import WebSettings


class BrowserPages(Protocol):
    """What a market shows in a browser."""

    @property
    def router(self) -> APIRouter:
        """Its pages, and what their forms do; ``/login``, ``/logout`` and ``/style.css`` are taken."""
        ...

    @property
    def style(self) -> bytes:
        """Its style sheet."""
        ...

    async def refusal(self, request: Request, error: Exception) -> Response:
        """Show one of our errors."""
        ...

    async def unusable(self, request: Request, error: Exception) -> Response:
        """Show that an address, or what came with it, means nothing here."""
        ...


def browser_app(pages: BrowserPages, settings: WebSettings, clock: Clock | None = None) -> SessionGuard:
    """Build an application of pages.

    Parameters
    ----------
    settings : WebSettings
        Whose token opens it.
    clock : Clock, optional
        By which sessions end.
    """

    async def defect(request: Request, error: Exception) -> Response:
        # Its details are in the log of the server.
        return await pages.refusal(request, StateError("a defect of ours; look at the log of the dashboard"))

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(pages.router)
    app.add_exception_handler(AlphaloopError, pages.refusal)
    app.add_exception_handler(RequestValidationError, pages.unusable)
    app.add_exception_handler(HTTPException, pages.unusable)
    app.add_exception_handler(Exception, defect)
    # Outside of everything, so that no answer goes without its headers, a defect's neither.
    return SessionGuard(app, settings.token, clock or SystemClock(), pages.style)
