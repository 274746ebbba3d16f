"""Price streams with everything that happens to prices, and a way to compute one expression on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from alphaloop.core.random import stream
from alphaloop.features import Expr, Feature, FeatureSet

MINUTE = 60_000_000_000
START = 1_700_000_040_000_000_000

Floats = NDArray[np.float64]


def _walk(rows: int, seed: int) -> Floats:
    return 100.0 * np.exp(np.cumsum(stream(seed, "walk").normal(0, 0.002, rows)))


def _holes(rows: int) -> Floats:
    prices = _walk(rows, 2)
    prices[stream(2, "holes").random(rows) < 0.03] = np.nan
    prices[:3] = np.nan
    return prices


def _flat(rows: int) -> Floats:
    """Runs of equal prices, up to longer than any window of the tests."""
    lengths = stream(3, "flat").integers(1, 90, rows)
    return np.repeat(np.round(_walk(rows, 3), 2), lengths)[:rows]


def _jumps(rows: int) -> Floats:
    """Spikes and lasting changes of level by many orders of magnitude."""
    rng = stream(4, "jumps")
    prices = _walk(rows, 4)
    prices[rng.random(rows) < 0.01] *= 1e6
    prices[rows // 2 :] += 1e5
    prices[3 * rows // 4 :] -= 1e5
    return prices


STREAMS: dict[str, Callable[[int], Floats]] = {
    "walk": lambda rows: _walk(rows, 1),
    "holes": _holes,
    "flat": _flat,
    "jumps": _jumps,
    "ticks": lambda rows: stream(5, "ticks").integers(-2, 3, rows).astype(float),
}


@pytest.fixture(params=list(STREAMS))
def series(request: pytest.FixtureRequest) -> Floats:
    """A series of 900 numbers of one kind after another."""
    return STREAMS[request.param](900)


@pytest.fixture(scope="session")
def compute() -> Callable[..., Floats]:
    """Values of an expression over columns, in float64, with a row a minute unless times are given."""

    def of(expr: Expr, columns: Mapping[str, Floats] | Floats, known_ns: NDArray[np.int64] | None = None) -> Floats:
        inputs = columns if isinstance(columns, Mapping) else {"close": columns}
        rows = len(next(iter(inputs.values())))
        times = START + MINUTE * np.arange(rows) if known_ns is None else known_ns
        features = FeatureSet("one", [Feature("value", expr)])
        return features.stream(["A"], dtype=np.float64).push(inputs, times)[:, 0]

    return of
