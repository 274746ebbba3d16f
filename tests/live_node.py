"""A node over the chain of `live_chain`: JSON-RPC methods to answers, without sockets.

`Node.answer` is what the servers of `live_servers` speak; `Wire` is the same as an object that a client can `await`,
for simulations that have no sockets.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from alphaloop.markets.pumpfun.ingest.rpc import ChainError
from live_chain import BEHIND, LIFE_BLOCKS, AnswerLost, Chain, Refusal
from live_execution import Entry, execute, parse
from live_programs import Place
from live_state import Holding

VERSION = {"solana-core": "3.1.4", "feature-set": 1}


class RpcFault(Exception):
    """An answer that is a JSON-RPC error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass
class Node:
    """One node.

    Attributes
    ----------
    lag : int
        Blocks that it is behind the others.
    forgets : bool
        It keeps no history: what is not in its cache of statuses it does not know.
    asked : Counter
        Questions by method.
    """

    chain: Chain
    lag: int = 0
    forgets: bool = False
    asked: Counter[str] = field(default_factory=Counter)

    def answer(self, method: str, params: list[Any]) -> Any:
        """The ``result`` of a request.

        Raises
        ------
        RpcFault
            If the answer is an error.
        """
        self.asked[method] += 1
        found = getattr(self, f"_{method}", None)
        if found is None:
            raise RpcFault(-32601, "Method not found")
        try:
            return found(*params)
        except (TypeError, KeyError, IndexError) as wrong:
            raise RpcFault(-32602, f"Invalid params: {wrong}") from wrong

    def _behind(self, options: dict[str, Any] | None) -> int:
        return BEHIND[(options or {}).get("commitment", "finalized")] + self.lag

    def _block(self, behind: int) -> Any:
        return self.chain.blocks[max(0, len(self.chain.blocks) - 1 - behind)]

    def _told(self, behind: int, value: Any) -> dict[str, Any]:
        return {"context": {"apiVersion": "3.1.4", "slot": self._block(behind).slot}, "value": value}

    def _entry(self, signature: str, behind: int) -> Entry | None:
        entry = self.chain.landed(signature)
        return entry if entry is not None and entry.height <= self._block(behind).height else None

    # -- methods -----------------------------------------------------------------------------------------------------

    def _getHealth(self) -> str:
        return "ok"

    def _getVersion(self) -> dict[str, Any]:
        return VERSION

    def _getSlot(self, options: dict[str, Any] | None = None) -> int:
        return int(self._block(self._behind(options)).slot)

    def _getBlockHeight(self, options: dict[str, Any] | None = None) -> int:
        return int(self._block(self._behind(options)).height)

    def _getEpochInfo(self, options: dict[str, Any] | None = None) -> dict[str, Any]:
        block = self._block(self._behind(options))
        return {
            "absoluteSlot": block.slot,
            "blockHeight": block.height,
            "epoch": block.slot // 432_000,
            "slotIndex": block.slot % 432_000,
            "slotsInEpoch": 432_000,
            "transactionCount": 10**11,
        }

    def _getLatestBlockhash(self, options: dict[str, Any] | None = None) -> dict[str, Any]:
        behind = self._behind(options)
        block = self._block(behind)
        value = {"blockhash": block.blockhash, "lastValidBlockHeight": block.height + LIFE_BLOCKS}
        return self._told(behind, value)

    def _getSignatureStatuses(self, signatures: list[str], options: dict[str, Any] | None = None) -> dict[str, Any]:
        if len(signatures) > 256:
            raise RpcFault(-32602, f"Too many inputs provided; max 256, got {len(signatures)}")
        search = bool((options or {}).get("searchTransactionHistory")) and not self.forgets
        statuses = self.chain.statuses(signatures, search=search)
        pairs = zip(signatures, statuses, strict=True)
        seen = [status if self._entry(one, self.lag) else None for one, status in pairs]
        return self._told(self.lag, seen)

    def _getTransaction(self, signature: str, options: dict[str, Any] | None = None) -> dict[str, Any] | None:
        entry = self._entry(signature, self._behind(options))
        return None if entry is None or self.forgets else entry.answer()

    def _getSignaturesForAddress(self, address: str, options: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        options = options or {}
        height = self._block(self._behind(options)).height
        found = self.chain.signatures_for(
            address,
            limit=options.get("limit", 1000),
            before=options.get("before", ""),
            until=options.get("until", ""),
        )
        return [
            {
                "signature": entry.signature,
                "slot": entry.slot,
                "err": entry.err,
                "blockTime": entry.block_time_s,
                "memo": None,
                "confirmationStatus": self.chain.commitment_of(entry),
            }
            for entry in found
            if entry.height <= height
        ]

    def _getMultipleAccounts(self, addresses: list[str], options: dict[str, Any] | None = None) -> dict[str, Any]:
        if len(addresses) > 100:
            raise RpcFault(-32602, f"Too many inputs provided; max 100, got {len(addresses)}")
        behind = self._behind(options)
        return self._told(behind, [self.chain.account(address, behind) for address in addresses])

    def _getAccountInfo(self, address: str, options: dict[str, Any] | None = None) -> dict[str, Any]:
        behind = self._behind(options)
        return self._told(behind, self.chain.account(address, behind))

    def _getBalance(self, address: str, options: dict[str, Any] | None = None) -> dict[str, Any]:
        behind = self._behind(options)
        return self._told(behind, self.chain.view(behind).lamports(address))

    def _getTokenAccountsByOwner(
        self, owner: str, only: dict[str, str], options: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        behind = self._behind(options)
        cut = (options or {}).get("dataSlice")
        found = []
        for address in self.chain.token_accounts(owner, only["programId"], behind):
            account = self.chain.account(address, behind)
            assert account is not None
            if cut:
                data = base64.b64decode(account["data"][0])[cut["offset"] : cut["offset"] + cut["length"]]
                account["data"] = [base64.b64encode(data).decode(), "base64"]
            found.append({"pubkey": address, "account": account})
        return self._told(behind, found)

    def _sendTransaction(self, encoded: str, options: dict[str, Any] | None = None) -> str:
        if (options or {}).get("encoding") != "base64":
            raise RpcFault(-32602, "invalid base58 encoding")
        try:
            return self.chain.submit(base64.b64decode(encoded), "rpc")
        except Refusal as refused:
            raise RpcFault(-32602 if refused.kind == "undecodable" else -32005, str(refused)) from refused

    def _simulateTransaction(self, encoded: str, options: dict[str, Any] | None = None) -> dict[str, Any]:
        chain = self.chain
        mark = chain.state.mark()
        try:
            entry = execute(
                Place(chain.state, chain.fees, chain.ns),
                parse(base64.b64decode(encoded)),
                slot=chain.head.slot,
                height=chain.head.height,
            )
        finally:
            chain.state.back(mark)
        value = {"err": entry.err, "logs": entry.logs, "unitsConsumed": entry.units, "accounts": None}
        return self._told(0, value)

    def _getRecentPrioritizationFees(self, keys: list[str] | None = None) -> list[dict[str, Any]]:
        fees = []
        for block in self.chain.blocks[-150:]:
            paid = [entry.parsed.unit_price for entry in block.entries if any(map(entry.parsed.writes, keys or []))]
            fees.append({"slot": block.slot, "prioritizationFee": min(paid, default=0)})
        return fees

    def holding_of(self, address: str) -> Holding | None:
        """What a token account holds now."""
        return self.chain.state.holding(address)


@dataclass
class Wire:
    """A caller over nodes, as `ingest.rpc.Rpc` is one over sockets; the next question goes to the next node.

    Attributes
    ----------
    away : int
        So many of the next questions get no answer.
    before : callable
        Awaited before each question; lets a simulation take time or fail.
    """

    nodes: list[Node]
    away: int = 0
    before: Callable[[str], Awaitable[None]] | None = None
    _turn: int = 0

    async def call(self, method: str, params: list[Any]) -> Any:
        if self.before is not None:
            await self.before(method)
        if self.away:
            self.away -= 1
            raise ChainError(f"{method}: no endpoint answered in 1 tries (last: away); look at the endpoints' health")
        self._turn += 1
        try:
            return self.nodes[self._turn % len(self.nodes)].answer(method, params)
        except RpcFault as fault:
            raise ChainError(f"{method}: error {fault.code}: {fault.message}") from None
        except AnswerLost:
            raise ChainError(f"{method}: no endpoint answered in 1 tries (last: ReadTimeout)") from None
