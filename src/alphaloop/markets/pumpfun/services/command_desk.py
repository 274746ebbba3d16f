"""Hears what is asked of the running collector, and has it recorded before it is carried out."""

from __future__ import annotations

import asyncio

import structlog

from alphaloop.bus.contract import Bus
from alphaloop.core.errors import BusAwayError, DataError
from alphaloop.markets.pumpfun.commands import COMMANDS_CHANNEL, REPLIES_CHANNEL, Reply, TrackRequest, codec
from alphaloop.markets.pumpfun.ingest.commands import Command
from alphaloop.markets.pumpfun.ingest.intake import Intake
from alphaloop.markets.pumpfun.wire.commands import tracking_data

log = structlog.get_logger("alphaloop.pumpfun.commands")

RETRY_S = 0.5


class CommandDesk:
    """Turns requests into records: of the bus, and of whoever calls `track` in this process."""

    def __init__(self, bus: Bus, intake: Intake) -> None:
        self._bus = bus
        self._intake = intake

    async def track(self, wallet: str, tracked: bool, by: str) -> int:
        """Record that a wallet is to be tracked by hand, or no more, and give its `known_ns` once it is on disk.

        Raises
        ------
        DataError
            If `wallet` is no address.
        """
        known_ns = await self._intake.ask(Command(tracking_data(wallet, tracked)))
        log.info("tracking_asked", wallet=wallet, tracked=tracked, by=by, known_ns=known_ns)
        return known_ns

    async def hear_for_ever(self) -> None:
        """Answer requests of the bus, until cancelled."""
        while True:
            try:
                async with self._bus.subscribe(COMMANDS_CHANNEL) as requests:
                    async for delivery in requests:
                        await self._hear(delivery.body)
            except BusAwayError:
                await asyncio.sleep(RETRY_S)

    async def _hear(self, body: bytes) -> None:
        try:
            request = codec.decode(body)
        except DataError as error:
            log.warning("request_not_readable", reason=str(error))
            return
        if not isinstance(request, TrackRequest):
            return
        try:
            reply = Reply(request.request_id, await self.track(request.wallet, request.tracked, by="request"))
        except DataError as error:
            reply = Reply(request.request_id, error=str(error))
        await self._bus.publish(REPLIES_CHANNEL, codec.encode(reply))
