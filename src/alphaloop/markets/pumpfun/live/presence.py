"""Whether anybody trades a wallet already: asked of everybody on the bus, whatever their token and their database.

The claim of an account is held in its database, and keeps away whoever uses the same one. This question is for those
who use another: two traders of one wallet would buy twice. It is asked before anything is touched and once more before
trading begins, and answered from the beginning of a start on; of two that are starting, the one that began earlier
stays. It is no lock. Two on different buses do not meet, nor do two whose bus is away when they ask; and whoever may
write to the bus may keep a trader from starting, as he may send it signals.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from alphaloop.bus.contract import Bus
from alphaloop.core.clock import Clock
from alphaloop.core.errors import BusAwayError, StateError

log = structlog.get_logger("alphaloop.pumpfun.live")

WHO: Final = b"who trades? "
ME: Final = b"not you: "
PATIENCE_S: Final = 0.2


def presence_channel(account: str) -> str:
    """Where it is asked and answered."""
    return f"live:presence:{account}"


class Presence:
    """One process that trades an account, or is about to.

    Parameters
    ----------
    is_trading : callable
        Whether it does by now; then it stays, whoever began earlier.

    Attributes
    ----------
    name : str
        When it began and a number, so that names are in the order of beginnings.
    """

    def __init__(self, bus: Bus, account: str, clock: Clock, is_trading: Callable[[], bool]) -> None:
        self._bus, self._account, self._is_trading = bus, account, is_trading
        self._channel = presence_channel(account)
        self.name = f"{clock.now_ns():020d}-{secrets.token_hex(4)}"

    async def run(self, retry_s: float = 0.5) -> None:
        """Answer until cancelled."""
        while True:
            try:
                async with self._bus.subscribe(self._channel) as questions:
                    async for question in questions:
                        await self._hear(question.body)
            except BusAwayError:
                await asyncio.sleep(retry_s)

    async def _hear(self, body: bytes) -> None:
        if not body.startswith(WHO):
            return
        asker = body.removeprefix(WHO).decode(errors="replace")
        if asker != self.name and (self._is_trading() or self.name < asker):
            await self._bus.publish(self._channel, ME + asker.encode())

    async def ask(self, patience_s: float = PATIENCE_S) -> None:
        """Go on if nobody else trades the account; a bus that is away keeps nobody from it.

        Raises
        ------
        StateError
            If somebody does.
        """
        if await self._is_answered(patience_s):
            raise StateError(
                f"another process on this bus trades account {self._account}, or began to before this one; stop it, "
                "and give its --db to go on with its positions"
            )

    async def _is_answered(self, patience_s: float) -> bool:
        answer = ME + self.name.encode()
        try:
            async with self._bus.subscribe(self._channel) as answers:
                await self._bus.publish(self._channel, WHO + self.name.encode())
                with suppress(TimeoutError):
                    async with asyncio.timeout(patience_s):
                        async for delivery in answers:
                            if delivery.body == answer:
                                return True
        except BusAwayError:
            log.warning("presence_unknown", account=self._account)
        return False
