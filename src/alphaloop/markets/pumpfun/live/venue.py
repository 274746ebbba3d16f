"""Where orders become transactions, and where is told what became of them: the contract of the trader's venue.

What a caller may rely on:

- **Making is not sending.** `prepare` builds and signs from facts that are at hand, without any waiting, and nobody
  sees the result before `submit`. A transaction that was discarded is never submitted.
- **Submitting twice does nothing twice.** The same bytes go out again, until the chain has spoken.
- **Only the chain proves.** What a block engine or a node answers to a submission is hearsay, and moves no money.
- **A road that is closed raises nothing here**: `prove`, `fill` and the readers raise `AwayError`, `submit` tells
  `Unsent`, and `prepare` tells `Refused`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

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


class Venue(Protocol):
    """See the module for what it guarantees."""

    def heed(self, wants: Callable[[str], bool]) -> None:
        """From now on hand over again, of what nothing is known of, only what is wanted."""
        ...

    def prepare(self, order: Order, now_ns: int) -> Drafted | Refused:
        """Make an order into a signed transaction, and keep its bytes by signature."""
        ...

    def discard(self, signature: str) -> None:
        """Throw a transaction away; unknown ones are passed over."""
        ...

    async def submit(self, signature: str) -> Sent | Unsent:
        """Hand a transaction to those who may submit it."""
        ...

    async def prove(self, last_valid: Mapping[str, int]) -> list[Landed | Failed | Dead]:
        """Ask the chain about transactions, given with the last height at which each can land; unknown: left out.

        Raises
        ------
        AwayError
            If the chain does not answer.
        """
        ...

    async def fill(self, signature: str, asset: str, side: Side) -> Filled | None:
        """Read what a landed transaction did; None if no node has it yet."""
        ...

    async def found(self, asset: str, known: Sequence[str], since_ns: int) -> list[Filled]:
        """The wallet's own trades of an asset since a time that are not among the `known` signatures, oldest first."""
        ...

    async def failures(self, is_known: Callable[[str], bool], since_ns: int) -> list[Failed]:
        """The wallet's own failed transactions since a time that nobody knows by signature, oldest first."""
        ...

    async def holdings(self) -> dict[str, int]:
        """Base units of every asset that the wallet holds; those of which it holds none may be missing."""
        ...

    async def balance(self) -> int:
        """The wallet's money."""
        ...

    async def refresh(self, asset: str, context: Mapping[str, Any]) -> dict[str, Any]:
        """Read an asset's market facts again: the context that further orders need."""
        ...
