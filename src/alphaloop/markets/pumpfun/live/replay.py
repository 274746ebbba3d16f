"""A recorded period lived through on paper, as fast as it goes: the collector's market, and the trader's own code.

Time is that of the recording. What the dry run does in seconds of the clock happens here at the same moments: messages
when they were published, a look at the time every `pace.tick_s`, fills after the modelled latency.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

from solders.keypair import Keypair

from alphaloop.bus.memory import MemoryBus
from alphaloop.core.clock import NS_PER_S, SteppedClock, iso, stopwatch, to_ns
from alphaloop.core.errors import DataError, InputError
from alphaloop.core.progress import Progress
from alphaloop.markets.pumpfun.emissions import SIGNALS_CHANNEL, Emission, Publish
from alphaloop.markets.pumpfun.events import Input
from alphaloop.markets.pumpfun.live.core import TraderCore
from alphaloop.markets.pumpfun.live.facts import ChainFacts
from alphaloop.markets.pumpfun.live.intake import Intake
from alphaloop.markets.pumpfun.live.models import InlineModels
from alphaloop.markets.pumpfun.live.paper_venue import PaperVenue
from alphaloop.markets.pumpfun.live.reconcile import Reconciliation
from alphaloop.markets.pumpfun.live.reports import REPLAYS
from alphaloop.markets.pumpfun.live.settings import LiveSettings
from alphaloop.markets.pumpfun.live.store import RecordsLiveStore
from alphaloop.markets.pumpfun.live.summary import position, standing
from alphaloop.markets.pumpfun.live.trader import Trader
from alphaloop.markets.pumpfun.live.watch import TOKEN_CHANNEL
from alphaloop.markets.pumpfun.market import PumpMarket
from alphaloop.markets.pumpfun.models_at_hand import ModelsAtHand
from alphaloop.markets.pumpfun.recording.replay import read_events
from alphaloop.markets.pumpfun.schedule import NEVER_NS
from alphaloop.markets.pumpfun.settings import PumpSettings
from alphaloop.markets.pumpfun.transactions.signer import Signer
from alphaloop.stores.records import open_records
from alphaloop.trading.portfolio.engine import PortfolioEngine
from alphaloop.trading.portfolio.records import Notice, Tick

KEY: Final = bytes(range(32))
"""The seed of the key that signs in a replay, the same each time: transactions and their latencies repeat."""

EVENTS_AT_ONCE: Final = 5_000


def live_through(
    recording: Path,
    database: str,
    models: Path,
    settings: LiveSettings,
    progress: Progress,
    market: PumpSettings | None = None,
) -> dict[str, Any]:
    """Trade a recording on paper and say what came of it; the decisions are in the database, under ``replay``.

    Parameters
    ----------
    recording : Path
        A folder that the collector wrote.
    database : str
        URL; what an earlier replay left in it is removed.
    models : Path
        Registry or folder of artifacts.

    Raises
    ------
    DataError
        If there is no such recording.
    InputError
        If there is no such folder of models.
    """
    if not recording.exists():
        raise DataError(f"--replay {recording}: no such folder; give a recording of the collector")
    if not models.is_dir():
        raise InputError(f"--models {models}: no such folder; give a registry or a folder of artifacts")
    with ExitStack() as stack:
        records = stack.enter_context(open_records(database))
        store = RecordsLiveStore(records, REPLAYS, "replay")
        stack.callback(store.close)
        replay = _Replay(store, models, settings, market or PumpSettings())
        return asyncio.run(replay.run(read_events(recording), progress))


class _Replay:
    def __init__(self, store: RecordsLiveStore, models: Path, settings: LiveSettings, market: PumpSettings) -> None:
        self._settings, self._store = settings, store
        self._clock = SteppedClock()
        at_hand = ModelsAtHand(models, self._clock)
        at_hand.reload()
        self._market = PumpMarket(market, at_hand)
        self._models = InlineModels(models, settings.portfolio, self._clock)
        self._models.reload()
        execution = settings.execution
        facts = ChainFacts(execution.facts, execution.priority)
        self._venue = PaperVenue(Signer(Keypair.from_seed(KEY)), facts, None, self._clock, execution)
        self._notices: Counter[str] = Counter()
        self._stops: Counter[str] = Counter()
        self._core = TraderCore(PortfolioEngine(settings.portfolio), self._venue, self._notice)
        self._core.on_decision = self._decided
        self._tick_ns = to_ns(settings.pace.tick_s)

    async def run(self, events: Iterator[Input], progress: Progress) -> dict[str, Any]:
        began, count, first_ns = stopwatch(), 0, 0
        async with MemoryBus() as bus:
            intake = Intake(self._settings.intake, self._models)
            trader = Trader(self._core, self._venue, self._store, bus, intake, self._clock, self._settings.pace)
            trader.know = self._venue.know
            for event in events:
                if not first_ns:
                    first_ns = event.known_ns
                    await self._begin(trader, first_ns)
                while self._market.due_ns < event.known_ns:
                    # A launch whose minute is over is told then, not when the next event comes.
                    due_ns = self._market.due_ns
                    await self._at(trader, due_ns, partial(self._market.advance, due_ns))
                await self._at(trader, event.known_ns, partial(self._market.apply, event))
                count += 1
                if count % EVENTS_AT_ONCE == 0:
                    progress("replay", count, 0)
                    await self._work(trader)
            if not first_ns:
                raise InputError(
                    "the recording holds no events; give the folder that was --data of `alphaloop collect`"
                )
            await self._work(trader)
            await self._store.stopped("replay", self._clock.ns)
        return self._summary(trader, count, first_ns, stopwatch() - began)

    async def _begin(self, trader: Trader, first_ns: int) -> None:
        self._clock.ns = self._next_ns = first_ns
        await self._store.forget()
        loaded = await self._store.load(first_ns)
        await Reconciliation(self._core, self._venue, self._clock, self._settings.reconcile).run(loaded)
        await self._work(trader)

    async def _until(self, trader: Trader, now_ns: int) -> None:
        """Let time pass until an event: as long as something is held or under way there is something to do in it."""
        while self._next_ns < now_ns:
            if not self._is_busy:
                # Until a position's time is up nothing can happen that no event brings.
                self._next_ns = max(self._next_ns, min(self._time_is_up(), now_ns))
                if self._next_ns >= now_ns:
                    break
            self._clock.ns = self._next_ns
            await trader.prove()
            await trader.watch.ask_chain(silent=False)
            trader.tell(Tick(at_ns=self._clock.ns))
            if self._core.is_urgent:
                await self._work(trader)
            self._next_ns += self._tick_ns
        self._next_ns = max(self._next_ns, now_ns)

    @property
    def _is_busy(self) -> bool:
        """Whether something is under way, to be left, or told by nobody."""
        state = self._core.engine.state
        return state.unproved_orders > 0 or any(
            trade.exit_wanted or trade.context.get("complete") for trade in state.trades.values()
        )

    def _time_is_up(self) -> int:
        """When the first position has been held for as long as its strategy wants."""
        strategies = self._settings.portfolio.strategies
        held = self._core.engine.watched()
        return min((each.entered_ns + to_ns(strategies[each.strategy].max_hold_s) for each in held), default=NEVER_NS)

    async def _at(self, trader: Trader, now_ns: int, happens: Callable[[], list[Emission]]) -> None:
        """Let something happen to the market at a moment, and hear what it says."""
        await self._until(trader, now_ns)
        self._clock.ns = now_ns
        for emission in happens():
            if not isinstance(emission, Publish):
                continue
            channel = emission.channel
            if channel == SIGNALS_CHANNEL or self._is_held(channel):
                trader.hear_state(channel, emission.body)
        if self._core.is_urgent:
            await self._work(trader)

    def _is_held(self, channel: str) -> bool:
        return channel.startswith(TOKEN_CHANNEL) and channel[len(TOKEN_CHANNEL) :] in self._core.engine.state.by_asset

    async def _work(self, trader: Trader) -> None:
        await trader.submission.flush()
        await trader.submission.settle()

    def _notice(self, notice: Notice) -> None:
        self._notices[notice.event] += 1

    def _decided(self, stopped_by: str) -> None:
        if stopped_by:
            self._stops[stopped_by] += 1

    def _summary(self, trader: Trader, count: int, first_ns: int, seconds: float) -> dict[str, Any]:
        now_ns, engine = self._clock.ns, self._core.engine
        return {
            "account": REPLAYS,
            "mode": "replay",
            "ready": True,
            **standing(engine, now_ns),
            "events": count,
            "first": iso(first_ns) if first_ns else None,
            "last": iso(now_ns) if first_ns else None,
            "recorded_s": (now_ns - first_ns) / NS_PER_S,
            "seconds": round(seconds, 3),
            "decisions": self._core.decisions,
            "stopped_by": dict(self._stops.most_common()),
            "notices": dict(self._notices.most_common()),
            "messages": dict(trader.intake.counts),
            "models": self._models.report(),
            "positions": [position(trade, now_ns) for trade in engine.state.trades.values()],
        }
