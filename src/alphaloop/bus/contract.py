"""The contract of a bus.

A bus carries *messages* on named channels and keeps *values* and *sets* under keys. What a caller may rely on:

- **At most once.** A message reaches the subscriptions that are open when it is published, in the order of publishing
  on each connection, or it is lost: there is no history. While a server is away every message is lost, and the
  subscription counts the interruption. Whoever must not miss anything reads the store.
- **A slow reader loses the oldest.** A subscription holds `Subscription.capacity` messages that were not read; beyond
  that the oldest are dropped and counted in `Subscription.lost`. One with a callback (`Subscription.on_delivery`) holds
  none: messages are dealt with as they arrive, inside the reading of the connection and without a task switch.
- **What is listened to may change.** A subscription joins and leaves channels while it is open. What it wants to listen
  to outlives the server: it joins all of it again, also what was wanted while the server was away.
- **Lasting values and sets come back.** What was set without a time to live, and the members of sets, are written again
  by the bus that wrote them when it finds a server that was started anew. Two writers of one key are not arranged;
  sets may have several, and each brings its own members back.
- **Values with a time to live are caches** and may be gone at any time.
- A call while the server is away raises `BusAwayError`; a subscription does not: it waits and joins again by itself.
- Bodies and values are bytes; channels, keys and members are text. A bus belongs to one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Protocol, Self

import msgspec

DEFAULT_CAPACITY = 10_000


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """A message as it arrived."""

    channel: str
    body: bytes


class Subscription(Protocol):
    """Messages of the channels that were asked for; an asynchronous iterator that ends when it is left."""

    @property
    def lost(self) -> int:
        """Messages that were dropped because nobody read them in time."""
        ...

    @property
    def interruptions(self) -> int:
        """Times that the server was away; what was published meanwhile was lost and cannot be counted."""
        ...

    def join(self, *channels: str) -> asyncio.Future[None]:
        """Listen to `channels` as well, until they are left; those that were joined before stay as they are.

        Takes effect without being awaited. Once the future is done, everything published from then on arrives; it is
        done at once while the server is away, and then the channels are joined when it is back.

        Raises
        ------
        BusAwayError
            If the subscription has ended; from the future, if the server refuses the channels.
        """
        ...

    def leave(self, *channels: str) -> asyncio.Future[None]:
        """Stop listening to `channels`; those that were not joined are passed over.

        What arrived before waits to be read as ever. Once the future is done, nothing of these channels arrives.

        Raises
        ------
        BusAwayError
            If the subscription has ended.
        """
        ...

    def on_delivery(self, call: Callable[[Sequence[Delivery]], None]) -> None:
        """From now on give messages to `call` as soon as they arrive; those that wait unread go first, at once.

        `call` is given what was read at once, in its order and never nothing, in the turn of the event loop that read
        it, so it must not wait and should be quick: nothing else is read meanwhile. The iterator then gives nothing and
        ends when the subscription does. An error of `call` ends the subscription and comes out of the iterator.
        """
        ...

    def __aiter__(self) -> AsyncIterator[Delivery]: ...

    async def __anext__(self) -> Delivery: ...


class Bus(Protocol):
    """Messages, values and sets; see the module for what it guarantees."""

    async def publish(self, channel: str, body: bytes) -> None:
        """Send `body` to everybody who listens to `channel` now."""
        ...

    def subscribe(self, *channels: str, capacity: int = DEFAULT_CAPACITY) -> AbstractAsyncContextManager[Subscription]:
        """Listen to `channels`, at first to none if none is given; once entered, all that is published then arrives.

        Raises
        ------
        BusAwayError
            On entering, if the server does not answer.
        """
        ...

    async def get(self, key: str) -> bytes | None:
        """Read a value, None if there is none or its time is over."""
        ...

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Read several values at once, in the order of `keys`."""
        ...

    async def set(self, key: str, value: bytes, ttl_s: float | None = None) -> None:
        """Write a value, for `ttl_s` seconds or lasting."""
        ...

    async def delete(self, key: str) -> None:
        """Remove a value or a whole set; absence is no error."""
        ...

    async def set_add(self, key: str, *members: str) -> None:
        """Put `members` into the set `key`."""
        ...

    async def set_remove(self, key: str, *members: str) -> None:
        """Take `members` out of the set `key`; absence is no error."""
        ...

    async def set_members(self, key: str) -> frozenset[str]:
        """Give all members of the set `key`, empty if there is no such set."""
        ...

    async def check(self) -> None:
        """Make sure that the server answers.

        Raises
        ------
        BusAwayError
            If it does not.
        """
        ...

    async def close(self) -> None:
        """End every subscription and leave; more than once is harmless."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
