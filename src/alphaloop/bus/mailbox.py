"""What lies between the arrival of messages and their reader: a bounded queue that loses the oldest, or a callback."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Self

import structlog

from alphaloop.bus.contract import Delivery
from alphaloop.core.errors import BusAwayError

log = structlog.get_logger("alphaloop.bus")

NAMED = 5


class Mailbox:
    """A `Subscription` that somebody else fills; where it listens is up to `_listen_to` and `_listen_no_more_to`.

    Parameters
    ----------
    place : str
        What logs and errors call the bus.
    channels : sequence of str
        What is listened to at first.
    capacity : int
        Unread messages that are kept.

    Attributes
    ----------
    channels : dict
        What is listened to, or will be as soon as the server is there.
    """

    def __init__(self, place: str, channels: Sequence[str], capacity: int) -> None:
        self.channels = dict.fromkeys(channels)
        self._place = place
        self._capacity = capacity
        self._waiting: deque[Delivery] = deque()
        self._arrived = asyncio.Event()
        self._call: Callable[[Sequence[Delivery]], None] | None = None
        self._error: Exception | None = None
        self._ended = False
        self._lost = 0
        self._interruptions = 0

    @property
    def lost(self) -> int:
        """Messages that were dropped because nobody read them in time."""
        return self._lost

    @property
    def interruptions(self) -> int:
        """Times that the server was away."""
        return self._interruptions

    @property
    def ended(self) -> bool:
        """Whether nothing more will arrive."""
        return self._ended

    def join(self, *channels: str) -> asyncio.Future[None]:
        """Listen to `channels` as well."""
        self._require_open()
        self.channels.update(dict.fromkeys(channels))
        return self._listen_to(channels)

    def leave(self, *channels: str) -> asyncio.Future[None]:
        """Stop listening to `channels`."""
        self._require_open()
        left = [channel for channel in dict.fromkeys(channels) if channel in self.channels]
        for channel in left:
            del self.channels[channel]
        return self._listen_no_more_to(left)

    def on_delivery(self, call: Callable[[Sequence[Delivery]], None]) -> None:
        """From now on give messages to `call` as soon as they arrive, those that wait first."""
        self._call = call
        if self._waiting and not self._ended:
            waiting = list(self._waiting)
            self._waiting.clear()
            self._hand_over(waiting)

    def put(self, deliveries: Sequence[Delivery]) -> None:
        """Take in messages that came at once; without a callback the oldest unread ones make room."""
        if self._ended:
            return
        if self._call is not None:
            self._hand_over(deliveries)
            return
        for delivery in deliveries:
            if len(self._waiting) >= self._capacity:
                self._waiting.popleft()
                self._dropped()
            self._waiting.append(delivery)
        self._arrived.set()

    def interrupted(self) -> None:
        """Note that the server went away."""
        self._interruptions += 1

    def end(self) -> None:
        """Let the reader have what is there, and then stop."""
        self._ended = True
        self._arrived.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delivery:
        while not self._waiting:
            if self._error is not None:
                raise self._error
            if self._ended:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()

    def _hand_over(self, deliveries: Sequence[Delivery]) -> None:
        assert self._call is not None
        try:
            self._call(deliveries)
        except Exception as error:  # whoever publishes, or reads the connection, has no part in it
            log.error("callback_failed", bus=self._place, channel=deliveries[0].channel, reason=repr(error))
            self._error = error
            self.end()

    def _dropped(self) -> None:
        self._lost += 1
        # The first loss and then each tenfold: a reader that stands still must not flood the log.
        if str(self._lost).rstrip("0") == "1":
            log.warning("slow_reader", bus=self._place, channels=some_of(self.channels), dropped=self._lost)

    def _listen_to(self, channels: Sequence[str]) -> asyncio.Future[None]:
        raise NotImplementedError

    def _listen_no_more_to(self, channels: Sequence[str]) -> asyncio.Future[None]:
        raise NotImplementedError

    def _require_open(self) -> None:
        if self._ended:
            raise BusAwayError(f"{self._place}: this subscription has ended; open another one")


def some_of(channels: Iterable[str]) -> str:
    """Names for a log: a few, and that there are more."""
    names = list(islice(channels, NAMED + 1))
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def done() -> asyncio.Future[None]:
    """A future that is done, for what takes effect at once."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future
