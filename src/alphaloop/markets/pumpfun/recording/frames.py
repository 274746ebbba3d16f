"""Frames of a log file: records that were forced to disk together, readable whole or not at all.

A frame is ``magic, u32 length, u32 CRC-32, payload``, the payload a MessagePack list of records. The frame that was
being written when the power failed is the last one of its file, and is dropped: nothing acted on it yet. A bad frame
with a sound one behind it was good once, so the file is refused rather than read with a hole.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.wire.records import Record

MAGIC: Final = b"alR\x01"
_HEAD: Final = struct.Struct("<4sII")
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(list[Record])


class LogContent(NamedTuple):
    """What a log file holds: its records, and the size in bytes up to the end of the last sound frame."""

    records: list[Record]
    size: int


def frame(records: Sequence[Record]) -> bytes:
    """Bytes of one frame with `records`."""
    payload = _ENCODER.encode(records)
    return _HEAD.pack(MAGIC, len(payload), zlib.crc32(payload)) + payload


def read_log(path: Path) -> LogContent:
    """Read a log file up to its torn end, if it has one.

    Raises
    ------
    DataError
        If a bad frame has a sound one behind it.
    """
    content = path.read_bytes()
    found: list[Record] = []
    at = 0
    while (payload := _payload(content, at)) is not None:
        found.extend(_DECODER.decode(payload))
        at += _HEAD.size + len(payload)
    behind = content.find(MAGIC, at + 1)
    while behind >= 0:
        if _payload(content, behind) is not None:
            raise DataError(
                f"{path} is damaged from byte {at} to {behind}, with sound records behind; restore it from a copy, "
                "or move it away and fetch that time again"
            )
        behind = content.find(MAGIC, behind + 1)
    return LogContent(found, at)


def _payload(content: bytes, at: int) -> bytes | None:
    if at + _HEAD.size > len(content):
        return None
    magic, length, checksum = _HEAD.unpack_from(content, at)
    payload = content[at + _HEAD.size : at + _HEAD.size + length]
    if magic != MAGIC or len(payload) != length or zlib.crc32(payload) != checksum:
        return None
    return payload
