"""The roads to the chain, by setting: the block engine, a node where no region took the bundle, or both.

By the block engine a transaction is a bundle of one, which lands whole or not at all and costs nothing if it does not.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from alphaloop.core.errors import AwayError
from alphaloop.markets.pumpfun.live.block_engine import EngineRefusedError, Receipt
from alphaloop.markets.pumpfun.live.execution import ExecutionSettings
from alphaloop.markets.pumpfun.live.refusals import Meaning
from alphaloop.markets.pumpfun.live.rpc import ChainRpc
from alphaloop.markets.pumpfun.transactions.bundle import Bundle
from alphaloop.markets.pumpfun.transactions.envelope import Envelope


class Submitter(Protocol):
    """Who takes bundles."""

    async def submit(self, bundle: Bundle) -> Receipt:
        """Take a bundle, or raise `AwayError`."""
        ...


@dataclass(frozen=True)
class Handed:
    """By whom a transaction was taken; if by nobody, `via` is empty and `reason` says why.

    `would_fail` says that the engine has simulated it, and it came to nothing.
    """

    via: str = ""
    reason: str = ""
    would_fail: bool = False


@dataclass
class Roads:
    """Hands signed transactions over.

    Attributes
    ----------
    counts : dict of str to int
        Submissions by road and answer.
    """

    engine: Submitter | None
    rpc: ChainRpc
    settings: ExecutionSettings
    counts: dict[str, int] = field(default_factory=dict)

    async def hand_over(self, envelope: Envelope, *, may_fail: bool = True) -> Handed:
        """Hand a transaction to everybody that the settings name.

        Parameters
        ----------
        may_fail : bool
            Whether a node gets it, too, where the engine says that it would fail: landing as failed costs its fee.
        """
        if self.engine is None:
            told = [await self._by_rpc(envelope)]
        elif self.settings.use_rpc == "always":
            told = list(await asyncio.gather(self._by_engine(self.engine, envelope), self._by_rpc(envelope)))
        else:
            told = [await self._by_engine(self.engine, envelope)]
            is_worth_it = may_fail or not told[0].would_fail
            if self.settings.use_rpc == "fallback" and not told[0].via and is_worth_it:
                told.append(await self._by_rpc(envelope))
        via = "+".join(one.via for one in told if one.via)
        return Handed(via, "" if via else "; ".join(one.reason for one in told))

    async def _by_engine(self, engine: Submitter, envelope: Envelope) -> Handed:
        try:
            receipt = await engine.submit(Bundle((envelope,)))
        except EngineRefusedError as refused:
            would_fail = refused.refusal.meaning is Meaning.WOULD_FAIL
            return self._counted(f"engine_{refused.refusal.meaning}", Handed("", str(refused), would_fail))
        except AwayError as away:
            return self._counted("engine_away", Handed(reason=str(away)))
        return self._counted("engine_taken", Handed(receipt.region))

    async def _by_rpc(self, envelope: Envelope) -> Handed:
        try:
            await self.rpc.send(envelope.wire)
        except AwayError as away:
            return self._counted("rpc_away", Handed(reason=str(away)))
        return self._counted("rpc_taken", Handed("rpc"))

    def _counted(self, name: str, handed: Handed) -> Handed:
        self.counts[name] = self.counts.get(name, 0) + 1
        return handed
