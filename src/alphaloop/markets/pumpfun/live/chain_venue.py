"""The venue of real money: orders as transactions on the chain, by block engine and by node.

The same bytes may go out any number of times, by any road: they land once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from alphaloop.core.clock import NS_PER_S, Clock
from alphaloop.core.errors import AwayError
from alphaloop.markets.pumpfun.live.answers import Landing
from alphaloop.markets.pumpfun.live.coin_reader import read_context
from alphaloop.markets.pumpfun.live.execution import ExecutionSettings
from alphaloop.markets.pumpfun.live.facts import ChainFacts
from alphaloop.markets.pumpfun.live.fills import filled, read_movement
from alphaloop.markets.pumpfun.live.making import Made, OrderMaker
from alphaloop.markets.pumpfun.live.outbox import Outbox
from alphaloop.markets.pumpfun.live.proof import Proof, Prover
from alphaloop.markets.pumpfun.live.roads import Roads, Submitter
from alphaloop.markets.pumpfun.live.rpc import ChainRpc
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions.signer import Signer
from alphaloop.trading.portfolio.records import Drafted, Failed, Filled, Landed, Order, Refused, Sent, Side, Unsent

log = structlog.get_logger("alphaloop.pumpfun.live")

PAGE: Final = 1_000
MOST_PAGES: Final = 20
CLOCK_SLACK_S: Final = 30
"""The chain's clock may be behind ours by so much."""


