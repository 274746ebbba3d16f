"""The trader in a simulated world: one seed, one history of faults, kills and restarts; invariants after every step.

    run = Simulation(seed=7).run()       # raises `Broken` with what is wrong; the same seed does so again

The trader's own code runs, from listening to proving, on the twins of `live_twins` over the chain of `live_chain`, in
the virtual time of `live_loop`.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import msgspec
from solders.keypair import Keypair

from alphaloop.core.errors import AwayError
from alphaloop.markets.pumpfun.live.core import TraderCore, replayed
from alphaloop.markets.pumpfun.live.execution import ExecutionSettings
from alphaloop.markets.pumpfun.live.reconcile import Reconciliation
from alphaloop.markets.pumpfun.live.settings import Pace, ReconcileSettings
from alphaloop.markets.pumpfun.live.standard import standard_portfolio
from alphaloop.markets.pumpfun.live.store import journal
from alphaloop.markets.pumpfun.live.trader import Trader
from alphaloop.markets.pumpfun.schema import ANTI_SIGNALS
from alphaloop.stores.records import CreateTable, Schema, Step
from alphaloop.stores.records.memory import MemoryRecords
from alphaloop.trading.portfolio.engine import PortfolioEngine
from alphaloop.trading.portfolio.records import Mark, Notice, Scored, Tick, Warned
from alphaloop.trading.portfolio.settings import Phase
from alphaloop.trading.portfolio.trades import HOLDING
from live_chain import START_NS, Chain, Faults
from live_loop import simulate
from live_twins import Killed, Life, TwinBus, TwinBusEnd, TwinIntake, TwinRoad, TwinStore, Weather

SOL = 10**9
STEPPING_S = 0.4
GRACE_S = 30.0


class Broken(AssertionError):
    """An invariant does not hold."""


@dataclass(frozen=True)
class World:
    """What is going on around the trader."""

    coins: int = 5
    trading_s: float = 40.0
    calm_s: float = 45.0
    settle_s: float = 160.0
    hold_s: float = 25.0
    signal_s: float = 0.8
    chain_faults: Faults = field(default_factory=Faults)
    store_away: float = 0.0
    bus_away: float = 0.0
    chain_away: float = 0.0
    store_lost: float = 0.0
    bus_drop: float = 0.0
    bus_double: float = 0.0
    bus_delay: float = 0.0
    warnings: float = 0.05
    kills: int = 0

    @classmethod
    def drawn(cls, chance: random.Random) -> World:
        """A world with any mixture of faults, often with none of a kind."""

        def share(most: float) -> float:
            return chance.uniform(0.0, most) if chance.random() < 0.6 else 0.0

        return cls(
            coins=chance.randint(2, 6),
            signal_s=chance.uniform(0.1, 1.0),
            hold_s=chance.uniform(4.0, 25.0),
            chain_faults=Faults(
                drop=share(0.4),
                never=share(0.2),
                fail=share(0.3),
                late=share(0.5),
                latest=chance.randint(2, 140),
                lost=share(0.4),
                refuse=share(0.4),
                shuffle=share(1.0),
                skip_slot=share(0.3),
            ),
            store_away=share(0.4),
            bus_away=share(0.4),
            chain_away=share(0.4),
            store_lost=share(0.1),
            bus_drop=share(0.3),
            bus_double=share(0.3),
            bus_delay=share(0.3),
            warnings=share(0.2),
            kills=chance.choice([0, 0, 1, 2, 4, 8]),
        )


class Simulation:
    """One history.

    Attributes
    ----------
    lives : int
        Processes so far.
    log : list of str
        What happened, for a failing seed.
    """

    def __init__(self, seed: int, world: World | None = None) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.world = world or World.drawn(self.chance)
        self.wallet = Keypair.from_seed(random.Random(seed).randbytes(32))
        self.me = str(self.wallet.pubkey())
        self.lives = 0
        self.log: list[str] = []
        self.notices: dict[str, int] = {}
        self.signals = 0
        self.trader: Trader | None = None
        portfolio = standard_portfolio()
        phases = tuple(phase.model_copy(update={"max_open": 4}) for phase in portfolio.phases)
        assert all(isinstance(phase, Phase) for phase in phases)
        strategies = {
            name: strategy.model_copy(update={"max_hold_s": self.world.hold_s, "min_phase": 1})
            for name, strategy in portfolio.strategies.items()
        }
        breakers = portfolio.breakers.model_copy(
            update={"cool_down_s": 5.0, "loss_pause_s": 4.0, "daily_drawdown": 0.9, "max_unproved": 8}
        )
        sizing = portfolio.sizing.model_copy(update={"liquidity_fraction": 0.5})
        self.portfolio = portfolio.model_copy(
            update={"phases": phases, "strategies": strategies, "breakers": breakers, "sizing": sizing}
        )
        self.pace = Pace(exit_poll_s=0.7, prove_s=0.6, tick_s=0.5, flush_s=0.4, balance_s=10.0, silent_s=5.0)

    def run(self) -> Simulation:
        """Live through it."""
        try:
            simulate(self.chance, START_NS, self._main)
        except Broken as broken:
            tail = "\n".join(self.log[-60:])
            raise Broken(f"seed {self.seed}, life {self.lives}: {broken}\n{self.world}\n{tail}") from None
        return self

    # -- the world ----------------------------------------------------------------------------------------------------

    async def _main(self, loop: Any) -> None:
        world, chance = self.world, self.chance
        self.loop = loop
        self.chain = Chain(chance, faults=world.chain_faults)
        self.chain.fund(self.me, 5 * SOL)
        self.mints = [self.chain.launch(str(number)) for number in range(world.coins)]
        for mint in self.mints:
            self.chain.trade(mint, lamports=chance.randrange(2 * SOL, 20 * SOL))
        self.chain.advance(3)
        self.chain.on_block.append(self._tell_prices)
        self.records = MemoryRecords()
        self.records.migrate(Schema("warnings", (Step("1", (CreateTable(ANTI_SIGNALS),)),), (ANTI_SIGNALS,)))
        weather = [
            Weather(chance, share, 6.0, world.calm_s) for share in (world.store_away, world.bus_away, world.chain_away)
        ]
        self.store_weather, bus_weather, self.chain_weather = weather
        self.bus = TwinBus(chance, bus_weather, world.calm_s, world.bus_drop, world.bus_double, world.bus_delay)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each()) for each in (self._blocks, self._strangers, self._collector)]
            await self._lives()
            for task in tasks:
                task.cancel()
        self._final()

    async def _blocks(self) -> None:
        while True:
            await asyncio.sleep(STEPPING_S)
            self.chain.advance_to(self.loop.now_ns())

    async def _strangers(self) -> None:
        """Somebody trades each coin: now up, now down."""
        while True:
            after = 20.0 if self.loop.time() > self.world.calm_s + 30.0 else 0.0
            await asyncio.sleep(self.chance.uniform(0.2, 1.6) + after)
            mint = self.chance.choice(self.mints)
            coin = self.chain.coin(mint)
            if coin.complete:
                continue
            if self.chance.random() < 0.5 and coin.reserves.real_sol < 60 * SOL:
                self.chain.trade(mint, lamports=self.chance.randrange(SOL // 10, 4 * SOL))
            elif coin.reserves.real_sol > 8 * SOL:
                sold = coin.reserves.virtual_token * self.chance.randrange(1, 12) // 100
                self.chain.trade(mint, tokens=sold)

    def _tell_prices(self, block: Any) -> None:
        """The collector's `token:` messages: after blocks, at most one a coin."""
        for mint in self.mints:
            if self.chance.random() < 0.6:
                context = self.chain.context(mint)
                price = context["virtual_sol"] / context["virtual_token"]
                now_ns = self.loop.now_ns()
                mark = Mark(at_ns=now_ns, asset=mint, price=price, known_ns=now_ns, context=context)
                self.bus.publish(f"token:{mint}", msgspec.json.encode(mark), keep=True)

    async def _collector(self) -> None:
        world, chance = self.world, self.chance
        number = 0
        while True:
            await asyncio.sleep(chance.expovariate(1.0 / world.signal_s))
            self.bus.publish("trade:heartbeat", msgspec.json.encode(Tick(at_ns=0)))
            if self.loop.time() > world.trading_s:
                continue
            number += 1
            mint, now_ns = chance.choice(self.mints), self.loop.now_ns()
            if chance.random() < world.warnings:
                identity = f"w{number}"
                row = {"anti_id": identity, "mint": mint, "known_ns": now_ns, "severity": 2, "reasons": []}
                self.records.add("anti_signals", [row])
                warned = Warned(at_ns=now_ns, asset=mint, warning_id=identity, known_ns=now_ns)
                self.bus.publish("trade:signals", msgspec.json.encode(warned))
                continue
            context = self.chain.context(mint)
            scored = Scored(
                at_ns=now_ns,
                signal_id=f"s{number}",
                asset=mint,
                source="signal",
                known_ns=now_ns,
                price=context["virtual_sol"] / context["virtual_token"],
                liquidity=context["real_sol"],
                scores={"reach_2x_1h": chance.uniform(0.6, 1.0), "reach_3x_30m": chance.uniform(0.6, 1.0)},
                regime=chance.choice(["bear", "bull_normal"]),
                context=context,
            )
            self.signals += 1
            self.bus.publish("trade:signals", msgspec.json.encode(scored))

    # -- the trader ---------------------------------------------------------------------------------------------------

    async def _lives(self) -> None:
        """Processes one after the other, until the world has settled."""
        world = self.world
        end_s = world.trading_s + world.settle_s
        kills = world.kills
        while self.loop.time() < end_s:
            life = Life(self.chance)
            if kills and self.loop.time() < world.calm_s:
                kills -= 1
                life.kill_at = 1 + int(self.chance.expovariate(1 / 200.0))
            await self._live(life, end_s)
            await asyncio.sleep(self.chance.uniform(0.05, 3.0))

    async def _live(self, life: Life, end_s: float) -> None:
        self.lives += 1
        self.say(f"life {self.lives} begins")
        task = asyncio.create_task(self._process(life))
        died = asyncio.create_task(life.died.wait())
        await asyncio.wait({task, died}, timeout=max(0.0, end_s - self.loop.time()), return_when="FIRST_COMPLETED")
        self.say(f"life {self.lives} ends after {life.calls} calls, killed: {not life.alive}")
        ended = task.done() and not task.cancelled()
        fault = task.exception() if ended else None
        life.end()
        died.cancel()
        if not task.done():
            task.cancel()
        await asyncio.gather(task, died, return_exceptions=True)
        if fault is not None and not isinstance(fault, Killed | BaseExceptionGroup):
            raise fault
        if isinstance(fault, BaseExceptionGroup) and (real := fault.split(Killed)[1]) is not None:
            raise real

    async def _process(self, life: Life) -> None:
        loop = self.loop
        engine = PortfolioEngine(self.portfolio)
        execution = ExecutionSettings(use_rpc="always" if self.seed % 2 else "fallback")
        road = TwinRoad(self.chain, self.wallet, life, self.chain_weather, loop, execution)
        venue = road.venue
        core = TraderCore(engine, venue, self._notice)
        store = TwinStore(self.records, self.me, "live", self.records)
        store.close()
        store.life, store.weather, store.lost, store.calm_s = (
            life,
            self.store_weather,
            self.world.store_lost,
            self.world.calm_s,
        )
        await road.keeper.warm_up()
        while True:
            try:
                loaded = await store.load(loop.now_ns())
                break
            except AwayError:
                await asyncio.sleep(0.5)
        while True:
            try:
                await Reconciliation(core, venue, loop, ReconcileSettings()).run(loaded)
                break
            except AwayError:
                # A start that failed is begun anew: what the core was told is as good as forgotten.
                engine = PortfolioEngine(self.portfolio)
                core = TraderCore(engine, venue, self._notice)
                await asyncio.sleep(0.5)
        self.trader = trader = Trader(
            core,
            venue,
            store,
            TwinBusEnd(self.bus, life),
            TwinIntake(life),
            loop,
            self.pace,  # type: ignore[arg-type]
        )
        watched = _Watched(self, life, trader)
        trader.tell = watched.tell  # type: ignore[method-assign]
        async with asyncio.TaskGroup() as group:
            group.create_task(road.run())
            group.create_task(trader.run())

    def _notice(self, notice: Notice) -> None:
        self.notices[notice.event] = self.notices.get(notice.event, 0) + 1
        self.say(f"{notice.event} {notice.fields}")

    def say(self, what: str) -> None:
        self.log.append(f"{self.loop.time():9.3f} {what}")

    # -- what must hold -----------------------------------------------------------------------------------------------

    def check(self, trader: Trader) -> None:
        """Hold after every input, whatever happened."""
        state = trader.core.engine.state
        now_ns = self.loop.now_ns()
        if state.free < 0:
            raise Broken(f"the free balance is {state.free}")
        seen: set[str] = set()
        for trade in state.trades.values():
            if trade.asset in seen:
                raise Broken(f"two trades in {trade.asset}")
            seen.add(trade.asset)
            if len(trade.unproved("buy")) > 1:
                raise Broken(f"trade {trade.trade_id} has two purchases under way")
            filled = [attempt for attempt in trade.attempts if attempt.side == "buy" and attempt.state == "filled"]
            if len(filled) > 1:
                raise Broken(f"trade {trade.trade_id} was bought twice")
            waits = trade.state in HOLDING and trade.exit_wanted and not trade.unproved("sell")
            if waits and now_ns - trade.retry_ns > GRACE_S * 1e9:
                raise Broken(f"the exit of {trade.trade_id} is forgotten since {trade.retry_ns}")

    def _final(self) -> None:
        """Hold once the faults are over and everything had time to come to its end."""
        assert self.trader is not None
        state = self.trader.core.engine.state
        left = [trade.trade_id for trade in state.trades.values() if trade.state not in HOLDING]
        if left:
            raise Broken(f"trades {left} hang: {[state.trades[each] for each in left]}")
        old = [t.trade_id for t in state.trades.values() if t.state in HOLDING]
        if old:
            raise Broken(f"positions {old} were never left: {[state.trades[each] for each in old]}")
        if state.account.balance != self.chain.lamports(self.me):
            raise Broken(f"the account says {state.account.balance}, the chain {self.chain.lamports(self.me)}")
        held = {mint: self.chain.held(self.me, mint) for mint in self.mints if self.chain.held(self.me, mint)}
        if held:
            raise Broken(f"the wallet still holds {held}")
        self.chain.audit()
        self._audit_rows()
        self._replay()

    def _audit_rows(self) -> None:
        """Rows against the chain's own ledger: every purchase has its trade, every lamport its reason."""
        rows = self.records.select("live_trades")
        bought: dict[str, int] = {}
        for entry in self.chain.entries():
            if entry.err is None and self.me in entry.keys:
                meta = entry.answer()["meta"]
                cash = meta["postBalances"][0] - meta["preBalances"][0]
                bought[entry.signature] = cash
        explained: dict[str, str] = {}
        spent = 0
        for row in rows:
            record = msgspec.json.decode(row["record"])
            spent += row["received_lamports"] - row["spent_lamports"]
            for attempt in record["attempts"]:
                if attempt.get("state") == "filled":
                    if attempt["signature"] in explained:
                        raise Broken(f"{attempt['signature']} fills two trades")
                    explained[attempt["signature"]] = row["trade_id"]
        if set(explained) != set(bought):
            raise Broken(
                f"landed {set(bought) - set(explained)} without a trade, {set(explained) - set(bought)} made up"
            )
        assert self.trader is not None
        spent -= self.trader.core.engine.state.account.stray_cost
        if 5 * SOL + spent != self.chain.lamports(self.me):
            raise Broken(f"trades explain {spent}, the wallet changed by {self.chain.lamports(self.me) - 5 * SOL}")

    def _replay(self) -> None:
        """The journal of each life, replayed through a fresh engine, leads to the decisions that were stored."""
        stored = {(row["signal_id"], row["at_ns"]): row["record"] for row in self.records.select("live_decisions")}
        last = self.records.select("live_portfolio")[0]["epoch"]
        found: dict[tuple[str, int], bytes] = {}
        by_life: dict[int, list[Any]] = {}
        for epoch, seq, inputs in journal(self.records, self.me):
            known = by_life.setdefault(epoch, [])
            if seq != len(known):
                raise Broken(f"the journal of life {epoch} has {len(known)} inputs and goes on at {seq}")
            known += inputs
        for epoch, inputs in by_life.items():
            engine = PortfolioEngine(self.portfolio)
            for output in replayed(engine, inputs):
                if type(output).__name__ == "Decision":
                    found[output.signal_id, output.at_ns] = msgspec.json.encode(output)  # type: ignore[attr-defined]
            if epoch == last and self.trader is not None:
                mine, theirs = engine.state.save(), self.trader.core.engine.state.save()
                # The last ticks before the end are not stored yet.
                del mine["now_ns"], theirs["now_ns"]
                if mine != theirs:
                    raise Broken(f"the journal leads to {mine}, the trader is at {theirs}")
        if found != stored:
            raise Broken(f"{len(found)} decisions replayed, {len(stored)} stored, some differ")


class _Watched:
    """Looks at the invariants after each input."""

    def __init__(self, simulation: Simulation, life: Life, trader: Trader) -> None:
        self._simulation, self._life, self._trader = simulation, life, trader

    def tell(self, told: Any) -> None:
        if not self._life.alive:
            raise Killed
        if not isinstance(told, Tick | Mark):
            about = getattr(told, "signature", getattr(told, "asset", ""))
            self._simulation.say(f"in  {type(told).__name__} {about[:8]}")
        Trader.tell(self._trader, told)
        self._simulation.check(self._trader)
