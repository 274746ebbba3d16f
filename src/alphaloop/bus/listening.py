"""A subscription at a Redis server: one connection of its own, joined again for as long as the subscription is open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from redis.exceptions import ConnectionError, RedisError

from alphaloop.bus.mailbox import Mailbox, done, some_of
from alphaloop.bus.wire import Wire
from alphaloop.core.errors import AlphaloopError

log = structlog.get_logger("alphaloop.bus")

ANSWER_TIMEOUT_S: Final = 5.0
SILENCE_S: Final = 5.0
FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 5.0


class RedisSubscription(Mailbox):
    """A `Subscription` at a server.

    Parameters
    ----------
    make_connection : callable
        Makes a connection of the client library, not connected yet.
    refusal : callable
        Makes an error of the server's words.
    note_away : callable
        Told why the server is away.
    """

    def __init__(
        self,
        place: str,
        channels: Sequence[str],
        capacity: int,
        make_connection: Callable[[], Any],
        refusal: Callable[[str], AlphaloopError],
        note_away: Callable[[str], None],
    ) -> None:
        super().__init__(place, channels, capacity)
        self._make_connection, self._refusal, self._note_away = make_connection, refusal, note_away
        self._wire: Wire | None = None

    async def join_all(self) -> None:
        """Connect and join all that is wanted; what is wanted meanwhile is asked for on the same connection.

        Raises
        ------
        RedisError, OSError, AlphaloopError
            If the server does not answer, or refuses.
        """
        connection = self._make_connection()
        try:
            await connection.connect()
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        self._wire = wire = Wire.take_over(connection, self.put, self._refusal)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await wire.subscribe(list(self.channels))
            if wire.lost.done():
                raise ConnectionError(wire.lost.result())
        except BaseException:
            await self.hang_up()
            raise

    async def keep_joined(self) -> None:
        """Join again whenever the connection is lost, until cancelled."""
        while self._wire is not None:
            self._note_away(await _loss(self._wire))
            await self.hang_up()
            self.interrupted()
            await self._join_again()

    async def _join_again(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self.join_all()
            except (RedisError, OSError, AlphaloopError):
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                log.warning("listening_again", bus=self._place, channels=some_of(self.channels))
                return

    async def hang_up(self) -> None:
        """Close the connection."""
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.close()

    def _listen_to(self, channels: Sequence[str]) -> asyncio.Future[None]:
        if self._wire is None:
            return done()
        joined = self._wire.subscribe(list(dict.fromkeys(channels)))
        joined.add_done_callback(lambda answer: self._answered(answer, channels))
        return joined

    def _listen_no_more_to(self, channels: Sequence[str]) -> asyncio.Future[None]:
        return done() if self._wire is None else self._wire.unsubscribe(channels)

    def _answered(self, answer: asyncio.Future[None], channels: Sequence[str]) -> None:
        if not answer.cancelled() and answer.exception() is not None:
            # What the server refuses once would be in the way of every later joining.
            for channel in channels:
                self.channels.pop(channel, None)


async def _loss(wire: Wire) -> str:
    """Wait until the connection is lost and give the reason; one that says nothing even when asked counts as lost."""
    while True:
        reads = wire.reads
        await asyncio.wait({wire.lost}, timeout=SILENCE_S)
        if not wire.lost.done() and wire.reads == reads:
            wire.ping()
            await asyncio.wait({wire.lost}, timeout=ANSWER_TIMEOUT_S)
            if not wire.lost.done() and wire.reads == reads:
                return f"no answer within {ANSWER_TIMEOUT_S:g} s"
        if wire.lost.done():
            return wire.lost.result()
