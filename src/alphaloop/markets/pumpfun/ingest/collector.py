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
from alphaloop.markets.pumpfun.ingest.child import CAN_FORK, Child
from alphaloop.markets.pumpfun.ingest.delivery import Batch, Delivery
from alphaloop.markets.pumpfun.ingest.intake import Intake
from alphaloop.markets.pumpfun.ingest.marks import Marks
from alphaloop.markets.pumpfun.ingest.recorder import Recorder
from alphaloop.markets.pumpfun.ingest.snapshots import Snapshots
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
    save_patience_s: float = Field(
        default=600.0, gt=0, description="a snapshot that a fork has not written after so long is given up"
    )
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
        self._fork = CAN_FORK
        self._handing: asyncio.Future[None] | None = None
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
                # The timers have fired, and a snapshot will say so: whoever stops this must not stop their rows.
                self._delivery.coming(batch.known_ns)
                self._handing = asyncio.ensure_future(self._delivery.put(batch))
                await asyncio.shield(self._handing)

    async def snapshot(self) -> None:
        """Save the market, once everything that follows from its events is stored and published."""
        if not self.applied_ns:
            return
        began, known_ns = stopwatch(), max(self.applied_ns, self._marks.advanced_ns)
        unfinished = self._snapshots.begin(self.applied_ns)
        try:
            child = self._begin_saving(unfinished)
            stood_still_s = stopwatch() - began
            if child is not None:
                await self._saved_by(child)
            self._fork = CAN_FORK
            await self._delivery.put(Batch(known_ns))
            await self._delivery.reached(known_ns)
            path = await asyncio.to_thread(self._snapshots.publish, unfinished)
        finally:
            unfinished.unlink(missing_ok=True)
        log.info(
            "snapshot_written",
            file=path.name,
            bytes=path.stat().st_size,
            stood_still_s=round(stood_still_s, 3),
            took_s=round(stopwatch() - began, 3),
        )

    def _begin_saving(self, unfinished: Path) -> Child | None:
        """Save the market as it is now: in a fork, and if that cannot be, or failed the last time, here and at once."""
        position_ns, identity = self.applied_ns, self.market.settings.hash
        if self._fork:
            try:
                return Child(lambda: self._snapshots.fill(unfinished, position_ns, identity, self.market.pieces()))
            except OSError as error:
                log.warning("fork_refused", reason=str(error), instead="the collector stands while it saves")
        self._snapshots.fill(unfinished, position_ns, identity, self.market.pieces())
        return None

    async def _saved_by(self, child: Child) -> None:
        try:
            await child.ended(self._settings.save_patience_s)
        except StateError:
            # The older snapshot stays. The next one is saved without a fork, in case it is the fork that cannot be.
            self._fork = False
            raise

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
