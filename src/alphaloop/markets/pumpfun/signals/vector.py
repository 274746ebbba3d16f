"""From named values to the row that a model takes: float32, in the order of the set, NaN where missing."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alphaloop.markets.pumpfun.signals.catalogue import GENESIS, SIGNAL, EventFeatureSet

Vector = NDArray[np.float32]


class Vectoriser:
    """Puts the values of one feature set in order."""

    def __init__(self, features: EventFeatureSet) -> None:
        self.features = features
        self._pick = itemgetter(*features.names)

    def __call__(self, values: Mapping[str, float]) -> Vector:
        """Row of shape (n,), little-endian float32.

        Raises
        ------
        KeyError
            If a feature of the set is not among `values`: a book forgot one.
        """
        return np.array(self._pick(values), "<f4")


SIGNAL_VECTOR: Final = Vectoriser(SIGNAL)
GENESIS_VECTOR: Final = Vectoriser(GENESIS)


def from_bytes(body: bytes) -> Vector:
    """A row as it is stored: little-endian float32."""
    return np.frombuffer(body, "<f4")
