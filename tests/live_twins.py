"""Twins of what surrounds the trader, for simulations in virtual time: store, bus, intake and venue, with faults.

Each twin is used through a `Life`. When the life is over every call of it raises `Killed`, so that whatever a dying
process still tries to do reaches nothing, as after ``kill -9``.
"""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from solders.keypair import Keypair

from alphaloop.bus.contract import Delivery
from alphaloop.core.errors import AwayError, BusAwayError, StoreAwayError
from alphaloop.markets.pumpfun.curve.accounts import read_global
from alphaloop.markets.pumpfun.curve.quotes import QuoteError, buy_exact_in, sell
from alphaloop.markets.pumpfun.curve.reserves import Reserves
from alphaloop.markets.pumpfun.live.store import RecordsLiveStore
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions.bundle import bundle_id
from alphaloop.markets.pumpfun.transactions.coins import Coin, parties
from alphaloop.markets.pumpfun.transactions.costs import most_rent
from alphaloop.markets.pumpfun.transactions.envelope import COMPUTE_UNITS, Envelope, Lifetime, Terms, draft, sign
from alphaloop.markets.pumpfun.transactions.failures import read_failure
from alphaloop.markets.pumpfun.transactions.instructions import generation_for
from alphaloop.markets.pumpfun.transactions.orders import sell_at, spend_at
from alphaloop.markets.pumpfun.transactions.signer import Signer
from alphaloop.markets.pumpfun.transactions.tips import tip
from alphaloop.trading.portfolio.records import (
    AnyInput,
    Dead,
    Drafted,
    Failed,
    Filled,
    Landed,
    Order,
    Refused,
    Sent,
    Unsent,
    Warned,
)
from live_chain import SLOT_NS, START_NS, START_SLOT, AnswerLost, Chain, Refusal


class Killed(BaseException):
    """The process is no more."""


@dataclass
class Life:
    """One process, from its start to its kill.

    Attributes
    ----------
    kill_at : int
        Number of the call to a twin at which it dies; 0: it lives.
    """

    chance: random.Random
    kill_at: int = 0
    calls: int = 0
    alive: bool = True
    died: asyncio.Event = field(default_factory=asyncio.Event)

    def check(self) -> None:
        """Count a call; raise if the life is over, or is over with this call."""
        self.calls += 1
        if self.alive and self.calls == self.kill_at:
            self.end()
        if not self.alive:
            raise Killed

    def end(self) -> None:
        self.alive = False
        self.died.set()

    async def pause(self, least: float, most: float) -> None:
        """Let time pass, as a call to somebody else does."""
        self.check()
        await asyncio.sleep(self.chance.uniform(least, most))
        self.check()


class Weather:
    """Whether a road is open now: open and closed spells of drawn length, all closed spells before `calm_s`."""

    def __init__(self, chance: random.Random, share: float, longest_s: float, calm_s: float) -> None:
        self._spells: list[tuple[float, float]] = []
        at = 0.0
        while share and at < calm_s:
            closed = chance.uniform(0.05, longest_s)
            begin = at + chance.uniform(0.0, 2.0) * closed * (1.0 - share) / share
            self._spells.append((begin, min(begin + closed, calm_s)))
            at = begin + closed

    def closed(self) -> bool:
        now = asyncio.get_running_loop().time()
        return any(begin <= now < end for begin, end in self._spells)


class TwinStore(RecordsLiveStore):
    """The real store's code over tables in memory, with delays, absences and answers that are lost."""

    life: Life
    weather: Weather
    lost: float = 0.0
    calm_s: float = 0.0

    async def _do(self, call: Callable[[], Any]) -> Any:
        await self.life.pause(0.001, 0.01)
        if self.weather.closed():
            raise StoreAwayError("the database is away in this simulation")
        found = call()
        self.life.check()
        if not self.calm() and self.life.chance.random() < self.lost:
            raise StoreAwayError("the connection broke during the commit in this simulation")
        await self.life.pause(0.0, 0.005)
        return found

    def calm(self) -> bool:
        return asyncio.get_running_loop().time() >= self.calm_s


@dataclass
class TwinBus:
    """Messages and values of one simulation; each process has its own `TwinBusEnd`."""

    chance: random.Random
    weather: Weather
    calm_s: float
    drop: float = 0.0
    double: float = 0.0
    delay: float = 0.0
    values: dict[str, bytes] = field(default_factory=dict)
    ends: list[TwinSubscription] = field(default_factory=list)

    def publish(self, channel: str, body: bytes, *, keep: bool = False) -> None:
        if self.weather.closed():
            return
        if keep:
            self.values[channel] = body
        loop = asyncio.get_running_loop()
        faulty = loop.time() < self.calm_s
        for end in self.ends:
            if channel not in end.channels or (faulty and self.chance.random() < self.drop):
                continue
            for _ in range(2 if faulty and self.chance.random() < self.double else 1):
                late = self.chance.uniform(0.0, 2.0) if faulty and self.chance.random() < self.delay else 0.0
                loop.call_later(self.chance.uniform(0.0001, 0.001) + late, end.put, Delivery(channel, body))


