"""The transactions that are tried for an order, from the first byte to their proof."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from alphaloop.trading.portfolio.inputs import Side


class AttemptState(StrEnum):
    """Where one transaction is: made, handed over, landed with or without effect, or beyond its time."""

    DRAFTED = "drafted"
    SENT = "sent"
    LANDED = "landed"
    FILLED = "filled"
    FAILED = "failed"
    DEAD = "dead"
    DISCARDED = "discarded"


# Tuples, because an enumeration's hash is slow and its identity is not.
MAY_LAND = (AttemptState.DRAFTED, AttemptState.SENT)
UNPROVED = (*MAY_LAND, AttemptState.LANDED)


class Attempt(msgspec.Struct, kw_only=True):
    """One transaction of an order.

    Attributes
    ----------
    step : int
        How many orders of its side the trade had made before.
    most : int
        What it may take from the free balance, reserved until it is proved; 0 from then on.
    landed_ns : int
        When it was learnt that it did; 0 until then.
    ended_ns : int
        When its effect was read, or was proved not to come; 0 until then.
    again_ns : int
        When bytes that nobody took are handed over again; 0 if somebody took them.
    cost : int
        What it took although it did nothing.
    """

    signature: str
    order_id: str
    side: Side
    step: int
    last_valid: int
    most: int
    least: int
    tip: int
    network: int
    expected: int
    venue: str
    made_ns: int
    details: dict[str, Any]
    state: AttemptState = AttemptState.DRAFTED
    landed_ns: int = 0
    ended_ns: int = 0
    again_ns: int = 0
    cost: int = 0
    reason: str = ""

    def end(self, state: AttemptState, now_ns: int, reason: str = "") -> None:
        """Reach a state after which nothing is awaited of it."""
        self.state, self.ended_ns, self.reason = state, now_ns, reason
        self.most = self.again_ns = 0

    @property
    def is_unproved(self) -> bool:
        """Whether it may land or has landed unread."""
        return self.state in UNPROVED

    @property
    def is_filled(self) -> bool:
        """Whether it did what it was made for, and that was booked."""
        return self.state is AttemptState.FILLED