@dataclass
class ChainVenue:
    """The venue of one wallet.

    Parameters
    ----------
    signer : Signer
    facts : ChainFacts
        Refreshed by somebody else.
    rpc : ChainRpc
    engine : Submitter or None
        None where `use_engine` is off.
    rolled_back : callable
        Told the signature of a landing that a fork took back.
    """

    signer: Signer
    facts: ChainFacts
    rpc: ChainRpc
    engine: Submitter | None
    clock: Clock
    settings: ExecutionSettings = field(default_factory=ExecutionSettings)
    rolled_back: Callable[[str], None] = lambda signature: None
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep
    outbox: Outbox = field(init=False)
    prover: Prover = field(init=False)

    def __post_init__(self) -> None:
        self.wallet = str(self.signer.public)
        self.outbox = Outbox(self.settings.resend)
        self.prover = Prover(self.rpc, self.wallet, self.clock, self.settings.dead_margin, self._rolled_back)
        self._wants: Callable[[str], bool] = lambda signature: True
        self._roads = Roads(self.engine, self.rpc, self.settings)
        self._maker = OrderMaker(self.signer, self.facts, self.settings, self.outbox.is_used)

    @property
    def counts(self) -> dict[str, int]:
        """What became of submissions, by road and answer."""
        return self._roads.counts

    def heed(self, wants: Callable[[str], bool]) -> None:
        """From now on hand over again only what is wanted."""
        self._wants = wants

    # -- making and submitting ----------------------------------------------------------------------------------------

    def prepare(self, order: Order, now_ns: int) -> Drafted | Refused:
        """Make an order into a signed transaction, and keep its bytes."""
        made = self._maker.make(order, now_ns)
        if not isinstance(made, Made):
            return made
        self.outbox.keep(made.envelope, order.side)
        return made.drafted

    def discard(self, signature: str) -> None:
        """Throw a transaction away, unless a fork may still give it back."""
        if signature not in self.prover.unfinal:
            self.outbox.drop(signature)

    async def submit(self, signature: str) -> Sent | Unsent:
        """Hand a transaction to the block engine, to a node, or to both."""
        parcel = self.outbox.parcels.get(signature)
        if parcel is None:
            reason = "its bytes are gone, with the process that made them or thrown away"
            return Unsent(at_ns=self.clock.now_ns(), signature=signature, reason=reason)
        # A sale that fails tells why, and what it held is still to be left; a purchase that fails is only paid for.
        handed = await self._roads.hand_over(parcel.envelope, may_fail=parcel.side == "sell")
        now_ns = self.clock.now_ns()
        if not handed.via:
            return Unsent(at_ns=now_ns, signature=signature, reason=handed.reason)
        self.outbox.sent(signature, now_ns)
        return Sent(at_ns=now_ns, signature=signature, via=handed.via)

    # -- proving and reading -------------------------------------------------------------------------------------------

    async def prove(self, last_valid: Mapping[str, int]) -> list[Proof]:
        """Tell what the chain proves."""
        proved = await self.prover.prove(last_valid)
        for proof in proved:
            # Bytes of what succeeded are kept until it is final: a fork may take it back. What failed has been followed
            # by something else since, and must not come true after all.
            if isinstance(proof, Landed) and proof.signature in self.prover.unfinal:
                self.outbox.landed(proof.signature)
            else:
                self.outbox.drop(proof.signature)
        return proved

    async def fill(self, signature: str, asset: str, side: Side) -> Filled | None:
        """Read what a landed transaction did; None if no node has it yet.

        Raises
        ------
        AwayError
            If the chain does not answer, or its answer tells of no such trade.
        """
        found = await self._read(signature, asset)
        if found is not None and found.side != side:
            raise AwayError(f"transaction {signature} was to {side} and is told as a {found.side}; ask again")
        return found

    async def found(self, asset: str, known: Sequence[str], since_ns: int) -> list[Filled]:
        """The wallet's own trades of an asset since a time that are not `known`, oldest first."""
        mint, seen = at.key(asset), set(known)
        landings: dict[str, Landing] = {}
        for program in (at.TOKEN, at.TOKEN_2022):
            account = str(at.token_account(self.signer.public, mint, program))
            landings |= {one.signature: one for one in await self._history(account, since_ns // NS_PER_S)}
        fills = []
        for landing in sorted(landings.values(), key=lambda one: one.slot):
            if landing.err is None and landing.signature not in seen:
                fill = await self._read(landing.signature, asset)
                if fill is not None:
                    fills.append(fill)
        return fills

    async def failures(self, is_known: Callable[[str], bool], since_ns: int) -> list[Failed]:
        """The wallet's own failed transactions since a time that nobody knows by signature, oldest first.

        One that no node can give yet is left out; so is one in which the wallet held no token.
        """
        told = []
        for landing in reversed(await self._history(self.wallet, since_ns // NS_PER_S)):
            if landing.err is None or is_known(landing.signature):
                continue
            answer = await self.rpc.transaction(landing.signature)
            failure = None if answer is None else self.prover.failure(landing.signature, landing.err, answer)
            if failure is not None and failure.asset:
                told.append(failure)
        return told

    async def holdings(self) -> dict[str, int]:
        """Base units of every asset that the wallet holds."""
        held: dict[str, int] = {}
        for account in await self.rpc.token_accounts(self.wallet):
            if account.mint != str(at.QUOTE_SOL) and account.amount:
                held[account.mint] = held.get(account.mint, 0) + account.amount
        return held

    async def balance(self) -> int:
        """The wallet's lamports."""
        return await self.rpc.balance(self.wallet)

    async def refresh(self, asset: str, context: Mapping[str, Any]) -> dict[str, Any]:
        """Read a coin's curve, mint and pool again."""
        return await read_context(self.rpc, self.signer.public, asset, context, self.clock.now_ns())

    async def _read(self, signature: str, asset: str) -> Filled | None:
        answer = await self.rpc.transaction(signature)
        if answer is None:
            return None
        movement = read_movement(answer, self.wallet, asset, self.facts.known_tip_accounts)
        return None if movement is None else filled(movement, asset, self.clock.now_ns())

    async def _history(self, account: str, since_s: int) -> list[Landing]:
        """An account's transactions since a time, newest first."""
        found: list[Landing] = []
        before = ""
        for _ in range(MOST_PAGES):
            page = await self.rpc.signatures_for(account, limit=PAGE, before=before)
            young = [one for one in page if one.block_time_s is None or one.block_time_s >= since_s - CLOCK_SLACK_S]
            found += young
            if len(page) < PAGE or len(young) < len(page):
                break
            before = page[-1].signature
        return found

    # -- beside the trader ---------------------------------------------------------------------------------------------

    async def keep(self) -> None:
        """Hand over again what nothing is known of, and look again at what is not final, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_sending())
            group.create_task(self._keep_checking())

    async def resend(self) -> None:
        """Hand over once more what is due."""
        due = self.outbox.due(self.clock.now_ns(), self._wants)
        for told in await asyncio.gather(*map(self.submit, due)):
            if isinstance(told, Unsent):
                log.warning("not_resent", signature=told.signature, reason=told.reason)

    async def check(self) -> None:
        """Look again at landings that are not final."""
        try:
            await self.prover.recheck()
        except AwayError:
            return  # nothing is concluded from silence
        self.outbox.settle(self.prover.unfinal)

    async def _keep_sending(self) -> None:
        while True:
            await self.sleep(max(self.settings.resend.every_s / 4, 0.1))
            await self.resend()

    async def _keep_checking(self) -> None:
        while True:
            await self.sleep(2.0)
            await self.check()

    def _rolled_back(self, signature: str) -> None:
        """Let the bytes of a landing that is gone go out again, as long as they may land."""
        self.outbox.lost(signature, self.clock.now_ns())
        self.rolled_back(signature)
