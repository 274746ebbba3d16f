"""A trader's process in foul weather: each road is closed, slow or lying in turn, and it is killed again and again.

`Soak` does this to a `Market` and its servers by a seed; `Audit` compares at the end what the trader's database says
with the ledger of the stand-in chain.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from alphaloop.core.errors import AwayError
from alphaloop.markets.pumpfun.live.core import replayed
from alphaloop.markets.pumpfun.live.schema import SCHEMA
from alphaloop.markets.pumpfun.live.settings import LiveSettings
from alphaloop.markets.pumpfun.live.store import journal
from alphaloop.markets.pumpfun.schema import SCHEMA as COLLECTED
from alphaloop.markets.pumpfun.transactions.tips import TIP_ACCOUNTS
from alphaloop.stores.records import Records, open_records
from alphaloop.trading.portfolio.engine import PortfolioEngine
from alphaloop.trading.portfolio.records import Decision
from live_chain import Faults
from live_command import SOL, STRANGER, Folder, Market, Traders
from live_servers import Storm
from live_state import LEADERS

HOLD_S = 6.0
KILLED_SUBMITTING = 0.4
REASONS = {"take_profit", "trailing_stop", "stop_loss", "timeout", "anti_signal", "manual"}
FOUL = Faults(drop=0.15, never=0.1, fail=0.05, late=0.2, latest=40, lost=0.1, refuse=0.1, shuffle=0.3, skip_slot=0.05)


class Broken(AssertionError):
    """Something is lost, or done twice."""


class LockedFile:
    """A SQLite file as a server that can be stopped: while somebody else holds its lock, nobody writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._holder: sqlite3.Connection | None = None

    def stop(self) -> None:
        self._holder = sqlite3.connect(self._path, timeout=30.0, isolation_level=None, check_same_thread=False)
        self._holder.execute("BEGIN IMMEDIATE")

    def start(self) -> None:
        if self._holder is not None:
            self._holder.rollback()
            self._holder.close()


