"""One record's bytes to named fields and back, by the layout of its event.

This is the plain road, field by field, that accepts every age of every event. `decode` has a faster one for the records
that come by the thousand; tests hold both to the same answer.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.wire.keys import KEY_BYTES, to_bytes, to_text
from alphaloop.markets.pumpfun.wire.layouts import DISCRIMINATOR_BYTES, Layout

#: The last whole second whose nanoseconds are an int64.
LAST_S: Final = (2**63 - 1) // NS_PER_S
U16: Final = struct.Struct("<H")
U32: Final = struct.Struct("<I")
_NUMBERS: Final = {"u8": struct.Struct("<B"), "u64": struct.Struct("<Q"), "i64": struct.Struct("<q")}
_SHARE_BYTES: Final = KEY_BYTES + U16.size
_WIDE_BYTES: Final = 16


class DamagedRecord(DataError):  # noqa: N818 - it names what arrived, and is counted as such
    """A record ends inside a field, or a field holds what its type cannot."""


class Decoded(NamedTuple):
    """A record taken apart: the event, its fields by the chain's names, and the bytes after the last field known.

    `event` is empty for a discriminator that is not known; `extra` then holds everything after it.
    """

    event: str
    fields: dict[str, Any]
    extra: bytes


def block_ns(seconds: int) -> int:
    """Nanoseconds of a block's clock.

    Raises
    ------
    DamagedRecord
        If it is before 1970, or later than a record's time can be.
    """
    if not 0 <= seconds <= LAST_S:
        raise DamagedRecord(f"a block's time of {seconds} seconds is impossible; fetch its transaction again")
    return seconds * NS_PER_S


def read_fields(layout: Layout, data: bytes) -> Decoded:
    """Take apart a record of any age of `layout`.

    Raises
    ------
    DamagedRecord
        If it ends inside a field or before the last field that the oldest records have.
    """
    found: dict[str, Any] = {}
    at = DISCRIMINATOR_BYTES
    for index, (name, kind) in enumerate(layout.fields):
        if at == len(data) and index >= layout.oldest:
            break
        try:
            found[name], at = _READERS[kind](data, at)
        except (struct.error, IndexError):
            raise DamagedRecord(
                f"{layout.event} of {len(data)} bytes ends inside field {name!r}, which begins at byte {at}; "
                "fetch its transaction again"
            ) from None
        except ValueError as wrong:
            raise DamagedRecord(
                f"{layout.event}: field {name!r} at byte {at} holds {wrong}; fetch its transaction again"
            ) from None
    return Decoded(layout.event, found, data[at:])


def write_fields(layout: Layout, values: Mapping[str, Any]) -> bytes:
    """Give the bytes of a record whose layout ends with the last field in `values`: the inverse of `read_fields`.

    Raises
    ------
    DataError
        If `values` skips a field, has one that the event does not have, or a value that does not fit its type.
    """
    names = [name for name, _ in layout.fields]
    given = max((names.index(name) + 1 for name in values if name in names), default=0)
    wrong = next((name for name in (*names[: max(given, layout.oldest)], *values) if name not in values), None)
    wrong = wrong or next((name for name in values if name not in names), None)
    if wrong:
        raise DataError(f"{layout.event}: field {wrong!r} is missing or unknown; give its first fields without a gap")
    parts = [layout.discriminator]
    for name, kind in layout.fields[:given]:
        try:
            parts.append(_WRITERS[kind](values[name]))
        except (struct.error, TypeError, AttributeError):
            raise DataError(f"{layout.event}: field {name!r} cannot hold {values[name]!r}; it is a {kind}") from None
    return b"".join(parts)


def _read_number(form: struct.Struct) -> Callable[[bytes, int], tuple[Any, int]]:
    return lambda data, at: (form.unpack_from(data, at)[0], at + form.size)


def _read_wide(data: bytes, at: int) -> tuple[int, int]:
    return int.from_bytes(_take(data, at, _WIDE_BYTES), "little", signed=True), at + _WIDE_BYTES


def _read_key(data: bytes, at: int) -> tuple[str, int]:
    return to_text(_take(data, at, KEY_BYTES)), at + KEY_BYTES


def _read_bool(data: bytes, at: int) -> tuple[bool, int]:
    value = data[at]
    if value > 1:
        raise ValueError(f"{value}, neither 0 nor 1")
    return value == 1, at + 1


def _read_string(data: bytes, at: int) -> tuple[str, int]:
    length = U32.unpack_from(data, at)[0]
    content = _take(data, at + U32.size, length)
    try:
        return content.decode(), at + U32.size + length
    except UnicodeDecodeError:
        raise ValueError("text that is not UTF-8") from None


def _read_shares(data: bytes, at: int) -> tuple[list[dict[str, Any]], int]:
    count = U32.unpack_from(data, at)[0]
    at += U32.size
    end = at + count * _SHARE_BYTES
    if end > len(data):
        raise IndexError
    shares = [
        {"address": to_text(data[i : i + KEY_BYTES]), "share_bps": U16.unpack_from(data, i + KEY_BYTES)[0]}
        for i in range(at, end, _SHARE_BYTES)
    ]
    return shares, end


def _take(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise IndexError
    return data[at : at + size]


def _write_wide(value: int) -> bytes:
    try:
        return value.to_bytes(_WIDE_BYTES, "little", signed=True)
    except OverflowError as wrong:
        raise TypeError(wrong) from None


def _write_string(text: str) -> bytes:
    content = text.encode()
    return U32.pack(len(content)) + content


def _write_shares(shares: list[dict[str, Any]]) -> bytes:
    parts = [to_bytes(share["address"]) + U16.pack(share["share_bps"]) for share in shares]
    return U32.pack(len(parts)) + b"".join(parts)


_READERS: Final[dict[str, Callable[[bytes, int], tuple[Any, int]]]] = {
    **{kind: _read_number(form) for kind, form in _NUMBERS.items()},
    "i128": _read_wide,
    "key": _read_key,
    "bool": _read_bool,
    "string": _read_string,
    "shares": _read_shares,
}
_WRITERS: Final[dict[str, Callable[[Any], bytes]]] = {
    **{kind: form.pack for kind, form in _NUMBERS.items()},
    "i128": _write_wide,
    "key": to_bytes,
    "bool": lambda value: b"\1" if value else b"\0",
    "string": _write_string,
    "shares": _write_shares,
}
