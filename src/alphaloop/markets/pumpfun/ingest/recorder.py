"""From the intake to disk: nothing is told to the market before it is safely recorded."""

from __future__ import annotations

import asyncio

import structlog
from pydantic import Field

from alphaloop.core.clock import stopwatch
from alphaloop.core.errors import StateError
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.ingest.backlog import Backlog
from alphaloop.markets.pumpfun.ingest.intake import Intake
from alphaloop.markets.pumpfun.recording.wal import Wal
from alphaloop.markets.pumpfun.wire.records import Record

log = structlog.get_logger("alphaloop.pumpfun.recorder")


class RecorderSettings(Settings):
    """How records are written."""

    batch: int = Field(default=512, ge=1, description="transactions that one write to disk serves, at most")
    retry_s: float = Field(default=1.0, gt=0, description="pause before a write is tried again, after a full disk say")


class Recorder:
    """Takes transactions from the intake, records their events, and hands them on to the backlog.

    While one write is being forced to disk the next transactions gather, so under load one fsync serves many. A disk
    that is full stops this and nothing else: transactions wait, then the streams are read no further, and what the
    nodes drop meanwhile comes back as a gap.
    """

    def __init__(self, intake: Intake, wal: Wal, backlog: Backlog, settings: RecorderSettings) -> None:
        self._intake = intake
        self._wal = wal
        self._backlog = backlog
        self._settings = settings
        self._writing = asyncio.Lock()
        self.idle = True

    async def run(self) -> None:
        """Record until cancelled."""
        while True:
            transactions = await self._intake.take(self._settings.batch)
            self.idle = False
            records = self._intake.admit(transactions)
            if records:
                await self._write(records)
            self._intake.recorded(transactions, records)
            self._backlog.put(records)
            self.idle = True

    async def seal(self) -> None:
        """Turn the log so far into Parquet."""
        async with self._writing:
            segments = await asyncio.to_thread(self._wal.seal)
        for segment in segments:
            log.info("segment_sealed", file=segment.path.name)

    async def _write(self, records: list[Record]) -> None:
        self._wal.append(records)
        failed_at: float | None = None
        while True:
            try:
                async with self._writing:
                    await asyncio.to_thread(self._wal.sync)
            except StateError as error:
                if failed_at is None:
                    failed_at = stopwatch()
                log.error("recording_stopped", reason=str(error), waiting=self._intake.pending)
                await asyncio.sleep(self._settings.retry_s)
            else:
                if failed_at is not None:
                    log.warning("recording_goes_on", stood_still_s=round(stopwatch() - failed_at, 3))
                return
