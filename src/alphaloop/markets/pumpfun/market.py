"""The whole market as one object: every book and every emitter, fed in one order, saved and restored at any event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from alphaloop.core.errors import StateError
from alphaloop.markets.pumpfun.emissions import Emission, Member, Publish, Row
from alphaloop.markets.pumpfun.events import AnyEvent
from alphaloop.markets.pumpfun.settings import PumpSettings
from alphaloop.markets.pumpfun.signals.vector import Vector

__all__ = ["Emission", "Member", "Publish", "PumpMarket", "Row", "Scorers"]

STATE_VERSION = 1


class Scorers(Protocol):
    """Models at hand while signals are made; what they say is put into the messages and moves no feature."""

    def signal(self, vector: Vector) -> Mapping[str, float]:
        """Calibrated probability by target of a signal; empty if there is no model."""
        ...

    def genesis(self, vector: Vector) -> Mapping[str, float]:
        """Calibrated probability by target of a launch; empty if there is no model."""
        ...


class _State(msgspec.Struct):
    version: int
    settings: str
    known_ns: int


class PumpMarket:
    """Feed it events in the order of `known_ns`; it answers with what is to be published and stored."""

    def __init__(self, settings: PumpSettings | None = None, scorers: Scorers | None = None) -> None:
        self.settings = settings or PumpSettings()
        self.scorers = scorers
        self.known_ns = 0

    def apply(self, event: AnyEvent) -> list[Emission]:
        """Fire the timers that are due by ``event.known_ns``, take in the event, and say what follows from both."""
        self.known_ns = event.known_ns
        return []

    def advance(self, now_ns: int) -> list[Emission]:
        """Fire the timers that are due by `now_ns`; no event known before `now_ns` may come later."""
        self.known_ns = max(self.known_ns, now_ns)
        return []

    def save(self) -> bytes:
        """Give the whole state."""
        return msgspec.msgpack.encode(_State(STATE_VERSION, self.settings.hash, self.known_ns))

    def restore(self, state: bytes) -> None:
        """Take over a state that `save` gave.

        Raises
        ------
        StateError
            If it is of another version or of other settings.
        """
        found = msgspec.msgpack.decode(state, type=_State)
        if found.version != STATE_VERSION or found.settings != self.settings.hash:
            raise StateError("the saved market is of another version or other settings; replay the recording instead")
        self.known_ns = found.known_ns
