"""The trader's memory in a database: one account, taken by one process at a time.

Two things keep a second process away. A claim that the kernel or the server gives up with the process, so that a
restart need not wait; and an epoch in the account's row, which each process raises when it starts and asks for with
each transaction, so that one that lost its claim unnoticed stores nothing any more.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import msgspec

from alphaloop.core.clock import to_ns
from alphaloop.core.errors import StateError
from alphaloop.markets.pumpfun.live.batch import Batch, Row, decoded_inputs, encoded_inputs
from alphaloop.markets.pumpfun.live.schema import SCHEMA, TABLES
from alphaloop.stores.records import Records
from alphaloop.trading.portfolio.records import AnyInput, Warned

T = TypeVar("T")

JOURNAL = "live_journal"
TRADES = "live_trades"
PORTFOLIO = "live_portfolio"
DECISIONS = "live_decisions"
WARNINGS = "anti_signals"
PIECES_AT_ONCE = 2_000
LATELY_NS = to_ns(600.0)
"""Older signals are stale, whatever the settings."""


class FencedError(StateError):
    """Another process has taken the account over; this one must not trade any more."""


class Loaded(msgspec.Struct):
    """What a process finds when it takes an account.

    Attributes
    ----------
    state : dict
        As `PortfolioState.restore` takes it; empty for a new account.
    stopped_by : str
        Who ended the process before; empty if it died or there was none.
    epoch : int
        Of this process.
    decided : list of str
        Signals that were decided on lately: the collector may tell of one again, and this process has not heard it.
    """

    state: dict[str, Any]
    stopped_by: str
    epoch: int
    decided: list[str] = []


class LiveStore(Protocol):
    """What a trader needs of its memory. Every call may raise `StoreAwayError`; nothing of it is promised then."""

    async def load(self, now_ns: int) -> Loaded:
        """Take the account and give what is known of it."""
        ...

    async def write(self, batch: Batch) -> None:
        """Store a batch, all or nothing; giving it twice does nothing twice.

        Raises
        ------
        FencedError
            If another process has taken the account over.
        """
        ...

    async def stopped(self, by: str, now_ns: int) -> None:
        """Note that this process ends on purpose."""
        ...

    async def warnings(self, since_ns: Mapping[str, int]) -> list[Warned]:
        """Exit warnings of these assets that were known since a time, as the collector stored them."""
        ...


class RecordsLiveStore:
    """A `LiveStore` over `Records`, which it uses from one thread of its own.

    Parameters
    ----------
    records : Records
        Open; the trader's tables are brought up to date by `load`.
    account, mode : str
        Whose rows are meant.
    collected : Records, optional
        Where the collector stores its warnings; without it there are none to be read.
    """

    def __init__(self, records: Records, account: str, mode: str, collected: Records | None = None) -> None:
        self._records, self._collected = records, collected
        self.account, self.mode = account, mode
        self.epoch = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="live-store")

    async def load(self, now_ns: int) -> Loaded:
        """Take the account and give what is known of it."""
        return await self._do(lambda: self._load(now_ns))

    async def write(self, batch: Batch) -> None:
        """Store a batch, all or nothing."""
        await self._do(lambda: self._write(batch))

    async def stopped(self, by: str, now_ns: int) -> None:
        """Note that this process ends on purpose."""
        await self._do(lambda: self._mine({"stopped_by": by, "is_active": False, "updated_ns": now_ns}))

    async def warnings(self, since_ns: Mapping[str, int]) -> list[Warned]:
        """Exit warnings of these assets, as the collector stored them."""
        collected = self._collected
        if collected is None or not since_ns:
            return []
        return await self._do(lambda: list(_warnings(collected, since_ns)))

    async def forget(self) -> None:
        """Remove everything that is stored of the account."""
        await self._do(self._forget)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()

    async def _do(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def _load(self, now_ns: int) -> Loaded:
        records, mine = self._records, {"account": self.account}
        records.migrate(SCHEMA)
        with records.transaction():
            found = records.select(PORTFOLIO, mine)
            state: dict[str, Any] = {}
            if found:
                state = json.loads(found[0]["record"])
                open_trades = records.select(TRADES, {**mine, "is_over": False}, order_by=["decided_time"])
                state["trades"] = [json.loads(row["record"]) for row in open_trades]
            self.epoch = found[0]["epoch"] + 1 if found else 1
            row = _new_account(self.account, self.mode) | (found[0] if found else {})
            # Who ended the process before counts until this one has stored something: a start may fail.
            taken = {"epoch": self.epoch, "is_active": True, "updated_ns": now_ns}
            records.add(PORTFOLIO, [row | taken], conflict="replace")
            lately = {**mine, "at_ns": (">=", now_ns - LATELY_NS)}
            decided = [row["signal_id"] for row in records.select(DECISIONS, lately, columns=["signal_id"])]
        return Loaded(state, (found[0]["stopped_by"] or "") if found else "", self.epoch, decided)

    def _write(self, batch: Batch) -> None:
        records, mine = self._records, {"account": self.account}
        with records.transaction():
            self._mine({**(batch.account or {}), "is_active": True, "stopped_by": None})
            if batch.trades:
                records.add(TRADES, [mine | row for row in batch.trades.values()], conflict="replace")
            if batch.decisions:
                records.add(DECISIONS, [mine | row for row in batch.decisions], conflict="ignore")
            if batch.inputs:
                piece = {
                    "epoch": self.epoch,
                    "seq": batch.first,
                    "count": len(batch.inputs),
                    "at_ns": batch.inputs[-1].at_ns,
                    "inputs": encoded_inputs(batch.inputs),
                }
                records.add(JOURNAL, [mine | piece], conflict="replace")

    def _forget(self) -> None:
        self._records.migrate(SCHEMA)
        with self._records.transaction():
            for table in TABLES:
                self._records.delete(table.name, {"account": self.account})

    def _mine(self, values: Row) -> None:
        """Change the account's row, as long as it is this process's."""
        where = {"account": self.account, "epoch": self.epoch}
        if not self._records.update(PORTFOLIO, where, values):
            raise FencedError(
                f"account {self.account}: another process has taken it over since epoch {self.epoch}; this one stops, "
                "look for the other with `alphaloop live status`"
            )


def journal(records: Records, account: str, epoch: int | None = None) -> Iterable[tuple[int, int, list[AnyInput]]]:
    """Pieces of a journal in order: epoch, number of the first input, inputs.

    Parameters
    ----------
    epoch : int, optional
        Of one process only.
    """
    where: dict[str, Any] = {"account": account} | ({} if epoch is None else {"epoch": epoch})
    after: list[Any] | None = None
    while True:
        order = ["epoch", "seq"]
        rows = records.select(JOURNAL, where, order_by=order, limit=PIECES_AT_ONCE, after=after)
        for row in rows:
            yield row["epoch"], row["seq"], decoded_inputs(row["inputs"])
        if len(rows) < PIECES_AT_ONCE:
            return
        last = rows[-1]
        after = [last["epoch"], last["seq"], last["account"]]


def _warnings(collected: Records, since_ns: Mapping[str, int]) -> Iterable[Warned]:
    first_ns = min(since_ns.values())
    rows = collected.select(
        WARNINGS,
        {"mint": ("in", sorted(since_ns)), "known_ns": (">=", first_ns)},
        order_by=["known_ns"],
        columns=["anti_id", "mint", "known_ns"],
    )
    for row in rows:
        if row["known_ns"] >= since_ns[row["mint"]]:
            yield Warned(at_ns=0, asset=row["mint"], warning_id=row["anti_id"], known_ns=row["known_ns"])


def _new_account(account: str, mode: str) -> Row:
    return {
        "account": account,
        "mode": mode,
        "current_balance": 0.0,
        "total_pnl": 0.0,
        "total_trades": 0,
        "total_wins": 0,
        "total_losses": 0,
        "current_streak": 0,
        "halted": False,
        "entries_stopped": False,
        "balance_lamports": 0,
        "stopped_by": None,
        "record": b"{}",
    }
