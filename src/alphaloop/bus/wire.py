"""A connection to Redis that only listens, read without a task of its own.

A bare reader of the socket parses what arrives and has it; every layer between costs a turn of the event loop. So the
client library makes the connection (address, TLS, password, greeting), and this protocol takes its transport over and
hands messages on inside the callback that read them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

import hiredis

from alphaloop.bus.contract import Delivery

BUFFER_BYTES: Final = 1 << 16


class _Asked:
    """A command whose answers are awaited: one for each channel, or one error."""

    __slots__ = ("answers", "done")

    def __init__(self, answers: int) -> None:
        self.answers = answers
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Wire(asyncio.BufferedProtocol):
    """Listens on a transport.

    Parameters
    ----------
    deliver : callable
        Given the messages that were read at once; must not raise.
    refusal : callable
        Makes an error of the server's words.

    Attributes
    ----------
    lost : asyncio.Future of str
        Done when the connection is gone, with the reason.
    reads : int
        How often something arrived.
    """

    def __init__(self, deliver: Callable[[Sequence[Delivery]], None], refusal: Callable[[str], Exception]) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.reads = 0
        self._deliver, self._refusal = deliver, refusal
        # Its annotations know less than it takes: any buffer, with a place and a length.
        self._reader: Any = hiredis.Reader(replyError=_Refused)
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._asked: deque[_Asked] = deque()
        self._names: dict[bytes, str] = {}
        self._connection: Any = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    def take_over(
        cls, connection: Any, deliver: Callable[[Sequence[Delivery]], None], refusal: Callable[[str], Exception]
    ) -> Self:
        """Take the transport of a connection of the client library on which nothing is awaited."""
        wire = cls(deliver, refusal)
        # The library names no other way to its transport; the tests of the bus would see it go.
        wire._connection, wire._transport = connection, connection._writer.transport
        wire._transport.set_protocol(wire)
        return wire

    def subscribe(self, channels: Sequence[str]) -> asyncio.Future[None]:
        """Join channels; done when the server has confirmed all of them, or the connection is lost."""
        return self._ask("SUBSCRIBE", channels)

    def unsubscribe(self, channels: Sequence[str]) -> asyncio.Future[None]:
        """Leave channels; done as for `subscribe`."""
        return self._ask("UNSUBSCRIBE", channels)

    def ping(self) -> None:
        """Ask for a sign of life; any answer counts in `reads`."""
        if self._transport is not None:
            self._asked.append(_Asked(1))
            self._transport.write(hiredis.pack_command(("PING",)))

    async def close(self) -> None:
        """Hang up."""
        self.connection_lost(None)
        connection, self._connection, self._transport = self._connection, None, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Room for what arrives."""
        return self._view

    def buffer_updated(self, count: int) -> None:
        """Parse what arrived, and hand on the messages that are complete."""
        self.reads += 1
        reader, messages = self._reader, []
        reader.feed(self._buffer, 0, count)
        try:
            # Not enough data is False, which no message of a subscription is.
            while (reply := reader.gets(False)) is not False:
                if type(reply) is list and len(reply) == 3 and reply[0] == b"message":
                    messages.append(Delivery(self._name(reply[1]), reply[2]))
                else:
                    self._answered(reply)
        except hiredis.ProtocolError as error:
            self._hang_up(f"what arrives is not Redis: {error}")
        if messages:
            self._deliver(messages)

    def eof_received(self) -> None:
        """The server hangs up."""
        self._hang_up("the server closed the connection")

    def connection_lost(self, error: Exception | None) -> None:
        """End what waits for an answer."""
        if not self.lost.done():
            self.lost.set_result(str(error) if error else "the connection was closed")
        while self._asked:
            done = self._asked.popleft().done
            if not done.done():
                done.set_result(None)

    def _ask(self, command: str, channels: Sequence[str]) -> asyncio.Future[None]:
        asked = _Asked(len(channels))
        if self._transport is None or self.lost.done() or not channels:
            asked.done.set_result(None)
        else:
            self._asked.append(asked)
            words: Any = (command, *channels)
            self._transport.write(hiredis.pack_command(words))
        return asked.done

    def _name(self, channel: bytes) -> str:
        name = self._names.get(channel)
        if name is None:
            name = self._names[channel] = channel.decode()
        return name

    def _answered(self, reply: Any) -> None:
        if type(reply) is list and reply[:1] == [b"unsubscribe"]:
            self._names.pop(reply[1], None)
        if not self._asked:
            return
        asked = self._asked[0]
        asked.answers -= 1
        if isinstance(reply, _Refused):
            self._asked.popleft()
            if not asked.done.done():
                asked.done.set_exception(self._refusal(str(reply)))
        elif not asked.answers:
            self._asked.popleft()
            if not asked.done.done():
                asked.done.set_result(None)

    def _hang_up(self, reason: str) -> None:
        if not self.lost.done():
            self.lost.set_result(reason)
        if self._transport is not None:
            self._transport.abort()


class _Refused(Exception):  # noqa: N818 - an answer, which is never raised
    """The server's words where it refuses a command."""
