"""Keys and signatures as base58 text, made in blocks.

Text whose first digit lies in the right range has exactly 32 or 64 bytes, so that no long arithmetic is needed: 58**43
is above 2**248 and 17 times it below 2**256; 58**87 is above 2**504 and 5 times it below 2**512.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alphaloop.markets.pumpfun.wire.keys import ALPHABET

KEY_CHARACTERS = 44
SIGNATURE_CHARACTERS = 88
BLOCK = 2048

_DIGITS = np.frombuffer(ALPHABET.encode(), np.uint8)


def keys(rng: np.random.Generator, count: int) -> list[str]:
    """Draw texts of `count` keys of 32 bytes."""
    return _texts(rng, count, KEY_CHARACTERS, first_digits=(1, 17))


def flow_of_keys(rng: np.random.Generator, ending: str = "") -> Iterator[str]:
    """Keys without end; `ending` replaces the last characters, as minters of coins like it."""
    kept = KEY_CHARACTERS - len(ending)
    while True:
        for text in keys(rng, BLOCK):
            yield text[:kept] + ending


def flow_of_signatures(rng: np.random.Generator) -> Iterator[str]:
    """Signatures of 64 bytes without end."""
    while True:
        yield from _texts(rng, BLOCK, SIGNATURE_CHARACTERS, first_digits=(1, 5))


def _texts(rng: np.random.Generator, count: int, characters: int, first_digits: tuple[int, int]) -> list[str]:
    digits = rng.integers(0, len(ALPHABET), (count, characters), dtype=np.uint8)
    digits[:, 0] = rng.integers(*first_digits, count, dtype=np.uint8)
    text = _DIGITS[digits].tobytes().decode("ascii")
    return [text[start : start + characters] for start in range(0, count * characters, characters)]
