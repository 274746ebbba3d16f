"""What the market hands out, to the database and then to the bus: rows first, in one transaction, messages after it.

The database away: what was handed out waits, up to a bound, and is tried again until it is stored; beyond the bound the
market stands still and events wait in the recording. The bus away: messages wait up to a bound and the oldest are
dropped, for a bus may lose things and whoever must not miss any reads the store.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from itertools import chain

import structlog
from pydantic import Field

from alphaloop.bus.contract import Bus
from alphaloop.core.clock import stopwatch
from alphaloop.core.errors import BusAwayError, StoreAwayError
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.emissions import TRACKED_SET, Emission, Member, Publish, Row
from alphaloop.markets.pumpfun.ingest.marks import Marks
from alphaloop.markets.pumpfun.ingest.tracked import TrackedSet
from alphaloop.markets.pumpfun.ingest.writer import SAID_ONCE, Change
from alphaloop.stores.records import Records

log = structlog.get_logger("alphaloop.pumpfun.delivery")


class DeliverySettings(Settings):
    """Bounds and patience."""

    most_rows: int = Field(
        default=100_000, ge=1, description="rows and messages that wait for the database; then the market waits"
    )
    rows_at_once: int = Field(default=5_000, ge=1, description="rows of one transaction, about")
    most_messages: int = Field(default=20_000, ge=1, description="messages that wait for the bus; then the oldest go")
    retry_s: float = Field(default=0.5, gt=0, description="pause before the database or the bus is tried again")
    longest_retry_s: float = Field(default=10.0, gt=0, description="the pause doubles up to this")


@dataclass
class Batch:
    """What follows from some events or timers that come after those of the batch before.

    Attributes
    ----------
    known_ns : int
        The last of their times.
    messages : list of (int, message)
        What is to be published, each with the time of what it follows from.
    """

    known_ns: int = 0
    rows: list[Row | Change] = field(default_factory=list)
    messages: list[tuple[int, Publish | Member]] = field(default_factory=list)

    def store(self, row: Row | Change | None) -> None:
        """Add a row that follows from the last event added."""
        if row is not None:
            self.rows.append(row)

    def add(self, known_ns: int, emissions: list[Emission]) -> None:
        """Add what follows from an event or timer known at `known_ns`."""
        self.known_ns = known_ns
        for emission in emissions:
            if isinstance(emission, Row):
                self.rows.append(emission)
            else:
                self.messages.append((known_ns, emission))


class Delivery:
    """Stores and publishes batches in their order.

    Attributes
    ----------
    handed_ns, stored_ns, sent_ns : int
        Everything that follows from events known up to there was handed over, is stored, is published.
    tracked : TrackedSet
        The set of the bus that others write into as well.
    """

    def __init__(
        self,
        records: Records,
        bus: Bus,
        marks: Marks,
        settings: DeliverySettings | None = None,
    ) -> None:
        self._records = records
        self._bus = bus
        self.tracked = TrackedSet(bus)
        self._marks = marks
        self._settings = settings or DeliverySettings()
        self._to_store: deque[Batch] = deque()
        self._to_send: deque[tuple[int, Publish | Member]] = deque()
        self._waiting_rows = 0
        self._waiting_messages = 0
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._stored = asyncio.Event()
        self._sent = asyncio.Event()
        self.handed_ns = 0
        self.stored_ns = 0
        self.sent_ns = 0
        self.dropped_messages = 0
        self.stored_rows = 0
        self.database_is_away = False
        self.bus_is_away = False

    @property
    def waiting_rows(self) -> int:
        """Rows that wait for the database."""
        return self._waiting_rows

    @property
    def is_full(self) -> bool:
        """Whether so much waits for the database that whoever hands over more has to wait."""
        return self._waiting_rows + self._waiting_messages > self._settings.most_rows

    def holds(self, name: str) -> bool:
        """Whether a change of the set `name` waits to be written to the bus."""
        waiting = chain(self._to_send, *(batch.messages for batch in self._to_store))
        return any(isinstance(message, Member) and message.set == name for _, message in waiting)

    def coming(self, known_ns: int) -> None:
        """Count a batch as handed over that will be put in a moment, so that nobody takes silence for its end."""
        self.handed_ns = max(self.handed_ns, known_ns)

    async def put(self, batch: Batch) -> None:
        """Hand over a batch; waits while too much waits already, behind those who came before."""
        # One at a time: whoever has waited must not be overtaken by one who came when there was room again.
        async with self._turn:
            while self.is_full:
                self._room.clear()
                await self._room.wait()
            self.coming(batch.known_ns)
            if self._to_store and not batch.rows and not batch.messages:
                # Trades in pools leave nothing behind; a day of them must not pile up while the database is away.
                self._to_store[-1].known_ns = max(self._to_store[-1].known_ns, batch.known_ns)
                return
            self._to_store.append(batch)
            self._waiting_rows += len(batch.rows)
            self._waiting_messages += len(batch.messages)
            self._changed.set()

    async def store(self) -> None:
        """Store batches until cancelled."""
        while True:
            while not self._to_store:
                self._changed.clear()
                await self._changed.wait()
            batches, count = [], 0
            for batch in self._to_store:
                batches.append(batch)
                count += len(batch.rows)
                if count >= self._settings.rows_at_once:
                    break
            if count:
                await self._commit([row for batch in batches for row in batch.rows])
            for batch in batches:
                self._to_store.popleft()
                self._enqueue(batch)
            self._waiting_rows -= count
            self._waiting_messages -= sum(len(batch.messages) for batch in batches)
            self.stored_rows += count
            self.stored_ns = max(self.stored_ns, batches[-1].known_ns)
            self._room.set()
            self._stored.set()

    async def send(self) -> None:
        """Publish what was stored, until cancelled."""
        while True:
            while not self._to_send:
                self._publish_mark(self.stored_ns)
                self._stored.clear()
                await self._stored.wait()
            known_ns, message = self._to_send[0]
            await self._pass_on(message)
            if self._to_send and self._to_send[0][1] is message:
                self._to_send.popleft()
            if not self._to_send or self._to_send[0][0] > known_ns:
                self._publish_mark(known_ns)

    async def reached(self, known_ns: int) -> None:
        """Wait until everything up to `known_ns` is stored and sent."""
        while self.sent_ns < known_ns:
            self._sent.clear()
            await self._sent.wait()

    def _enqueue(self, batch: Batch) -> None:
        # What was said before a restart is not said again. Values and sets are: it repairs, or changes nothing.
        fresh = [one for one in batch.messages if one[0] > self._marks.published_ns or _lasting(one[1])]
        self._to_send.extend(_newest(fresh))
        excess = len(self._to_send) - self._settings.most_messages
        if excess > 0:
            for _ in range(excess):
                self._to_send.popleft()
            self.dropped_messages += excess
            log.error("messages_dropped", dropped=excess, dropped_in_all=self.dropped_messages)

    def _publish_mark(self, known_ns: int) -> None:
        self.sent_ns = max(self.sent_ns, known_ns)
        if known_ns > self._marks.published_ns:
            self._marks.publish(known_ns)
        self._sent.set()

    async def _commit(self, rows: list[Row | Change]) -> None:
        by_table: dict[str, list[dict[str, object]]] = {}
        for row in rows:
            if isinstance(row, Row):
                by_table.setdefault(row.table, []).append(row.values)
        changes = [row for row in rows if isinstance(row, Change)]

        def commit() -> None:
            with self._records.transaction():
                for table, values in by_table.items():
                    self._records.add(table, values, conflict="ignore" if table in SAID_ONCE else "replace")
                for change in changes:
                    self._records.update(change.table, change.where, change.values)

        pause, began, tries = self._settings.retry_s, stopwatch(), 0
        while True:
            try:
                await asyncio.to_thread(commit)
            except StoreAwayError as error:
                tries += 1
                self.database_is_away = True
                log.error("database_away", reason=str(error), tries=tries, waiting_rows=self._waiting_rows)
                await asyncio.sleep(pause)
                pause = min(2 * pause, self._settings.longest_retry_s)
            else:
                if tries:
                    log.warning(
                        "database_back", away_s=round(stopwatch() - began, 3), tries=tries, rows=self._waiting_rows
                    )
                self.database_is_away = False
                return

    async def _pass_on(self, message: Publish | Member) -> None:
        pause, began, tries = self._settings.retry_s, stopwatch(), 0
        while True:
            try:
                await self._call(message)
            except BusAwayError as error:
                tries += 1
                self.bus_is_away = True
                log.error("bus_away", reason=str(error), tries=tries, waiting_messages=len(self._to_send))
                await asyncio.sleep(pause)
                pause = min(2 * pause, self._settings.longest_retry_s)
            else:
                if tries:
                    log.warning("bus_back", away_s=round(stopwatch() - began, 3), tries=tries)
                self.bus_is_away = False
                return

    async def _call(self, message: Publish | Member) -> None:
        if isinstance(message, Member):
            if message.set == TRACKED_SET:
                await self.tracked.write(message.member, message.present)
                return
            change = self._bus.set_add if message.present else self._bus.set_remove
            await change(message.set, message.member)
            return
        if message.keep_s is not None:
            await self._bus.set(message.channel, message.body, message.keep_s)
        await self._bus.publish(message.channel, message.body)


def _lasting(message: Publish | Member) -> bool:
    return isinstance(message, Member) or message.keep_s is not None


def _newest(messages: list[tuple[int, Publish | Member]]) -> list[tuple[int, Publish | Member]]:
    """Leave out states that a later message of the same batch replaces; everything else stays, in order."""
    last = {_subject(message): place for place, (_, message) in enumerate(messages)}
    return [
        timed for place, timed in enumerate(messages) if not _lasting(timed[1]) or last[_subject(timed[1])] == place
    ]


def _subject(message: Publish | Member) -> tuple[str, ...]:
    return (message.set, message.member) if isinstance(message, Member) else (message.channel,)
