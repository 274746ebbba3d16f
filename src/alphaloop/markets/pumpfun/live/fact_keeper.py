"""Reads the facts again and again, each at its own pace, and more patiently while a road is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from alphaloop.core.clock import Clock
from alphaloop.core.errors import AlphaloopError, AwayError
from alphaloop.markets.pumpfun.curve.accounts import (
    fees_without_account,
    read_fee_table,
    read_global,
    read_pool_fee_table,
)
from alphaloop.markets.pumpfun.curve.fees import flat
from alphaloop.markets.pumpfun.live.facts import MARKET, NAMES, ChainFacts, Program
from alphaloop.markets.pumpfun.live.rpc import ChainRpc
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions import pool_addresses as pool_at
from alphaloop.markets.pumpfun.transactions.pool_accounts import read_pool_settings
from alphaloop.markets.pumpfun.transactions.tips import TipFloor

log = structlog.get_logger("alphaloop.pumpfun.live")

PROGRAM_ACCOUNTS = tuple(map(str, (at.GLOBAL, at.FEE_CONFIG, pool_at.AMM_SETTINGS, pool_at.AMM_FEE_CONFIG)))
REQUIRED = ("blockhash", "program")


class Tips(Protocol):
    """Who tells about tips."""

    async def tip_floor(self) -> TipFloor:
        """Tips that landed lately."""
        ...

    async def tip_accounts(self) -> tuple[str, ...]:
        """Whom to tip."""
        ...


@dataclass
class FactKeeper:
    """Refreshes the facts.

    Parameters
    ----------
    facts : ChainFacts
    rpc : ChainRpc
    tips : Tips or None
        None where no block engine is used.
    sleep : callable
        Lets time pass.
    """

    facts: ChainFacts
    rpc: ChainRpc
    tips: Tips | None
    clock: Clock
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep
    failures: dict[str, int] = field(default_factory=dict)
    _pokes: dict[str, asyncio.Event] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The facts that are kept."""
        return NAMES if self.tips is not None else tuple(name for name in NAMES if not name.startswith("tip_"))

    async def run(self) -> None:
        """Refresh until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name in self.names:
                group.create_task(self._keep(name))

    async def warm_up(self) -> None:
        """Read every fact once; returns when those were read without which nothing can be made."""
        for name in self.names:
            while not await self.refresh(name) and name in REQUIRED:
                await self.sleep(self._pause_s(name))

    def poke(self, name: str) -> None:
        """Have a fact read again now."""
        self._poked(name).set()

    async def refresh(self, name: str) -> bool:
        """Read a fact once; tells whether it could be."""
        asked_ns = self.clock.now_ns()
        try:
            await getattr(self, f"_{name}")(asked_ns)
        except AlphaloopError as away:
            count = self.failures[name] = self.failures.get(name, 0) + 1
            if count == 1:
                log.warning("fact_away", fact=name, reason=str(away), age_s=self.facts.age_s(name, asked_ns))
            return False
        if self.failures.pop(name, 0):
            log.info("fact_back", fact=name)
        return True

    async def _keep(self, name: str) -> None:
        while True:
            poked = self._poked(name)
            poked.clear()
            await self.refresh(name)
            waits = [asyncio.ensure_future(poked.wait()), asyncio.ensure_future(self._sleep(self._pause_s(name)))]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()

    async def _sleep(self, seconds: float) -> None:
        await self.sleep(seconds)

    def _poked(self, name: str) -> asyncio.Event:
        return self._pokes.setdefault(name, asyncio.Event())

    def _pause_s(self, name: str) -> float:
        failures = self.failures.get(name, 0)
        if not failures:
            return self.facts.freshness(name).every_s
        settings = self.facts.settings
        return min(settings.retry_s * 2.0 ** min(failures - 1, 20), settings.longest_retry_s)

    # -- one reading each ----------------------------------------------------------------------------------------------

    async def _blockhash(self, asked_ns: int) -> None:
        self.facts.put("blockhash", await self.rpc.latest_blockhash(), asked_ns)

    async def _program(self, asked_ns: int) -> None:
        found = await self.rpc.accounts(PROGRAM_ACCOUNTS)
        settings, fees, pool_settings, pool_fees = (None if one is None else one.data for one in found)
        if settings is None:
            raise AwayError("the node has no global account of the program; try again")
        read = read_global(settings)
        program = Program(
            settings=read,
            fees=flat(fees_without_account(read)) if fees is None else read_fee_table(fees),
            pool_settings=None if pool_settings is None else read_pool_settings(pool_settings),
            pool_fees=None if pool_fees is None else read_pool_fee_table(pool_fees),
        )
        self.facts.put("program", program, asked_ns)

    async def _tip_floor(self, asked_ns: int) -> None:
        if self.tips is not None:
            self.facts.put("tip_floor", await self.tips.tip_floor(), asked_ns)

    async def _tip_accounts(self, asked_ns: int) -> None:
        if self.tips is not None:
            self.facts.put("tip_accounts", await self.tips.tip_accounts(), asked_ns)

    async def _priority(self, asked_ns: int) -> None:
        recipients = self.facts.program(asked_ns, old=True).settings.fee_recipients
        self.facts.put_prices(MARKET, await self.rpc.priority_fees(recipients[:1]), asked_ns)
        for curve in list(self.facts.curves):
            self.facts.put_prices(curve, await self.rpc.priority_fees([curve]), asked_ns)
