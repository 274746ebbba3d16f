"""One WebSocket subscription to the logs of the programs, until it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import msgspec
import websockets
from pydantic import Field
from websockets.asyncio.client import ClientConnection, connect

from alphaloop.core.clock import Clock
from alphaloop.core.errors import AlphaloopError
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.ingest.pool import Endpoint
from alphaloop.markets.pumpfun.wire.layouts import PUMP_PROGRAM

LARGEST_MESSAGE = 16 * 1024 * 1024

Commitment = Literal["processed", "confirmed", "finalized"]


class StreamLost(AlphaloopError):  # noqa: N818  # it is what happens to every stream, not a fault
    """The connection ended, or says nothing any more."""


class StreamSettings(Settings):
    """What is subscribed to, and when a silent connection counts as lost."""

    programs: tuple[str, ...] = Field(
        default=(PUMP_PROGRAM,), min_length=1, description="each gets a subscription of its own"
    )
    commitment: Commitment = Field(
        default="confirmed", description="`processed` is a second faster and may bring what a dropped fork takes back"
    )
    connect_timeout_s: float = Field(default=15.0, gt=0, description="connection and confirmed subscriptions")
    ping_s: float = Field(default=15.0, gt=0, description="between pings; as long again may pass until the pong")
    stall_s: float = Field(default=30.0, gt=0, description="without a notification the stream counts as lost")
    units_per_notification: int = Field(default=1, ge=0, description="request units that a notification costs")


class Notification(msgspec.Struct, frozen=True):
    """The logs of one transaction, as the node sent them.

    Attributes
    ----------
    failed
        Whether the transaction failed; then its events never happened.
    received_ns
        When it came, UTC nanoseconds.
    """

    signature: str
    slot: int
    failed: bool
    logs: list[str]
    received_ns: int


class _Context(msgspec.Struct):
    slot: int


class _Value(msgspec.Struct):
    signature: str
    err: Any
    logs: list[str] | None = None


class _Result(msgspec.Struct):
    context: _Context
    value: _Value


class _Params(msgspec.Struct):
    result: _Result


class _Message(msgspec.Struct):
    """Anything that comes over the connection: a notification has `params`, an answer has `id`."""

    method: str = ""
    params: _Params | None = None
    id: int | None = None
    result: Any = None
    error: Any = None


_decoder = msgspec.json.Decoder(_Message)


class Subscription:
    """An open connection whose subscriptions are confirmed.

    Attributes
    ----------
    whole : bool
        Whether what is yielded now came when every subscription was granted: before that a program may have been silent
        because nobody listened.
    """

    def __init__(self, connection: ClientConnection, settings: StreamSettings, clock: Clock) -> None:
        self._connection = connection
        self._settings = settings
        self._clock = clock
        self._early: list[Notification] = []
        self.whole = False

    async def confirm(self) -> None:
        """Ask for the programs' logs and wait until each subscription is granted.

        Raises
        ------
        StreamLost
            If one is refused.
        """
        waiting = set()
        for number, program in enumerate(self._settings.programs, start=1):
            params = [{"mentions": [program]}, {"commitment": self._settings.commitment}]
            request = {"jsonrpc": "2.0", "id": number, "method": "logsSubscribe", "params": params}
            await self._connection.send(msgspec.json.encode(request).decode())
            waiting.add(number)
        while waiting:
            message = self._parsed(await self._connection.recv())
            if message.params is not None:
                self._early.append(self._notification(message.params.result))
            elif message.error is not None:
                raise StreamLost(f"logsSubscribe was refused: {str(message.error)[:200]}")
            elif message.id is not None:
                waiting.discard(message.id)

    async def notifications(self) -> AsyncIterator[Notification]:
        """Yield notifications as they come.

        Raises
        ------
        StreamLost
            When the connection ends, or nothing came for `stall_s`.
        """
        for notification in self._early:
            yield notification
        self._early.clear()
        self.whole = True
        while True:
            try:
                async with asyncio.timeout(self._settings.stall_s):
                    message = self._parsed(await self._connection.recv())
                    while message.params is None:
                        message = self._parsed(await self._connection.recv())
            except TimeoutError:
                raise StreamLost(f"no notification for {self._settings.stall_s:g} s") from None
            except websockets.ConnectionClosed as error:
                raise StreamLost(f"the connection ended ({_closing(error)})") from None
            yield self._notification(message.params.result)

    def _parsed(self, content: str | bytes) -> _Message:
        try:
            return _decoder.decode(content)
        except msgspec.DecodeError as error:
            raise StreamLost(f"a message is no JSON-RPC ({error})") from None

    def _notification(self, result: _Result) -> Notification:
        value = result.value
        return Notification(
            value.signature, result.context.slot, value.err is not None, value.logs or [], self._clock.now_ns()
        )


@asynccontextmanager
async def subscribe(endpoint: Endpoint, settings: StreamSettings, clock: Clock) -> AsyncIterator[Subscription]:
    """Connect to an endpoint and subscribe.

    Raises
    ------
    StreamLost
        If no connection comes about, or a subscription is refused.
    """
    proxy = endpoint.settings.proxy
    try:
        async with asyncio.timeout(settings.connect_timeout_s):
            connection = await connect(
                endpoint.settings.ws,
                ping_interval=settings.ping_s,
                ping_timeout=settings.ping_s,
                open_timeout=None,
                close_timeout=1.0,
                max_size=LARGEST_MESSAGE,
                proxy=None if proxy is None else proxy.get_secret_value(),
            )
            subscription = Subscription(connection, settings, clock)
            try:
                await subscription.confirm()
            except BaseException:
                await connection.close()
                raise
    except TimeoutError:
        raise StreamLost(f"no subscription within {settings.connect_timeout_s:g} s") from None
    except websockets.ConnectionClosed as error:
        raise StreamLost(f"the connection ended ({_closing(error)})") from None
    except (OSError, websockets.WebSocketException) as error:
        # Some of these repeat the URL, which holds the key.
        raise StreamLost(endpoint.settings.redact(f"{type(error).__name__}: {error}")) from None
    try:
        yield subscription
    finally:
        await connection.close()


def _closing(error: websockets.ConnectionClosed) -> str:
    frame = error.rcvd or error.sent
    return f"code {frame.code} {frame.reason}".rstrip() if frame is not None else "without a closing frame"
