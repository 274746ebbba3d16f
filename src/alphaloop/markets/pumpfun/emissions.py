"""What the market hands out: messages for the bus and rows for the store. Handing out does nothing by itself."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec

SIGNALS_CHANNEL: Final = "trade:signals"
GRADUATIONS_CHANNEL: Final = "trade:graduations"
HEARTBEAT_CHANNEL: Final = "trade:heartbeat"
REGIME_CHANNEL: Final = "market:regime"
TRACKED_SET: Final = "tracked_wallets"
BOTS_SET: Final = "known_bots"


class Publish(msgspec.Struct, frozen=True, gc=False):
    """A message for a channel of the bus.

    Attributes
    ----------
    channel : str
    body : bytes
        A message of `alphaloop.markets.pumpfun.signals.messages`, encoded.
    keep_s : int or None
        Where given, `body` is also the value of the key `channel` for so many seconds, for those who come later.
    """

    channel: str
    body: bytes
    keep_s: int | None = None


class Row(msgspec.Struct, frozen=True, gc=False):
    """A row for a table of `alphaloop.markets.pumpfun.schema`; same key again means the newer row counts.

    Only of what was said (signals, finished launches, warnings) the older counts: it is what others have acted on.
    """

    table: str
    values: dict[str, Any]


class Member(msgspec.Struct, frozen=True, gc=False):
    """A wallet that joins (`present`) or leaves a set of the bus."""

    set: str
    member: str
    present: bool


Emission: TypeAlias = Publish | Row | Member
