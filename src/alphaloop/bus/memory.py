"""The embedded bus: one process, one event loop, no server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from alphaloop.bus.contract import DEFAULT_CAPACITY, Delivery
from alphaloop.bus.mailbox import Mailbox, done
from alphaloop.core.clock import Clock, SystemClock, to_ns
from alphaloop.core.errors import BusAwayError


@dataclass
class MemoryHub:
    """What several `MemoryBus` objects of one process have in common; dies with the process."""

    values: dict[str, tuple[bytes, int | None]] = field(default_factory=dict)
    sets: dict[str, set[str]] = field(default_factory=dict)
    listeners: dict[str, list[MemorySubscription]] = field(default_factory=dict)


class MemorySubscription(Mailbox):
    """A `Subscription` at a hub."""

    def __init__(self, hub: MemoryHub, channels: Sequence[str], capacity: int) -> None:
        super().__init__("memory://", channels, capacity)
        self._hub = hub
        self._listen_to(list(self.channels))

    def _listen_to(self, channels: Sequence[str]) -> asyncio.Future[None]:
        for channel in channels:
            listeners = self._hub.listeners.setdefault(channel, [])
            if self not in listeners:
                listeners.append(self)
        return done()

    def _listen_no_more_to(self, channels: Sequence[str]) -> asyncio.Future[None]:
        for channel in channels:
            listeners = self._hub.listeners[channel]
            # A new list: somebody may be going through the old one.
            self._hub.listeners[channel] = [other for other in listeners if other is not self]
            if not self._hub.listeners[channel]:
                del self._hub.listeners[channel]
        return done()

    def end(self) -> None:
        """Leave all channels, let the reader have what is there, and then stop."""
        if not self.ended:
            self.leave(*self.channels)
        super().end()


class MemoryBus:
    """A `Bus` in memory.

    Parameters
    ----------
    hub : MemoryHub, optional
        To share with other buses of this process; a fresh one without it.
    clock : Clock, optional
        Decides when a value's time is over.
    """

    def __init__(self, hub: MemoryHub | None = None, clock: Clock | None = None) -> None:
        self._hub = hub if hub is not None else MemoryHub()
        self._clock = clock or SystemClock()
        self._subscriptions: dict[MemorySubscription, None] = {}
        self._closed = False

    async def publish(self, channel: str, body: bytes) -> None:
        """Send `body` to everybody who listens to `channel` now."""
        self._require_open()
        delivered = [Delivery(channel, bytes(body))]
        for mailbox in self._hub.listeners.get(channel, ()):
            mailbox.put(delivered)

    @asynccontextmanager
    async def subscribe(self, *channels: str, capacity: int = DEFAULT_CAPACITY) -> AsyncIterator[MemorySubscription]:
        """Listen to `channels`; once entered, everything published from then on arrives."""
        self._require_open()
        subscription = MemorySubscription(self._hub, channels, capacity)
        self._subscriptions[subscription] = None
        try:
            yield subscription
        finally:
            self._subscriptions.pop(subscription, None)
            subscription.end()

    async def get(self, key: str) -> bytes | None:
        """Read a value, None if there is none or its time is over."""
        self._require_open()
        value, until_ns = self._hub.values.get(key, (None, None))
        if until_ns is not None and until_ns <= self._clock.now_ns():
            del self._hub.values[key]
            return None
        return value

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Read several values at once, in the order of `keys`."""
        return [await self.get(key) for key in keys]

    async def set(self, key: str, value: bytes, ttl_s: float | None = None) -> None:
        """Write a value, for `ttl_s` seconds or lasting."""
        self._require_open()
        until_ns = None if ttl_s is None else self._clock.now_ns() + to_ns(ttl_s)
        self._hub.values[key] = (bytes(value), until_ns)

    async def delete(self, key: str) -> None:
        """Remove a value or a whole set."""
        self._require_open()
        self._hub.values.pop(key, None)
        self._hub.sets.pop(key, None)

    async def set_add(self, key: str, *members: str) -> None:
        """Put `members` into the set `key`."""
        self._require_open()
        self._hub.sets.setdefault(key, set()).update(members)

    async def set_remove(self, key: str, *members: str) -> None:
        """Take `members` out of the set `key`."""
        self._require_open()
        self._hub.sets.get(key, set()).difference_update(members)

    async def set_members(self, key: str) -> frozenset[str]:
        """Give all members of the set `key`."""
        self._require_open()
        return frozenset(self._hub.sets.get(key, ()))

    async def check(self) -> None:
        """Make sure that the bus is open."""
        self._require_open()

    async def close(self) -> None:
        """End every subscription and leave."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _require_open(self) -> None:
        if self._closed:
            raise BusAwayError("memory://: this bus was closed; open another one")
