"""What lies between the arrival of messages and their reader: bounded, and losing the oldest first."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Self

import structlog

from alphaloop.bus.contract import Delivery

log = structlog.get_logger("alphaloop.bus")


class Mailbox:
    """A `Subscription` that somebody else fills.

    Parameters
    ----------
    place : str
        What the log calls the bus.
    channels : tuple of str
        What the log says was listened to.
    capacity : int
        Unread messages that are kept.
    """

    def __init__(self, place: str, channels: tuple[str, ...], capacity: int) -> None:
        self._place = place
        self._channels = ", ".join(channels)
        self._capacity = capacity
        self._waiting: deque[Delivery] = deque()
        self._arrived = asyncio.Event()
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

    def put(self, delivery: Delivery) -> None:
        """Take in a message; the oldest unread one makes room."""
        if len(self._waiting) >= self._capacity:
            self._waiting.popleft()
            self._lost += 1
            # The first loss and then each tenfold: a reader that stands still must not flood the log.
            if str(self._lost).rstrip("0") == "1":
                log.warning("slow_reader", bus=self._place, channels=self._channels, dropped=self._lost)
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
            if self._ended:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()
