"""Operators over a window: the last so many rows, or all rows of the last so long."""

from __future__ import annotations

from alphaloop.core.errors import FeatureError
from alphaloop.features.arguments import number, whole
from alphaloop.features.durations import Window, window_of
from alphaloop.features.expr import Expr, Operand, Parameter, as_expr


def total(x: Operand, window: Window) -> Expr:
    """Sum over a window."""
    return _windowed("total", x, window, 1)


def mean(x: Operand, window: Window) -> Expr:
    """Arithmetic mean over a window."""
    return _windowed("mean", x, window, 1)


def std(x: Operand, window: Window) -> Expr:
    """Standard deviation of a sample (divisor ``n - 1``) over a window; exactly 0 where all values are equal."""
    return _windowed("std", x, window, 2)


def skew(x: Operand, window: Window) -> Expr:
    """Skewness ``m3 / m2**1.5`` (population moments, polars' default); NaN where all values are equal."""
    return _windowed("skew", x, window, 2)


def kurtosis(x: Operand, window: Window) -> Expr:
    """Excess kurtosis ``m4 / m2**2 - 3`` (population moments, polars' default); NaN where all values are equal."""
    return _windowed("kurtosis", x, window, 2)


def lowest(x: Operand, window: Window) -> Expr:
    """Smallest value of a window."""
    return _windowed("lowest", x, window, 1)


def highest(x: Operand, window: Window) -> Expr:
    """Greatest value of a window."""
    return _windowed("highest", x, window, 1)


def quantile(x: Operand, window: Window, q: float) -> Expr:
    """The `q`-quantile of a window, linear between neighbours (Hyndman and Fan type 7, numpy's default)."""
    q = number(q, "the share of quantile()")
    if not 0.0 <= q <= 1.0:
        raise FeatureError(f"the share of quantile() is {q}; give a number from 0 to 1")
    return _windowed("quantile", x, window, 1, q=q)


def median(x: Operand, window: Window) -> Expr:
    """Median of a window."""
    return quantile(x, window, 0.5)


def slope(x: Operand, window: Window) -> Expr:
    """Slope per row of the least-squares line through a window."""
    return _windowed("slope", x, window, 2)


def autocorr(x: Operand, window: Window, k: int = 1) -> Expr:
    """Pearson correlation, inside a window, of the values with those `k` rows earlier (pandas' ``Series.autocorr``).

    NaN where either side of the pairs is constant.
    """
    k = whole(k, "the lag of autocorr()", 1)
    return _windowed("autocorr", x, window, k + 2, k=k)


def fft_power(x: Operand, window: int, low: float, high: float) -> Expr:
    """Share of a window's variance that has periods in ``[low, high)`` rows, by its discrete Fourier transform.

    A window of `w` rows has the periods ``w / 1, w / 2, ... w / (w // 2)``; the shares of bands that cover them all
    sum to 1. NaN where all values are equal. No taper is applied.
    """
    window = whole(window, "the window of fft_power()", 4)
    low, high = number(low, "the shortest period of fft_power()"), number(high, "the longest period of fft_power()")
    if not any(low <= window / cycles < high for cycles in range(1, window // 2 + 1)):
        raise FeatureError(
            f"fft_power() over {window} rows has no period in [{low:g}, {high:g}) rows; "
            f"its periods are {window}/1, {window}/2, ... {window}/{window // 2}"
        )
    return _windowed("fft_power", x, window, 4, low=low, high=high)


def _windowed(op: str, x: Operand, window: Window, least: int, **settings: Parameter) -> Expr:
    return Expr(op, (as_expr(x),), (("window", window_of(window, op, least)), *settings.items()))
