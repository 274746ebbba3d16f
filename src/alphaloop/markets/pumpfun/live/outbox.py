"""Signed bytes that may be submitted, kept in memory until the chain has spoken or they are thrown away.

They are never stored: with the process they die, and what was not submitted by then never lands.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import Final

from alphaloop.core.clock import to_ns
from alphaloop.markets.pumpfun.live.execution import ResendSettings
from alphaloop.markets.pumpfun.transactions.envelope import Envelope
from alphaloop.trading.portfolio.records import Side

MOST_REMEMBERED: Final = 100_000


@dataclass
class Parcel:
    """One transaction, when it was handed over first and last (0: not yet), and whether the chain holds or lost it."""

    envelope: Envelope
    side: Side
    first_ns: int = 0
    last_ns: int = 0
    landed: bool = False
    is_lost: bool = False


@dataclass
class Outbox:
    """Parcels by signature, and the signatures that ever were."""

    settings: ResendSettings = field(default_factory=ResendSettings)
    parcels: dict[str, Parcel] = field(default_factory=dict)
    _made: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def keep(self, envelope: Envelope, side: Side) -> None:
        """Take in a transaction that was just signed."""
        self.parcels[envelope.signature] = Parcel(envelope, side)
        self._made[envelope.signature] = None
        if len(self._made) > MOST_REMEMBERED:
            self._made.popitem(last=False)

    def is_used(self, signature: str) -> bool:
        """Whether such a transaction was made before, be it gone since."""
        return signature in self._made

    def drop(self, signature: str) -> None:
        """Throw a transaction away."""
        self.parcels.pop(signature, None)

    def sent(self, signature: str, now_ns: int) -> None:
        """Note that somebody took it."""
        parcel = self.parcels.get(signature)
        if parcel is not None:
            parcel.first_ns = parcel.first_ns or now_ns
            parcel.last_ns = now_ns

    def landed(self, signature: str) -> None:
        """Note that the chain holds it: it is not handed over again, and kept until that is final."""
        parcel = self.parcels.get(signature)
        if parcel is not None:
            parcel.landed, parcel.is_lost = True, False

    def lost(self, signature: str, now_ns: int) -> None:
        """Note that the chain holds it no more: it is handed over again, as if it were new."""
        parcel = self.parcels.get(signature)
        if parcel is not None:
            parcel.landed, parcel.is_lost, parcel.first_ns, parcel.last_ns = False, True, now_ns, 0

    def settle(self, unfinal: Container[str]) -> None:
        """Drop what landed and is final."""
        for signature in [name for name, parcel in self.parcels.items() if parcel.landed and name not in unfinal]:
            self.drop(signature)

    def due(self, now_ns: int, wants: Callable[[str], bool] = lambda signature: True) -> list[str]:
        """What is to be handed over again: taken once, nothing known of it since, and still wanted.

        What was booked and is lost to a fork is wanted in any case: the books say that it landed.
        """
        if not self.settings.every_s:
            return []
        pause_ns = to_ns(self.settings.every_s)
        limits = {"buy": to_ns(self.settings.buys_for_s), "sell": to_ns(self.settings.sells_for_s)}
        return [
            signature
            for signature, parcel in self.parcels.items()
            if parcel.first_ns
            and not parcel.landed
            and now_ns - parcel.last_ns >= pause_ns
            and now_ns - parcel.first_ns <= limits[parcel.side]
            and (parcel.is_lost or wants(signature))
        ]
