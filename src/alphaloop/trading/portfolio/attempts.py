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


UNPROVED = frozenset({AttemptState.DRAFTED, AttemptState.SENT, AttemptState.LANDED})


class Attempt(msgspec.Struct, kw_only=True):
    """One transaction of an order.

    Attributes
    ----------
    most : int
        What it may take from the free balance, reserved until it is proved.
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
    ended_ns: int = 0
    again_ns: int = 0
    cost: int = 0
    reason: str = ""
