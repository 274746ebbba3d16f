"""The venue of the dry run: everything is done up to the submission, the signed message included; then nothing is sent.

A transaction lands after a modelled latency, drawn from its own signature, and meets the reserves that are known by
then. It may fail there as on the chain: by slippage, or because the curve is complete. Where the block engine would
have carried it, one that fails never lands and is dead when its blockhash is; where a node would have, it lands, fails,
and costs its fee. All of it follows from the clock and from the states that were fed in, and is the same each time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from alphaloop.core.clock import Clock, to_ns
from alphaloop.core.errors import RefusedError
from alphaloop.markets.pumpfun.curve.quotes import QuoteError
from alphaloop.markets.pumpfun.live.coin_reader import read_context
from alphaloop.markets.pumpfun.live.execution import ExecutionSettings
from alphaloop.markets.pumpfun.live.facts import ChainFacts, Program, StaleFactError
from alphaloop.markets.pumpfun.live.fills import filled
from alphaloop.markets.pumpfun.live.making import POOL, Made, OrderMaker, where_it_trades
from alphaloop.markets.pumpfun.live.paper_book import Outcome, PaperBook, PaperOrder, read_book, write_book
from alphaloop.markets.pumpfun.live.paper_facts import SLOT_NS, paper_height, put_paper_facts
from alphaloop.markets.pumpfun.live.paper_market import PaperMarkets, carry_out, with_paper_pool
from alphaloop.markets.pumpfun.live.proof import Proof
from alphaloop.markets.pumpfun.live.remedies import engine_remedy, reason_of
from alphaloop.markets.pumpfun.live.rpc import ChainRpc
from alphaloop.markets.pumpfun.transactions.failures import read_failure
from alphaloop.markets.pumpfun.transactions.signer import Signer
from alphaloop.trading.portfolio.records import (
    Dead,
    Drafted,
    Failed,
    Filled,
    Landed,
    Order,
    Refused,
    Sent,
    Side,
    Unsent,
)

NO_FUNDS: Final = 6041
TRADES: Final = ("trade", "pool_trade")


@dataclass
class PaperVenue:
    """A venue that sends nothing.

    Parameters
    ----------
    signer : Signer
        Signs as for money; a key that nobody keeps will do.
    facts : ChainFacts
    rpc : ChainRpc or None
        For reading a coin's accounts; None asks nobody, and facts are those of `paper_facts`.
    place : Path or None
        Where the paper account is kept; None keeps it in memory only.

    Raises
    ------
    InputError
        If the file at `place` is no such account.
    """

    signer: Signer
    facts: ChainFacts
    rpc: ChainRpc | None
    clock: Clock
    settings: ExecutionSettings = field(default_factory=ExecutionSettings)
    place: Path | None = None
    book: PaperBook = field(init=False)
    markets: PaperMarkets = field(init=False, default_factory=PaperMarkets)
    _made: dict[str, PaperOrder] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.book = read_book(self.place, self.settings.paper.balance)
        self._maker = OrderMaker(self.signer, self.facts, self.settings, self._is_used)

    def know(self, asset: str, context: Mapping[str, Any], known_ns: int) -> None:
        """Take in the state of a market; trades that land later meet it."""
        self.markets.know(asset, context, known_ns)

    # -- the venue's contract ------------------------------------------------------------------------------------------

    def heed(self, wants: Callable[[str], bool]) -> None:
        """Nothing is handed over again: on paper nobody loses it."""

    def prepare(self, order: Order, now_ns: int) -> Drafted | Refused:
        """Make an order into a signed transaction, exactly as for money."""
        order = where_it_trades(order)
        if self.rpc is None:
            put_paper_facts(self.facts, now_ns)
            if order.venue == POOL:
                order = msgspec.structs.replace(order, context=with_paper_pool(order.asset, order.context))
        made = self._maker.make(order, now_ns)
        if not isinstance(made, Made):
            return made
        told = made.drafted
        self.know(order.asset, order.context, order.context.get("known_ns") or order.decided_ns)
        least = told.details["limit"]
        parts = made.envelope.parts
        self._made[told.signature] = PaperOrder(order, parts, least, told.most, told.tip, told.network, 0)
        return told

    def discard(self, signature: str) -> None:
        """Throw a transaction away, if it was not submitted."""
        self._made.pop(signature, None)

    async def submit(self, signature: str) -> Sent | Unsent:
        """Note the time: from now on the transaction is on its way."""
        now_ns = self.clock.now_ns()
        if signature not in self.book.pending and signature not in self.book.done:
            made = self._made.pop(signature, None)
            if made is None:
                reason = "its bytes are gone, with the process that made them or thrown away"
                return Unsent(at_ns=now_ns, signature=signature, reason=reason)
            lands_ns = now_ns + self._latency_ns(signature)
            self.book.pending[signature] = msgspec.structs.replace(made, lands_ns=lands_ns)
            write_book(self.place, self.book)
        return Sent(at_ns=now_ns, signature=signature, via="paper")

    async def prove(self, last_valid: Mapping[str, int]) -> list[Proof]:
        """Tell what became of transactions by now."""
        now_ns = self.clock.now_ns()
        self._settle(now_ns)
        height = paper_height(self.facts, now_ns) if self.rpc is not None else now_ns // SLOT_NS
        proofs = (self._proof(signature, last, height, now_ns) for signature, last in last_valid.items())
        return [proof for proof in proofs if proof is not None]

    async def fill(self, signature: str, asset: str, side: Side) -> Filled | None:
        """Tell what a landed transaction did."""
        done = self.book.done.get(signature)
        return None if done is None or done.movement is None else filled(done.movement, asset, self.clock.now_ns())

    async def found(self, asset: str, known: Sequence[str], since_ns: int) -> list[Filled]:
        """The account's own trades of an asset since a time that are not `known`, oldest first."""
        self._settle(self.clock.now_ns())
        fills = []
        for signature, done in self.book.done.items():
            movement = done.movement
            if movement is None or done.asset != asset or signature in known or movement.block_ns < since_ns:
                continue
            fill = filled(movement, asset, self.clock.now_ns())
            if fill is not None:
                fills.append(fill)
        return sorted(fills, key=lambda fill: (fill.details["block_ns"], fill.signature))

    async def failures(self, is_known: Callable[[str], bool], since_ns: int) -> list[Failed]:
        """None: what fails on paper dies with the process that made it up."""
        return []

    async def holdings(self) -> dict[str, int]:
        """Base units of every asset."""
        self._settle(self.clock.now_ns())
        return dict(self.book.held)

    async def balance(self) -> int:
        """Lamports."""
        self._settle(self.clock.now_ns())
        return self.book.balance

    async def refresh(self, asset: str, context: Mapping[str, Any]) -> dict[str, Any]:
        """The market's facts: read from the chain where there is one to ask, else the newest that were fed in."""
        now_ns = self.clock.now_ns()
        if self.rpc is not None:
            found = await read_context(self.rpc, self.signer.public, asset, context, now_ns)
        else:
            found = with_paper_pool(asset, {**context, **(self.markets.newest(asset) or {})})
        self.know(asset, found, now_ns)
        return found

    # -- the twin of the chain -----------------------------------------------------------------------------------------

    def _settle(self, now_ns: int) -> None:
        """Carry out every transaction whose time has come, in the order in which they land."""
        pending = self.book.pending
        due = sorted((one.lands_ns, name) for name, one in pending.items() if one.lands_ns <= now_ns)
        if not due:
            return
        if self.rpc is None:
            put_paper_facts(self.facts, now_ns)
        try:
            program = self.facts.program(now_ns, old=True)
        except StaleFactError:
            return  # of a start that has not read it yet
        for lands_ns, signature in due:
            self._carry_out(signature, pending[signature], program, lands_ns // SLOT_NS)
        write_book(self.place, self.book)

    def _carry_out(self, signature: str, parcel: PaperOrder, program: Program, slot: int) -> None:
        order, book = parcel.order, self.book
        context = self.markets.at(order.asset, parcel.lands_ns) or order.context
        if order.venue == POOL and "state" not in (context.get("pool") or {}):
            # What a message tells of a pool is not enough for a sale; the order's own reading of it is.
            made = with_paper_pool(order.asset, context) if self.rpc is None else order.context
            context = {**context, "pool": made.get("pool")}
        try:
            if parcel.most > book.balance:
                raise QuoteError(
                    NO_FUNDS, f"{parcel.most} lamports may be needed and {book.balance} are there; fund it"
                )
            leg = carry_out(order, context, program, least=parcel.least, held=book.held.get(order.asset, 0))
        except QuoteError as error:
            self._fail(signature, parcel, error.code)
        except RefusedError:
            self._fail(signature, parcel, 0)
        else:
            book.land(signature, parcel, leg, slot)

    def _fail(self, signature: str, parcel: PaperOrder, code: int) -> None:
        charged = not self.settings.use_engine or self.settings.use_rpc == "always"
        if charged:
            self.book.balance -= parcel.network
        network = parcel.network if charged else 0
        self.book.finish(signature, Outcome(parcel.order.asset, None, code, charged, parcel.parts, network))

    def _proof(self, signature: str, last_valid: int, height: int, now_ns: int) -> Proof | None:
        done = self.book.done.get(signature)
        if done is not None and done.movement is not None:
            return Landed(at_ns=now_ns, signature=signature, slot=done.movement.slot)
        if done is not None and done.charged:
            place = next((i for i, part in enumerate(done.parts) if part in TRADES), 0)
            failure = read_failure({"InstructionError": [place, {"Custom": done.code}]}, done.parts)
            reason, remedy = reason_of(failure), engine_remedy(failure)
            return Failed(at_ns=now_ns, signature=signature, reason=reason, remedy=remedy, cost=done.network)
        if signature not in self.book.pending and height > last_valid + self.settings.dead_margin:
            return Dead(at_ns=now_ns, signature=signature)
        return None

    def _latency_ns(self, signature: str) -> int:
        """From submission to landing: the usual time and a part of the jitter that the signature draws."""
        drawn = int.from_bytes(hashlib.sha256(signature.encode()).digest()[:8], "big") / 2**64
        paper = self.settings.paper
        return to_ns(paper.latency_s) + int(to_ns(paper.jitter_s) * drawn)

    def _is_used(self, signature: str) -> bool:
        return signature in self._made or signature in self.book.pending or signature in self.book.done
