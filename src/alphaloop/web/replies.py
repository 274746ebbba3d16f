"""Answers in JSON, errors included."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from alphaloop.core.errors import AlphaloopError, AwayError, InputError

RETRY_S = "5"


class JsonReply(Response):
    """JSON as msgspec spells it: floats exactly, NaN and infinity as null."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Spell `content`."""
        return msgspec.json.encode(content)


def refusal(status: int, sentence: str) -> JsonReply:
    """Say no: ``{"error": sentence}``."""
    return JsonReply({"error": sentence}, status_code=status)


async def on_error(request: Request, error: Exception) -> Response:
    """Answer one of our errors: 400 for bad input, 503 while a server is away, 500 for anything else."""
    if isinstance(error, AwayError):
        reply = refusal(503, str(error))
        reply.headers["Retry-After"] = RETRY_S
        return reply
    return refusal(400 if isinstance(error, InputError) else 500, str(error))


async def on_bad_request(request: Request, error: Exception) -> Response:
    """Answer a parameter that cannot be used, in one sentence."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("query", "path", "body"))
    reason = str(first["msg"])
    return refusal(
        400, f"parameter {where!r}: {reason[0].lower()}{reason[1:]}, got {first.get('input')!r:.80}; correct it"
    )


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer what the framework refuses, such as an unknown path."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return refusal(404, f"there is nothing at {request.url.path}; look at /api/openapi.json")
    return refusal(error.status_code, f"{request.method} {request.url.path}: {error.detail}")


async def on_defect(request: Request, error: Exception) -> Response:
    """Answer what should not happen, without its details; the server logs them."""
    return refusal(500, f"{request.url.path}: a defect of ours; look at the log of the server")


HANDLERS = {
    Exception: on_defect,
    AlphaloopError: on_error,
    RequestValidationError: on_bad_request,
    HTTPException: on_http_error,
}
