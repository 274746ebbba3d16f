"""Server-sent events: a feed as a response that never ends, with a heartbeat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from alphaloop.core.clock import Clock, stopwatch
from alphaloop.web.part import Feed, ServerEvent

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class EventStream(StreamingResponse):
    """A feed, sent as it comes.

    The feed is entered before the answer begins: if it cannot be opened, that is an ordinary error, and whoever has the
    first heartbeat, which comes at once, misses nothing from then on.

    Parameters
    ----------
    feed : Feed
        Opened once per response.
    heartbeat_s : float
        Seconds between two heartbeats, whatever else is sent. Their data is ``{"nowNs": ...}``.
    clock : Clock
        What heartbeats tell.
    """

    def __init__(self, feed: Feed, heartbeat_s: float, clock: Clock) -> None:
        super().__init__((), media_type="text/event-stream", headers=_HEADERS)
        self._feed = feed
        self._heartbeat_s = heartbeat_s
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the caller leaves or the feed ends."""
        async with self._feed() as events:
            self.body_iterator = self._blocks(events)
            await super().__call__(scope, receive, send)

    async def _blocks(self, events: AsyncIterator[ServerEvent]) -> AsyncIterator[bytes]:
        coming = asyncio.ensure_future(_next(events))
        due_s = stopwatch()
        try:
            while True:
                left_s = due_s - stopwatch()
                if left_s <= 0:
                    due_s = max(due_s + self._heartbeat_s, stopwatch())
                    yield block("heartbeat", f'{{"nowNs":{self._clock.now_ns()}}}'.encode())
                    continue
                done, _ = await asyncio.wait({coming}, timeout=left_s)
                if not done:
                    continue
                event = coming.result()
                if event is None:
                    return
                yield block(*event)
                coming = asyncio.ensure_future(_next(events))
        finally:
            coming.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await coming


def block(name: str, data: bytes) -> bytes:
    """Spell one event; data of several lines is sent as several."""
    lines = b"".join(b"data: " + line + b"\n" for line in data.split(b"\n"))
    return b"event: " + name.encode() + b"\n" + lines + b"\n"


async def _next(events: AsyncIterator[ServerEvent]) -> ServerEvent | None:
    return await anext(events, None)
