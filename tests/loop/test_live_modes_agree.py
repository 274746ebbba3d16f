"""Paper and money hear one stream and decide alike: the same entries, the same refusals, the same exits."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import msgspec
from solders.keypair import Keypair

from alphaloop.markets.pumpfun.live.core import TraderCore
from alphaloop.markets.pumpfun.live.execution import ExecutionSettings
from alphaloop.markets.pumpfun.live.facts import ChainFacts
from alphaloop.markets.pumpfun.live.paper_venue import PaperVenue
from alphaloop.markets.pumpfun.live.reconcile import Reconciliation
from alphaloop.markets.pumpfun.live.settings import Pace, ReconcileSettings
from alphaloop.markets.pumpfun.live.standard import standard_portfolio
from alphaloop.markets.pumpfun.live.trader import Trader
from alphaloop.markets.pumpfun.transactions.signer import Signer
from alphaloop.stores.records.memory import MemoryRecords
from alphaloop.trading.portfolio.engine import PortfolioEngine
from alphaloop.trading.portfolio.records import Mark, Notice, Scored, Tick, Warned
from live_chain import START_NS, Chain
from live_loop import simulate
from live_state import name_key
from live_twins import Life, TwinBus, TwinBusEnd, TwinIntake, TwinRoad, TwinStore, Weather

SOL = 10**9
FUNDS = 12 * SOL
MINTS = 7
ROUND_S = 40.0
COOL_S = 25.0
PACE = Pace(exit_poll_s=0.5, prove_s=0.4, tick_s=0.25, flush_s=0.2, silent_s=60.0)


class World:
    """A chain, its collector, and two traders that hear it."""

    def __init__(self, seed: int, loop: Any) -> None:
        self.loop, self.chance = loop, random.Random(seed)
        self.chain = Chain(self.chance)
        self.wallet = Keypair.from_seed(b"a" * 32)
        self.chain.fund(str(self.wallet.pubkey()), FUNDS)
        self.mints = [self.chain.launch(str(number)) for number in range(MINTS)]
        for mint in self.mints:
            self.chain.trade(mint, lamports=30 * SOL)
        self.chain.advance(4)
        self.bus = TwinBus(self.chance, self._fair(), 0.0)
        self.records = {"live": MemoryRecords(), "dry": MemoryRecords()}
        self.notices: dict[str, list[Notice]] = {"live": [], "dry": []}
        self.traders: dict[str, Trader] = {}

    def _fair(self) -> Weather:
        return Weather(self.chance, 0.0, 1.0, 0.0)

    async def trade(self, mode: str) -> None:
        """A trader of one mode, until cancelled."""
        portfolio = standard_portfolio()
        breakers = portfolio.breakers.model_copy(update={"cool_down_s": COOL_S, "max_consecutive_losses": 0})
        sizing = portfolio.sizing.model_copy(update={"liquidity_fraction": 0.02})
        strategies = {name: each.model_copy(update={"max_hold_s": 12.0}) for name, each in portfolio.strategies.items()}
        portfolio = portfolio.model_copy(update={"breakers": breakers, "sizing": sizing, "strategies": strategies})
        life, execution = Life(self.chance), ExecutionSettings(paper={"balance": FUNDS})
        store = TwinStore(self.records[mode], "me", mode)
        store.close()
        store.life, store.weather = life, self._fair()
        beside: list[Any] = []
        venue: Any
        if mode == "live":
            road = TwinRoad(self.chain, self.wallet, life, self._fair(), self.loop, execution)
            await road.keeper.warm_up()
            venue, beside = road.venue, [road.run]
        else:
            facts = ChainFacts(execution.facts, execution.priority)
            venue = PaperVenue(Signer(self.wallet), facts, None, self.loop, execution)
        core = TraderCore(PortfolioEngine(portfolio), venue, self.notices[mode].append)
        await Reconciliation(core, venue, self.loop, ReconcileSettings()).run(await store.load(self.loop.now_ns()))
        end, intake = TwinBusEnd(self.bus, life), TwinIntake(life)
        trader = Trader(core, venue, store, end, intake, self.loop, PACE)  # type: ignore[arg-type]
        if mode == "dry":
            trader.know = venue.know
        self.traders[mode] = trader
        async with asyncio.TaskGroup() as group:
            for each in (trader.run, *beside):
                group.create_task(each())

    # -- the stream ---------------------------------------------------------------------------------------------------

    async def blocks(self) -> None:
        while True:
            await asyncio.sleep(0.4)
            self.chain.advance_to(self.loop.now_ns())
            for mint in self.mints:
                context, now_ns = self.chain.context(mint), self.loop.now_ns()
                price = context["virtual_sol"] / context["virtual_token"]
                mark = Mark(at_ns=now_ns, asset=mint, price=price, known_ns=now_ns, context=context)
                self.bus.publish(f"token:{mint}", msgspec.json.encode(mark), keep=True)
            self.bus.publish("trade:heartbeat", msgspec.json.encode(Tick(at_ns=0)))

    async def rounds(self, count: int) -> None:
        """A burst of signals, more than there are slots; then each coin goes its way, or is warned of."""
        for number in range(count):
            for place, mint in enumerate(self.mints):
                now_ns, context = self.loop.now_ns(), self.chain.context(mint)
                scored = Scored(
                    at_ns=now_ns,
                    signal_id=f"s{number}-{place}",
                    asset=mint,
                    source="signal",
                    known_ns=now_ns,
                    price=context["virtual_sol"] / context["virtual_token"],
                    liquidity=context["real_sol"],
                    scores={
                        "reach_2x_1h": self.chance.uniform(0.6, 1.0),
                        "reach_3x_30m": self.chance.uniform(0.6, 1.0),
                    },
                    regime=self.chance.choice(["bear", "bull_normal"]),
                    context=context,
                )
                self.bus.publish("trade:signals", msgspec.json.encode(scored))
                if place % 3 == 0:  # and once more
                    self.bus.publish("trade:signals", msgspec.json.encode(scored))
                await asyncio.sleep(0.02)
            await asyncio.sleep(5.0)
            for place, mint in enumerate(self.mints):
                way = (place + number) % 4
                if way == 0:
                    self.chain.trade(mint, lamports=40 * SOL)
                elif way == 1:
                    self.chain.trade(mint, tokens=self.chain.held(name_key("stranger"), mint) * 9 // 10)
                elif way == 2:
                    now_ns = self.loop.now_ns()
                    warned = Warned(at_ns=now_ns, asset=mint, warning_id=f"w{number}-{place}", known_ns=now_ns)
                    self.bus.publish("trade:signals", msgspec.json.encode(warned))
            if number % 2:
                # Too soon after: the coins that were just left cool down.
                await asyncio.sleep(10.0)
            await asyncio.sleep(ROUND_S - 5.0 - (10.0 if number % 2 else 0.0) - (18.0 if number % 2 else 0.0))


def lived(seed: int, rounds: int) -> World:
    async def main(loop: Any) -> World:
        world = World(seed, loop)
        tasks = [asyncio.create_task(each) for each in (world.trade("live"), world.trade("dry"), world.blocks())]
        await asyncio.sleep(3.0)
        await world.rounds(rounds)
        await asyncio.sleep(60.0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return world

    found: World = simulate(random.Random(seed), START_NS, main)
    return found


def decisions(records: MemoryRecords) -> list[dict[str, Any]]:
    return [msgspec.json.decode(row["record"]) for row in records.select("live_decisions", order_by=["at_ns"])]


def test_paper_and_money_decide_alike_on_one_stream() -> None:
    stops, reasons = Counter[str](), Counter[str]()
    for seed in range(2):
        world = lived(seed, 4)
        told = {mode: decisions(records) for mode, records in world.records.items()}
        names = (
            "signal_id",
            "asset",
            "scores",
            "regime",
            "phase",
            "open_positions",
            "checks",
            "strategy",
            "stopped_by",
        )
        alike = {
            mode: [{name: one[name] for name in (*names, "trade_id")} for one in found] for mode, found in told.items()
        }
        assert alike["live"] == alike["dry"]
        # The wallets differ by what landed at other moments; the sizes follow from them.
        for live, dry in zip(told["live"], told["dry"], strict=True):
            assert abs(live["size"] - dry["size"]) <= 0.03 * live["size"], (live, dry)
        trades = {
            mode: {row["signal_id"]: (row["status"], row["exit_reason"]) for row in records.select("live_trades")}
            for mode, records in world.records.items()
        }
        assert trades["live"] == trades["dry"]
        stops.update(one["stopped_by"] or "taken" for one in told["live"])
        reasons.update(reason for _, reason in trades["live"].values())
    assert set(stops) >= {"taken", "score_threshold", "slot", "cool_down"}, stops
    assert set(reasons) >= {"take_profit", "stop_loss", "anti_signal", "timeout"}, reasons
