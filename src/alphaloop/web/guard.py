"""Who may ask: callers with the token, and nobody else, for anything."""

from __future__ import annotations

import secrets

from starlette.types import ASGIApp, Receive, Scope, Send

from alphaloop.web.replies import refusal


class BearerGuard:
    """Lets requests through that carry ``Authorization: Bearer TOKEN``; everything else is answered with 401.

    Parameters
    ----------
    app : ASGI application
        What is guarded.
    token : str
        Compared in constant time; never part of an answer or a log.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] == "lifespan" or self._may_pass(scope):
            await self._app(scope, receive, send)
        else:
            reply = refusal(401, "this needs the token; send it as Authorization: Bearer TOKEN")
            reply.headers["WWW-Authenticate"] = "Bearer"
            await reply(scope, receive, send)

    def _may_pass(self, scope: Scope) -> bool:
        given = [value for name, value in scope.get("headers", ()) if name == b"authorization"]
        if scope["type"] != "http" or len(given) != 1:
            return False
        scheme, _, token = given[0].partition(b" ")
        return scheme.lower() == b"bearer" and secrets.compare_digest(token.strip(), self._token)
