"""The process around the trader: start, everything that runs beside it, and an orderly end.

A start takes the account, warms up, compares with the chain, and only then listens. What a person asks for while it
runs comes over the bus to the control desk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog

from alphaloop.bus.contract import Bus
from alphaloop.core.clock import Clock, SystemClock, stopwatch
from alphaloop.core.errors import AwayError, InputError, StoreAwayError
from alphaloop.live.shutdown import Stop
from alphaloop.markets.pumpfun.live.control import ControlDesk
from alphaloop.markets.pumpfun.live.core import TraderCore
from alphaloop.markets.pumpfun.live.intake import Intake
from alphaloop.markets.pumpfun.live.models import InlineModels
from alphaloop.markets.pumpfun.live.notices import Messenger
from alphaloop.markets.pumpfun.live.paper_venue import PaperVenue
from alphaloop.markets.pumpfun.live.reconcile import DELIBERATE, Findings, Reconciliation
from alphaloop.markets.pumpfun.live.settings import LiveSettings
from alphaloop.markets.pumpfun.live.store import LiveStore
from alphaloop.markets.pumpfun.live.summary import position, standing
from alphaloop.markets.pumpfun.live.trader import Trader
from alphaloop.markets.pumpfun.live.venue import Venue
from alphaloop.trading.portfolio.engine import PortfolioEngine
from alphaloop.trading.portfolio.trades import ENDED

log = structlog.get_logger("alphaloop.pumpfun.live")

LOOK_S = 0.05
CANCEL_AGAIN_S = 2.0
Background = Callable[[], Coroutine[Any, Any, None]]


async def _nothing() -> None:
    """Wait for nothing."""


@dataclass
class LiveProcess:
    """All parts of a trader, put together.

    Parameters
    ----------
    mode : str
        ``dry`` or ``live``.
    background : sequence of coroutine functions
        What else runs as long as the process does: facts that are refreshed, a web server.
    warm_up : coroutine function
        Returns once the venue has the facts that its first order needs.
    ask_first : coroutine function
        Raises if somebody else trades the account; called before it is taken and before trading begins.
    settled : callable
        Called when trading has begun and when models are new: most of what is there now will stay.

    Attributes
    ----------
    trader : Trader or None
        Once trading has begun.
    """

    settings: LiveSettings
    mode: str
    account: str
    store: LiveStore
    bus: Bus
    venue: Venue
    models: InlineModels
    messenger: Messenger
    warm_up: Callable[[], Coroutine[Any, Any, None]]
    background: Sequence[Background] = ()
    clear_halt: bool = False
    clock: Clock = field(default_factory=SystemClock)
    settled: Callable[[], None] = lambda: None
    ask_first: Callable[[], Coroutine[Any, Any, None]] = _nothing
    trader: Trader | None = field(init=False, default=None)
    stops: dict[str, int] = field(init=False, default_factory=dict)
    findings: Findings = field(init=False, default_factory=Findings)
    started_s: float = field(init=False, default=0.0)
    _is_taken: bool = field(init=False, default=False)

    @property
    def is_ready(self) -> bool:
        """Whether the account is taken, reconciled, and traded."""
        return self.trader is not None

    async def run(self, stop: Stop, desk: Callable[[LiveProcess, Stop], ControlDesk] | None = None) -> dict[str, Any]:
        """Trade until somebody asks to stop, and say what came of it.

        Parameters
        ----------
        desk : callable, optional
            Makes the control desk that people's commands reach.

        Raises
        ------
        AlphaloopError
            If the start cannot be made, or another process takes the account over.
        """
        began = stopwatch()
        try:
            async with asyncio.TaskGroup() as group:
                beside = [group.create_task(run()) for run in (self.messenger.run, *self.background)]
                if desk is not None:
                    beside.append(group.create_task(desk(self, stop).run()))
                starting = group.create_task(self._start())
                await _until_asked(stop, starting)
                if starting.done():
                    trader = starting.result()
                    self.trader, self.started_s = trader, stopwatch() - began
                    self.settled()
                    log.info("trading", account=self.account, mode=self.mode, start_s=round(self.started_s, 3))
                    beside.append(group.create_task(self._keep_models()))
                    trading = group.create_task(trader.run())
                    await _until_asked(stop, trading)
                    await self._end(trader, stop, [trading, *beside])
                else:
                    await self._give_up(stop, [starting, *beside])
        except* Exception as failed:
            raise _first(failed) from None
        return self.summary(stopwatch() - began)

    async def _start(self) -> Trader:
        await self.ask_first()
        loaded = await self.store.load(self.clock.now_ns())
        self._is_taken = True
        await self.warm_up()
        await asyncio.to_thread(self.models.reload, walk=False)
        engine = PortfolioEngine(self.settings.portfolio)
        core = TraderCore(engine, self.venue, self.messenger)
        reconciliation = Reconciliation(core, self.venue, self.clock, self.settings.reconcile)
        self.findings = await reconciliation.run(loaded, clear_halt=self.clear_halt)
        log.info("reconciled", account=self.account, **self.findings.to_dict())
        intake = Intake(self.settings.intake, self.models)
        intake.remember(loaded.decided)
        trader = Trader(core, self.venue, self.store, self.bus, intake, self.clock, self.settings.pace)
        if isinstance(self.venue, PaperVenue):
            trader.know = self.venue.know
        core.on_decision = self._count
        await self.ask_first()
        return trader

    def _count(self, stopped_by: str) -> None:
        if stopped_by:
            self.stops[stopped_by] = self.stops.get(stopped_by, 0) + 1

    async def _keep_models(self) -> None:
        await asyncio.to_thread(self.models.reload)
        self.settled()
        while True:
            await asyncio.sleep(self.settings.pace.reload_s)
            if await asyncio.to_thread(self.models.reload):
                self.settled()

    async def _end(self, trader: Trader, stop: Stop, tasks: list[asyncio.Task[Any]]) -> None:
        """Let nothing new in, store what is there, and say who ended it."""
        if not stop.asked:
            return  # a task has failed, and the group says so
        log.info("stopping", by=stop.by, open_positions=trader.core.engine.state.open_positions)
        await _cancelled(tasks)
        try:
            async with asyncio.timeout(self.settings.pace.stop_s):
                await self._say_goodbye(trader, stop)
        except TimeoutError:
            # What was done is found again by the next start; what was decided is not.
            log.error("end_not_stored", patience_s=self.settings.pace.stop_s)

    async def _give_up(self, stop: Stop, tasks: list[asyncio.Task[Any]]) -> None:
        """End before trading began: nothing is held in memory that is not stored."""
        log.info("stopping", by=stop.by, starting=True)
        await _cancelled(tasks)
        # A supervisor that stops a start takes nothing back of what a person did before.
        if self._is_taken and stop.by in DELIBERATE:
            with suppress(StoreAwayError, TimeoutError):
                async with asyncio.timeout(self.settings.pace.stop_s):
                    await self.store.stopped(stop.by, self.clock.now_ns())

    async def _say_goodbye(self, trader: Trader, stop: Stop) -> None:
        while True:
            await trader.submission.flush()
            try:
                if trader.core.is_idle:
                    await self.store.stopped(stop.by, self.clock.now_ns())
                    return
            except StoreAwayError:
                pass
            await asyncio.sleep(LOOK_S)

    # -- what people ask for ------------------------------------------------------------------------------------------

    def carry_out(self, name: str, arguments: Mapping[str, str], by: str, stop: Stop) -> dict[str, Any]:
        """Do what a command says.

        Raises
        ------
        InputError
            If there is no such command, or it cannot be done.
        """
        trader = self.trader
        if name == "stop":
            stop.ask("command")
            left = 0 if trader is None else trader.core.engine.state.open_positions
            return {"stopping": True, "open_positions": left}
        if trader is None:
            raise InputError("the trader is starting; try again in a few seconds")
        if name == "status":
            return self.status()
        if name == "positions":
            return {"positions": self.positions()}
        if name == "config":
            return self.settings.model_dump(mode="json")
        if name == "reload":
            asyncio.get_running_loop().run_in_executor(None, self.models.reload)
            return {"reloading": True}
        trader.command(name, arguments.get("asset", ""), by)
        return {"done": name, **standing(trader.core.engine, self.clock.now_ns())}

    def status(self) -> dict[str, Any]:
        """How the account and the process do, as plain data."""
        trader, now_ns = self.trader, self.clock.now_ns()
        if trader is None:
            return {"account": self.account, "mode": self.mode, "ready": False}
        return {
            "account": self.account,
            "mode": self.mode,
            "ready": True,
            **standing(trader.core.engine, now_ns),
            "decisions": trader.core.decisions,
            "stopped_by": dict(sorted(self.stops.items(), key=lambda item: -item[1])),
            "messages": dict(trader.intake.counts),
            "heard_age_s": (now_ns - trader.heard_ns) / 1e9 if trader.heard_ns else None,
            "store_away": bool(trader.store_away_ns),
            "chain_away": bool(trader.chain_away_ns),
            "models": self.models.report(),
            "notifications": {"sent": self.messenger.sent, "failed": self.messenger.failed},
            "start_s": round(self.started_s, 3),
            "reconciled": self.findings.to_dict(),
        }

    def positions(self) -> list[dict[str, Any]]:
        """Every trade that holds something or may come to."""
        if self.trader is None:
            return []
        now_ns = self.clock.now_ns()
        trades = self.trader.core.engine.state.trades.values()
        return [position(trade, now_ns) for trade in trades if trade.state not in ENDED]

    def summary(self, seconds: float) -> dict[str, Any]:
        """What a run came to."""
        return {"seconds": round(seconds, 3), **self.status(), "positions": self.positions()}


async def _until_asked(stop: Stop, task: asyncio.Task[Any]) -> None:
    """Wait for a task, but not longer than until somebody asks to stop."""
    while not stop.asked and not task.done():
        await asyncio.wait({task}, timeout=LOOK_S)


async def _cancelled(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended: libraries that wait by `asyncio.wait_for` may lose a cancellation."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_S)


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    """The failure that made the others stop; one about a road that is closed only if there is no other."""
    found = [_first(each) if isinstance(each, BaseExceptionGroup) else each for each in group.exceptions]
    return next((each for each in found if not isinstance(each, AwayError)), found[0])