@dataclass
class TwinSubscription:
    """One reader's side."""

    channels: set[str]
    lost: int = 0
    interruptions: int = 0
    _queue: asyncio.Queue[BaseException] = field(default_factory=asyncio.Queue)
    _call: Callable[[Delivery], None] = lambda delivery: None

    def on_delivery(self, call: Callable[[Delivery], None]) -> None:
        self._call = call

    def put(self, delivery: Delivery) -> None:
        try:
            self._call(delivery)
        except (Exception, Killed) as error:
            self._queue.put_nowait(error)

    async def join(self, *channels: str) -> None:
        self.channels |= set(channels)

    async def leave(self, *channels: str) -> None:
        self.channels -= set(channels)

    def __aiter__(self) -> TwinSubscription:
        return self

    async def __anext__(self) -> Delivery:
        raise await self._queue.get()


@dataclass
class TwinBusEnd:
    """The bus as one process sees it."""

    bus: TwinBus
    life: Life

    async def get(self, key: str) -> bytes | None:
        await self.life.pause(0.0001, 0.001)
        if self.bus.weather.closed():
            raise BusAwayError("the bus is away in this simulation")
        return self.bus.values.get(key)

    @asynccontextmanager
    async def subscribe(self, *channels: str, capacity: int = 10_000) -> AsyncIterator[TwinSubscription]:
        await self.life.pause(0.0001, 0.001)
        if self.bus.weather.closed():
            raise BusAwayError("the bus is away in this simulation")
        end = TwinSubscription(set(channels))
        self.bus.ends.append(end)
        watch = asyncio.create_task(self._interrupt(end))
        try:
            yield end
        finally:
            watch.cancel()
            self.bus.ends.remove(end)

    async def _interrupt(self, end: TwinSubscription) -> None:
        away = False
        while True:
            await asyncio.sleep(0.2)
            closed = self.bus.weather.closed()
            if closed and not away:
                end.interruptions += 1
            away = closed


class TwinIntake:
    """Messages are inputs already; only duplicates and age are looked at, as the real intake does."""

    def __init__(self, life: Life, stale_s: float = 10.0) -> None:
        self.life, self._stale_ns = life, round(stale_s * 1e9)
        self.counts: dict[str, int] = {}
        self._seen: set[str] = set()

    def take(self, channel: str, body: bytes, now_ns: int) -> Any:
        if not self.life.alive:
            return None
        told = msgspec.json.decode(body, type=AnyInput)
        told = msgspec.structs.replace(told, at_ns=now_ns)
        if told.__struct_config__.tag != "scored":
            return told
        if told.signal_id in self._seen or now_ns - told.known_ns > self._stale_ns:
            return None
        self._seen.add(told.signal_id)
        return told


