"""Fields of an account, read where they are and as zero where the account ends before them.

Programs append fields with their upgrades, so accounts of every age are met: bytes that are missing read as zero.
Integers are little-endian.
"""

from __future__ import annotations

from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.wire.keys import KEY_BYTES, to_text

MARK_BYTES = 8


def check(data: bytes, mark: bytes, least: int, kind: str) -> None:
    """Refuse what is not an account of this kind, or ends before its oldest fields do.

    Raises
    ------
    DataError
        If the account begins with another mark, or has fewer than `least` bytes.
    """
    begins = data[:MARK_BYTES]
    if begins != mark:
        raise DataError(
            f"not a {kind} account: it begins with {begins.hex() or 'nothing'}, not {mark.hex()}; check the address"
        )
    if len(data) < least:
        raise DataError(f"the {kind} account has {len(data)} bytes and needs {least}; fetch it again")


def u64(data: bytes, at: int) -> int:
    """A number of 64 bits."""
    return int.from_bytes(data[at : at + 8], "little")


def i128(data: bytes, at: int) -> int:
    """A signed number of 128 bits."""
    return int.from_bytes(data[at : at + 16].ljust(16, b"\0"), "little", signed=True)


def flag(data: bytes, at: int) -> bool:
    """Whether the byte is not zero."""
    return any(data[at : at + 1])


def key(data: bytes, at: int) -> str:
    """The text of a key."""
    return to_text(data[at : at + KEY_BYTES].ljust(KEY_BYTES, b"\0"))


def keys(data: bytes, at: int, count: int) -> tuple[str, ...]:
    """Texts of keys that follow each other."""
    return tuple(key(data, at + KEY_BYTES * i) for i in range(count))
