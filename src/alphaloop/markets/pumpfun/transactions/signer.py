"""The wallet's key: it signs, and says nothing else.

A key file is the JSON array of 64 numbers that Solana's own tools write. The secret is kept inside one object that
prints as its address, cannot be copied or saved, and whose errors name the file and never its content.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn

from solders.keypair import Keypair
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature

from alphaloop.core.errors import InputError, RefusedError

KEY_NUMBERS: Final = 64
_LONGEST: Final = 4_096
_OPEN_TO_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Signer:
    """A wallet that signs messages.

    Parameters
    ----------
    keypair : Keypair
        Both halves of the key.
    """

    __slots__ = ("_keypair", "public")

    def __init__(self, keypair: Keypair) -> None:
        self._keypair = keypair
        self.public: Pubkey = keypair.pubkey()

    def sign(self, message: MessageV0) -> Signature:
        """The wallet's signature of a message."""
        return self._keypair.sign_message(to_bytes_versioned(message))

    # The key's own text is the secret, so neither is left to what it holds.
    def __repr__(self) -> str:
        return f"Signer({self.public})"

    __str__ = __repr__

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise RefusedError(f"the key of {self.public} is not copied or saved; load it from its file where it is needed")


def read_signer(path: Path) -> Signer:
    """Load a wallet from its key file.

    Raises
    ------
    RefusedError
        If others than the owner may read or write the file.
    InputError
        If it cannot be read, or is no key file.
    """
    try:
        with path.open("rb") as file:
            # Asked of the open file, so that what is checked is what is read.
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            keypair = None if mode & _OPEN_TO_OTHERS else _keypair(file)
    except OSError as error:
        raise InputError(f"key file {path} cannot be read: {error.strerror}; give the path of a key file") from None
    if mode & _OPEN_TO_OTHERS:
        raise RefusedError(f"key file {path} has mode {mode:04o}, open to others; run chmod 600 on it")
    if keypair is None:
        raise InputError(
            f"key file {path} is not an array of {KEY_NUMBERS} numbers whose halves belong together; give a key file"
        )
    return Signer(keypair)


def _keypair(file: BinaryIO) -> Keypair | None:
    """Return the key, or None: what was read must be in no error, nor in a frame that an error shows."""
    try:
        numbers = json.loads(file.read(_LONGEST))
        if not isinstance(numbers, list) or len(numbers) != KEY_NUMBERS:
            return None
        return Keypair.from_bytes(bytes(numbers))
    except (ValueError, TypeError, RecursionError):
        return None
