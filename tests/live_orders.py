"""Orders, facts and a venue for tests of the road to the chain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from alphaloop.core.clock import SteppedClock
from alphaloop.markets.pumpfun.live.block_engine import EngineAwayError, EngineRefusedError, Receipt
from alphaloop.markets.pumpfun.live.chain_venue import ChainVenue
from alphaloop.markets.pumpfun.live.execution import ExecutionSettings
from alphaloop.markets.pumpfun.live.fact_keeper import FactKeeper
from alphaloop.markets.pumpfun.live.facts import ChainFacts
from alphaloop.markets.pumpfun.live.refusals import Meaning, Refusal
from alphaloop.markets.pumpfun.live.rpc import ChainRpc
from alphaloop.markets.pumpfun.transactions.bundle import Bundle
from alphaloop.markets.pumpfun.transactions.signer import Signer
from alphaloop.markets.pumpfun.transactions.tips import TIP_ACCOUNTS, TipFloor
from alphaloop.trading.portfolio.records import Order
from live_case import SOL, WALLET
from live_chain import AnswerLost, Chain
from live_chain import Refusal as ChainRefusal
from live_node import Node, Wire

MEANINGS = {"congested": Meaning.CONGESTED, "no_tip": Meaning.STALE_TIP, "undecodable": Meaning.UNDECODABLE}


class MemoryEngine:
    """The block engine over the chain of the tests, without sockets."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.away = 0
        self.accounts: tuple[str, ...] = TIP_ACCOUNTS
        self.floor = TipFloor(p25=1_000, p50=10_000, p75=50_000, p95=10**6, p99=10**7, ema_p50=11_000)
        self.taken: list[str] = []
        self.before: Callable[[], Awaitable[None]] | None = None

    async def submit(self, bundle: Bundle) -> Receipt:
        if self.before is not None:
            await self.before()
        if self.away:
            self.away -= 1
            raise EngineAwayError("every region of the block engine rests; try again later")
        (envelope,) = bundle.envelopes
        try:
            self.chain.submit(envelope.wire, "engine")
        except ChainRefusal as refused:
            if refused.kind == "already_processed":
                return Receipt(bundle.id, "memory", already_known=True)
            meaning = MEANINGS.get(refused.kind, Meaning.UNKNOWN)
            raise EngineRefusedError("memory", Refusal(meaning, str(refused))) from None
        except AnswerLost:
            raise EngineAwayError("block engine memory did not answer (ReadTimeout); try again") from None
        self.taken.append(envelope.signature)
        return Receipt(bundle.id, "memory")

    async def tip_floor(self) -> TipFloor:
        if self.away:
            raise EngineAwayError("tip floor: HTTP status 503; try again")
        return self.floor

    async def tip_accounts(self) -> tuple[str, ...]:
        if self.away:
            raise EngineAwayError("every region of the block engine rests; try again later")
        return self.accounts


class Road:
    """A venue with all that it stands on; `clock` follows the chain's blocks."""

    def __init__(self, chain: Chain, **chosen: Any) -> None:
        self.chain = chain
        self.clock = SteppedClock(chain.ns)
        self.settings = ExecutionSettings(**chosen)
        self.node = Node(chain)
        self.wire = Wire([self.node])
        self.rpc = ChainRpc(self.wire)
        self.engine = MemoryEngine(chain)
        self.facts = ChainFacts(self.settings.facts, self.settings.priority)
        self.keeper = FactKeeper(self.facts, self.rpc, self.engine, self.clock)
        self.gone: list[str] = []
        self.venue = self.another()

    def another(self) -> ChainVenue:
        """The venue of a process that begins anew."""
        engine = self.engine if self.settings.use_engine else None
        return ChainVenue(Signer(WALLET), self.facts, self.rpc, engine, self.clock, self.settings, self.gone.append)

    async def ready(self) -> Road:
        await self.keeper.warm_up()
        return self

    def advance(self, blocks: int = 1) -> None:
        self.chain.advance(blocks)
        self.clock.ns = max(self.clock.ns, self.chain.ns)


def buy(chain: Chain, mint: str, amount: int = SOL, **chosen: Any) -> Order:
    return order(chain, mint, "buy", amount=amount, **chosen)


def sale(chain: Chain, mint: str, quantity: int, **chosen: Any) -> Order:
    return order(chain, mint, "sell", quantity=quantity, **chosen)


def order(chain: Chain, mint: str, side: Any, **chosen: Any) -> Order:
    values: dict[str, Any] = {
        "order_id": f"t1.{side}.1",
        "trade_id": "t1",
        "side": side,
        "asset": mint,
        "amount": 0,
        "quantity": 0,
        "step": 0,
        "slippage_bps": 1_000,
        "tip_factor": 1.0,
        "venue": "curve",
        "price": 0.03,
        "decided_ns": chain.ns,
        "context": chain.context(mint),
    }
    return Order(**(values | chosen))
