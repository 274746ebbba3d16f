"""The trader's process: listens, decides, stores, submits, proves, watches.

::

    bus -> intake -> core (engine, venue.prepare) -> store -> venue.submit
                        ^                                        |
                        +---- venue.prove, venue.fill <----------+

Everything that decides is in the core and happens inside one call. The tasks here only wait: for the store, the chain,
the bus, and time. Every road that is closed is tried again; none of them ends the process but the fence of the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from alphaloop.bus.contract import Bus, Delivery, Subscription
from alphaloop.core.clock import NS_PER_S, Clock, to_ns
from alphaloop.core.errors import AwayError, BusAwayError, InputError, StoreAwayError
from alphaloop.markets.pumpfun.emissions import SIGNALS_CHANNEL
from alphaloop.markets.pumpfun.live.core import TraderCore, Work
from alphaloop.markets.pumpfun.live.marks import mark_of
from alphaloop.markets.pumpfun.live.settings import Pace
from alphaloop.markets.pumpfun.live.store import FencedError, LiveStore
from alphaloop.markets.pumpfun.live.venue import Venue
from alphaloop.trading.portfolio.records import (
    AnyInput,
    Balance,
    Command,
    Filled,
    Holding,
    Learnt,
    Mark,
    Notice,
    Submit,
    Tick,
    Unsent,
    Verify,
    Warned,
)
from alphaloop.trading.portfolio.trades import AttemptState

if TYPE_CHECKING:
    from alphaloop.markets.pumpfun.live.intake import Intake

log = structlog.get_logger("alphaloop.pumpfun.live")

TOKEN_CHANNEL = "token:"  # noqa: S105 - a prefix of channels
Sleep = Callable[[float], Awaitable[None]]


@dataclass
class Trader:
    """All tasks of a trader whose account was taken and reconciled.

    Parameters
    ----------
    sleep : callable
        Lets time pass; a simulation has its own.
    know : callable
        Told each state of a market that comes: what a venue on paper trades with.
    """

    core: TraderCore
    venue: Venue
    store: LiveStore
    bus: Bus
    intake: Intake
    clock: Clock
    pace: Pace
    sleep: Sleep = asyncio.sleep
    know: Callable[[str, Mapping[str, Any], int], None] = lambda asset, context, known_ns: None
    fenced: FencedError | None = field(init=False, default=None)
    store_away_ns: int = field(init=False, default=0)
    chain_away_ns: int = field(init=False, default=0)
    heard_ns: int = field(init=False, default=0)
    _stored: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _subscription: Subscription | None = field(init=False, default=None)
    _joined: set[str] = field(init=False, default_factory=set)
    _missed: int = field(init=False, default=0)
    _warnings_due: bool = field(init=False, default=True)
    _warned_ns: int = field(init=False, default=0)
    _errands: set[asyncio.Task[None]] = field(init=False, default_factory=set)
    _silent: bool = field(init=False, default=False)

    def tell(self, told: AnyInput) -> None:
        """Give the core an input, and wake who waits for its work."""
        self.core.tell(told)
        if self.core.is_urgent:
            self._stored.set()

    def command(self, name: str, asset: str = "", by: str = "") -> None:
        """Carry out what a person wants.

        Raises
        ------
        InputError
            If it is unknown, or there is no such position.
        """
        self.tell(Command(at_ns=self.clock.now_ns(), name=name, asset=asset, by=by))

    async def run(self) -> None:
        """Trade until cancelled, or until another process has taken the account over.

        Raises
        ------
        FencedError
            In the second case.
        """
        self.heard_ns = self.heard_ns or self.clock.now_ns()
        try:
            async with asyncio.TaskGroup() as group:
                for task in (
                    self._listen,
                    self._keep_storing,
                    self._keep_proving,
                    self._keep_watching,
                    self._keep_time,
                ):
                    group.create_task(task())
        except* FencedError as fenced:
            raise fenced.exceptions[0] from None
        finally:
            for errand in self._errands:
                errand.cancel()

    # -- listening --------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        while True:
            try:
                async with self.bus.subscribe(SIGNALS_CHANNEL, *self.pace.heartbeat_channels) as subscription:
                    self._subscription, self._joined, self._missed = subscription, set(), subscription.interruptions
                    self._warnings_due = True
                    # Decided on inside the reading of the connection: a task switch would cost as much as the decision.
                    subscription.on_delivery(self.hear)
                    async for _ in subscription:
                        pass
            except BusAwayError as away:
                log.warning("bus_away", reason=str(away))
                await self.sleep(self.pace.retry_s)
            finally:
                self._subscription = None

    def hear(self, delivery: Delivery) -> None:
        """Take in one message; nothing waits."""
        self.heard_ns = self.clock.now_ns()
        self.hear_state(delivery.channel, delivery.body)

    async def _follow_positions(self) -> None:
        """Listen to the prices of what is held, and to no others."""
        subscription = self._subscription
        if subscription is None:
            return
        wanted = {TOKEN_CHANNEL + trade.asset for trade in self.core.engine.watched()}
        try:
            if come := wanted - self._joined:
                await subscription.join(*sorted(come))
            if gone := self._joined - wanted:
                await subscription.leave(*sorted(gone))
            self._joined = wanted
        except BusAwayError:
            return  # the next round tries again, and meanwhile prices are polled

    async def _read_warnings(self) -> None:
        """Exit warnings that the bus did not bring: the collector stores them too."""
        subscription = self._subscription
        if subscription is not None and subscription.interruptions != self._missed:
            self._missed, self._warnings_due = subscription.interruptions, True
        # Also now and then without a reason: what a full mailbox lost is told to nobody.
        if not self._warnings_due and self.clock.now_ns() - self._warned_ns < to_ns(self.pace.warnings_s):
            return
        trades = self.core.engine.state.trades.values()
        since_ns = {trade.asset: trade.decided_ns for trade in trades if not trade.exit_wanted}
        try:
            found = await self.store.warnings(since_ns)
        except StoreAwayError:
            return  # still due in the next round
        now_ns = self.clock.now_ns()
        self._warnings_due, self._warned_ns = False, now_ns
        for warned in found:
            self.tell(Warned(at_ns=now_ns, asset=warned.asset, warning_id=warned.warning_id, known_ns=warned.known_ns))

    # -- storing and submitting ---------------------------------------------------------------------------------------

    async def _keep_storing(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self.pace.flush_s):
                    await self._stored.wait()
            except TimeoutError:
                pass
            self._stored.clear()
            await self.flush()

    async def flush(self) -> None:
        """Store what is new and do the work that waited for it."""
        if self.core.is_idle:
            return
        batch, work = self.core.take(self.clock.now_ns())
        try:
            await self.store.write(batch)
        except StoreAwayError as away:
            await self._not_stored(work, str(away))
            self.core.put_back(batch, self.clock.now_ns())
            if not self.store_away_ns:
                self.store_away_ns = self.clock.now_ns()
                self._alarm("store_away", reason=str(away))
            await self.sleep(self.pace.retry_s)
            return
        if self.store_away_ns:
            away_s = (self.clock.now_ns() - self.store_away_ns) / NS_PER_S
            self._alarm("store_back", level="warning", away_s=round(away_s, 3))
            self.store_away_ns = 0
        self._work_on(work)

    async def _not_stored(self, work: Work, reason: str) -> None:
        """Entries are thrown away; exits go out without a row, since waiting with them may cost everything."""
        now_ns = self.clock.now_ns()
        for submit in [submit for submit in work.submits if submit.side == "buy"]:
            # Bytes that were handed over before belong to a row that is stored.
            if self._attempt_state(submit.signature) is AttemptState.DRAFTED:
                self.core.not_stored(submit, now_ns, reason)
        self._work_on(Work([submit for submit in work.submits if submit.side == "sell"], work.verifies))

    def _work_on(self, work: Work) -> None:
        for submit in work.submits:
            self._errand(self._submit(submit))
        for verify in work.verifies:
            self._errand(self._verify(verify))

    async def settle(self) -> None:
        """Wait until everything that was to be submitted or verified is."""
        while self._errands:
            await asyncio.gather(*self._errands)

    async def _submit(self, submit: Submit) -> None:
        now_ns = self.clock.now_ns()
        state = self._attempt_state(submit.signature)
        if state not in (AttemptState.DRAFTED, AttemptState.SENT):
            return
        trade = self.core.engine.state.by_signature[submit.signature]
        late_s = (now_ns - trade.decided_ns) / NS_PER_S
        if submit.side == "buy" and state is AttemptState.DRAFTED and late_s > self.pace.submit_within_s:
            self.core.not_stored(submit, now_ns, f"it came to be submitted only {late_s:.1f} s after its decision")
            self._stored.set()
            return
        try:
            report = await self.venue.submit(submit.signature)
        except AwayError as away:
            report = Unsent(at_ns=self.clock.now_ns(), signature=submit.signature, reason=str(away))
        self.tell(report)

    async def _verify(self, verify: Verify) -> None:
        """Read again what an exit stumbled over; the engine tries the next sale by its own clock."""
        trade = self.core.engine.state.by_asset.get(verify.asset)
        if trade is None:
            return
        try:
            if verify.refresh:
                context = await self.venue.refresh(verify.asset, trade.context)
                self.tell(Learnt(at_ns=self.clock.now_ns(), asset=verify.asset, context=context))
            held = (await self.venue.holdings()).get(verify.asset, 0)
            known = [attempt.signature for attempt in trade.attempts]
            found = [] if held >= trade.quantity else await self.venue.found(verify.asset, known, trade.decided_ns)
        except AwayError as away:
            log.warning("chain_away", asset=verify.asset, reason=str(away))
            return
        for fill in found:
            self.tell(fill)
        if verify.asset in self.core.engine.state.by_asset and not found:
            self.tell(Holding(at_ns=self.clock.now_ns(), asset=verify.asset, quantity=held))

    # -- proving ----------------------------------------------------------------------------------------------------

    async def _keep_proving(self) -> None:
        while True:
            await self.sleep(self.pace.prove_s)
            await self.prove()

    async def prove(self) -> None:
        """Ask the chain about everything that is unproved, and read what landed."""
        unproved = self.core.engine.unproved()
        if not unproved:
            return
        try:
            for report in await self.venue.prove(unproved):
                self.tell(report)
            await self._read_fills()
        except AwayError as away:
            if not self.chain_away_ns:
                self.chain_away_ns = self.clock.now_ns()
                self._alarm("chain_away", reason=str(away))
            return
        if self.chain_away_ns:
            self.chain_away_ns = 0
            self._alarm("chain_back", level="warning")
        for signature in unproved:
            if self._attempt_state(signature) is None:
                self.venue.discard(signature)

    async def _read_fills(self) -> None:
        for trade in list(self.core.engine.state.trades.values()):
            for attempt in trade.attempts:
                if attempt.state is AttemptState.LANDED:
                    fill = await self.venue.fill(attempt.signature, trade.asset, attempt.side)
                    if isinstance(fill, Filled):
                        self.tell(fill)

    # -- watching ---------------------------------------------------------------------------------------------------

    async def _keep_watching(self) -> None:
        while True:
            await self.sleep(self.pace.exit_poll_s)
            await self.watch()

    async def watch(self) -> None:
        """Read the newest state of everything held; look for a collector that fell silent."""
        await self._follow_positions()
        await self._watch_silence()
        await self._read_warnings()
        for asset in [trade.asset for trade in self.core.engine.watched()]:
            try:
                body = await self.bus.get(TOKEN_CHANNEL + asset)
            except BusAwayError:
                break
            if body is not None:
                self.hear_state(TOKEN_CHANNEL + asset, body)

    def hear_state(self, channel: str, body: bytes) -> None:
        """Take in what a channel says or said last; a value that lies on the bus proves no life of the collector."""
        told = self.intake.take(channel, body, self.clock.now_ns())
        if told is None:
            return
        if isinstance(told, Mark) and told.context:
            self.know(told.asset, told.context, told.known_ns)
        self.tell(told)

    async def _watch_silence(self) -> None:
        """Where the collector is silent, ask the chain itself for the prices of what is held."""
        silent = self.clock.now_ns() - self.heard_ns > to_ns(self.pace.silent_s)
        if silent != self._silent:
            self._silent = silent
            held = len(self.core.engine.watched())
            self._alarm("prices_stale" if silent else "prices_fresh", "error" if silent else "warning", positions=held)
        await self.ask_chain(silent)

    async def ask_chain(self, silent: bool) -> None:
        """Read the markets that nobody tells of: all, where the collector is silent, else those of graduated coins."""
        for trade in self.core.engine.watched():
            if not silent and not trade.context.get("complete"):
                continue
            try:
                context = await self.venue.refresh(trade.asset, trade.context)
            except (AwayError, InputError):
                continue
            mark = mark_of(trade.asset, context, self.clock.now_ns())
            if mark is not None:
                self.tell(mark)

    async def _keep_time(self) -> None:
        idle_since_ns = self.clock.now_ns()
        while True:
            await self.sleep(self.pace.tick_s)
            now_ns = self.clock.now_ns()
            self.tell(Tick(at_ns=now_ns))
            if self.core.engine.state.unproved_orders:
                idle_since_ns = now_ns
            elif now_ns - idle_since_ns >= to_ns(self.pace.balance_s):
                idle_since_ns = now_ns
                await self._compare_balance()

    async def _compare_balance(self) -> None:
        told = self.core.decisions
        try:
            amount = await self.venue.balance()
        except AwayError:
            return
        # An order that was made meanwhile may have changed what was read.
        if told == self.core.decisions and not self.core.engine.state.unproved_orders:
            self.tell(Balance(at_ns=self.clock.now_ns(), amount=amount))

    # -- small things -----------------------------------------------------------------------------------------------

    def _attempt_state(self, signature: str) -> AttemptState | None:
        trade = self.core.engine.state.by_signature.get(signature)
        if trade is None:
            return None
        return next(attempt.state for attempt in trade.attempts if attempt.signature == signature)

    def _errand(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errand_ended)

    def _errand_ended(self, task: asyncio.Task[None]) -> None:
        self._errands.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # An errand is about one transaction; the next round of proving meets it again.
            log.error("errand_failed", reason=f"{type(error).__name__}: {error}")

    def _alarm(self, event: str, level: str = "error", **fields: Any) -> None:
        self.core.notify(Notice(event, "error" if level == "error" else "warning", fields))
