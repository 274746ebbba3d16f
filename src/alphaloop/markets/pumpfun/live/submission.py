"""Storing and submitting: a row first, then the transaction that it tells of."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import structlog

from alphaloop.core.clock import NS_PER_S, to_ns
from alphaloop.core.errors import AwayError, StoreAwayError
from alphaloop.markets.pumpfun.live.core import Work
from alphaloop.trading.portfolio.records import Holding, Learnt, Submit, Unsent, Verify
from alphaloop.trading.portfolio.trades import AttemptState

if TYPE_CHECKING:
    from alphaloop.markets.pumpfun.live.trader import Trader

log = structlog.get_logger("alphaloop.pumpfun.live")


class Submission:
    """The part of a trader between a decision and its transaction's way.

    Attributes
    ----------
    wanted : asyncio.Event
        Set when something waits for being stored.
    away_ns : int
        Since when the store has been away; 0 if it is there.
    """

    def __init__(self, trader: Trader) -> None:
        self._trader = trader
        self.wanted = asyncio.Event()
        self.away_ns = 0
        self._errands: set[asyncio.Task[None]] = set()
        self._under_way, self._writing_ns, self._is_slow = Work(), 0, False

    def cancel(self) -> None:
        """Give up what is on its way to being submitted; the next start finds it unproved."""
        for errand in self._errands:
            errand.cancel()

    async def keep(self) -> None:
        """Store until cancelled: at once where something waits for it, else every `flush_s`."""
        while True:
            try:
                async with asyncio.timeout(self._trader.pace.flush_s):
                    await self.wanted.wait()
            except TimeoutError:
                pass
            self.wanted.clear()
            await self.flush()

    async def flush(self) -> None:
        """Store what is new and do the work that waited for it."""
        if self._trader.core.is_idle:
            return
        now_ns = self._trader.clock.now_ns()
        batch, work = self._trader.core.take(now_ns)
        self._under_way, self._writing_ns = work, now_ns
        try:
            await self._trader.store.write(batch)
        except asyncio.CancelledError:
            # It may be stored or not; giving it once more does nothing twice.
            self._trader.core.put_back(batch, self._trader.clock.now_ns())
            raise
        except StoreAwayError as away:
            await self._not_stored(work, str(away))
            self._trader.core.put_back(batch, self._trader.clock.now_ns())
            if not self.away_ns:
                self.away_ns = self._trader.clock.now_ns()
                self._trader.alarm("store_away", reason=str(away))
            await self._trader.sleep(self._trader.pace.retry_s)
            return
        finally:
            self._writing_ns = 0
        if self.away_ns:
            away_s = (self._trader.clock.now_ns() - self.away_ns) / NS_PER_S
            self._trader.alarm("store_back", level="warning", away_s=round(away_s, 3))
            self.away_ns = 0
        self.work_on(work)

    async def keep_exits(self) -> None:
        """See to it that exits wait for a store that hangs no longer than they must, until cancelled."""
        while True:
            await self._trader.sleep(self._trader.pace.exit_waits_s / 4)
            self.free_exits()

    def free_exits(self) -> None:
        """Let exits out without their rows where a write takes longer than `exit_waits_s`."""
        # A clock that was set back is behind the moment at which the write began.
        self._writing_ns = min(self._writing_ns, self._trader.clock.now_ns())
        waited_ns = self._trader.clock.now_ns() - self._writing_ns
        if not self._writing_ns or waited_ns < to_ns(self._trader.pace.exit_waits_s):
            self._is_slow = self._is_slow and bool(self._writing_ns)
            return
        if not self._is_slow:
            self._is_slow = True
            self._trader.alarm("store_slow", waited_s=round(waited_ns / NS_PER_S, 3))
        for work in (self._under_way, self._trader.core.work):
            self.work_on(work.take_exits())

    async def _not_stored(self, work: Work, reason: str) -> None:
        """Entries are thrown away; exits go out without a row, since waiting with them may cost everything."""
        now_ns = self._trader.clock.now_ns()
        for submit in [submit for submit in work.submits if submit.side == "buy"]:
            # Bytes that were handed over before belong to a row that is stored.
            if self._trader.attempt_state(submit.signature) is AttemptState.DRAFTED:
                self._trader.core.not_stored(submit, now_ns, reason)
        self.work_on(work.take_exits())

    def work_on(self, work: Work) -> None:
        """Begin to submit and to verify."""
        for submit in work.submits:
            self._errand(self._submit(submit))
        for verify in work.verifies:
            self._errand(self._verify(verify))

    async def settle(self) -> None:
        """Wait until everything that was to be submitted or verified is."""
        while self._errands:
            await asyncio.gather(*self._errands)

    async def _submit(self, submit: Submit) -> None:
        now_ns = self._trader.clock.now_ns()
        state = self._trader.attempt_state(submit.signature)
        if state not in (AttemptState.DRAFTED, AttemptState.SENT):
            return
        trade = self._trader.core.engine.state.by_signature[submit.signature]
        late_s = (now_ns - trade.decided_ns) / NS_PER_S
        if submit.side == "buy":
            engine, reason = self._trader.core.engine, ""
            seen = state is AttemptState.SENT
            if late_s > (engine.settings.entry_retry_s if seen else self._trader.pace.submit_within_s):
                reason = f"it came to be submitted only {late_s:.1f} s after its decision"
            elif not engine.state.wants(submit.signature):
                reason = "its exit was decided, or entries were stopped, before it was submitted"
            if reason:
                # Bytes that somebody has seen may still land, and are waited for.
                if not seen:
                    self._trader.core.not_stored(submit, now_ns, reason)
                    self.wanted.set()
                return
        try:
            report = await self._trader.venue.submit(submit.signature)
        except AwayError as away:
            report = Unsent(at_ns=self._trader.clock.now_ns(), signature=submit.signature, reason=str(away))
        self._trader.tell(report)

    async def _verify(self, verify: Verify) -> None:
        """Read again what an exit stumbled over; the engine tries the next sale by its own clock."""
        trade = self._trader.core.engine.state.by_asset.get(verify.asset)
        if trade is None:
            return
        try:
            if verify.refresh:
                context = await self._trader.venue.refresh(verify.asset, trade.context)
                venue = "pool" if context.get("complete") else "curve"
                now_ns = self._trader.clock.now_ns()
                self._trader.tell(Learnt(at_ns=now_ns, asset=verify.asset, context=context, venue=venue))
            held = (await self._trader.venue.holdings()).get(verify.asset, 0)
            known = [attempt.signature for attempt in trade.attempts]
            found = (
                [] if held >= trade.quantity else await self._trader.venue.found(verify.asset, known, trade.decided_ns)
            )
        except AwayError as away:
            log.warning("chain_away", asset=verify.asset, reason=str(away))
            return
        for fill in found:
            self._trader.tell(fill)
        if verify.asset in self._trader.core.engine.state.by_asset and not found:
            self._trader.tell(Holding(at_ns=self._trader.clock.now_ns(), asset=verify.asset, quantity=held))

    def _errand(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errand_ended)

    def _errand_ended(self, task: asyncio.Task[None]) -> None:
        self._errands.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # An errand is about one transaction; the next round of proving meets it again.
            log.error("errand_failed", reason=f"{type(error).__name__}: {error}")
