"""Independent random streams from one seed: adding a stream never moves another."""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, *path: str | int) -> np.random.Generator:
    """A generator that depends on `seed` and on its `path`, and on nothing else.

    Examples
    --------
    >>> from alphaloop.core.random import stream
    >>> bool(stream(7, "bootstrap").random() == stream(7, "bootstrap").random())
    True
    >>> bool(stream(7, "bootstrap").random() == stream(7, "shuffle").random())
    False
    """
    words = [part if isinstance(part, int) else zlib.crc32(part.encode()) for part in path]
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=tuple(words)))
