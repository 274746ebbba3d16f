"""The bus of several processes: Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Self, TypeVar

import redis.asyncio as client
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, ConnectionError, RedisError, ResponseError, TimeoutError

from alphaloop.bus.contract import DEFAULT_CAPACITY
from alphaloop.bus.keepsakes import Keepsakes
from alphaloop.bus.listening import ANSWER_TIMEOUT_S, RedisSubscription
from alphaloop.core.addresses import redacted, scrubbed
from alphaloop.core.clock import stopwatch
from alphaloop.core.errors import AlphaloopError, BusAwayError, InputError, StateError

log = structlog.get_logger("alphaloop.bus")

CALLS_AT_ONCE = 8

T = TypeVar("T")


class RedisBus:
    """A `Bus` on a Redis server.

    A message is sent once: where `publish` raises, whether the server took it is not known. Other calls, which may be
    given twice without harm, are tried again once if their connection breaks. Subscriptions join again by themselves,
    pausing longer from try to try. Each connection asks the server for
    its run id before anything else is said on it; when the server is another one than before, lasting values and sets
    are written to it first. A watch looks once per `check_s`, so that this happens for a bus that is idle, too.

    Parameters
    ----------
    url : str
        ``redis://``, ``rediss://`` or ``unix://``; a password in it is never shown.
    check_s : float
        Seconds between two looks of the watch.

    Raises
    ------
    InputError
        If the URL cannot be understood.
    """

    def __init__(self, url: str, *, check_s: float = 1.0) -> None:
        self._url = url
        self._place = redacted(url)
        self._check_s = check_s
        self._keepsakes = Keepsakes()
        self._renewal = asyncio.Lock()
        self._server_id: str | None = None
        self._away_since: float | None = None
        self._watch: asyncio.Task[None] | None = None
        self._subscriptions: set[RedisSubscription] = set()
        self._closed = False
        options: dict[str, Any] = {
            "protocol": 2,
            "retry": Retry(NoBackoff(), 0),
            "socket_timeout": ANSWER_TIMEOUT_S,
            "socket_connect_timeout": ANSWER_TIMEOUT_S,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "redis_connect_func": self._greet,
        }
        try:
            calls = client.BlockingConnectionPool.from_url(url, max_connections=CALLS_AT_ONCE, **options)
            # Each subscription has a connection of its own: this only makes them.
            self._listeners = client.ConnectionPool.from_url(url, **options)
        except ValueError as error:
            reason = scrubbed(str(error), url)
            raise InputError(f"{self._place}: not a URL of Redis ({reason}); write redis://HOST:PORT/DB") from None
        self._client = client.Redis.from_pool(calls)

    async def publish(self, channel: str, body: bytes) -> None:
        """Send `body` to everybody who listens to `channel` now."""
        await self._call(lambda: self._client.publish(channel, body), tries=1)

    @asynccontextmanager
    async def subscribe(self, *channels: str, capacity: int = DEFAULT_CAPACITY) -> AsyncIterator[RedisSubscription]:
        """Listen to `channels`; once entered, everything published from then on arrives."""
        subscription = RedisSubscription(
            self._place, channels, capacity, self._listeners.make_connection, self._refused, self._note_away
        )
        try:
            await self._call(subscription.join_all)
        except BaseException:
            await subscription.hang_up()
            raise
        keeper = asyncio.create_task(subscription.keep_joined())
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            subscription.end()
            await _ended(keeper)
            await subscription.hang_up()

    async def get(self, key: str) -> bytes | None:
        """Read a value, None if there is none or its time is over."""
        value = await self._call(lambda: self._client.get(key))
        return None if value is None else bytes(value)

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Read several values at once, in the order of `keys`."""
        values = await self._call(lambda: self._client.mget(keys)) if keys else []
        return [None if value is None else bytes(value) for value in values]

    async def set(self, key: str, value: bytes, ttl_s: float | None = None) -> None:
        """Write a value, for `ttl_s` seconds or lasting."""
        lifetime_ms = None if ttl_s is None else max(1, round(ttl_s * 1000))
        await self._call(lambda: self._client.set(key, value, px=lifetime_ms))
        self._keepsakes.set(key, value if ttl_s is None else None)

    async def delete(self, key: str) -> None:
        """Remove a value or a whole set."""
        await self._call(lambda: self._client.delete(key))
        self._keepsakes.delete(key)

    async def set_add(self, key: str, *members: str) -> None:
        """Put `members` into the set `key`."""
        if members:
            await self._call(lambda: self._client.sadd(key, *members))
            self._keepsakes.add(key, members)

    async def set_remove(self, key: str, *members: str) -> None:
        """Take `members` out of the set `key`."""
        if members:
            await self._call(lambda: self._client.srem(key, *members))
            self._keepsakes.remove(key, members)

    async def set_members(self, key: str) -> frozenset[str]:
        """Give all members of the set `key`."""
        return frozenset(member.decode() for member in await self._call(lambda: self._client.smembers(key)))

    async def check(self) -> None:
        """Make sure that the server answers."""
        await self._call(lambda: self._client.ping())

    async def close(self) -> None:
        """End every subscription and leave."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.end()
        if self._watch is not None:
            await _ended(self._watch)
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _call(self, ask: Callable[[], Awaitable[Any]], tries: int = 2) -> Any:
        if self._closed:
            raise BusAwayError(f"{self._place}: this bus was closed; open another one")
        if self._watch is None:
            self._watch = asyncio.create_task(self._look())
        while True:
            tries -= 1
            try:
                return await _heeding(ask)
            except (RedisError, OSError) as error:
                # A connection may have died unnoticed since the last call; a fresh one may do.
                if not tries or not isinstance(error, ConnectionError | OSError):
                    raise self._translated(error) from None

    def _translated(self, error: Exception) -> AlphaloopError:
        reason = scrubbed(str(error), self._url)
        if isinstance(error, AuthenticationError):
            return InputError(f"{self._place}: Redis refuses ({reason}); give the right user and password in the URL")
        if isinstance(error, ConnectionError | TimeoutError | OSError):
            self._note_away(reason)
            return BusAwayError(f"{self._place}: Redis does not answer ({reason}); try again later")
        if isinstance(error, ResponseError) and not reason.startswith("WRONGTYPE"):
            return BusAwayError(f"{self._place}: Redis cannot do this now ({reason}); mend the server and try again")
        return StateError(f"{self._place}: Redis holds something else under this key ({reason}); use another database")

    def _refused(self, reason: str) -> AlphaloopError:
        return self._translated(ResponseError(reason))

    def _note_away(self, reason: str) -> None:
        if self._away_since is None:
            reason = scrubbed(reason, self._url)
            self._away_since = stopwatch()
            log.error("redis_away", bus=self._place, reason=reason, meaning="messages are lost until it answers")

    async def _greet(self, connection: Any) -> None:
        """Prepare a new connection, and the server if it is a new one."""
        await connection.on_connect()
        async with self._renewal:
            about = await _ask(connection, ("INFO", "server"))
            server_id = about.partition(b"run_id:")[2].split(maxsplit=1)[0].decode()
            if self._server_id not in (None, server_id):
                commands = self._keepsakes.commands()
                for command in commands:
                    await _ask(connection, command)
                log.warning("redis_started_anew", bus=self._place, keys_written_again=len(commands))
            self._server_id = server_id
        if self._away_since is not None:
            log.warning("redis_back", bus=self._place, away_s=round(stopwatch() - self._away_since, 3))
            self._away_since = None

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._check_s)
            try:
                await self._client.ping()
            except (RedisError, OSError) as error:
                self._note_away(str(error))


async def _heeding(ask: Callable[[], Awaitable[Any]]) -> Any:
    """Ask, and end if that was asked for meanwhile: the client may lose a cancellation that comes with the answer."""
    task = asyncio.current_task()
    asked = 0 if task is None else task.cancelling()
    answer = await ask()
    if task is not None and task.cancelling() > asked:
        raise asyncio.CancelledError
    return answer


async def _ask(connection: Any, command: tuple[Any, ...]) -> Any:
    await connection.send_command(*command, check_health=False)
    return await connection.read_response()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