@dataclass
class Soak:
    """One soak: the world, its faults, and the lives of the process.

    Attributes
    ----------
    said : list of str
        What happened, for whoever has to find out why it broke.
    """

    market: Market
    folder: Folder
    traders: Traders
    db: str
    redis: Any
    database: Any
    seed: int
    said: list[str] = field(default_factory=list)
    lives: int = 0
    signals: list[str] = field(default_factory=list)
    foul: bool = True
    trader: Any = None

    def __post_init__(self) -> None:
        self.chances = {name: random.Random(f"{self.seed} {name}") for name in ("signals", "market", "faults", "kills")}
        self.began = time.monotonic()
        scores = self.folder.scores()
        self.hot, self.cold = self.folder.rows[scores.argmax()], self.folder.rows[scores.argmin()]
        self.mints = [self.market.launch(f"coin {number}", money=(8 + 3 * number) * SOL) for number in range(6)]

    def say(self, what: str) -> None:
        """Note what happens."""
        self.said.append(f"{time.monotonic() - self.began:8.2f} {what}")

    # -- what goes on all the time ------------------------------------------------------------------------------------

    async def collect(self) -> None:
        """Signals, warnings and prices, as far as the bus takes them."""
        chance = self.chances["signals"]
        while True:
            await asyncio.sleep(chance.uniform(0.05, 0.2))
            mint, kind = chance.choice(self.mints), chance.random()
            try:
                await self.market.beat()
                for each in self.mints:
                    await self.market.tell(each)
                if not self.foul:
                    continue
                if kind < 0.6:
                    self.signals.append(await self.market.signal(mint, self.hot))
                    if kind < 0.1 and len(self.signals) > 20:  # told twice, as after a crash of the collector
                        again = chance.choice(self.signals[-20:])
                        await self.market.signal(self.market.published[again], self.hot, signal_id=again)
                elif kind < 0.8:
                    await self.market.signal(mint, self.cold)
                elif kind < 0.85:
                    await self.market.warn(mint)
            except AwayError:
                continue

    async def strangers(self) -> None:
        """Somebody trades each coin: now up, now down."""
        chance = self.chances["market"]
        while True:
            await asyncio.sleep(chance.uniform(0.1, 0.6))
            mint = chance.choice(self.mints)
            held, reserves = self.market.chain.held(STRANGER, mint), self.market.chain.coin(mint).reserves
            if chance.random() < 0.5 and reserves.real_sol < 60 * SOL:
                self.market.chain.trade(mint, lamports=chance.randrange(SOL // 10, 4 * SOL))
            elif held and reserves.real_sol > 8 * SOL:
                self.market.chain.trade(mint, tokens=held * chance.randrange(5, 50) // 100)

    # -- what goes wrong ----------------------------------------------------------------------------------------------

    async def faults(self) -> None:
        """One fault after the other, with a pause in between."""
        chance = self.chances["faults"]
        kinds: list[Callable[[float], Any]] = [self._no_redis, self._no_database, self._no_node, self._no_engine]
        kinds += [self._storm, self._bad_chain, self._bad_chain]
        while self.foul:
            await asyncio.sleep(chance.uniform(0.2, 1.5))
            chosen = chance.choice(kinds)
            self.say(chosen.__name__)
            await chosen(chance.uniform(0.5, 5.0))

    async def _no_redis(self, seconds: float) -> None:
        await self._away(self.redis, seconds)

    async def _no_database(self, seconds: float) -> None:
        await self._away(self.database, seconds)

    async def _away(self, server: Any, seconds: float) -> None:
        await asyncio.to_thread(server.stop)
        try:
            await asyncio.sleep(seconds)
        finally:
            await asyncio.to_thread(server.start)

    async def _no_node(self, seconds: float) -> None:
        await self._down(("rpc",), seconds)

    async def _no_engine(self, seconds: float) -> None:
        await self._down(("frankfurt.mainnet", "ny.mainnet"), seconds)

    async def _down(self, places: Iterable[str], seconds: float) -> None:
        self.market.servers.down |= set(places)
        await asyncio.sleep(seconds)
        self.market.servers.down -= set(places)

    async def _storm(self, seconds: float) -> None:
        """Nodes and engines answer errors, 429, nothing at all, or do what they are told and break the connection."""
        chance = random.Random(self.chances["faults"].random())
        self.market.servers.storm = Storm(chance, error_500=0.1, too_many=0.1, hang=0.05, hang_s=1.0, cut=0.1, lost=0.1)
        await asyncio.sleep(2 * seconds)
        self.market.servers.storm = None

    async def _bad_chain(self, seconds: float) -> None:
        """Accepted and never landing, landing late, failing, refused."""
        self.market.chain.faults = FOUL
        await asyncio.sleep(2 * seconds)
        self.market.chain.faults = Faults()

    # -- the process --------------------------------------------------------------------------------------------------

    async def live(self) -> None:
        """Start it, again and again; kill it while the weather is foul."""
        chance = self.chances["kills"]
        options = ("--money", "--key", self.folder.key)
        while self.foul:
            self.trader = await self.traders.begin(self.folder, self.db, self.redis.url, *options)
            self.lives += 1
            ended = asyncio.create_task(self.trader.process.wait())
            submits = asyncio.create_task(self._submits(chance))
            lasts_s = chance.uniform(4.0, 20.0)
            await asyncio.wait({ended, submits}, timeout=lasts_s, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                self.say(f"life {self.lives} is killed{' as it submits' if submits.done() else ''}")
                await self.trader.kill()
            else:
                code, _ = await self.trader.end()
                self.say(f"life {self.lives} ended with {code}: {self.trader.said[-1][:300]}")
                require(code == 1 and "defect" not in self.trader.text, f"it ended: {self.trader.text[-3000:]}")
                await asyncio.sleep(0.5)
            submits.cancel()

    async def _submits(self, chance: random.Random) -> None:
        """Wait until a transaction has just been handed over, one of many: the moment at which most can be lost."""
        handed = self.market.chain.submissions
        while True:
            known = len(handed)
            await asyncio.sleep(0.002)
            if len(handed) > known and chance.random() < KILLED_SUBMITTING:
                return

    async def last_life(self, patience_s: float) -> dict[str, Any]:
        """Calm: everything comes to its end, two more positions are opened, and a supervisor stops the process."""
        options = ("--money", "--key", self.folder.key)
        self.trader = await self.traders.begin(self.folder, self.db, self.redis.url, *options)
        self.lives += 1
        await self.trader.is_trading()
        limit = time.monotonic() + patience_s
        while left := await asyncio.to_thread(self._not_over):
            require(time.monotonic() < limit, f"still not over: {left}")
            await asyncio.sleep(1.0)
        self.say("everything is over")
        mints = [self.market.launch(f"late {number}") for number in range(2)]
        await asyncio.sleep(0.3)
        seen = len(self.trader.log)
        for mint in mints:
            self.signals.append(await self.market.signal(mint, self.hot))
            await self.trader.until("trade_opened", after=seen, asset=mint)
        # Nobody tells their prices before the end: one that moves no peak is in the journal and not yet in the row.
        found: dict[str, Any] = await self.trader.stop()
        self.mints += mints
        return found

    def _not_over(self) -> list[str]:
        with opened(self.db) as records:
            return [
                str(msgspec.json.decode(row["record"])) for row in records.select("live_trades", {"is_over": False})
            ]

    async def run(self, seconds: float) -> dict[str, Any]:
        """Foul weather for some seconds, then calm; gives what the last process said of itself."""
        beside = [asyncio.create_task(each()) for each in (self.collect, self.strangers)]
        weather = [asyncio.create_task(each()) for each in (self.faults, self.live)]
        _, pending = await asyncio.wait(weather, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        self.foul = False
        await asyncio.gather(*weather)
        assert pending or seconds == 0, "the weather ended before its time"
        self.say("calm")
        self.market.chain.faults, self.market.servers.storm = Faults(), None
        self.market.servers.down.clear()
        try:
            return await self.last_life(patience_s=150.0)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)


# -- what must hold ----------------------------------------------------------------------------------------------------


def require(holds: object, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)


def opened(url: str) -> Records:
    records = open_records(url)
    records.migrate(SCHEMA)
    records.migrate(COLLECTED)
    return records


@dataclass
class Audit:
    """The database of a trader that has ended against the chain's own ledger."""

    market: Market
    settings: Path
    records: Records

    def __post_init__(self) -> None:
        self.rows = self.records.select("live_trades")
        self.trades = {row["trade_id"]: msgspec.json.decode(row["record"]) for row in self.rows}

    def require_all(self) -> None:
        """Look at everything.

        Raises
        ------
        Broken
            If something is lost, or done twice.
        """
        self.market.chain.audit()
        self.require_money()
        self.require_positions()
        self.require_one_purchase_a_signal()
        self.require_replay()

    def require_money(self) -> None:
        """Every transaction that landed belongs to one trade, whose row explains each lamport of it."""
        me, chain = self.market.me, self.market.chain
        owners: dict[str, tuple[str, Any]] = {}
        for name, trade in self.trades.items():
            for attempt in trade["attempts"]:
                require(attempt["signature"] not in owners, f"{attempt['signature']} is in two trades")
                owners[attempt["signature"]] = (name, attempt)
        ledger: dict[str, dict[str, int]] = {}
        for move in chain.ledger:
            if move.signature and me in (move.source, move.target):
                change = move.lamports if move.target == me else -move.lamports
                sums = ledger.setdefault(move.signature, {})
                for kind in ("cash", _kind(move)):
                    sums[kind] = sums.get(kind, 0) + change
        for signature, sums in ledger.items():
            entry = chain.landed(signature)
            require(signature in owners, f"{signature} landed and no row tells of it: {sums}")
            name, attempt = owners[signature]
            if entry is not None and entry.err is not None:
                require(attempt["state"] == "failed", f"{signature} of {name} failed and is {attempt['state']}")
                require(attempt["cost"] == -sums["cash"], f"{signature} cost {sums}, the row says {attempt['cost']}")
                continue
            require(attempt["state"] == "filled", f"{signature} of {name} landed and is {attempt['state']}")
            details = attempt["details"]
            told = {kind: -details[kind] for kind in ("network", "tip", "rent")}
            found = {kind: sums.get(kind, 0) for kind in told}
            require(told == found, f"{signature} of {name}: the row says {told}, the ledger {found}")
        landed = {name for name, (_, attempt) in owners.items() if attempt["state"] == "filled"}
        require(landed <= ledger.keys(), f"made up: {landed - ledger.keys()}")
        explained = sum(int(row["received_lamports"] - row["spent_lamports"]) for row in self.rows)
        changed = chain.lamports(me) - self.market.funds
        require(explained == changed, f"the rows explain {explained}, the wallet changed by {changed}")
        (account,) = self.records.select("live_portfolio")
        require(
            account["balance_lamports"] == chain.lamports(me),
            f"the account says {account['balance_lamports']}, the chain {chain.lamports(me)}",
        )

    def require_positions(self) -> None:
        """Each trade is closed or failed with a reason, or open with what the wallet holds."""
        held: dict[str, int] = {}
        for row in self.rows:
            if row["status"] == "closed":
                require(row["is_over"] and row["exit_reason"] in REASONS, f"closed without a reason: {row}")
            elif row["status"] == "failed":
                require(row["is_over"] and row["reason"], f"failed without a reason: {row}")
            else:
                require(row["status"] == "open" and not row["exit_reason"], f"left hanging: {row}")
                held[row["token_mint"]] = held.get(row["token_mint"], 0) + row["tokens"]
        found = {mint: self.market.chain.held(self.market.me, mint) for mint in self.market.mints}
        found = {mint: tokens for mint, tokens in found.items() if tokens}
        require(found == held, f"the wallet holds {found}, the rows say {held}")

    def require_one_purchase_a_signal(self) -> None:
        """No signal was bought for twice, and no trade bought twice."""
        bought: dict[str, str] = {}
        for name, trade in self.trades.items():
            fills = [each for each in trade["attempts"] if each["side"] == "buy" and each["state"] == "filled"]
            require(len(fills) <= 1, f"{name} bought twice")
            if fills:
                other = bought.setdefault(trade["signal_id"], name)
                require(other == name, f"{other} and {name} were both bought for signal {trade['signal_id']}")

    def require_replay(self) -> None:
        """The journal of each life leads to the decisions that are stored; the last one to the state that is."""
        portfolio = LiveSettings.read(self.settings).portfolio
        (account,) = self.records.select("live_portfolio")
        stored = {(row["signal_id"], row["at_ns"]): row["record"] for row in self.records.select("live_decisions")}
        lives: dict[int, list[Any]] = {}
        for epoch, seq, inputs in journal(self.records, account["account"]):
            known = lives.setdefault(epoch, [])
            require(seq == len(known), f"the journal of life {epoch} has {len(known)} inputs and goes on at {seq}")
            known += inputs
        found: dict[tuple[str, int], bytes] = {}
        state: dict[str, Any] = {}
        for inputs in lives.values():
            engine = PortfolioEngine(portfolio)
            for output in replayed(engine, inputs):
                if isinstance(output, Decision):
                    found[output.signal_id, output.at_ns] = msgspec.json.encode(output)
            state = msgspec.json.decode(msgspec.json.encode(engine.state.save()))
        require(found == stored, f"{len(found)} decisions replayed, {len(stored)} stored, or some differ")
        trades = {trade["trade_id"]: trade for trade in state["trades"]}
        still = {row["trade_id"]: self.trades[row["trade_id"]] for row in self.rows if not row["is_over"]}
        require(trades == still, f"the journal leads to {trades}, the rows say {still}")


def _kind(move: Any) -> str:
    """What a move of the ledger is called in a row."""
    if move.target == LEADERS:
        return "network"
    if move.target in TIP_ACCOUNTS:
        return "tip"
    return "rent" if move.reason.startswith("rent") else "traded"
