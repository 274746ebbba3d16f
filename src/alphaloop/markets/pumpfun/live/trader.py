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
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import structlog

from alphaloop.bus.contract import Bus, Delivery
from alphaloop.core.clock import Clock, to_ns
from alphaloop.core.errors import AwayError, BusAwayError
from alphaloop.markets.pumpfun.emissions import SIGNALS_CHANNEL
from alphaloop.markets.pumpfun.live.core import TraderCore
from alphaloop.markets.pumpfun.live.settings import Pace
from alphaloop.markets.pumpfun.live.store import FencedError, LiveStore
from alphaloop.markets.pumpfun.live.submission import Submission
from alphaloop.markets.pumpfun.live.turns import undisturbed
from alphaloop.markets.pumpfun.live.venue import Venue
from alphaloop.markets.pumpfun.live.watch import Watch
from alphaloop.trading.portfolio.records import AnyInput, Balance, Command, Filled, Mark, Notice, Tick
from alphaloop.trading.portfolio.state import REMEMBERED_NS
from alphaloop.trading.portfolio.trades import Attempt, AttemptState, Trade

if TYPE_CHECKING:
    from alphaloop.markets.pumpfun.live.intake import Intake

log = structlog.get_logger("alphaloop.pumpfun.live")

HOPELESS: Final = 10
"""Readings of one transaction in vain, besides the time that they take, after which the wallet is believed."""

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
    chain_away_ns: int = field(init=False, default=0)
    heard_ns: int = field(init=False, default=0)
    submission: Submission = field(init=False)
    watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self.submission, self.watch = Submission(self), Watch(self)
        self.venue.heed(self.core.engine.state.wants)
        self._told_unread: set[str] = set()
        self._unreadable: dict[str, tuple[int, int]] = {}

    @property
    def store_away_ns(self) -> int:
        """Since when the store has been away; 0 if it is there."""
        return self.submission.away_ns

    def tell(self, told: AnyInput) -> None:
        """Give the core an input, and wake who waits for its work."""
        self.core.tell(told)
        if self.core.is_urgent:
            self.submission.wanted.set()

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
                    self.submission.keep,
                    self.submission.keep_exits,
                    self._keep_proving,
                    self.watch.keep,
                    self._keep_time,
                    self._keep_balance,
                ):
                    group.create_task(task())
        except* FencedError as fenced:
            raise fenced.exceptions[0] from None
        finally:
            self.submission.cancel()

    # -- listening --------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        while True:
            try:
                async with self.bus.subscribe(SIGNALS_CHANNEL, *self.pace.heartbeat_channels) as subscription:
                    self.watch.listen(subscription)
                    # Decided on inside the reading of the connection: a task switch would cost as much as the decision.
                    subscription.on_delivery(self.hear)
                    async for _ in subscription:
                        pass
            except BusAwayError as away:
                log.warning("bus_away", reason=str(away))
                await self.sleep(self.pace.retry_s)
            finally:
                self.watch.listen(None)

    def hear(self, deliveries: Sequence[Delivery]) -> None:
        """Take in messages that came at once; nothing waits."""
        self.heard_ns = self.clock.now_ns()
        with undisturbed():
            self._take(deliveries)

    def hear_state(self, channel: str, body: bytes) -> None:
        """Take in what a channel says or said last; a value that lies on the bus proves no life of the collector."""
        self._take([Delivery(channel, body)])

    def _take(self, deliveries: Sequence[Delivery]) -> None:
        for told in self.intake.take_all(deliveries, self.clock.now_ns()):
            if isinstance(told, Mark) and told.context:
                self.know(told.asset, told.context, told.known_ns)
            self.tell(told)

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
                self.alarm("chain_away", reason=str(away))
            return
        if self.chain_away_ns:
            self.chain_away_ns = 0
            self.alarm("chain_back", level="warning")
        for signature in unproved:
            if self.attempt_state(signature) is None:
                self.venue.discard(signature)

    async def _read_fills(self) -> None:
        """Read what landed; one transaction that cannot be read holds up no other."""
        away: AwayError | None = None
        for trade in list(self.core.engine.state.trades.values()):
            for attempt in trade.attempts:
                if attempt.state is not AttemptState.LANDED:
                    continue
                reason = "no node has it"
                try:
                    fill = await self.venue.fill(attempt.signature, trade.asset, attempt.side)
                except AwayError as unread:
                    fill, away, reason = None, unread, str(unread)
                await self._give_way()
                if isinstance(fill, Filled):
                    self.tell(fill)
                    await self._give_way()
                elif self.clock.now_ns() - attempt.landed_ns > to_ns(self.pace.unread_s):
                    self._unread(trade, attempt, reason)
                    if attempt.side == "buy" and self._read_in_vain(attempt):
                        await self._believe_wallet(trade, attempt)
        if away is not None:
            raise away

    async def _give_way(self) -> None:
        """Let a signal that came meanwhile go first: the loop reads its sockets behind what was ready before."""
        await self.sleep(0)
        await self.sleep(0)

    def _unread(self, trade: Trade, attempt: Attempt, reason: str) -> None:
        """Call a person, once: money has moved, and nobody knows how much."""
        if attempt.signature not in self._told_unread:
            self._told_unread.add(attempt.signature)
            self.alarm(
                "fill_unread", trade_id=trade.trade_id, asset=trade.asset, signature=attempt.signature, reason=reason
            )

    def _read_in_vain(self, attempt: Attempt) -> bool:
        """Count one more reading in vain; say whether it has been often enough, and long enough, in this process."""
        now_ns = self.clock.now_ns()
        first_ns, tries = self._unreadable.get(attempt.signature, (now_ns, 0))
        self._unreadable[attempt.signature] = first_ns, tries + 1
        return tries + 1 >= HOPELESS and now_ns - first_ns > to_ns(self.pace.unread_s)

    async def _believe_wallet(self, trade: Trade, attempt: Attempt) -> None:
        """Open a position whose purchase nobody can read by what the wallet holds, so that it can be left.

        It counts as bought for its budget and paid for with the most that it may have cost; what that is too much comes
        back with the next comparison of balances.
        """
        try:
            held = (await self.venue.holdings()).get(trade.asset, 0)
        except AwayError:
            return
        if held > 0 and attempt.state is AttemptState.LANDED:
            self.tell(
                Filled(
                    at_ns=self.clock.now_ns(),
                    signature=attempt.signature,
                    quantity=held,
                    cash=-attempt.most,
                    traded=trade.budget,
                    filled_ns=attempt.landed_ns,
                    details={"unread": True},
                )
            )

    async def _keep_time(self) -> None:
        while True:
            await self.sleep(self.pace.tick_s)
            self.tell(Tick(at_ns=self.clock.now_ns()))

    async def _keep_balance(self) -> None:
        """Compare the wallet's balance with the booked one where nothing has been under way for a while."""
        idle_s = 0.0
        while True:
            await self.sleep(self.pace.tick_s)
            idle_s = 0.0 if self.core.engine.state.unproved_orders else idle_s + self.pace.tick_s
            if idle_s >= self.pace.balance_s:
                idle_s = 0.0
                await self._compare_balance()

    async def _compare_balance(self) -> None:
        state = self.core.engine.state
        told, booked = self.core.decisions, state.account.balance
        try:
            amount = await self.venue.balance()
            # An earlier process may have sent what it could not store, and what failed only now.
            missing = amount != state.account.balance
            since_ns = self.clock.now_ns() - REMEMBERED_NS // 2
            failures = await self.venue.failures(state.knows, since_ns) if missing else []
        except AwayError:
            return
        # An order that was under way meanwhile may have changed what was read.
        if (told, booked) == (self.core.decisions, state.account.balance) and not state.unproved_orders:
            for failure in failures:
                self.tell(failure)
            self.tell(Balance(at_ns=self.clock.now_ns(), amount=amount))

    # -- small things -----------------------------------------------------------------------------------------------

    def attempt_state(self, signature: str) -> AttemptState | None:
        """Where a transaction is; None if its trade is over."""
        trade = self.core.engine.state.by_signature.get(signature)
        if trade is None:
            return None
        return next(attempt.state for attempt in trade.attempts if attempt.signature == signature)

    def alarm(self, event: str, level: str = "error", **fields: Any) -> None:
        """Tell people something that is about no single trade."""
        self.core.notify(Notice(event, "error" if level == "error" else "warning", fields))
