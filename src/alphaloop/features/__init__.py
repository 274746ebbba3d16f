"""Features: one way to compute them, for history and for the next row alike.

A feature is an expression of operators over the past of its own series. A `FeatureSet` of them is compiled to a small
program that one numba-compiled machine runs: the training table is one large push, a live trader pushes rows as they
come, and any chunking gives the same bits.

Examples
--------
>>> from alphaloop.features import Feature, FeatureSet, close, mean, std
>>> z = (close - mean(close, 20)) / std(close, 20)
>>> z
(close - mean(close, 20)) / std(close, 20)
>>> FeatureSet("mine", [Feature("z_20", z)]).warm_up(step_s=60)
19
"""

from __future__ import annotations

from alphaloop.features.expr import Expr, constant
from alphaloop.features.operators import (
    abs_,
    atr,
    clip,
    close,
    column,
    diff,
    ema,
    exp,
    high,
    hour_cos,
    hour_sin,
    in_session,
    lag,
    log,
    low,
    maximum,
    minimum,
    open,
    rsi,
    run_length,
    sign,
    sqrt,
    true_range,
    volume,
    weekday_cos,
    weekday_sin,
    where,
    wilder,
)
from alphaloop.features.reference import load_feature_set
from alphaloop.features.relations import higher, other
from alphaloop.features.sets import Feature, FeatureSet
from alphaloop.features.windows import (
    autocorr,
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

__all__ = [
    "Expr",
    "Feature",
    "FeatureSet",
    "abs_",
    "atr",
    "autocorr",
    "clip",
    "close",
    "column",
    "constant",
    "diff",
    "ema",
    "exp",
    "fft_power",
    "high",
    "higher",
    "highest",
    "hour_cos",
    "hour_sin",
    "in_session",
    "kurtosis",
    "lag",
    "load_feature_set",
    "log",
    "low",
    "lowest",
    "maximum",
    "mean",
    "median",
    "minimum",
    "open",
    "other",
    "quantile",
    "rsi",
    "run_length",
    "sign",
    "skew",
    "slope",
    "sqrt",
    "std",
    "total",
    "true_range",
    "volume",
    "weekday_cos",
    "weekday_sin",
    "where",
    "wilder",
]
