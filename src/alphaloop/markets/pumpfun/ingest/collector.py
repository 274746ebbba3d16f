"""The market inside the collector: restored at the start, fed with what was recorded, saved from time to time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import structlog
from pydantic import Field

from alphaloop.core.clock import Clock, stopwatch, to_ns
from alphaloop.core.errors import StateError
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.events import Tracking
from alphaloop.markets.pumpfun.ingest.backlog import Backlog
from alphaloop.markets.pumpfun.ingest.delivery import Batch, Delivery
from alphaloop.markets.pumpfun.ingest.intake import Intake
from alphaloop.markets.pumpfun.ingest.marks import Marks
from alphaloop.markets.pumpfun.ingest.recorder import Recorder
from alphaloop.markets.pumpfun.ingest.snapshots import Snapshot, Snapshots
from alphaloop.markets.pumpfun.ingest.writer import rows_of
from alphaloop.markets.pumpfun.market import PumpMarket
from alphaloop.markets.pumpfun.recording.replay import read_records
from alphaloop.markets.pumpfun.wire.decode import DamagedRecord, Other, decode
from alphaloop.markets.pumpfun.wire.records import Record

log = structlog.get_logger("alphaloop.pumpfun.collector")

REPLAY_CHUNK = 2048


class CollectorSettings(Settings):
    """How the market is fed."""

    events_at_once: int = Field(default=256, ge=1, description="events that are applied before others get a turn")
    tick_s: float = Field(default=1.0, gt=0, description="between looks at the clock while no event comes")
    store_trades: bool = Field(default=True, description="keep every trade in the database, not in the recording alone")
    remember_s: float = Field(
        default=1800.0, ge=60, description="how much of the recording's end is read for known events at a start"
    )


@dataclass
class Fed:
    """What the market was fed with since the start."""

    events: int = 0
    others: int = 0
    unknown: int = 0
    damaged: int = 0
    replayed: int = 0
    commands: int = 0


class Collector:
    """Feeds a market with recorded events, each once, in the order of the recording.

    Attributes
    ----------
    applied_ns : int
        `known_ns` of the last event that the market has taken in.
    """

    def __init__(
        self,
        market: PumpMarket,
        delivery: Delivery,
        backlog: Backlog,
        snapshots: Snapshots,
        marks: Marks,
        recording: Path,
        clock: Clock,
        settings: CollectorSettings | None = None,
    ) -> None:
        self.market = market
        self._delivery = delivery
        self._backlog = backlog
        self._snapshots = snapshots
        self._marks = marks
        self._recording = recording
        self._clock = clock
        self._settings = settings or CollectorSettings()
        self._caught_up_to_mark = False
        self.fed = Fed()
        self.applied_ns = 0

    async def restore(self, recorded_ns: int) -> None:
        """Bring the market to the end of the recording: the newest sound snapshot, and the events after it.

        Rows of those events are stored again, which changes nothing; messages are published only where it is not known
        that they were.

        Parameters
        ----------
        recorded_ns : int
            `known_ns` of the last record.
        """
        began = stopwatch()
        snapshot = await asyncio.to_thread(self._snapshots.newest, self.market.settings.hash, recorded_ns)
        if snapshot is not None:
            try:
                self.market.restore(snapshot.state)
                self.applied_ns = snapshot.position_ns
            except StateError as error:
                log.warning("snapshot_unusable", reason=str(error))
        coming = read_records(self._recording, first_ns=self.applied_ns + 1)
        while chunk := await asyncio.to_thread(_next_of, coming):
            await self._feed(chunk)
            self.fed.replayed += len(chunk)
        log.info(
            "market_restored",
            snapshot_ns=None if snapshot is None else snapshot.position_ns,
            replayed=self.fed.replayed,
            position_ns=self.applied_ns,
            took_s=round(stopwatch() - began, 3),
        )

    async def remember(self, intake: Intake, recorded_ns: int, everything: bool) -> None:
        """Let the intake know what the end of the recording holds, so that it takes nothing twice.

        Parameters
        ----------
        everything : bool
            Read the whole recording: an unfinished gap may reach back beyond `remember_s`.
        """
        first_ns = None if everything else recorded_ns - to_ns(self._settings.remember_s)
        coming = read_records(self._recording, first_ns=first_ns)
        while chunk := await asyncio.to_thread(_next_of, coming):
            intake.restore(chunk)
        intake.after(self._marks.advanced_ns)

    async def run(self) -> None:
        """Apply what comes to the backlog, until cancelled."""
        while True:
            await self._feed(await self._backlog.take(self._settings.events_at_once))
            # Others' turn: applying a full backlog would otherwise never give way.
            await asyncio.sleep(0)

    async def tick(self, intake: Intake, recorder: Recorder) -> None:
        """Fire the timers that are due, as long as nothing is on its way that is known before now."""
        if self.applied_ns and recorder.idle and not len(self._backlog):
            now_ns = max(self._clock.now_ns(), intake.last_ns)
            intake.after(now_ns)
            batch = self._advance(now_ns)
            if batch.rows or batch.messages:
                await self._delivery.put(batch)

    async def snapshot(self) -> None:
        """Save the market, once everything that follows from its events is stored and published."""
        if not self.applied_ns:
            return
        began = stopwatch()
        taken = Snapshot(self.applied_ns, self.market.settings.hash, self.market.save())
        saved_s, known_ns = stopwatch() - began, max(self.applied_ns, self._marks.advanced_ns)
        await self._delivery.put(Batch(known_ns))
        await self._delivery.reached(known_ns)
        path = await asyncio.to_thread(self._snapshots.write, taken)
        log.info(
            "snapshot_written",
            file=path.name,
            bytes=len(taken.state),
            stood_still_s=round(saved_s, 3),
            took_s=round(stopwatch() - began, 3),
        )

    async def _feed(self, records: list[Record]) -> None:
        batch = Batch()
        for record in records:
            self._apply(record, batch)
        await self._delivery.put(batch)

    def _apply(self, record: Record, batch: Batch) -> None:
        if not self._caught_up_to_mark and record.known_ns > self._marks.advanced_ns:
            self._catch_up_to_mark(batch)
        self.applied_ns = record.known_ns
        try:
            event = decode(record)
        except DamagedRecord as damage:
            self.fed.damaged += 1
            log.error("record_refused", signature=record.signature, log_index=record.log_index, reason=str(damage))
            return
        if event is None:
            self.fed.unknown += 1
        elif isinstance(event, Other):
            self.fed.others += 1
        else:
            self.fed.events += not isinstance(event, Tracking)
            self.fed.commands += isinstance(event, Tracking)
            batch.add(record.known_ns, self.market.apply(event))
            batch.store(rows_of(event, trades=self._settings.store_trades))

    def _catch_up_to_mark(self, batch: Batch) -> None:
        # So far the killed process had fired its timers already: what they say again is known to be published.
        self._caught_up_to_mark = True
        if self.fed.events or self.applied_ns:
            batch.add(self._marks.advanced_ns, self.market.advance(self._marks.advanced_ns))

    def _advance(self, now_ns: int) -> Batch:
        self._caught_up_to_mark = True
        self._marks.advance(now_ns)
        batch = Batch()
        batch.add(now_ns, self.market.advance(now_ns))
        return batch


def _next_of(coming: Iterator[Record]) -> list[Record]:
    return list(islice(coming, REPLAY_CHUNK))
