"""What happened while nobody listened: the chain's history of the programs, oldest first."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import structlog
from pydantic import Field

from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.ingest.rpc import ChainError, Rpc

log = structlog.get_logger("alphaloop.pumpfun.gaps")

PAGE = 1000


class GapSettings(Settings):
    """How history is asked."""

    page: int = Field(default=PAGE, ge=1, le=PAGE, description="signatures of one answer; 1000 is the nodes' limit")
    longest: int = Field(
        default=1_000_000, ge=1, description="signatures of one gap at most; of a longer one the newest are filled"
    )
    concurrency: int = Field(default=16, ge=1, description="transactions asked for at once")
    absent_tries: int = Field(default=6, ge=1, description="askings for a transaction that the node does not have yet")
    absent_pause_s: float = Field(default=0.25, gt=0, description="pause after the first of them; doubled by each")
    rounds: int = Field(default=6, ge=1, description="readings of the history at most until it reaches the stream")
    round_pause_s: float = Field(default=0.5, gt=0, description="pause between them: history lags behind the stream")
    hold_s: float = Field(
        default=120.0,
        ge=0,
        description="live transactions wait so long for the gap before them; then they go first "
        "and the rest of the gap comes in behind",
    )
    hold_most: int = Field(default=100_000, ge=1, description="live transactions that wait at most; see `hold_s`")


class Anchor(NamedTuple):
    """A transaction before which nothing is missing."""

    signature: str
    slot: int


class Listed(msgspec.Struct, frozen=True):
    """A transaction as ``getSignaturesForAddress`` lists it."""

    signature: str
    slot: int
    err: Any = None


class Transaction(msgspec.Struct, frozen=True):
    """A whole transaction, the ``result`` of ``getTransaction``."""

    signature: str
    slot: int
    answer: dict[str, Any]


class History:
    """The chain's memory of what the programs did.

    Parameters
    ----------
    programs : sequence of str
        Their histories are merged by slot; inside a slot those of the first program come first.
    """

    def __init__(self, rpc: Rpc, programs: Sequence[str], commitment: str, settings: GapSettings | None = None) -> None:
        self._rpc = rpc
        self._programs = programs
        # Nodes know history at `confirmed` and `finalized` only.
        self._commitment = "confirmed" if commitment == "processed" else commitment
        self.settings = settings or GapSettings()

    def follows(self, program: str) -> bool:
        """Whether the program's history is among them."""
        return program in self._programs

    async def since(self, anchor: Anchor) -> tuple[list[Listed], int]:
        """List the transactions after `anchor`, failed ones left out, in the order of the chain, each once.

        Returns
        -------
        listed : list of Listed
        reach : int
            The slot up to which the history of every program reaches at least; each may come from another endpoint, and
            be older than the others. 0 if one of them has nothing.

        Raises
        ------
        ChainError
            If no endpoint answers.
        """
        found: dict[str, Listed] = {}
        reached = []
        for program in self._programs:
            newest_first = await self._newest_first(program, anchor)
            reached.append(newest_first[0].slot if newest_first else 0)
            for listed in reversed(newest_first):
                found.setdefault(listed.signature, listed)
        # Stable: what one program's history says about the order inside a slot stays.
        ordered = sorted((listed for listed in found.values() if listed.err is None), key=lambda listed: listed.slot)
        return ordered, min(reached)

    async def newest(self) -> Anchor | None:
        """Give the newest transaction that history has of any program, failed or not; None if it has none.

        Raises
        ------
        ChainError
            If no endpoint answers.
        """
        found: list[Anchor] = []
        for program in self._programs:
            config = {"limit": 1, "commitment": self._commitment}
            answer = await self._rpc.call("getSignaturesForAddress", [program, config])
            found += (Anchor(one.signature, one.slot) for one in msgspec.convert(answer, type=list[Listed]))
        return max(found, key=lambda anchor: anchor.slot, default=None)

    async def transaction(self, signature: str) -> Transaction | None:
        """Fetch a transaction; None if the node still does not have it after `absent_tries`.

        Raises
        ------
        ChainError
            If no endpoint answers.
        """
        config = {"encoding": "json", "commitment": self._commitment, "maxSupportedTransactionVersion": 0}
        for asked in range(self.settings.absent_tries):
            if asked:
                await asyncio.sleep(self.settings.absent_pause_s * 2.0 ** (asked - 1))
            answer = await self._rpc.call("getTransaction", [signature, config])
            if isinstance(answer, dict):
                return Transaction(signature, int(answer["slot"]), answer)
        return None

    async def transactions(
        self, listed: Sequence[Listed], wanted: Callable[[Listed], bool]
    ) -> AsyncIterator[tuple[Listed, bool, Transaction | None]]:
        """Go through a list in order and fetch some of it, several at once, each shortly before its turn.

        Yields
        ------
        listed : Listed
        asked : bool
            Whether it was `wanted` when its turn came near.
        transaction : Transaction or None
            None where it was not asked for, or could not be had.
        """
        window: deque[tuple[Listed, asyncio.Task[Transaction | None] | None]] = deque()
        coming = iter(listed)
        try:
            while True:
                while len(window) < self.settings.concurrency and (following := next(coming, None)) is not None:
                    task = asyncio.create_task(self._patient(following.signature)) if wanted(following) else None
                    window.append((following, task))
                if not window:
                    return
                first, task = window[0]
                found = None if task is None else await task
                window.popleft()
                yield first, task is not None, found
        finally:
            for _, task in window:
                if task is not None:
                    task.cancel()

    async def _patient(self, signature: str) -> Transaction | None:
        try:
            return await self.transaction(signature)
        except ChainError as error:
            log.warning("transaction_not_fetched", signature=signature, reason=str(error))
            return None

    async def _newest_first(self, program: str, anchor: Anchor) -> list[Listed]:
        found: list[Listed] = []
        config = {"limit": self.settings.page, "until": anchor.signature, "commitment": self._commitment}
        while True:
            answer = await self._rpc.call("getSignaturesForAddress", [program, config])
            page = msgspec.convert(answer, type=list[Listed])
            # A node that does not know the anchor (another fork, another program's) would go on to the first block.
            found += (listed for listed in page if listed.slot >= anchor.slot and listed.signature != anchor.signature)
            # A short page proves nothing: some providers give fewer than they are asked for. An empty one does.
            if not page or page[-1].slot < anchor.slot:
                return found
            if len(found) >= self.settings.longest:
                log.error(
                    "gap_too_long", program=program, filled_from_slot=found[-1].slot, missing_since_slot=anchor.slot
                )
                return found
            config["before"] = page[-1].signature
