"""What the pipeline says of itself: each half minute to the log and to `pipeline_stats`, at once when it lags."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

import structlog

from alphaloop.core.clock import NS_PER_S, Clock
from alphaloop.markets.pumpfun.emissions import Row
from alphaloop.markets.pumpfun.ingest.backlog import Backlog
from alphaloop.markets.pumpfun.ingest.collector import Collector
from alphaloop.markets.pumpfun.ingest.delivery import Batch, Delivery
from alphaloop.markets.pumpfun.ingest.intake import Intake
from alphaloop.markets.pumpfun.ingest.pool import EndpointPool

log = structlog.get_logger("alphaloop.pumpfun.stats")

SERVICE = "collect"


class PipelineStats:
    """Gathers numbers of all parts, without secrets, ready for JSON.

    `pending` counts transactions and events that came and are not worked off: the number that says whether the
    collector keeps up.
    """

    def __init__(
        self,
        intake: Intake,
        backlog: Backlog,
        collector: Collector,
        delivery: Delivery,
        pool: EndpointPool | None,
        clock: Clock,
        pending_limit: int,
    ) -> None:
        self._intake = intake
        self._backlog = backlog
        self._collector = collector
        self._delivery = delivery
        self._pool = pool
        self._clock = clock
        self._limit = pending_limit
        self._warned = False
        self._last_ns = 0
        self._last_events = 0

    @property
    def pending(self) -> int:
        """What came and is not worked off yet."""
        return self._intake.pending + len(self._backlog)

    def watch(self) -> Row | None:
        """Warn, at most once between two reports, if more is pending than should be."""
        pending = max(self.pending, self._intake.most_pending)
        if pending <= self._limit or self._warned:
            return None
        self._warned = True
        log.warning("backlog", pending=pending, limit=self._limit)
        return self._row("backlog", {"pending": pending, "limit": self._limit})

    def report(self) -> Row:
        """Say how things stand, and begin the next interval."""
        stats = self.stats()
        log.info("pipeline", **stats)
        self._intake.most_pending = self._intake.pending
        self._warned = False
        self._last_ns, self._last_events = self._clock.now_ns(), self._collector.fed.events
        return self._row("report", stats)

    def stats(self) -> dict[str, Any]:
        """Give the numbers as they are now."""
        now_ns = self._clock.now_ns()
        since_s = (now_ns - self._last_ns) / NS_PER_S if self._last_ns else None
        rate = None if since_s is None else (self._collector.fed.events - self._last_events) / max(since_s, 1e-9)
        newest_ns = self._collector.applied_ns
        found: dict[str, Any] = {
            "pending": self.pending,
            "most_pending": max(self.pending, self._intake.most_pending),
            "events_per_s": None if rate is None else round(rate, 3),
            "last_event_age_s": None if not newest_ns else round((now_ns - newest_ns) / NS_PER_S, 3),
            "intake": asdict(self._intake.counts),
            "market": asdict(self._collector.fed),
            "waiting_rows": self._delivery.waiting_rows,
            "stored_rows": self._delivery.stored_rows,
            "dropped_messages": self._delivery.dropped_messages,
            "database_is_away": self._delivery.database_is_away,
            "bus_is_away": self._delivery.bus_is_away,
            "events_on_disk_only": self._backlog.is_spilled,
        }
        if self._pool is not None:
            found["endpoints"] = self._pool.report()
        return found

    async def write(self, row: Row | None) -> None:
        """Store a row of its own, behind what the market handed out so far; in the log it is already.

        While nothing more can wait for the database it is left out: the next report must not wait for this one.
        """
        if row is not None and not self._delivery.is_full:
            batch = Batch(self._delivery.handed_ns)
            batch.store(row)
            await self._delivery.put(batch)

    async def report_cycle(self) -> None:
        """One cycle of the report; it forgets the highest backlog, which is looked at before."""
        await self.write(self.watch())
        await self.write(self.report())

    async def watch_for_ever(self, every_s: float) -> None:
        """Look again and again whether too much is pending, until cancelled."""
        while True:
            await self.write(self.watch())
            await asyncio.sleep(every_s)

    def _row(self, event: str, stats: dict[str, Any]) -> Row:
        return Row(
            "pipeline_stats",
            {"service": SERVICE, "known_ns": self._clock.now_ns(), "event": event, "stats": stats},
        )
