"""The live road from bars to signals: push, score the rows of one time as one batch, choose."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from alphaloop.features.stream import FeatureStream
from alphaloop.live.source import BarTime
from alphaloop.trading.policy import choose
from alphaloop.trading.records import Signal
from alphaloop.trading.setup import ATR, Setup


class Scores(Protocol):
    """What is needed of a scorer."""

    def score(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the probabilities (n, C) of feature rows (n, F)."""
        ...


class Opinion:
    """What the model thinks of each symbol, kept up with the bars.

    Attributes
    ----------
    seen : dict of str to int
        Bars of each symbol so far; the first `warm_up_rows` have no opinion.
    """

    def __init__(self, setup: Setup, scorer: Scores, symbols: Sequence[str]) -> None:
        self._setup = setup
        self._scorer = scorer
        self._features = setup.features.stream(symbols)
        self._context = setup.context.stream(symbols, np.float64) if setup.context is not None else None
        self._atr_column = setup.context.names.index(ATR) if setup.context is not None else 0
        self.seen: dict[str, int] = {}
        self._rows: NDArray[np.float32] = np.empty((0, 0), np.float32)
        self._probabilities: NDArray[np.float32] = np.empty((0, 0), np.float32)
        self._places: dict[str, int] = {}

    def signals(self, bar_time: BarTime) -> list[Signal]:
        """Take in the bars of one time and give the signals they lead to."""
        symbols = bar_time.symbols
        known = np.full(len(symbols), bar_time.now_ns, np.int64)
        self._rows = self._features.push(bar_time.columns, known, symbols)
        self._probabilities = self._scorer.score(self._rows)
        atr = np.full(len(symbols), np.nan)
        if self._context is not None:
            atr = self._context.push(bar_time.columns, known, symbols)[:, self._atr_column]
        self._places = {symbol: place for place, symbol in enumerate(symbols)}
        setup = self._setup
        sides, confidences = choose(self._probabilities, setup.sides, setup.plan.policy, setup.threshold)
        signals = []
        for place, row in enumerate(bar_time.rows):
            age = self.seen.get(row[0], 0)
            self.seen[row[0]] = age + 1
            if sides[place] and age >= setup.warm_up_rows:
                signals.append(Signal(row[0], row[6], float(atr[place]), int(sides[place]), float(confidences[place])))
        return signals

    def evidence(self, symbol: str) -> dict[str, Any]:
        """Features and probabilities of the last bar of `symbol`, ready for JSON: null is NaN, infinities are words."""
        place = self._places[symbol]
        return {
            "symbol": symbol,
            "features": [_plain(value) for value in self._rows[place].tolist()],
            "probabilities": [_plain(value) for value in self._probabilities[place].tolist()],
        }

    def state(self) -> dict[str, Any]:
        """Give what is small, ready for JSON."""
        return {"seen": dict(self.seen)}

    def blobs(self) -> dict[str, bytes]:
        """Give what is large, by name."""
        saved = {"features": self._features.save()}
        return saved if self._context is None else saved | {"context": self._context.save()}

    def restore(self, state: Mapping[str, Any], blobs: Mapping[str, bytes]) -> None:
        """Take over what `state` and `blobs` gave."""
        self.seen = dict(state["seen"])
        self._features = FeatureStream.restore(self._setup.features, blobs["features"])
        if self._setup.context is not None:
            self._context = FeatureStream.restore(self._setup.context, blobs["context"])


def _plain(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else ("inf" if value > 0 else "-inf")
