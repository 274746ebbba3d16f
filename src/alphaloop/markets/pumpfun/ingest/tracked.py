"""The set of tracked wallets on the bus, which others write into as well, and how to tell their wallets from ours.

Beside ``tracked_wallets`` the collector keeps ``tracked_wallets:told``, which nobody else writes: what it has put there
itself. A wallet is written into it before it is written into the set, and taken out of it after, so one that is in the
set and not in the other was written by hand; and as both live on one server, a server that comes back with old data
brings back both as they were together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from alphaloop.bus.contract import Bus
from alphaloop.markets.pumpfun.emissions import TRACKED_SET

TOLD_SET: Final = f"{TRACKED_SET}:told"


class ByHand(NamedTuple):
    """Wallets that others wrote into the set, and that others took out of it, each in the order of the alphabet."""

    added: list[str]
    removed: list[str]


class TrackedSet:
    """Writes the set, and says what others have done to it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        # Between the two halves of a write the sets contradict each other: nobody may look then.
        self._lock = asyncio.Lock()
        self._torn = False

    async def write(self, wallet: str, present: bool) -> None:
        """Put a wallet into the set, or take it out."""
        async with self._lock:
            await self._write(wallet, present)

    async def look(self, tracked: Callable[[], Collection[str]], settled: Callable[[], bool]) -> ByHand | None:
        """Compare the set with who is tracked, write what is missing of our own, and give what others changed.

        What a server lost is written again, and what it brought back is taken out again. If the whole set is gone that
        is a loss too, and not somebody's wish.

        Parameters
        ----------
        tracked : callable
            Who is tracked at the moment of the call.
        settled : callable
            Whether everything about tracked wallets has been written; if not, nothing can be said now, and the answer
            is None.
        """
        async with self._lock:
            told = await self._bus.set_members(TOLD_SET)
            members = await self._bus.set_members(TRACKED_SET)
            if self._torn or not settled():
                return None
            wanted = frozenset(tracked())
            kept = wanted & told
            missing = wanted - told if members else wanted
            for wallet in sorted(missing):
                await self._write(wallet, present=True)
            for wallet in sorted(told - wanted):
                await self._write(wallet, present=False)
            return ByHand(sorted(members - told - wanted), sorted(kept - members) if members else [])

    async def _write(self, wallet: str, present: bool) -> None:
        self._torn = True
        if present:
            await self._bus.set_add(TOLD_SET, wallet)
            await self._bus.set_add(TRACKED_SET, wallet)
        else:
            await self._bus.set_remove(TRACKED_SET, wallet)
            await self._bus.set_remove(TOLD_SET, wallet)
        self._torn = False
