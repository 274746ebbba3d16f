"""What a market contributes to the application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

from fastapi import APIRouter

ServerEvent: TypeAlias = tuple[str, bytes]
"""Name of a server-sent event, and its data as JSON."""

Feed: TypeAlias = Callable[[], AbstractAsyncContextManager[AsyncIterator[ServerEvent]]]
"""Opens a stream of events; what happens after it was entered is in it."""


class Part(Protocol):
    """Routes and feeds of one market; paths are below ``/api``."""

    @property
    def router(self) -> APIRouter:
        """Plain routes."""
        ...

    @property
    def feeds(self) -> Mapping[str, Feed]:
        """Streams of server-sent events, by path."""
        ...
