"""Wallets that people write straight into the bus's set of tracked wallets, or take out of it."""

from __future__ import annotations

import structlog

from alphaloop.core.errors import AwayError, DataError
from alphaloop.markets.pumpfun.emissions import TRACKED_SET
from alphaloop.markets.pumpfun.ingest.delivery import Delivery
from alphaloop.markets.pumpfun.market import PumpMarket
from alphaloop.markets.pumpfun.services.command_desk import CommandDesk

log = structlog.get_logger("alphaloop.pumpfun.commands")


class Seeding:
    """Looks at the set from time to time and has what others changed recorded as commands, once each.

    What is no address is left where it is, and named in the log once.
    """

    def __init__(self, market: PumpMarket, delivery: Delivery, desk: CommandDesk) -> None:
        self._market, self._delivery, self._desk = market, delivery, desk
        self._asked: dict[str, bool] = {}
        self._refused: set[str] = set()

    async def cycle(self) -> None:
        """Look once."""
        tracked = self._market.shelf.intelligence.discovery.tracked
        # A command that waits behind a backlog must not be given again.
        self._asked = {wallet: wanted for wallet, wanted in self._asked.items() if (wallet in tracked) != wanted}
        try:
            changed = await self._delivery.tracked.look(lambda: tracked, self._is_settled)
        except AwayError:
            # The delivery, which has to wait for the bus, says so.
            return
        if changed is None:
            return
        for wallet in changed.added:
            await self._ask(wallet, tracked=True)
        for wallet in changed.removed:
            await self._ask(wallet, tracked=False)

    def _is_settled(self) -> bool:
        return not self._delivery.holds(TRACKED_SET)

    async def _ask(self, wallet: str, *, tracked: bool) -> None:
        if self._asked.get(wallet) == tracked or wallet in self._refused:
            return
        self._asked[wallet] = tracked
        try:
            await self._desk.track(wallet, tracked, by=TRACKED_SET)
        except DataError as error:
            del self._asked[wallet]
            self._refused.add(wallet)
            log.warning("no_wallet_in_the_set", member=wallet[:100], reason=str(error))
