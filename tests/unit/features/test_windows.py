"""Windows by rows against windows that are cut out and computed from nothing, row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from alphaloop.features import (
    autocorr,
    close,
    fft_power,
    highest,
    kurtosis,
    lowest,
    mean,
    median,
    quantile,
    skew,
    slope,
    std,
    total,
)

Floats = NDArray[np.float64]
WINDOWS = (2, 5, 20, 64)


def windows(x: Floats, w: int) -> Floats:
    return sliding_window_view(np.concatenate([np.full(w - 1, np.nan), x]), w)


def rolled(function: Callable[[Any], Any], x: Floats, w: int) -> Floats:
    """The oracle: `function` on each whole window without a NaN, in extended precision; NaN elsewhere."""
    cut = windows(x, w)
    whole = ~np.isnan(cut).any(axis=1)
    values = np.full(len(x), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        values[whole] = function(cut[whole].astype(np.longdouble))
    return values


def central(cut: Any, power: int) -> Any:
    return ((cut - cut.mean(axis=1, keepdims=True)) ** power).mean(axis=1)


def varies(cut: Any) -> Any:
    """1 where a window has two different values, else NaN."""
    return np.where(np.ptp(cut, axis=1) > 0, 1.0, np.nan)


def oracle_std(cut: Any) -> Any:
    w = cut.shape[1]
    return np.where(np.ptp(cut, axis=1) > 0, np.sqrt(central(cut, 2) * w / (w - 1)), 0.0)


def oracle_skew(cut: Any) -> Any:
    return varies(cut) * central(cut, 3) / central(cut, 2) ** 1.5


def oracle_kurtosis(cut: Any) -> Any:
    return varies(cut) * (central(cut, 4) / central(cut, 2) ** 2 - 3.0)


def oracle_autocorr(cut: Any, k: int) -> Any:
    early, late = cut[:, :-k], cut[:, k:]
    if early.shape[1] < 2:
        return np.full(len(cut), np.nan)
    a, b = early - early.mean(axis=1, keepdims=True), late - late.mean(axis=1, keepdims=True)
    return varies(early) * varies(late) * (a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))


def oracle_slope(cut: Any) -> Any:
    shifted = (cut - cut[:, :1]).astype(float)
    return np.polyfit(np.arange(cut.shape[1]), shifted.T, 1)[0] if len(cut) else 0.0


def scale(x: Floats, w: int) -> Floats:
    """Magnitude of each window: what an error may be relative to."""
    return np.nan_to_num(np.abs(windows(x, w)), nan=0.0).max(axis=1)


def agree(got: Floats, wanted: Floats, tolerance: float | Floats) -> None:
    np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted))
    with np.errstate(invalid="ignore"):
        worst = np.nanargmax(np.abs(got - wanted) - tolerance) if np.isfinite(wanted).any() else 0
        assert np.all(~(np.abs(got - wanted) > tolerance)), f"row {worst}: {got[worst]!r}, oracle {wanted[worst]!r}"


@pytest.mark.parametrize("w", WINDOWS)
def test_mean_and_total(compute: Callable[..., Floats], series: Floats, w: int) -> None:
    size = scale(series, w)
    agree(compute(mean(close, w), series), rolled(lambda cut: cut.mean(axis=1), series, w), 1e-14 * size)
    agree(compute(total(close, w), series), rolled(lambda cut: cut.sum(axis=1), series, w), 1e-11 * size)


@pytest.mark.parametrize("w", WINDOWS)
def test_standard_deviation(compute: Callable[..., Floats], series: Floats, w: int) -> None:
    wanted = rolled(oracle_std, series, w)
    agree(compute(std(close, w), series), wanted, 1e-10 * wanted)


@pytest.mark.parametrize("w", WINDOWS)
def test_skewness_and_kurtosis(compute: Callable[..., Floats], series: Floats, w: int) -> None:
    agree(compute(skew(close, w), series), rolled(oracle_skew, series, w), 1e-9)
    agree(compute(kurtosis(close, w), series), rolled(oracle_kurtosis, series, w), 1e-8)


@pytest.mark.parametrize("w", WINDOWS)
def test_moments_are_those_of_polars(compute: Callable[..., Floats], w: int) -> None:
    x = np.random.default_rng(0).normal(0, 1, 500)
    values = pl.Series(x)
    peers = [(mean, values.rolling_mean(w)), (std, values.rolling_std(w))]
    if w > 2:
        peers += [(skew, values.rolling_skew(w)), (kurtosis, values.rolling_kurtosis(w))]
    for operator, peer in peers:
        wanted = peer.to_numpy().copy()
        wanted[: w - 1] = np.nan
        agree(compute(operator(close, w), x), wanted, 1e-9)


@pytest.mark.parametrize("w", [1, *WINDOWS])
def test_extremes_are_exact(compute: Callable[..., Floats], series: Floats, w: int) -> None:
    agree(compute(lowest(close, w), series), rolled(lambda cut: cut.min(axis=1), series, w), 0.0)
    agree(compute(highest(close, w), series), rolled(lambda cut: cut.max(axis=1), series, w), 0.0)


@pytest.mark.parametrize("w", [1, *WINDOWS])
@pytest.mark.parametrize("q", [0.0, 0.1, 0.5, 0.97, 1.0])
def test_quantiles(compute: Callable[..., Floats], series: Floats, w: int, q: float) -> None:
    wanted = rolled(lambda cut: np.quantile(cut.astype(float), q, axis=1) if len(cut) else 0.0, series, w)
    agree(compute(quantile(close, w, q), series), wanted, 1e-12 * scale(series, w))


def test_median_is_the_middle(compute: Callable[..., Floats], series: Floats) -> None:
    np.testing.assert_array_equal(compute(median(close, 7), series), compute(quantile(close, 7, 0.5), series))


@pytest.mark.parametrize("w", WINDOWS)
def test_slope(compute: Callable[..., Floats], series: Floats, w: int) -> None:
    spread = rolled(lambda cut: np.ptp(cut, axis=1), series, w)
    agree(compute(slope(close, w), series), rolled(oracle_slope, series, w), 1e-9 * spread)


@pytest.mark.parametrize(("w", "k"), [(3, 1), (20, 1), (20, 5), (64, 1), (64, 30)])
def test_autocorrelation(compute: Callable[..., Floats], series: Floats, w: int, k: int) -> None:
    wanted = rolled(lambda cut: oracle_autocorr(cut, k), series, w)
    agree(compute(autocorr(close, w, k), series), wanted, 1e-8)


@pytest.mark.parametrize(("w", "low", "high"), [(16, 2, 4), (16, 4, 17), (64, 8, 32), (63, 2, 5), (64, 2, 2.1)])
def test_spectral_share(compute: Callable[..., Floats], series: Floats, w: int, low: float, high: float) -> None:
    def share(cut: Any) -> Any:
        power = np.abs(np.fft.fft((cut - cut.mean(axis=1, keepdims=True)).astype(float))) ** 2
        cycles = np.minimum(np.arange(w), w - np.arange(w))
        periods = w / np.maximum(cycles, 1e-9)
        band = (cycles > 0) & (periods >= low) & (periods < high)
        return varies(cut) * power[:, band].sum(axis=1) / power[:, cycles > 0].sum(axis=1)

    agree(compute(fft_power(close, w, low, high), series), rolled(share, series, w), 1e-8)


def test_bands_that_cover_everything_share_it_all(compute: Callable[..., Floats], series: Floats) -> None:
    shares = [compute(fft_power(close, 32, low, high), series) for low, high in ((2, 3), (3, 9), (9, 33))]
    whole = np.sum(shares, axis=0)
    np.testing.assert_allclose(whole[~np.isnan(whole)], 1.0, atol=1e-9)


def test_equal_values_have_no_spread_at_all(compute: Callable[..., Floats]) -> None:
    x = np.concatenate([np.linspace(90, 110, 50), np.full(100, 0.1), [1e9], np.full(100, 123.456)])
    deviation = compute(std(close, 20), x)
    assert set(deviation[69:149]) == {0.0}
    assert set(deviation[-80:]) == {0.0}
    assert np.isnan(compute(skew(close, 20), x)[-80:]).all()
    assert np.isnan(compute(kurtosis(close, 20), x)[-80:]).all()
    assert np.isnan(compute(autocorr(close, 20), x)[-80:]).all()
    assert set(compute(slope(close, 20), x)[-80:]) == {0.0}
    assert set(compute(mean(close, 20), x)[-80:]) == {123.456}


def test_whole_numbers_have_whole_sums(compute: Callable[..., Floats]) -> None:
    x = np.random.default_rng(1).integers(0, 2, 5000).astype(float)
    wanted = rolled(lambda cut: cut.sum(axis=1), x, 20)
    np.testing.assert_array_equal(compute(total(close, 20), x), wanted)
