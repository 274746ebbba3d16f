"""The parts that every generation of trade instructions is made of: marked arguments and flagged accounts."""

from __future__ import annotations

import hashlib
import struct
from typing import Final

from solders.instruction import AccountMeta
from solders.pubkey import Pubkey

_TWO_NUMBERS: Final = struct.Struct("<QQ")


def mark(name: str) -> bytes:
    """The 8 bytes that an instruction of this name begins with."""
    return hashlib.sha256(f"global:{name}".encode()).digest()[:8]


def arguments(name_mark: bytes, amount: int, limit: int, *options: bool) -> bytes:
    """Instruction data: the mark, two 64-bit numbers, and a byte for each option that is said."""
    return name_mark + _TWO_NUMBERS.pack(amount, limit) + bytes(options)


def reads(account: Pubkey) -> AccountMeta:
    """An account that is only read."""
    return AccountMeta(account, is_signer=False, is_writable=False)


def writes(account: Pubkey) -> AccountMeta:
    """An account that is written to."""
    return AccountMeta(account, is_signer=False, is_writable=True)


def pays(account: Pubkey) -> AccountMeta:
    """The wallet: signs and is written to."""
    return AccountMeta(account, is_signer=True, is_writable=True)
