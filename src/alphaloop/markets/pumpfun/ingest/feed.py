"""A stream that is always there: connects, fills the gap, follows, and begins again elsewhere when it is lost."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from alphaloop.core.clock import Clock, stopwatch
from alphaloop.markets.pumpfun.ingest.gaps import Anchor, History, Listed
from alphaloop.markets.pumpfun.ingest.intake import Intake
from alphaloop.markets.pumpfun.ingest.pool import Endpoint, EndpointPool
from alphaloop.markets.pumpfun.ingest.rpc import ChainError
from alphaloop.markets.pumpfun.ingest.subscription import (
    Notification,
    StreamLost,
    StreamSettings,
    Subscription,
    subscribe,
)
from alphaloop.markets.pumpfun.ingest.unfinished import Unfinished

log = structlog.get_logger("alphaloop.pumpfun.feed")

FILL_AGAIN_S = 5.0
BEGIN_S = 10.0
"""Live events wait so long at the very first start for history to say where the chain is."""


class Feed:
    """Brings everything that the programs do to the intake, in the order of the chain as far as it can.

    After each connection the history since the anchor is read. Meanwhile live notifications wait, so that what happened
    before them is recorded before them; a transaction of the gap that came live as well is taken from those that wait
    and not fetched. If the gap takes longer than `hold_s`, live events go first and the gap's come in behind, with a
    `known_ns` that says when they were known; the gap is written down as unfinished until then.
    """

    def __init__(
        self,
        pool: EndpointPool,
        history: History,
        intake: Intake,
        unfinished: Unfinished,
        settings: StreamSettings,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._history = history
        self._intake = intake
        self._unfinished = unfinished
        self._settings = settings
        self._clock = clock
        self._held: dict[str, Notification] | None = None
        self._overflowed = False
        self._reach = 0
        self.connections = 0
        self.live = asyncio.Event()

    async def run(self) -> None:
        """Follow until cancelled."""
        left: list[Endpoint] = []
        while True:
            endpoint = await self._pool.stream(avoid=left)
            try:
                async with subscribe(endpoint, self._settings, self._clock) as subscription:
                    self.connections += 1
                    log.info("stream_opened", endpoint=endpoint.name, connection=self.connections)
                    await self._follow(subscription, endpoint)
            except StreamLost as lost:
                self._pool.failed(endpoint, str(lost))
                log.warning("stream_lost", endpoint=endpoint.name, reason=endpoint.reason)
            finally:
                self.live.clear()
                self._pool.released(endpoint)
            left = [endpoint]

    async def _follow(self, subscription: Subscription, endpoint: Endpoint) -> None:
        self._held, self._overflowed, self._reach = {}, False, 0
        filling = asyncio.create_task(self._fill())
        healthy = False
        try:
            async for notification in subscription.notifications():
                self._pool.charge(endpoint, self._settings.units_per_notification)
                if not healthy:
                    # Only now: an endpoint that accepts connections and says nothing shall not look healthy.
                    self._pool.succeeded(endpoint)
                    healthy = True
                if not self._reach and subscription.whole:
                    self._reach = notification.slot
                if filling.done():
                    filling.result()
                await self._take(notification)
                if self._pool.units_left(endpoint) <= 0:
                    raise StreamLost("the key's budget is used up")
        finally:
            # Those that still wait are in the history, and the next connection begins at an anchor before them.
            self._held = None
            filling.cancel()
            with suppress(asyncio.CancelledError):
                await filling

    async def _take(self, notification: Notification) -> None:
        if self._held is None:
            await self._intake.offer(notification)
        elif len(self._held) < self._history.settings.hold_most:
            self._held.setdefault(notification.signature, notification)
        else:
            self._overflow(notification)

    def _overflow(self, notification: Notification) -> None:
        if not self._overflowed:
            log.warning("too_many_wait_for_the_gap", waiting=len(self._held or ()))
        self._overflowed = True
        self._reach = max(self._reach, notification.slot)

    async def _fill(self) -> None:
        anchor = self._intake.anchor()
        if anchor is None:
            await self._begin()
            await self._release()
            self.live.set()
            return
        began = stopwatch()
        behind = asyncio.create_task(self._stop_holding(anchor))
        try:
            filled = await self._until_joined(anchor)
        finally:
            behind.cancel()
            with suppress(asyncio.CancelledError):
                await behind
        log.info("gap_filled", since_slot=anchor.slot, transactions=filled, took_s=round(stopwatch() - began, 3))
        await self._release()
        self.live.set()
        if self._unfinished.gap is not None:
            # Offered is not recorded: a process killed now has to fill it once more.
            await self._intake.settled()
            self._unfinished.close_gap()

    async def _begin(self) -> None:
        """Note where the chain is before the first event is taken: who is killed before it is recorded starts there."""
        try:
            async with asyncio.timeout(BEGIN_S):
                newest = await self._history.newest()
        except (ChainError, TimeoutError) as error:
            log.warning("beginning_unknown", reason=str(error) or "history does not answer")
            return
        # Another stream may have been faster.
        if newest is not None and self._intake.anchor() is None:
            self._unfinished.begin(newest)
            log.info("recording_begins", after_slot=newest.slot)

    async def _until_joined(self, anchor: Anchor) -> int:
        offered: set[str] = set()
        rounds = 0
        while True:
            try:
                listed, reach = await self._history.since(anchor)
            except ChainError as error:
                log.warning("gap_not_filled_yet", since_slot=anchor.slot, reason=str(error))
                await asyncio.sleep(FILL_AGAIN_S)
                continue
            await self._fill_in(listed, offered)
            rounds += 1
            # Where every program's history is beyond the first live slot, nothing can lie between history and stream.
            if self._reach and reach > self._reach and not self._overflowed:
                return len(offered)
            if rounds >= self._history.settings.rounds:
                if not self._overflowed:
                    return len(offered)
                # What could not wait is in the history by now: it is read once more.
                self._overflowed, rounds = False, 0
            await asyncio.sleep(self._history.settings.round_pause_s)

    async def _fill_in(self, listed: list[Listed], offered: set[str]) -> None:
        """Offer what is new in `listed`, in order; `offered` grows by what had to be fetched."""

        def wanted(one: Listed) -> bool:
            known = self._intake.knows(one.signature) or one.signature in offered
            return not known and one.signature not in (self._held or {})

        async for one, asked, transaction in self._history.transactions(listed, wanted):
            if transaction is not None:
                offered.add(one.signature)
                self._intake.counts.filled += 1
                await self._intake.offer(transaction)
            elif (waiting := (self._held or {}).pop(one.signature, None)) is not None:
                await self._intake.offer(waiting)
            elif asked and not self._intake.knows(one.signature):
                log.error("transaction_missing", signature=one.signature, slot=one.slot)
                self._unfinished.add(one.signature, self._clock.now_ns())

    async def _stop_holding(self, anchor: Anchor) -> None:
        await asyncio.sleep(self._history.settings.hold_s)
        log.warning("live_goes_first", since_slot=anchor.slot, waiting=len(self._held or ()))
        self._unfinished.open_gap(anchor)
        await self._release()

    async def _release(self) -> None:
        # One after the other: new ones may come to wait behind them while the intake is full.
        while self._held:
            signature = next(iter(self._held))
            await self._intake.offer(self._held.pop(signature))
        self._held = None
