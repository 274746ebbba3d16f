"""Services that run at a fixed interval, one cycle at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from alphaloop.core.clock import stopwatch

log = structlog.get_logger("alphaloop.pumpfun.services")


@dataclass
class PeriodicService:
    """Calls `cycle` every `interval_s` seconds, unless the cycle before is still running: then this one is skipped.

    A cycle that raises is logged and counted; the service goes on, for one bad hour of an archive is no reason to stop
    recording. Cycles that block belong into a thread; that is up to `cycle`.

    Attributes
    ----------
    name : str
        What logs and reports call it.
    cycle : callable
        One cycle; a coroutine function without arguments.
    at_start : bool
        Whether the first cycle runs at once, rather than after an interval.
    """

    name: str
    interval_s: float
    cycle: Callable[[], Awaitable[object]]
    at_start: bool = False
    running: bool = field(init=False, default=False)
    cycles: int = field(init=False, default=0)
    skipped: int = field(init=False, default=0)
    failures: int = field(init=False, default=0)
    last_took_s: float = field(init=False, default=0.0)
    last_error: str = field(init=False, default="")

    async def run(self) -> None:
        """Keep the interval until cancelled; the running cycle is cancelled with it."""
        due = stopwatch() + (0.0 if self.at_start else self.interval_s)
        current: asyncio.Task[None] | None = None
        try:
            while True:
                await asyncio.sleep(max(0.0, due - stopwatch()))
                if self.running:
                    self.skipped += 1
                    log.warning("cycle_skipped", service=self.name, skipped=self.skipped)
                else:
                    self.running = True
                    current = asyncio.create_task(self._once())
                due = self._next(due)
        finally:
            if current is not None:
                current.cancel()
                await asyncio.gather(current, return_exceptions=True)

    async def trigger(self) -> bool:
        """Run a cycle now and wait for it; False, and one more skipped, if one is running."""
        if self.running:
            self.skipped += 1
            return False
        self.running = True
        await self._once()
        return True

    def report(self) -> dict[str, Any]:
        """Say how the service does."""
        return {
            "service": self.name,
            "interval_s": self.interval_s,
            "running": self.running,
            "cycles": self.cycles,
            "skipped": self.skipped,
            "failures": self.failures,
            "last_took_s": round(self.last_took_s, 3),
            "last_error": self.last_error,
        }

    def _next(self, due: float) -> float:
        # A machine that slept does not make up for what it missed.
        return max(due + self.interval_s, stopwatch())

    async def _once(self) -> None:
        began = stopwatch()
        try:
            await self.cycle()
            self.last_error = ""
        except Exception as error:  # the service lives on, whatever its cycle did
            self.failures += 1
            self.last_error = f"{type(error).__name__}: {error}"[:300]
            log.error("cycle_failed", service=self.name, reason=self.last_error, failures=self.failures)
        finally:
            self.cycles += 1
            self.last_took_s = stopwatch() - began
            self.running = False
