"""What people ask of a running collector, as records of its recording: same log, same order, same replay.

A command's record has a `signature` that no transaction can have, ``command:`` and an id of its own, for a colon is not
in base58; its `data` is laid out as an event's, under a name that no program can give. Readers of before there were
commands take it for an event that they do not know.
"""

from __future__ import annotations

from typing import Final

from alphaloop.markets.pumpfun.events import Tracking
from alphaloop.markets.pumpfun.wire.borsh import read_fields, write_fields
from alphaloop.markets.pumpfun.wire.layouts import DISCRIMINATOR_BYTES, Layout
from alphaloop.markets.pumpfun.wire.records import Record

COMMAND: Final = "command:"
TRACKING: Final = Layout("alphaloop.Tracking", (("wallet", "key"), ("tracked", "bool")), 2)

_TRACKING: Final = TRACKING.discriminator


def tracking_data(wallet: str, tracked: bool) -> bytes:
    """Bytes of a record that tracks a wallet by hand, or ends that.

    Raises
    ------
    DataError
        If `wallet` is no address.
    """
    return write_fields(TRACKING, {"wallet": wallet, "tracked": tracked})


def is_command(record: Record) -> bool:
    """Whether a record is a command, and so of no transaction."""
    return record.signature.startswith(COMMAND)


def decode_command(record: Record) -> Tracking | None:
    """Decode a command's record; None if it is none, or one of a later release.

    Raises
    ------
    DamagedRecord
        If it ends inside a field, or a field holds what its type cannot.
    """
    if record.data[:DISCRIMINATOR_BYTES] != _TRACKING or not is_command(record):
        return None
    found = read_fields(TRACKING, record.data).fields
    return Tracking(
        signature=record.signature,
        log_index=record.log_index,
        slot=record.slot,
        event_ns=record.known_ns,
        known_ns=record.known_ns,
        mint="",
        wallet=found["wallet"],
        tracked=found["tracked"],
    )
