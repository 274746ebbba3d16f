"""The process: from the chain to the recording, the market, the database and the bus, with everything that runs beside.

::

    streams and gaps -> intake -> recording (fsync) -> market -> rows in one transaction -> messages

Each arrow is a queue with a bound, and nothing passes an arrow before the step before it is safe. Killed at any moment
the process goes on from the newest snapshot, the recording behind it and the chain's history behind that, to the same
signals and the same features to the bit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from alphaloop.bus.contract import Bus
from alphaloop.core.clock import Clock, SystemClock, stopwatch, to_ns
from alphaloop.markets.pumpfun.ingest.backlog import Backlog
from alphaloop.markets.pumpfun.ingest.collector import Collector
from alphaloop.markets.pumpfun.ingest.delivery import Batch, Delivery
from alphaloop.markets.pumpfun.ingest.endpoints import EndpointSettings
from alphaloop.markets.pumpfun.ingest.feed import Feed
from alphaloop.markets.pumpfun.ingest.gaps import History
from alphaloop.markets.pumpfun.ingest.intake import Intake
from alphaloop.markets.pumpfun.ingest.limits import Budgets
from alphaloop.markets.pumpfun.ingest.marks import Marks
from alphaloop.markets.pumpfun.ingest.pool import EndpointPool
from alphaloop.markets.pumpfun.ingest.recorder import Recorder
from alphaloop.markets.pumpfun.ingest.rpc import ChainError, Rpc
from alphaloop.markets.pumpfun.ingest.snapshots import Snapshots
from alphaloop.markets.pumpfun.ingest.unfinished import Unfinished
from alphaloop.markets.pumpfun.market import PumpMarket
from alphaloop.markets.pumpfun.recording.wal import Wal
from alphaloop.markets.pumpfun.services.command_desk import CommandDesk
from alphaloop.markets.pumpfun.services.heartbeat import Pulse
from alphaloop.markets.pumpfun.services.periodic import PeriodicService
from alphaloop.markets.pumpfun.services.seeding import Seeding
from alphaloop.markets.pumpfun.services.settings import CollectSettings
from alphaloop.markets.pumpfun.services.standing import standing_members
from alphaloop.markets.pumpfun.services.stats import PipelineStats
from alphaloop.stores.records import Records

log = structlog.get_logger("alphaloop.pumpfun.collect")

RECORDING = "recording"
LOOK_S = 0.1
WATCH_S = 0.5


@dataclass(frozen=True)
class Limits:
    """When the process ends by itself.

    Attributes
    ----------
    duration_s : float or None
        After so many seconds.
    idle_s : float or None
        When nothing came for so many seconds and everything that came is worked off.
    """

    duration_s: float | None = None
    idle_s: float | None = None


@dataclass
class CollectProcess:
    """All parts of the collector, built from settings and put together.

    Parameters
    ----------
    folder : Path
        Holds the recording, the snapshots and what else must survive the process.
    extra : sequence of PeriodicService
        Services of others that run beside: inference, archive.
    wal : Wal, optional
        Of the recording in `folder`, where somebody has opened it already; it is closed here.
    """

    settings: CollectSettings
    folder: Path
    known: Sequence[EndpointSettings]
    records: Records
    bus: Bus
    market: PumpMarket
    extra: Sequence[PeriodicService] = ()
    clock: Clock = field(default_factory=SystemClock)
    wal: Wal | None = None

    def __post_init__(self) -> None:
        settings, recording = self.settings, self.folder / RECORDING
        self._wal = self.wal or Wal(recording)
        self._marks = Marks(self.folder / "marks")
        self._unfinished = Unfinished(self.folder / "unfinished.json")
        self._budgets = Budgets(self.clock, self.folder / "budgets.json")
        self.pool = EndpointPool(list(self.known), self._budgets, settings.pool)
        self._rpc = Rpc(self.pool, settings.rpc)
        self.history = History(self._rpc, settings.stream.programs, settings.stream.commitment, settings.gaps)
        self.intake = Intake(self.history, self._unfinished, self.clock, settings.intake)
        self._backlog = Backlog(recording, settings.events_in_memory)
        self._recorder = Recorder(self.intake, self._wal, self._backlog, settings.recorder)
        self.delivery = Delivery(self.records, self.bus, self._marks, settings.delivery)
        snapshots = Snapshots(self.folder / "snapshots")
        self.collector = Collector(
            self.market,
            self.delivery,
            self._backlog,
            snapshots,
            self._marks,
            recording,
            self.clock,
            settings.collector,
        )
        self.stats = PipelineStats(
            self.intake, self._backlog, self.collector, self.delivery, self.pool, self.clock, settings.pending_limit
        )
        self.desk = CommandDesk(self.bus, self.intake)
        self.feeds = [
            Feed(self.pool, self.history, self.intake, self._unfinished, settings.stream, self.clock)
            for _ in range(settings.streams)
        ]
        self.pulse = Pulse(
            self.bus,
            self.collector,
            self.delivery,
            self._marks,
            self.stats,
            self.feeds if self.known else (),
            self.clock,
        )
        self.services = [
            PeriodicService("report", settings.report_s, self.stats.report_cycle),
            PeriodicService("snapshot", settings.snapshot_s, self.collector.snapshot),
            PeriodicService("seal", settings.seal_s, self._recorder.seal),
            PeriodicService("retry", settings.retry_s, self._retry),
            PeriodicService("tracked", settings.tracked_s, Seeding(self.market, self.delivery, self.desk).cycle),
            *self.extra,
        ]

    async def run(self, limits: Limits, asked_to_stop: Callable[[], bool]) -> dict[str, Any]:
        """Collect until the limits are reached or somebody asks to stop, and say what came of it.

        Raises
        ------
        AlphaloopError
            If a part gives up for good; what was recorded until then is safe.
        """
        began = stopwatch()
        try:
            async with asyncio.TaskGroup() as group:
                parts = self._start_inner(group)
                recorded_ns = self._wal.last_ns
                await self.collector.restore(recorded_ns)
                await self._announce()
                await self.collector.remember(self.intake, recorded_ns, self._unfinished.gap is not None)
                inner = [group.create_task(self._recorder.run()), group.create_task(self.collector.run())]
                outer = self._start_outer(group)
                await self._until_the_end(limits, asked_to_stop, began)
                await self._stop(outer, [*inner, *parts])
        except* Exception as failed:
            # One sentence about the first failure is what the command line can tell.
            raise first_failure(failed) from None
        finally:
            await self._rpc.close()
            self._wal.close()
            self._marks.close()
            self._budgets.save()
        return self._summary(stopwatch() - began)

    async def _announce(self) -> None:
        batch = Batch(self.delivery.handed_ns)
        batch.messages += [(batch.known_ns, member) for member in standing_members(self.market)]
        await self.delivery.put(batch)

    def _start_inner(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        return [group.create_task(self.delivery.store()), group.create_task(self.delivery.send())]

    def _start_outer(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        runs = [feed.run() for feed in self.feeds] if self.known else []
        runs += [service.run() for service in self.services]
        runs += [
            self._tick(),
            self.desk.hear_for_ever(),
            self.stats.watch_for_ever(WATCH_S),
            self.pulse.beat_for_ever(self.settings.heartbeat_s),
        ]
        return [group.create_task(run) for run in runs]

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self.settings.collector.tick_s)
            await self.collector.tick(self.intake, self._recorder)

    async def _until_the_end(self, limits: Limits, asked_to_stop: Callable[[], bool], began: float) -> None:
        seen, quiet_since = -1, stopwatch()
        while not asked_to_stop():
            now, count = stopwatch(), self.intake.counts.transactions
            live = all(feed.live.is_set() for feed in self.feeds)
            if count != seen or self.stats.pending or self.delivery.waiting_rows or not live:
                seen, quiet_since = count, now
            if limits.duration_s is not None and now - began >= limits.duration_s:
                return
            if limits.idle_s is not None and now - quiet_since >= limits.idle_s:
                return
            await asyncio.sleep(LOOK_S)

    async def _stop(self, outer: Iterable[asyncio.Task[None]], inner: Iterable[asyncio.Task[None]]) -> None:
        """Stop taking things in, work off what came, write it down, and stop."""
        log.info("stopping", pending=self.stats.pending)
        await _cancel(outer)
        with suppress(TimeoutError):
            async with asyncio.timeout(self.settings.stop_s):
                while self.stats.pending:
                    await asyncio.sleep(LOOK_S / 10)
                await self.stats.report_cycle()
                await self.collector.snapshot()
                await self.delivery.reached(self.delivery.handed_ns)
        if self.delivery.sent_ns < self.delivery.handed_ns or self.stats.pending:
            # Nothing is lost by it: the next start replays it from the recording.
            log.warning("stopped_with_work_left", waiting_rows=self.delivery.waiting_rows, pending=self.stats.pending)
        await _cancel(inner)

    async def _retry(self) -> None:
        """Ask again for transactions that no node had, and give up those that are too old."""
        self._budgets.save()
        for signature, since_ns in self._unfinished.transactions.items():
            try:
                found = await self.history.transaction(signature)
            except ChainError as error:
                log.warning("transaction_not_fetched", signature=signature, reason=str(error))
                return
            if found is not None:
                await self.intake.offer(found)
            elif self.clock.now_ns() - since_ns > to_ns(self.settings.give_up_s):
                log.error("transaction_lost", signature=signature)
                self._unfinished.done(signature)

    def _summary(self, seconds: float) -> dict[str, Any]:
        stats = self.stats.stats()
        return stats | {
            "seconds": round(seconds, 3),
            "signals": self.market.counts.signals,
            "position_ns": self.collector.applied_ns,
            "services": [service.report() for service in self.services],
        }


async def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def first_failure(group: BaseExceptionGroup[Any]) -> BaseException:
    """Give the first failure of a group of tasks, the one that made the others stop."""
    found = group.exceptions[0]
    return first_failure(found) if isinstance(found, BaseExceptionGroup) else found
