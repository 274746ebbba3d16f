"""The health server beside a running trader."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from pydantic import SecretStr

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.live.metrics import TraderCollector, exposition, registry_of
from alphaloop.markets.pumpfun.live.process import LiveProcess
from alphaloop.web.health import serve_health
from alphaloop.web.settings import WebSettings


class LiveProbe:
    """What a supervisor is told of a trader."""

    def __init__(self, process: LiveProcess) -> None:
        self._process = process

    def fault(self) -> str:
        """Nothing: a trader with a fault ends by itself, and one that answers has a loop that turns."""
        return ""

    def not_ready(self) -> str:
        """Why no signal would be traded now, whatever it says."""
        process = self._process
        trader = process.trader
        if trader is None:
            return "starting"
        if not process.models.report()["models"]:
            return "no model that a strategy names is at hand: put one into the folder of models"
        if trader.store_away_ns:
            return "the database is away: exits go on, nothing is entered"
        if trader.chain_away_ns:
            return "the chain is away"
        silent_s = (process.clock.now_ns() - trader.heard_ns) / NS_PER_S
        if silent_s > process.settings.pace.silent_s:
            return f"nothing was heard on the bus for {silent_s:.0f} s"
        return ""

    def exposition(self) -> bytes:
        """The trader's numbers."""
        process = self._process
        if process.trader is None:
            return b""
        return exposition(registry_of(TraderCollector(process.trader, process.clock, lambda: process.stops)))


def health_beside(
    port: int, ready: Callable[[str], None]
) -> Callable[[LiveProcess, SecretStr, asyncio.Event], Coroutine[Any, Any, None]]:
    """Give what serves the health of a trader on loopback."""

    async def beside(process: LiveProcess, token: SecretStr, end: asyncio.Event) -> None:
        await serve_health(LiveProbe(process), WebSettings(port=port, token=token), end, ready)

    return beside
