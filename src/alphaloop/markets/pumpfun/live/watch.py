"""Watching what is held: its prices, wherever they can be had, and the warnings that speak of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from alphaloop.bus.contract import Subscription
from alphaloop.core.clock import to_ns
from alphaloop.core.errors import AwayError, BusAwayError, InputError, StoreAwayError
from alphaloop.markets.pumpfun.live.marks import mark_of
from alphaloop.trading.portfolio.records import Warned

if TYPE_CHECKING:
    from alphaloop.markets.pumpfun.live.trader import Trader

STATES_AT_ONCE = 20
TOKEN_CHANNEL = "token:"  # noqa: S105 - a prefix of channels


class Watch:
    """The part of a trader that sees to its positions."""

    def __init__(self, trader: Trader) -> None:
        self._trader = trader
        self._subscription: Subscription | None = None
        self._joined: set[str] = set()
        self._missed = 0
        self._warnings_due = True
        self._warned_ns = 0
        self._silent = False
        self._seeing_ns = 0
        self._bodies: dict[str, bytes] = {}

    def listen(self, subscription: Subscription | None) -> None:
        """Use a new subscription from now on, None while there is none."""
        self._subscription, self._joined = subscription, set()
        if subscription is not None:
            self._missed, self._warnings_due = subscription.interruptions, True

    async def keep(self) -> None:
        """Look until cancelled: each road in its own time, so that none waits for another that is closed."""
        async with asyncio.TaskGroup() as group:
            for look in (self._look_at_prices, self._watch_silence, self._read_warnings):
                group.create_task(self._again(look))

    async def _again(self, look: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self._trader.sleep(self._trader.pace.exit_poll_s)
            await look()

    async def _look_at_prices(self) -> None:
        await self._follow_positions()
        await self._read_states()

    async def _read_states(self) -> None:
        """Read what the bus keeps of everything held, some at a time: a signal that comes meanwhile waits for few."""
        channels = [TOKEN_CHANNEL + trade.asset for trade in self._trader.core.engine.watched()]
        for first in range(0, len(channels), STATES_AT_ONCE):
            some = channels[first : first + STATES_AT_ONCE]
            try:
                bodies = await self._trader.bus.get_many(some)
            except BusAwayError:
                return
            for channel, body in zip(some, bodies, strict=True):
                # What was read before is no news, however it is stamped.
                if body is not None and self._bodies.get(channel) != body:
                    self._bodies[channel] = body
                    self._trader.hear_state(channel, body)
        self._bodies = {channel: self._bodies[channel] for channel in channels if channel in self._bodies}

    async def _watch_silence(self) -> None:
        """Where the collector is silent or blind, ask the chain itself for the prices of what is held."""
        trader, now_ns = self._trader, self._trader.clock.now_ns()
        # A clock that was set back is behind what it said before.
        trader.heard_ns = min(trader.heard_ns, now_ns)
        heartbeat = trader.intake.heartbeat
        if heartbeat is None or heartbeat.listening or not self._seeing_ns:
            self._seeing_ns = now_ns
        self._seeing_ns = min(self._seeing_ns, now_ns)
        silent = now_ns - min(trader.heard_ns, self._seeing_ns) > to_ns(trader.pace.silent_s)
        if silent != self._silent:
            self._silent = silent
            held = len(trader.core.engine.watched())
            trader.alarm("prices_stale" if silent else "prices_fresh", "error" if silent else "warning", positions=held)
        await self.ask_chain(silent)

    async def ask_chain(self, silent: bool) -> None:
        """Read the markets that nobody tells of: all, where the collector is silent, else those of graduated coins."""
        for trade in self._trader.core.engine.watched():
            if not silent and not trade.context.get("complete"):
                continue
            try:
                context = await self._trader.venue.refresh(trade.asset, trade.context)
            except (AwayError, InputError):
                continue
            mark = mark_of(trade.asset, context, self._trader.clock.now_ns())
            if mark is not None:
                self._trader.tell(mark)

    async def _follow_positions(self) -> None:
        """Listen to the prices of what is held, and to no others."""
        subscription = self._subscription
        if subscription is None:
            return
        wanted = {TOKEN_CHANNEL + trade.asset for trade in self._trader.core.engine.watched()}
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
        if not self._warnings_due and self._trader.clock.now_ns() - self._warned_ns < to_ns(
            self._trader.pace.warnings_s
        ):
            return
        trades = self._trader.core.engine.state.trades.values()
        since_ns = {trade.asset: trade.known_ns or trade.decided_ns for trade in trades if not trade.exit_wanted}
        try:
            found = await self._trader.store.warnings(since_ns)
        except StoreAwayError:
            return  # still due in the next round
        now_ns = self._trader.clock.now_ns()
        self._warnings_due, self._warned_ns = False, now_ns
        for warned in found:
            self._trader.tell(
                Warned(at_ns=now_ns, asset=warned.asset, warning_id=warned.warning_id, known_ns=warned.known_ns)
            )
