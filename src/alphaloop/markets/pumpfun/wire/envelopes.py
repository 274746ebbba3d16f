"""A transaction as a node answers with it: its signature, its account keys and its outcome, whatever the encoding.

``json`` and ``jsonParsed`` spell the message out; ``base64`` and ``base58`` give its bytes, of which only the first
signature and the list of account keys are read. Keys from lookup tables follow the message's own keys: writable ones
first, as the outcome lists them.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.wire.keys import KEY_BYTES, decode_base58, encode_base58, to_text

_SIGNATURE_BYTES: Final = 64
_VERSIONED: Final = 0x80
_HEADER_BYTES: Final = 3


class Instruction(msgspec.Struct, frozen=True):
    """An inner instruction; one that the node parsed has no `data`."""

    program: str = msgspec.field(name="programId", default="")
    program_index: int | None = msgspec.field(name="programIdIndex", default=None)
    data: str | None = None


class InnerInstructions(msgspec.Struct, frozen=True):
    """What ran inside the outer instruction number `index`, in order."""

    index: int
    instructions: list[Instruction]


class LoadedAddresses(msgspec.Struct, frozen=True):
    """Keys that the transaction took from lookup tables."""

    writable: list[str] = []
    readonly: list[str] = []


class Meta(msgspec.Struct, frozen=True):
    """The outcome: `err` is None if the transaction had effect."""

    err: Any = None
    logs: list[str] | None = msgspec.field(name="logMessages", default=None)
    inner: list[InnerInstructions] | None = msgspec.field(name="innerInstructions", default=None)
    loaded: LoadedAddresses | None = msgspec.field(name="loadedAddresses", default=None)


class Envelope(NamedTuple):
    """Signature, slot, time of the block in seconds (None if not said), account keys in order, and outcome."""

    signature: str
    slot: int
    block_time_s: int | None
    keys: list[str]
    meta: Meta


class _Spelt(msgspec.Struct, frozen=True):
    keys: list[str | dict[str, Any]] = msgspec.field(name="accountKeys")


class _Transaction(msgspec.Struct, frozen=True):
    signatures: list[str]
    message: _Spelt


class _Answer(msgspec.Struct, frozen=True):
    transaction: Any
    meta: Meta | None = None
    slot: int = 0
    block_time_s: int | None = msgspec.field(name="blockTime", default=None)


def open_envelope(answer: Mapping[str, Any]) -> Envelope:
    """Read a ``getTransaction`` answer, the whole message or its ``result``.

    Raises
    ------
    DataError
        If there is no transaction in it, its outcome is absent, or its message is in no known format.
    """
    result = answer.get("result", answer)
    if result is None:
        raise DataError("the node knows no such transaction (result null); ask again later, or ask another node")
    try:
        found = msgspec.convert(result, _Answer)
        if found.meta is None:
            raise DataError("the transaction comes without its outcome (meta); ask for it with getTransaction")
        signature, keys, spelt_whole = _message(found.transaction)
    except (msgspec.ValidationError, KeyError, IndexError, ValueError) as wrong:
        raise DataError(f"this is no getTransaction answer ({wrong}); give the node's JSON as it came") from None
    if found.meta.loaded and not spelt_whole:
        keys = [*keys, *found.meta.loaded.writable, *found.meta.loaded.readonly]
    return Envelope(signature, found.slot, found.block_time_s, keys, found.meta)


def _message(transaction: Any) -> tuple[str, list[str], bool]:
    """First signature, account keys, and whether these hold the looked-up ones already."""
    if isinstance(transaction, list):
        content, encoding = (*transaction, "base58")[:2]
    elif isinstance(transaction, str):
        content, encoding = transaction, "base58"
    else:
        spelt = msgspec.convert(transaction, _Transaction)
        keys = [key if isinstance(key, str) else key["pubkey"] for key in spelt.message.keys]
        return spelt.signatures[0], keys, any(isinstance(key, dict) for key in spelt.message.keys)
    if not isinstance(content, str):
        raise DataError(f"a transaction of {content!r} cannot be read; give the node's JSON as it came")
    if encoding == "base64":
        data = base64.b64decode(content, validate=True)
    elif encoding == "base58":
        data = decode_base58(content)
    else:
        raise DataError(f"a transaction in encoding {encoding!r} cannot be read; ask for base64, json or jsonParsed")
    return (*_read_message(data), False)


def _read_message(data: bytes) -> tuple[str, list[str]]:
    count, at = _compact(data, 0)
    signature = data[at : at + _SIGNATURE_BYTES]
    at += count * _SIGNATURE_BYTES
    if data[at] >= _VERSIONED:
        if data[at] != _VERSIONED:
            raise DataError(f"a transaction of version {data[at] - _VERSIONED} cannot be read; ask for json")
        at += 1
    count, at = _compact(data, at + _HEADER_BYTES)
    if at + count * KEY_BYTES > len(data) or len(signature) != _SIGNATURE_BYTES:
        raise DataError(f"the transaction ends after {len(data)} bytes, inside its account keys; ask for it again")
    keys = [to_text(data[i : i + KEY_BYTES]) for i in range(at, at + count * KEY_BYTES, KEY_BYTES)]
    return encode_base58(signature), keys


def _compact(data: bytes, at: int) -> tuple[int, int]:
    """Read a length of 7 bits a byte, least significant first; give it and the position behind it."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < _VERSIONED:
            return value, at