class TwinVenue:
    """Real transactions on the model of the chain, behind roads that may be closed and answers that may be lost."""

    def __init__(self, chain: Chain, wallet: Keypair, life: Life, weather: Weather, clock: Any) -> None:
        self.chain, self.life, self.weather, self.clock = chain, life, weather, clock
        self.signer = Signer(wallet)
        self.me = str(wallet.pubkey())
        self.kept: dict[str, Envelope] = {}
        self._global = read_global(base64.b64decode(chain.account(str(at.GLOBAL))["data"][0]))

    def prepare(self, order: Order, now_ns: int) -> Drafted | Refused:
        self.life.check()
        context = order.context
        mint, lot = at.key(order.asset), self.life.chance.randrange(8)
        if context["complete"] or order.venue == "pool":
            return Refused(at_ns=now_ns, order_id=order.order_id, reason="complete", remedy="refresh")
        reserves = Reserves(
            context["virtual_token"], context["virtual_sol"], context["real_token"], context["real_sol"]
        )
        fees = self.chain.coin(order.asset).fees(self.chain.fees)
        coin = Coin(
            mint=mint,
            token_program=at.key(context["token_program"]),
            creator=at.key(context["creator"]),
            mayhem=context["mayhem"],
            cashback=context["cashback"],
            holder_reward=context["holder_reward"],
        )
        try:
            if order.side == "buy":
                quote = buy_exact_in(reserves, order.amount, fees)
                trade: Any = spend_at(quote, order.amount, order.slippage_bps)
                expected = quote.token_amount
            else:
                quote = sell(reserves, order.quantity, fees)
                trade = sell_at(quote, order.slippage_bps)
                expected = quote.total
        except QuoteError as error:
            return Refused(at_ns=now_ns, order_id=order.order_id, reason=str(error), remedy="refresh")
        generation = generation_for(coin)
        terms = Terms(COMPUTE_UNITS[generation], 100_000, tip(int(20_000 * order.tip_factor), lot))
        blockhash, last_valid = self.chain.latest_blockhash()
        made = draft(
            trade,
            coin,
            parties(self.signer.public, coin, self._global, lot),
            generation=generation,
            terms=terms,
            lifetime=Lifetime(blockhash, last_valid),
        )
        envelope = sign(made, self.signer)
        self.kept[envelope.signature] = envelope
        assert terms.tip is not None
        spend = order.amount if order.side == "buy" else 0
        return Drafted(
            at_ns=now_ns,
            order_id=order.order_id,
            signature=envelope.signature,
            last_valid=last_valid,
            most=spend + terms.fee + terms.tip.lamports + most_rent(trade, coin),
            least=getattr(trade, "min_lamports", 0),
            tip=terms.tip.lamports,
            network=terms.fee,
            expected=expected,
            venue="curve",
            details={"bundle": bundle_id([envelope.signature]), "parts": list(envelope.parts)},
        )

    def discard(self, signature: str) -> None:
        self.kept.pop(signature, None)

    async def submit(self, signature: str) -> Sent | Unsent:
        await self.life.pause(0.0, 0.03)
        envelope = self.kept[signature]
        if self.weather.closed():
            return Unsent(at_ns=self.clock.now_ns(), signature=signature, reason="the engine is away")
        way = "engine" if self.life.chance.random() < 0.5 else "rpc"
        try:
            self.chain.submit(envelope.wire, way)
        except (Refusal, AnswerLost) as error:
            await self.life.pause(0.0, 0.2)
            return Unsent(at_ns=self.clock.now_ns(), signature=signature, reason=str(error))
        await self.life.pause(0.0, 0.1)
        return Sent(at_ns=self.clock.now_ns(), signature=signature, via=way)

    async def prove(self, last_valid: Mapping[str, int]) -> list[Landed | Failed | Dead]:
        await self._ask()
        height = self.chain.block_height()
        await self._ask()
        found: list[Landed | Failed | Dead] = []
        for signature, status in zip(last_valid, self.chain.statuses(last_valid), strict=True):
            now_ns = self.clock.now_ns()
            if status is None:
                if height > last_valid[signature]:
                    found.append(Dead(at_ns=now_ns, signature=signature))
            elif status["confirmationStatus"] != "processed":
                if status["err"] is None:
                    found.append(Landed(at_ns=now_ns, signature=signature, slot=status["slot"]))
                else:
                    entry = self.chain.transaction(signature)
                    parts = self.kept[signature].parts if signature in self.kept else ()
                    failure = read_failure(status["err"], parts)
                    remedies = {"requote": "requote", "use_pool": "use_pool", "check_balance": "check_holding"}
                    found.append(
                        Failed(
                            at_ns=now_ns,
                            signature=signature,
                            reason=failure.name,
                            remedy=remedies.get(failure.remedy, "refresh"),
                            cost=entry["meta"]["fee"],
                        )
                    )
        return found

    async def fill(self, signature: str, asset: str, side: Any) -> Filled | None:
        await self._ask()
        return self._filled(signature, asset)

    async def found(self, asset: str, known: Sequence[str], since_ns: int) -> list[Filled]:
        await self._ask()
        first = START_SLOT + (since_ns - START_NS) // SLOT_NS
        entries = [
            entry
            for entry in self.chain.entries()
            if self.me in entry.keys and entry.err is None and entry.slot >= first
        ]
        fills = [self._filled(entry.signature, asset) for entry in entries if entry.signature not in known]
        return [fill for fill in fills if fill is not None]

    async def holdings(self) -> dict[str, int]:
        await self._ask()
        return {
            held.mint: held.amount
            for held in self.chain.state.each("tokens").values()
            if held.owner == self.me and held.amount
        }

    async def balance(self) -> int:
        await self._ask()
        return int(self.chain.lamports(self.me))

    async def refresh(self, asset: str, context: Mapping[str, Any]) -> dict[str, Any]:
        await self._ask()
        return dict(self.chain.context(asset))

    async def _ask(self) -> None:
        await self.life.pause(0.001, 0.05)
        if self.weather.closed():
            raise AwayError("the chain does not answer in this simulation")

    def _filled(self, signature: str, asset: str) -> Filled | None:
        answer = self.chain.transaction(signature)
        if answer is None or answer["meta"]["err"] is not None:
            return None
        meta = answer["meta"]
        before, after = (
            sum(
                int(each["uiTokenAmount"]["amount"])
                for each in meta[which]
                if each["owner"] == self.me and each["mint"] == asset
            )
            for which in ("preTokenBalances", "postTokenBalances")
        )
        if before == after:
            return None
        cash = meta["postBalances"][0] - meta["preBalances"][0]
        return Filled(
            at_ns=self.clock.now_ns(),
            signature=signature,
            quantity=abs(after - before),
            cash=cash,
            traded=abs(cash),
            remaining=after,
            asset=asset,
            side="buy" if after > before else "sell",
        )


__all__ = ["Killed", "Life", "TwinBus", "TwinBusEnd", "TwinIntake", "TwinStore", "TwinVenue", "Warned", "Weather"]
