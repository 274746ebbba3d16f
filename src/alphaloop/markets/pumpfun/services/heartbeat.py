"""A word of life on the bus, so that whoever listens can tell "nothing happened" from "nobody is there to tell"."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from alphaloop.bus.contract import Bus
from alphaloop.core.clock import NS_PER_S, Clock
from alphaloop.core.errors import BusAwayError
from alphaloop.markets.pumpfun.emissions import HEARTBEAT_CHANNEL
from alphaloop.markets.pumpfun.ingest.collector import Collector
from alphaloop.markets.pumpfun.ingest.delivery import Delivery
from alphaloop.markets.pumpfun.ingest.feed import Feed
from alphaloop.markets.pumpfun.ingest.marks import Marks
from alphaloop.markets.pumpfun.services.stats import PipelineStats
from alphaloop.markets.pumpfun.signals.messages import Heartbeat, encode


class Pulse:
    """Publishes a `Heartbeat` at a steady pace; while the bus is away it is lost, as every message is.

    Parameters
    ----------
    feeds : sequence of Feed
        The streams from the chain; `Heartbeat.listening` says whether all of them are joined.
    """

    def __init__(
        self,
        bus: Bus,
        collector: Collector,
        delivery: Delivery,
        marks: Marks,
        stats: PipelineStats,
        feeds: Sequence[Feed],
        clock: Clock,
    ) -> None:
        self._bus, self._clock = bus, clock
        self._collector, self._delivery, self._marks = collector, delivery, marks
        self._stats, self._feeds = stats, feeds
        self._promised_ns = 0

    def message(self) -> Heartbeat:
        """How things stand now."""
        newest_ns = self._collector.applied_ns
        age_s = (self._clock.now_ns() - newest_ns) / NS_PER_S if newest_ns else None
        return Heartbeat(
            known_ns=self._promise_ns(),
            pending=self._stats.pending,
            last_event_age_s=None if age_s is None else round(age_s, 3),
            listening=all(feed.live.is_set() for feed in self._feeds),
        )

    def _promise_ns(self) -> int:
        """Everything that follows from events and timers up to then is published; an earlier promise still holds."""
        delivery = self._delivery
        if delivery.waiting_rows or delivery.sent_ns < delivery.handed_ns:
            # The last row that went out may be older than the timers that were promised since.
            until_ns = delivery.sent_ns
        else:
            until_ns = max(self._collector.applied_ns, self._marks.advanced_ns)
        self._promised_ns = max(self._promised_ns, until_ns)
        return self._promised_ns

    async def beat_for_ever(self, every_s: float) -> None:
        """Publish again and again, until cancelled."""
        while True:
            # The bus says itself that it is away; a late word of life is worth nothing.
            with suppress(BusAwayError):
                await self._bus.publish(HEARTBEAT_CHANNEL, encode(self.message()))
            await asyncio.sleep(every_s)
