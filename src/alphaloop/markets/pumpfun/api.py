"""What Pump.fun contributes to the web application: its lists, the feed of signals, and whom to track by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any, Final, TypeAlias

import msgspec
import structlog
from fastapi import APIRouter, Path, Query

from alphaloop.bus.contract import Bus, Subscription
from alphaloop.core.clock import Clock
from alphaloop.markets.pumpfun.commands import ask_to_track
from alphaloop.markets.pumpfun.emissions import GRADUATIONS_CHANNEL, SIGNALS_CHANNEL
from alphaloop.markets.pumpfun.pages import Pages
from alphaloop.stores.records import Records

log = structlog.get_logger("alphaloop.pumpfun.api")

MAIN_MODEL: Final = "reach_2x_1h"
LONGEST_PAGE: Final = 500
SIGNAL_TYPES: Final = frozenset({"signal", "genesis_signal", "anti_signal"})

Limit: TypeAlias = Annotated[int, Query(ge=1, le=LONGEST_PAGE, description="items at most")]
Address: TypeAlias = Annotated[str, Path(description="address of a wallet")]
Cursor: TypeAlias = Annotated[str | None, Query(description="`next` of the page before")]
Feed: TypeAlias = Callable[[], AbstractAsyncContextManager[AsyncIterator[tuple[str, bytes]]]]


class PumpPart:
    """Routes and feed of this market.

    Parameters
    ----------
    records : Records
        Migrated to the market's schema; asked from several threads.
    bus : Bus
        Of the event loop that serves; where the collector publishes.
    clock : Clock, optional
        What "the last hour" counts back from.
    """

    def __init__(self, records: Records, bus: Bus, clock: Clock | None = None) -> None:
        self._bus = bus
        self._pages = Pages(records, clock)

    @property
    def feeds(self) -> Mapping[str, Feed]:
        """``/live/feed``: events `signal` (each ``{type, v, data}``) and `graduation`."""
        return {"/live/feed": self._feed}

    @property
    def router(self) -> APIRouter:
        """The lists, and the commands."""
        router, pages = APIRouter(tags=["pumpfun"]), self._pages

        # Plain functions: the framework runs them in threads, where waiting for the database harms nobody.
        @router.get("/live/recent")
        def recent(limit: Limit = 20) -> dict[str, Any]:
            """Newest signals, warnings, graduations and large trades, for a first look before the feed."""
            return {"items": pages.recent(limit)}

        @router.get("/signals")
        def signals(
            limit: Limit = 50,
            cursor: Cursor = None,
            min_score: Annotated[float | None, Query(ge=0, le=1, description="calibrated probability")] = None,
            model: Annotated[str, Query(description="whose probability")] = MAIN_MODEL,
            mint: Annotated[str | None, Query(description="of this token only")] = None,
        ) -> dict[str, Any]:
            """Signals, newest first; with `min_score` those, launches too, that the model scored so or higher."""
            return pages.signals(limit, cursor, min_score, model, mint)

        @router.get("/wallets")
        def wallets(
            limit: Limit = 50,
            cursor: Cursor = None,
            min_alpha: Annotated[float, Query(ge=0, le=100)] = 0.0,
            active: Annotated[bool, Query(description="tracked now")] = True,
        ) -> dict[str, Any]:
            """Wallets by falling alpha score."""
            return pages.wallets(limit, cursor, min_alpha, active)

        @router.get("/tokens")
        def tokens(
            limit: Limit = 50, cursor: Cursor = None, creator: str | None = None, graduated: bool | None = None
        ) -> dict[str, Any]:
            """Tokens, newest first, with their state and risks."""
            return pages.tokens(limit, cursor, creator, graduated)

        @router.get("/stats")
        def stats() -> dict[str, Any]:
            """State of the pipeline and of the market."""
            return pages.stats()

        self._add_commands(router)
        return router

    def _add_commands(self, router: APIRouter) -> None:
        """Add what changes something: asked of the collector over the bus, answered once it is recorded."""

        async def ask(wallet: str, tracked: bool) -> dict[str, Any]:
            known_ns = await ask_to_track(self._bus, wallet, tracked)
            return {"wallet": wallet, "tracked": tracked, "knownNs": known_ns}

        @router.put("/tracked/{wallet}")
        async def track(wallet: Address) -> dict[str, Any]:
            """Track a wallet by hand from now on; `knownNs` is its place among the events."""
            return await ask(wallet, True)

        @router.delete("/tracked/{wallet}")
        async def untrack(wallet: Address) -> dict[str, Any]:
            """Track a wallet no more, however it came to be tracked."""
            return await ask(wallet, False)

    @asynccontextmanager
    async def _feed(self) -> AsyncIterator[AsyncIterator[tuple[str, bytes]]]:
        async with self._bus.subscribe(SIGNALS_CHANNEL, GRADUATIONS_CHANNEL) as subscription:
            yield _events(subscription)


class _Said(msgspec.Struct, frozen=True):
    type: str


_said: Final = msgspec.json.Decoder(_Said)


async def _events(subscription: Subscription) -> AsyncIterator[tuple[str, bytes]]:
    """Pass messages on as they are; what is no message of ours is left out, and logged."""
    async for delivery in subscription:
        try:
            kind = _said.decode(delivery.body).type
        except msgspec.MsgspecError as error:
            log.warning("message_not_readable", channel=delivery.channel, reason=str(error))
            continue
        if kind in SIGNAL_TYPES:
            yield "signal", delivery.body
        elif kind == "graduation":
            yield "graduation", delivery.body
