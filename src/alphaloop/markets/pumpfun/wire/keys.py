"""Base58, as Solana spells keys, signatures and instruction data.

Decoding a trade needs the text of three keys, and most of them were seen a moment ago. Both directions are therefore
cached; the caches are emptied when full, which costs a microsecond or two per key seen again and bounds the memory.
"""

from __future__ import annotations

from typing import Final

from alphaloop.core.errors import DataError

ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
KEY_BYTES: Final = 32
#: The zero key: the system program's address, and "none" wherever a key is optional.
ZERO_KEY: Final = "1" * KEY_BYTES
CACHED_KEYS: Final = 1 << 18

_DIGITS: Final = {character: digit for digit, character in enumerate(ALPHABET)}
_PAIRS: Final = [first + second for first in ALPHABET for second in ALPHABET]
_PAIR: Final = 58**2
_CHUNK_CHARACTERS: Final = 10
# The largest even power of 58 whose remainders are machine words: inside a chunk no arithmetic is on long integers.
_CHUNK: Final = 58**_CHUNK_CHARACTERS

_texts: dict[bytes, str] = {}
_keys: dict[str, bytes] = {}


def to_text(key: bytes) -> str:
    """Base58 text of a key of 32 bytes."""
    text = _texts.get(key)
    if text is None:
        if len(_texts) >= CACHED_KEYS:
            _texts.clear()
        text = _texts[key] = encode_base58(key)
    return text


def to_bytes(text: str) -> bytes:
    """Return the 32 bytes of a key.

    Raises
    ------
    DataError
        If `text` is no base58, or not that of 32 bytes.
    """
    key = _keys.get(text)
    if key is None:
        key = decode_base58(text)
        if len(key) != KEY_BYTES:
            raise DataError(f"key {text!r} has {len(key)} bytes, not {KEY_BYTES}; give a Solana address")
        if len(_keys) >= CACHED_KEYS:
            _keys.clear()
        _keys[text] = key
    return key


def encode_base58(content: bytes) -> str:
    """Base58 text of any bytes; each leading zero byte is one ``1``."""
    number = int.from_bytes(content, "big")
    parts: list[str] = []
    while number:
        number, chunk = divmod(number, _CHUNK)
        for _ in range(_CHUNK_CHARACTERS // 2):
            parts.append(_PAIRS[chunk % _PAIR])
            chunk //= _PAIR
    parts.reverse()
    return "1" * (len(content) - len(content.lstrip(b"\0"))) + "".join(parts).lstrip("1")


def decode_base58(text: str) -> bytes:
    """Return the bytes that `encode_base58` spells as `text`.

    Raises
    ------
    DataError
        At a character that base58 does not have.
    """
    number = 0
    try:
        for start in range(0, len(text), _CHUNK_CHARACTERS):
            part = text[start : start + _CHUNK_CHARACTERS]
            chunk = 0
            for character in part:
                chunk = chunk * 58 + _DIGITS[character]
            number = number * 58 ** len(part) + chunk
    except KeyError as wrong:
        raise DataError(
            f"{text[:60]!r} is not base58 at {wrong.args[0]!r}; give the text as the chain spells it"
        ) from None
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
