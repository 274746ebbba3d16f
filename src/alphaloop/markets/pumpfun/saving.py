"""A state of many parts as pieces of one MessagePack message, so that nobody needs to hold it whole."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Final, Protocol

import msgspec

_MAP: Final = struct.Struct(">BH")
_MAP_16: Final = 0xDE
_BYTES: Final = struct.Struct(">BI")
_BYTES_32: Final = 0xC6


class Part(Protocol):
    """What can be saved and restored."""

    def save(self) -> bytes:
        """Give the whole state, at most 4 GiB."""
        ...

    def restore(self, state: bytes) -> None:
        """Take over a state that `save` gave."""
        ...


def pieces(head: msgspec.Struct, parts: Mapping[str, Part]) -> Iterator[bytes]:
    """Give pieces that joined are `head` with the saved parts in its last field, a map of names to bytes.

    Parameters
    ----------
    head : Struct
        Whose last field is an empty dict.
    """
    # An empty map is one byte, the last.
    yield msgspec.msgpack.encode(head)[:-1] + _MAP.pack(_MAP_16, len(parts))
    for name, part in parts.items():
        saved = part.save()
        yield msgspec.msgpack.encode(name) + _BYTES.pack(_BYTES_32, len(saved))
        yield saved
