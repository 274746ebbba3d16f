"""Long series at a high price: what is carried along for millions of rows is still what a fresh window gives."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from alphaloop.core.random import stream
from alphaloop.features import (
    Feature,
    FeatureSet,
    autocorr,
    close,
    fft_power,
    kurtosis,
    mean,
    skew,
    slope,
    std,
)

Floats = NDArray[np.float64]
W = 60
SECOND = 1_000_000_000
LEVEL = 1e5


def prices(rows: int) -> Floats:
    """A price near 100,000 that moves by cents, with a spike to a million times that once in a while."""
    rng = stream(31, "prices")
    path = np.cumsum(rng.normal(0, 0.01, rows))
    x = LEVEL + path - np.linspace(0, path[-1], rows)
    x[:: rows // 7] *= 1e6
    return x


def exact(x: Floats, end: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Mean, standard deviation, skewness and kurtosis of the windows up to row `end`, each from its values alone."""
    cut = sliding_window_view(x[end - 20_000 - W + 1 : end], W)
    shift = cut[:, :1]
    d = cut - shift
    middle = d.mean(axis=1, keepdims=True)
    d = d - middle
    m2, m3, m4 = ((d**power).mean(axis=1) for power in (2, 3, 4))
    return (shift + middle)[:, 0], np.sqrt(m2 * W / (W - 1)), m3 / m2**1.5, m4 / m2**2 - 3


def check(rows: int, chunk: int) -> None:
    x = prices(rows)
    window = f"{W}s"
    features = FeatureSet(
        "moments",
        [Feature(f"{f.__name__}{w}", f(close, w)) for w in (W, window) for f in (mean, std, skew, kurtosis)],
    )
    pushed = features.stream(["A"], np.float64)
    seen, compared = [], 0
    for begin in range(0, rows, chunk):
        end = min(begin + chunk, rows)
        seen.append(pushed.push({"close": x[begin:end]}, SECOND * np.arange(begin + 1, end + 1))[-25_000:])
        got = np.vstack(seen[-2:])[-20_000:]
        if len(got) < 20_000 or end < 21_000:
            continue
        for place, wanted in enumerate(exact(x, end)):
            for column in (place, place + 4):
                scale = wanted if place < 2 else np.maximum(np.abs(wanted), 1.0)
                error = np.max(np.abs(got[:, column] - wanted) / scale)
                assert error < (1e-9 if place < 2 else 1e-6), f"{features.names[column]} at row {end}: {error}"
        compared += 1
    assert compared >= 3


def test_moments_of_a_million_rows() -> None:
    check(1_000_000, 200_000)


@pytest.mark.slow
def test_moments_of_ten_million_rows() -> None:
    check(10_000_000, 500_000)


def test_the_other_windows_of_a_million_rows() -> None:
    """Slope, autocorrelation and spectrum at the end of a million rows are what a stream that begins there gives."""
    x = prices(1_000_000)
    features = FeatureSet(
        "others",
        [
            Feature("slope", slope(close, W)),
            Feature("slope by time", slope(close, f"{W}s")),
            Feature("autocorr", autocorr(close, W, 3)),
            Feature("spectrum", fft_power(close, W, 4, 16)),
        ],
    )
    times = SECOND * np.arange(1, len(x) + 1)
    long = features.stream(["A"], np.float64).push({"close": x}, times)[-1000:]
    fresh = features.stream(["A"], np.float64).push({"close": x[-2000:]}, times[-2000:])[-1000:]
    scale = np.maximum(np.abs(fresh), [0.01, 0.01, 1.0, 1.0])
    assert np.max(np.abs(long - fresh) / scale) < 1e-9
