"""Who may look with a browser: whoever gave the token on the page that asks for it, for some hours.

The token is sent once and kept nowhere; the browser keeps the name of a session, which other sites cannot send and no
script can read. What changes something must come from a page of ours besides.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qs

import structlog
from pydantic import SecretStr
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alphaloop.core.clock import NS_PER_S, Clock

log = structlog.get_logger("alphaloop.web")

COOKIE: Final = "alphaloop"
LOGIN: Final = "/login"
LOGOUT: Final = "/logout"
SESSION_S: Final = 12 * 3_600
LONGEST_FORM: Final = 4_096
MOST_SESSIONS: Final = 1_000
HEADERS: Final = {
    "Cache-Control": "no-store",
    # Nothing but our own style: whatever a coin calls itself, its name is never a script.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>alphaloop</title><link rel="stylesheet" href="/style.css"></head>
<body><main class="login"><h1>alphaloop</h1>
<form method="post" action="/login"><label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" autofocus required>
<button>Open</button></form><p class="said">{said}</p></main></body></html>
"""


@dataclass
class SessionGuard:
    """Lets browsers through that have a session; the others are led to the page that asks for the token.

    Parameters
    ----------
    app : ASGI application
        What is guarded.
    token : SecretStr
        Compared in constant time; never part of an answer or a log.
    clock : Clock
        Sessions end `SESSION_S` after they began.
    style : bytes
        The style sheet, which anybody may load.
    """

    app: ASGIApp
    token: SecretStr
    clock: Clock
    style: bytes = b""
    _ends_ns: dict[str, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        # Browsers share cookies between all ports of a host: each token has its own.
        self.cookie = f"{COOKIE}-{sha256(self.token.get_secret_value().encode()).hexdigest()[:12]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] != "http":
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        request = Request(scope, receive)
        reply = await self._reply(request)
        await (self.app if reply is None else reply)(scope, receive, with_headers)

    async def _reply(self, request: Request) -> Response | None:
        """Our own answer; None for what is to be handed on."""
        path, posts = request.url.path, request.method not in ("GET", "HEAD")
        if path == "/style.css":
            return Response(self.style, media_type="text/css")
        if posts and not _is_ours(request.headers):
            return _login("this did not come from a page of ours", 403)
        if path == LOGIN:
            return await self._enter(request) if posts else _login("")
        session = request.cookies.get(self.cookie, "")
        if self._ends_ns.get(session, 0) <= self.clock.now_ns():
            return RedirectResponse(LOGIN, 303)
        if path == LOGOUT and posts:
            self._ends_ns.pop(session, None)
            return RedirectResponse(LOGIN, 303)
        return None

    async def _enter(self, request: Request) -> Response:
        given = (await _read_form(request)).get("token", "")
        if not secrets.compare_digest(given.strip().encode(), self.token.get_secret_value().encode()):
            log.warning("login_refused", client=None if request.client is None else request.client.host)
            return _login("that is not the token", 401)
        now_ns, session = self.clock.now_ns(), secrets.token_urlsafe(32)
        self._ends_ns = {name: end_ns for name, end_ns in self._ends_ns.items() if end_ns > now_ns}
        if len(self._ends_ns) >= MOST_SESSIONS:
            self._ends_ns.pop(next(iter(self._ends_ns)))
        self._ends_ns[session] = now_ns + SESSION_S * NS_PER_S
        reply = RedirectResponse("/", 303)
        secure = request.url.scheme == "https"
        reply.set_cookie(self.cookie, session, max_age=SESSION_S, httponly=True, samesite="strict", secure=secure)
        return reply


async def _read_form(request: Request) -> dict[str, str]:
    """The fields of a form, the last of those with one name; none of a body that breaks off or is longer than ours."""
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > LONGEST_FORM:
                return {}
    except ClientDisconnect:
        return {}
    return {name: values[-1] for name, values in parse_qs(body.decode("latin-1")).items()}


def _is_ours(headers: Headers) -> bool:
    """Whether a form was sent by a page of this address; every browser says so."""
    return headers.get("origin", "").partition("://")[2] == headers.get("host", "?")


def _login(said: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(PAGE.format(said=said), status)
