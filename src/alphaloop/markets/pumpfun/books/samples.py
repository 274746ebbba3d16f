"""The last N whole numbers of a series, kept as bytes: 8 bytes a number and no object until someone asks.

Millions of wallets have a handful of numbers each. A ``bytes`` of their little-endian 64-bit forms costs a tenth of a
list, saves as it is, and grows only as far as there is something to keep.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Final

WIDTH: Final = 8

_ONE: Final = struct.Struct("<q")
_pack: Final = _ONE.pack


def added(sample: bytes, number: int, most: int) -> bytes:
    """`sample` with `number` behind it, and without its oldest ones beyond `most`."""
    if len(sample) < most * WIDTH:
        return sample + _pack(number)
    return sample[len(sample) - (most - 1) * WIDTH :] + _pack(number)


def numbers(sample: bytes) -> tuple[int, ...]:
    """Every number, oldest first."""
    return struct.unpack(f"<{len(sample) // WIDTH}q", sample)


def count(sample: bytes) -> int:
    """How many numbers there are."""
    return len(sample) // WIDTH


def nth_last(sample: bytes, n: int) -> int:
    """Read the `n`-th number from the end; 1 is the newest. There must be as many."""
    found: int = _ONE.unpack_from(sample, len(sample) - n * WIDTH)[0]
    return found


def median(values: Sequence[int]) -> float:
    """Middle value, the mean of the two middle ones for an even count, NaN for none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    half = len(ordered) // 2
    return float(ordered[half]) if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
