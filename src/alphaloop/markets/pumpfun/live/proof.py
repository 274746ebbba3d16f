"""What became of transactions: only the chain says, and only at commitment `confirmed`.

=============  ======================================================================================================
landed         a node has it in a confirmed block, without an error
failed         a node has it in a confirmed block, with an error; it cost its fee and did nothing else
dead           the confirmed height is beyond the last block in which it can land, and a node that has seen this very
               block, asked afterwards and through its whole history, does not know it
left out       everything else
=============  ======================================================================================================

Nodes of a pool are not equally far. That a transaction is unknown counts only if the answer is of a node whose newest
slot is at least that of the height; else a node that is behind would call a landed transaction dead. A few blocks of
margin come on top.

A confirmed block was voted for by two thirds of the stake, and none has ever been taken back. It is booked at once,
since an exit that waits 13 s for finality is worth more than that chance; but each is looked at again until it is
final. One that is gone then is told as rolled back: its bytes, which may still land, are to be submitted again, and a
person is to be called, because money and holdings in the books are wrong until it lands anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import structlog

from alphaloop.core.clock import Clock
from alphaloop.core.errors import AwayError, DataError
from alphaloop.markets.pumpfun.live.answers import Status
from alphaloop.markets.pumpfun.live.remedies import engine_remedy, parts_of, reason_of
from alphaloop.markets.pumpfun.live.rpc import ChainRpc
from alphaloop.markets.pumpfun.transactions.addresses import QUOTE_SOL
from alphaloop.markets.pumpfun.transactions.failures import read_failure
from alphaloop.trading.portfolio.records import Dead, Failed, Landed

log = structlog.get_logger("alphaloop.pumpfun.live")

SURE: Final = ("confirmed", "finalized")
FINAL_AFTER_SLOTS: Final = 160
"""Slots after which a confirmed transaction that is still known counts as final, whatever the node calls it."""

Proof = Landed | Failed | Dead


@dataclass
class Prover:
    """Asks the chain about transactions, and keeps an eye on what is not final.

    Parameters
    ----------
    rpc : ChainRpc
    wallet : str
        Whose balance a failed transaction lowers.
    clock : Clock
    dead_margin : int
        Blocks beyond the last one after which an unknown transaction is dead.
    rolled_back : callable
        Told the signature of a landing that is gone.

    Attributes
    ----------
    unfinal : dict of str to (int, bool)
        By signature the slot of what was told and is not final, and whether it was told as landed.
    """

    rpc: ChainRpc
    wallet: str
    clock: Clock
    dead_margin: int = 8
    rolled_back: Callable[[str], None] = lambda signature: None
    unfinal: dict[str, tuple[int, bool]] = field(default_factory=dict)
    rollbacks: int = 0

    async def prove(self, last_valid: Mapping[str, int]) -> list[Proof]:
        """Tell what is proved of these transactions.

        Parameters
        ----------
        last_valid : mapping of str to int
            The last block height at which each can land, by signature.

        Raises
        ------
        ChainAwayError
            If the chain does not answer.
        """
        asked = list(last_valid)
        if not asked:
            return []
        told = await self.rpc.statuses(asked)
        proved = await self._seen(asked, told.values)
        unknown = [one for one, status in zip(asked, told.values, strict=True) if status is None]
        return proved + await self._expired(unknown, last_valid)

    async def recheck(self) -> list[str]:
        """Look again at everything that is not final; gives the signatures that are gone.

        Raises
        ------
        ChainAwayError
            If the chain does not answer; nothing is concluded then.
        """
        watched = dict(self.unfinal)
        if not watched:
            return []
        height = await self.rpc.height()
        told = await self.rpc.statuses(list(watched), search=True)
        if told.slot < height.slot:
            return []
        gone = []
        for (signature, (slot, landed)), status in zip(watched.items(), told.values, strict=True):
            if status is None:
                if height.slot > slot:
                    gone.append(signature)
            elif (status.err is None) != landed:
                gone.append(signature)  # it landed anew, and came out differently
            elif status.commitment == "finalized" or height.slot - slot > FINAL_AFTER_SLOTS:
                self.unfinal.pop(signature, None)
        for signature in gone:
            self._roll_back(signature)
        return gone

    async def _seen(self, asked: Sequence[str], statuses: Sequence[Status | None]) -> list[Proof]:
        proved: list[Proof] = []
        for signature, status in zip(asked, statuses, strict=True):
            if status is None or status.commitment not in SURE:
                continue
            try:
                proof = await self._proof(signature, status)
            except AwayError as unread:
                # The next round asks again; what else is proved is told meanwhile.
                log.warning("failure_unread", signature=signature, reason=str(unread))
                continue
            if proof is not None:
                proved.append(proof)
                if status.commitment != "finalized":
                    self.unfinal[signature] = (status.slot, status.err is None)
        return proved

    async def _expired(self, unknown: Sequence[str], last_valid: Mapping[str, int]) -> list[Proof]:
        """Tell what is dead, and what landed so long ago that only the whole history knows it."""
        if not unknown:
            return []
        height = await self.rpc.height()
        over = [one for one in unknown if height.height > last_valid[one] + self.dead_margin]
        if not over:
            return []
        told = await self.rpc.statuses(over, search=True)
        proved = await self._seen(over, told.values)
        if told.slot < height.slot:
            log.warning("node_is_behind", slot=told.slot, others=height.slot)
            return proved
        now_ns = self.clock.now_ns()
        gone = [one for one, status in zip(over, told.values, strict=True) if status is None]
        return [*proved, *(Dead(at_ns=now_ns, signature=one) for one in gone)]

    async def _proof(self, signature: str, status: Status) -> Landed | Failed | None:
        if status.err is None:
            return Landed(at_ns=self.clock.now_ns(), signature=signature, slot=status.slot)
        answer = await self.rpc.transaction(signature)
        if answer is None:
            return None  # its cost is in it; the next round asks again
        return _failed(answer, signature, status.err, self.wallet, self.clock.now_ns())

    def failure(self, signature: str, error: Any, answer: Mapping[str, Any]) -> Failed:
        """Read a failed transaction that was found in the wallet's history, with the asset that it was about.

        Raises
        ------
        AwayError
            If the answer is of no known form.
        """
        failed = _failed(answer, signature, error, self.wallet, self.clock.now_ns())
        held = answer["meta"].get("preTokenBalances") or ()
        mine = (one["mint"] for one in held if one.get("owner") == self.wallet and one["mint"] != str(QUOTE_SOL))
        return msgspec.structs.replace(failed, asset=next(mine, ""))

    def _roll_back(self, signature: str) -> None:
        self.unfinal.pop(signature, None)
        self.rollbacks += 1
        log.error("landing_rolled_back", signature=signature)
        self.rolled_back(signature)


def _failed(answer: Mapping[str, Any], signature: str, error: Any, wallet: str, now_ns: int) -> Failed:
    """Read what failed in a transaction, and what it cost.

    Raises
    ------
    AwayError
        If the answer is of no known form.
    """
    try:
        failure = read_failure(error, parts_of(answer))
        meta, keys = answer["meta"], answer["transaction"]["message"]["accountKeys"]
        place = keys.index(wallet)
        cost = int(meta["preBalances"][place]) - int(meta["postBalances"][place])
    except (KeyError, IndexError, TypeError, ValueError, DataError) as wrong:
        raise AwayError(f"getTransaction of {signature}: the answer is of no known form ({wrong}); try again") from None
    return Failed(
        at_ns=now_ns, signature=signature, reason=reason_of(failure), remedy=engine_remedy(failure), cost=cost
    )
