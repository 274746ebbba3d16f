"""The start: take the account, and compare what was stored with what the chain says, before anything is decided.

What may still land is left to the prover: its money stays reserved and its asset barred, and trading begins. So a start
takes as long as a few questions to the chain, however many positions there are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import structlog

from alphaloop.core.clock import Clock
from alphaloop.core.errors import AwayError
from alphaloop.markets.pumpfun.live.core import TraderCore
from alphaloop.markets.pumpfun.live.settings import ReconcileSettings
from alphaloop.markets.pumpfun.live.store import Loaded
from alphaloop.markets.pumpfun.live.venue import Venue
from alphaloop.trading.portfolio.records import Adopted, Balance, Filled, Holding, Landed, Notice, Opened
from alphaloop.trading.portfolio.trades import HOLDING, AttemptState, Trade

log = structlog.get_logger("alphaloop.pumpfun.live")

DELIBERATE = ("command", "keyboard")
"""Who ends a process on purpose. A signal of a supervisor or of a machine that goes down is not among them."""


@dataclass
class Findings:
    """What a start found, for the summary.

    Attributes
    ----------
    resumed : int
        Trades that were not over.
    landed, failed, dead : int
        Transactions whose fate was unknown to the store and is known now.
    found : int
        Transactions of the wallet that no row told of.
    unknown : dict of str to int
        Holdings that no trade explains.
    """

    resumed: int = 0
    landed: int = 0
    failed: int = 0
    dead: int = 0
    found: int = 0
    unproved: int = 0
    adopted: int = 0
    unknown: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass
class Reconciliation:
    """Brings a loaded account up to the chain."""

    core: TraderCore
    venue: Venue
    clock: Clock
    settings: ReconcileSettings

    async def run(self, loaded: Loaded, *, clear_halt: bool = False) -> Findings:
        """Tell the core what it has to know before it trades.

        Parameters
        ----------
        loaded : Loaded
        clear_halt : bool
            The start was asked to lift a halt, whoever ended the process before.

        Raises
        ------
        AwayError
            If the chain does not answer; the account is as it was, and the start may be tried again.
        """
        deliberate = clear_halt or loaded.stopped_by in DELIBERATE
        opened = Opened(
            at_ns=self.clock.now_ns(),
            deliberate=deliberate,
            state=loaded.state,
            settings=self.core.engine.settings.hash,
        )
        self.core.tell(opened)
        found = Findings(resumed=len(self.core.engine.state.trades))
        await self._prove(found)
        await self._compare_holdings(found)
        await self._compare_balance(found, loaded.state.get("now_ns", 0))
        found.unproved = len(self.core.engine.unproved())
        return found

    async def _prove(self, found: Findings) -> None:
        unproved = self.core.engine.unproved()
        if not unproved:
            return
        for report in await self.venue.prove(unproved):
            name = type(report).__name__.lower()
            setattr(found, name, getattr(found, name) + 1)
            self.core.tell(report)
            if isinstance(report, Landed):
                await self._read(report.signature)
        for signature in [s for s in self.core.engine.unproved() if self._state(s) is AttemptState.LANDED]:
            await self._read(signature)

    async def _read(self, signature: str) -> None:
        trade = self.core.engine.state.by_signature.get(signature)
        if trade is None:
            return
        attempt = next(attempt for attempt in trade.attempts if attempt.signature == signature)
        try:
            fill = await self.venue.fill(signature, trade.asset, attempt.side)
        except AwayError as unread:
            # No start waits for one transaction that nobody can read; the trader asks again, and calls a person.
            log.warning("fill_unread", signature=signature, reason=str(unread))
            return
        if fill is not None:
            self.core.tell(fill)

    async def _compare_holdings(self, found: Findings) -> None:
        held = await self.venue.holdings()
        state = self.core.engine.state
        for trade in list(state.trades.values()):
            quantity = held.pop(trade.asset, 0)
            if trade.state in HOLDING and quantity < trade.quantity and not trade.unproved("sell"):
                await self._explain(trade, quantity, found)
        for asset, quantity in sorted(held.items()):
            if quantity > 0:
                await self._unknown(asset, quantity, found)

    async def _explain(self, trade: Trade, quantity: int, found: Findings) -> None:
        """Less is there than was bought: a sale of ours that could not be stored, or somebody else's doing."""
        known = [attempt.signature for attempt in trade.attempts]
        for fill in await self.venue.found(trade.asset, known, trade.decided_ns):
            found.found += 1
            self.core.tell(fill)
        if trade.asset in self.core.engine.state.by_asset and trade.quantity != quantity:
            self.core.tell(Holding(at_ns=self.clock.now_ns(), asset=trade.asset, quantity=quantity))

    async def _unknown(self, asset: str, quantity: int, found: Findings) -> None:
        found.unknown[asset] = quantity
        self.core.notify(Notice("unknown_position", "error", {"asset": asset, "quantity": quantity}))
        if not self.settings.adopt:
            return
        buys: list[Filled] = []
        for fill in await self.venue.found(asset, [], 0):
            if fill.side == "buy":
                buys.append(fill)
            elif fill.remaining == 0:
                buys = []  # what was bought before was sold again
        if not buys:
            return
        adopted = Adopted(
            at_ns=self.clock.now_ns(),
            asset=asset,
            quantity=quantity,
            cost=max(sum(fill.traded for fill in buys), 1),
            bought_ns=buys[0].filled_ns,
            strategy=self.settings.adopt,
            context=await self.venue.refresh(asset, {}),
        )
        found.adopted += 1
        self.core.tell(adopted)

    async def _compare_balance(self, found: Findings, stored_ns: int) -> None:
        """Explain what money is missing by failures that could not be stored; believe the chain about the rest."""
        state = self.core.engine.state
        amount = await self.venue.balance()
        if amount != state.account.balance and stored_ns:
            for failure in await self.venue.failures(state.knows, stored_ns):
                found.found += 1
                self.core.tell(failure)
        if not state.unproved_orders:
            self.core.tell(Balance(at_ns=self.clock.now_ns(), amount=amount))

    def _state(self, signature: str) -> AttemptState | None:
        trade = self.core.engine.state.by_signature.get(signature)
        if trade is None:
            return None
        return next(attempt.state for attempt in trade.attempts if attempt.signature == signature)
