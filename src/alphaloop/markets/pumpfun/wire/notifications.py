"""A WebSocket message of ``logsSubscribe`` to the event records in it, in one pass over its bytes."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.wire.logs import search
from alphaloop.markets.pumpfun.wire.records import Record


class Notification(NamedTuple):
    """What a ``logsNotification`` says about its transaction.

    Attributes
    ----------
    records : list of Record
        In the order of the lines; the k-th has ``known_ns + k``. Empty if the transaction failed.
    failed, truncated : bool
        The transaction had no effect; its logs were cut and later events are missing.
    foreign, damaged : int
        Lines of other programs that begin like our events; lines of ours that are not base64.
    """

    signature: str
    slot: int
    subscription: int
    records: list[Record]
    failed: bool
    truncated: bool
    foreign: int
    damaged: int


class _Value(msgspec.Struct, gc=False):
    signature: str
    logs: msgspec.Raw
    err: Any = None


class _Context(msgspec.Struct, gc=False):
    slot: int


class _Result(msgspec.Struct, gc=False):
    context: _Context
    value: _Value


class _Params(msgspec.Struct, gc=False):
    result: _Result
    subscription: int = 0


class _Message(msgspec.Struct, gc=False):
    params: _Params | None = None


_DECODER: Final = msgspec.json.Decoder(_Message)


def read_notification(message: bytes | str, known_ns: int) -> Notification | None:
    """Read a message that came over the WebSocket; None if it has no ``params``, as answers to requests have not.

    Raises
    ------
    DataError
        If it is no JSON, or a notification of another kind.
    """
    try:
        params = _DECODER.decode(message).params
        if params is None:
            return None
        value, slot = params.result.value, params.result.context.slot
        seen = search(bytes(value.logs), signature=value.signature, slot=slot, known_ns=known_ns, err=value.err)
    except msgspec.DecodeError as wrong:
        raise DataError(f"this is no logs notification ({wrong}); subscribe with logsSubscribe only") from None
    return Notification(value.signature, slot, params.subscription, seen[0], value.err is not None, *seen[1:])
