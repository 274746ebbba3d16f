"""Recorded events on their way to the market; beyond a bound they wait on disk, where they are anyway."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import structlog

from alphaloop.markets.pumpfun.recording.replay import read_records
from alphaloop.markets.pumpfun.wire.records import Record

log = structlog.get_logger("alphaloop.pumpfun.backlog")


class Backlog:
    """A queue of recorded events with bounded memory.

    If whoever takes from it stands still (the database is away), at most `limit` records wait in memory. What comes
    after them is only counted, and read again from the recording when its turn comes.
    """

    def __init__(self, recording: Path, limit: int) -> None:
        self._recording = recording
        self._limit = limit
        self._waiting: deque[Record] = deque()
        self._on_disk = 0
        self._put_ns = 0
        self._taken_ns = 0
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        """Records that wait, in memory or on disk."""
        return len(self._waiting) + self._on_disk

    @property
    def is_spilled(self) -> bool:
        """Whether some of them wait on disk only."""
        return self._on_disk > 0

    def put(self, records: Sequence[Record]) -> None:
        """Add records that are safe in the recording."""
        if not records:
            return
        self._put_ns = records[-1].known_ns
        if self._on_disk or len(self._waiting) + len(records) > self._limit:
            if not self._on_disk:
                log.warning("backlog_on_disk", in_memory=len(self._waiting), since_ns=records[0].known_ns)
            self._on_disk += len(records)
        else:
            self._waiting.extend(records)
        self._changed.set()

    async def take(self, most: int) -> list[Record]:
        """Wait for records and give at most so many, in order."""
        while not self._waiting:
            if self._on_disk:
                await self._read_back()
            else:
                self._changed.clear()
                await self._changed.wait()
        taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        self._taken_ns = taken[-1].known_ns
        return taken

    async def _read_back(self) -> None:
        found = await asyncio.to_thread(self._next_on_disk)
        # The recording may be ahead of what was put here: that is still to come.
        found = [record for record in found if record.known_ns <= self._put_ns]
        self._waiting.extend(found)
        self._on_disk = max(0, self._on_disk - len(found))
        if found and found[-1].known_ns >= self._put_ns:
            self._on_disk = 0
            log.info("backlog_in_memory", in_memory=len(self._waiting))

    def _next_on_disk(self) -> list[Record]:
        return list(islice(read_records(self._recording, first_ns=self._taken_ns + 1), self._limit))
