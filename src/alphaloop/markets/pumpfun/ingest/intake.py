"""The one entrance: everything that any stream or gap brings becomes new records in one order.

Transactions wait in a queue in the order in which they are to be recorded. Each becomes records; those that were seen
are dropped; the rest get their `known_ns`: the clock's time, or one nanosecond after the record before, whichever is
later. So `known_ns` is strictly increasing along the recording whatever the clock does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import msgspec
import structlog
from pydantic import Field

from alphaloop.core.clock import Clock
from alphaloop.core.errors import DataError
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.ingest.commands import Command
from alphaloop.markets.pumpfun.ingest.gaps import Anchor, History, Transaction
from alphaloop.markets.pumpfun.ingest.memory import ChainPosition, SeenEvents
from alphaloop.markets.pumpfun.ingest.rpc import ChainError
from alphaloop.markets.pumpfun.ingest.subscription import Notification
from alphaloop.markets.pumpfun.ingest.unfinished import Unfinished
from alphaloop.markets.pumpfun.wire.commands import is_command
from alphaloop.markets.pumpfun.wire.layouts import AMM_DISCRIMINATORS, AMM_PROGRAM, DISCRIMINATOR_BYTES
from alphaloop.markets.pumpfun.wire.logs import TRUNCATED
from alphaloop.markets.pumpfun.wire.logs import records as records_of_logs
from alphaloop.markets.pumpfun.wire.records import Record
from alphaloop.markets.pumpfun.wire.transactions import records_of_transaction

log = structlog.get_logger("alphaloop.pumpfun.intake")


Arrival: TypeAlias = Notification | Transaction | Command


class IntakeSettings(Settings):
    """Bounds of what waits and of what is remembered."""

    waiting: int = Field(
        default=20_000, ge=1, description="transactions that wait; then the streams are read no further"
    )
    remembered: int = Field(default=200_000, ge=1, description="transactions whose events are known as duplicates")
    recover_s: float = Field(
        default=3.0, gt=0, description="later transactions wait so long for one whose logs were cut; then they go first"
    )
    overlap_slots: int = Field(default=8, ge=0, description="how far back of the newest slot an anchor lies")


@dataclass
class Counts:
    """What came in since the start."""

    transactions: int = 0
    events: int = 0
    duplicates: int = 0  # transactions that had been seen whole
    failed: int = 0
    foreign: int = 0
    unfollowed: int = 0  # events of a program that was not subscribed to, in transactions of one that was
    damaged: int = 0
    reordered: int = 0
    truncated: int = 0
    recovered: int = 0
    filled: int = 0
    commands: int = 0


@dataclass
class _Waiting:
    transaction: Arrival
    recovery: asyncio.Task[Transaction | None] | None = None


class Intake:
    """Takes transactions, gives records.

    Attributes
    ----------
    pending : int
        Transactions that were offered and are not `recorded` yet.
    most_pending : int
        The most of them since somebody set this to 0.
    last_ns : int
        `known_ns` of the last record.
    """

    def __init__(self, history: History, unfinished: Unfinished, clock: Clock, settings: IntakeSettings) -> None:
        self._history = history
        self._unfinished = unfinished
        self._clock = clock
        self._settings = settings
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(settings.waiting)
        self._seen = SeenEvents(settings.remembered)
        self._position = ChainPosition(settings.overlap_slots)
        self._next: _Waiting | None = None
        self._taken_in = self._done_with = 0
        self._progress = asyncio.Event()
        self.counts = Counts()
        self.pending = 0
        self.most_pending = 0
        self.last_ns = 0

    async def offer(self, transaction: Notification | Transaction) -> None:
        """Take a transaction; waits while too many wait already."""
        self._count_in()
        self.counts.transactions += 1
        waiting = _Waiting(transaction)
        if isinstance(transaction, Notification) and self._is_cut(transaction):
            self.counts.truncated += 1
            waiting.recovery = asyncio.create_task(self._recover(transaction))
        await self._queue.put(waiting)

    async def ask(self, command: Command) -> int:
        """Take a command, behind what waits already, and give its `known_ns` once it is recorded."""
        self._count_in()
        self.counts.commands += 1
        await self._queue.put(_Waiting(command))
        return await command.recorded

    async def take(self, most: int) -> list[Arrival]:
        """Wait for the next transactions and commands, at most so many; their records come from `admit`."""
        first = self._next or await self._queue.get()
        self._next = None
        taken = [await self._resolved(first)]
        while len(taken) < most and not self._queue.empty():
            following = self._queue.get_nowait()
            if following.recovery is not None and not following.recovery.done():
                # Those before it need not wait for it.
                self._next = following
                break
            taken.append(await self._resolved(following))
        return taken

    def admit(self, transactions: list[Arrival]) -> list[Record]:
        """Give the records of transactions and commands not seen before, with their final `known_ns`."""
        admitted: list[Record] = []
        for transaction in transactions:
            for record in self._records(transaction):
                if self._is_unfollowed(record):
                    self.counts.unfollowed += 1
                    continue
                if not self._seen.add(record.signature, record.log_index):
                    continue
                self.counts.reordered += record.slot < self._position.newest_slot
                self.last_ns = max(self._clock.now_ns(), self.last_ns + 1)
                admitted.append(msgspec.structs.replace(record, known_ns=self.last_ns))
        self.counts.events += sum(not is_command(record) for record in admitted)
        return admitted

    def recorded(self, transactions: list[Arrival], records: list[Record]) -> None:
        """Note that transactions and commands, of which `records` were new, are safe and done with."""
        asked: dict[str, int] = {}
        for record in records:
            if is_command(record):
                asked[record.signature] = record.known_ns
            else:
                self._position.saw(record.signature, record.slot)
        for transaction in transactions:
            if isinstance(transaction, Transaction):
                self._unfinished.done(transaction.signature)
            elif isinstance(transaction, Command):
                transaction.done(asked[transaction.signature])
        self._unfinished.reached(self._position.delivered_slot)
        self.pending -= len(transactions)
        self._done_with += len(transactions)
        self._progress.set()

    async def settled(self) -> None:
        """Wait until everything that was offered before this call is recorded."""
        offered = self._taken_in
        while self._done_with < offered:
            self._progress.clear()
            await self._progress.wait()

    def restore(self, records: Iterable[Record]) -> None:
        """Remember records of an earlier process, in their order."""
        partial = self._unfinished.transactions
        for record in records:
            self._seen.add(record.signature, record.log_index)
            if record.signature not in partial:
                # A transaction's records were written together, or not at all.
                self._seen.complete(record.signature)
            if not is_command(record):
                self._position.saw(record.signature, record.slot)
            self.last_ns = max(self.last_ns, record.known_ns)

    def after(self, now_ns: int) -> None:
        """See to it that every later record is known after `now_ns`."""
        self.last_ns = max(self.last_ns, now_ns)

    def knows(self, signature: str) -> bool:
        """Whether all events of a transaction were seen."""
        return self._seen.is_complete(signature)

    def anchor(self) -> Anchor | None:
        """Give the transaction from which on something may be missing; None before the very first start."""
        return self._unfinished.gap or self._position.anchor()

    def _count_in(self) -> None:
        self.pending += 1
        self._taken_in += 1
        self.most_pending = max(self.most_pending, self.pending)

    def _is_unfollowed(self, record: Record) -> bool:
        # A few of a pool's trades would look like all of them, and its price like one that was followed.
        return record.data[:DISCRIMINATOR_BYTES] in AMM_DISCRIMINATORS and not self._history.follows(AMM_PROGRAM)

    def _is_cut(self, notification: Notification) -> bool:
        logs = notification.logs
        # Short lines may still be logged behind the cut.
        return TRUNCATED in logs and not notification.failed and not self.knows(notification.signature)

    def _records(self, transaction: Arrival) -> list[Record]:
        if isinstance(transaction, Command):
            return [transaction.record(self._position.newest_slot)]
        if self.knows(transaction.signature):
            self.counts.duplicates += 1
            return []
        if isinstance(transaction, Transaction):
            return self._records_of_answer(transaction)
        if transaction.failed:
            self.counts.failed += 1
            return []
        scan = records_of_logs(transaction.logs, signature=transaction.signature, slot=transaction.slot, known_ns=0)
        self.counts.foreign += scan.foreign
        if scan.damaged:
            # A line was garbled on its way; the transaction itself has the event.
            self.counts.damaged += scan.damaged
            self._unfinished.add(transaction.signature, self._clock.now_ns())
        elif not scan.truncated:
            self._seen.complete(transaction.signature)
        return scan.records

    def _records_of_answer(self, transaction: Transaction) -> list[Record]:
        try:
            found = records_of_transaction(transaction.answer, 0)
        except DataError as error:
            log.error("transaction_refused", signature=transaction.signature, reason=str(error))
            self.counts.damaged += 1
            return []
        self._seen.complete(transaction.signature)
        return found

    async def _resolved(self, waiting: _Waiting) -> Arrival:
        if waiting.recovery is None:
            return waiting.transaction
        original = waiting.transaction
        try:
            async with asyncio.timeout(self._settings.recover_s):
                found = await asyncio.shield(waiting.recovery)
        except TimeoutError:
            found = None
            log.warning("recovery_is_slow", signature=original.signature, waited_s=self._settings.recover_s)
        if found is None:
            # What the cut logs do show goes on; the rest comes when a node has it.
            self._unfinished.add(original.signature, self._clock.now_ns())
            return original
        self.counts.recovered += 1
        return found

    async def _recover(self, cut: Notification) -> Transaction | None:
        try:
            return await self._history.transaction(cut.signature)
        except ChainError as error:
            log.warning("recovery_failed", signature=cut.signature, reason=str(error))
            return None
