"""One raw event record: what the chain logged, where, and when it could first be known."""

from __future__ import annotations

import msgspec


class Record(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Bytes of one event, its discriminator included, and the event's identity.

    Attributes
    ----------
    signature, log_index : str, int
        The key of the event: its transaction, and the position of its line in the transaction's logs.
    slot : int
        Of the block; 0 where the source does not say.
    known_ns : int
        When it could first be known, UTC nanoseconds; strictly increasing along a recording.
    """

    signature: str
    log_index: int
    slot: int
    known_ns: int
    data: bytes
