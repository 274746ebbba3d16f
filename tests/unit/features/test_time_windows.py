"""Windows by time, half-open ``(t - window, t]``, on rows that come irregularly, against polars and cut-out windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from alphaloop.core.random import stream
from alphaloop.features import (
    Expr,
    Feature,
    FeatureSet,
    autocorr,
    close,
    highest,
    kurtosis,
    lowest,
    mean,
    quantile,
    skew,
    slope,
    std,
    total,
)

Floats = NDArray[np.float64]
SECOND = 1_000_000_000
WIDTH = 90 * SECOND


@pytest.fixture
def times() -> NDArray[np.int64]:
    """Bursts of many rows a second and gaps of minutes, on whole seconds often enough to meet window edges."""
    rng = stream(6, "times")
    steps = rng.choice([1, 1, 1, 2, 5, 30, 90, 400], 900)
    return 1_700_000_000 * SECOND + np.cumsum(steps) * SECOND


def cut_out(x: Floats, times: NDArray[np.int64], function: Callable[[Floats], float]) -> Floats:
    """`function` of each window that is old enough and holds no NaN."""
    out = np.full(len(x), np.nan)
    for i, now in enumerate(times):
        inside = (times > now - WIDTH) & (times <= now)
        if now - times[0] >= WIDTH and not np.isnan(x[inside]).any():
            out[i] = function(x[inside].astype(np.longdouble))
    return out


def moment(v: Any, power: int) -> Any:
    return ((v - v.mean()) ** power).mean()


def nan_if_flat(function: Callable[[Any], Any], least: int) -> Callable[[Any], float]:
    return lambda v: float(function(v)) if len(v) >= least and np.ptp(v) > 0 else np.nan


def _autocorr(v: Any) -> float:
    if len(v) < 3 or np.ptp(v[1:]) == 0 or np.ptp(v[:-1]) == 0:
        return np.nan
    return float(np.corrcoef(v[1:].astype(float), v[:-1].astype(float))[0, 1])


CASES: dict[str, tuple[Expr, Callable[[Any], float], float]] = {
    "total": (total(close, "90s"), lambda v: float(v.sum()), 1e-10),
    "mean": (mean(close, "90s"), lambda v: float(v.mean()), 1e-12),
    "std": (std(close, "90s"), lambda v: float(np.ptp(v) and v.std(ddof=1)) if len(v) > 1 else np.nan, 1e-9),
    "skew": (skew(close, "90s"), nan_if_flat(lambda v: moment(v, 3) / moment(v, 2) ** 1.5, 2), 1e-8),
    "kurtosis": (kurtosis(close, "90s"), nan_if_flat(lambda v: moment(v, 4) / moment(v, 2) ** 2 - 3, 2), 1e-7),
    "lowest": (lowest(close, "90s"), lambda v: float(v.min()), 0.0),
    "highest": (highest(close, "90s"), lambda v: float(v.max()), 0.0),
    "quantile": (quantile(close, "90s", 0.3), lambda v: float(np.quantile(v.astype(float), 0.3)), 1e-12),
    "slope": (
        slope(close, "90s"),
        lambda v: np.polyfit(np.arange(len(v)), (v - v[0]).astype(float), 1)[0] if len(v) > 1 else np.nan,
        1e-8,
    ),
    "autocorr": (autocorr(close, "90s"), _autocorr, 1e-7),
}


@pytest.mark.parametrize("name", CASES)
def test_window_holds_what_came_after_its_open_end(
    compute: Callable[..., Floats], series: Floats, times: NDArray[np.int64], name: str
) -> None:
    expr, function, tolerance = CASES[name]
    wanted = cut_out(series, times, function)
    got = compute(expr, series, times)
    np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)


def test_windows_are_polars_closed_on_the_right(compute: Callable[..., Floats], times: NDArray[np.int64]) -> None:
    x = stream(7, "x").normal(0, 1, len(times))
    frame = pl.DataFrame({"t": times, "x": x}).with_columns(pl.from_epoch("t", "ns"))
    peers = frame.rolling("t", period="90s", closed="right").agg(mean=pl.mean("x"), std=pl.std("x"), high=pl.max("x"))
    old_enough = times - times[0] >= WIDTH
    for expr, name in ((mean(close, "90s"), "mean"), (std(close, "90s"), "std"), (highest(close, "90s"), "high")):
        wanted = np.where(old_enough, peers[name].to_numpy(), np.nan)
        np.testing.assert_allclose(compute(expr, x, times), wanted, rtol=1e-9, atol=1e-12)


def test_a_nan_is_felt_until_it_has_left(compute: Callable[..., Floats]) -> None:
    x = np.ones(400)
    x[200] = np.nan
    times = (1 + np.arange(400)) * SECOND
    for expr, _, _ in (CASES["mean"], CASES["total"], CASES["lowest"], CASES["quantile"], CASES["slope"]):
        missing = np.isnan(compute(expr, x, times))
        np.testing.assert_array_equal(np.flatnonzero(missing), [*range(90), *range(200, 290)])


@pytest.mark.parametrize("name", CASES)
def test_rings_that_have_turned_can_grow(compute: Callable[..., Floats], name: str) -> None:
    """Few rows in the window at first, so that rings turn round, then hundreds."""
    rng = stream(9, name)
    steps = np.concatenate([np.full(150, 3000), np.full(600, 200), np.full(50, 4000), np.full(500, 150)])
    times = 1_700_000_000 * SECOND + np.cumsum(steps) * 1_000_000
    x = np.cumsum(rng.normal(0, 1, len(times)))
    expr, function, tolerance = CASES[name]
    np.testing.assert_allclose(
        compute(expr, x, times), cut_out(x, times, function), rtol=tolerance, atol=max(tolerance, 1e-9)
    )


def test_rings_grow_without_a_trace() -> None:
    """2,000 rows inside one window: rings begin with room for 64 and are made longer in the middle of a chunk."""
    features = FeatureSet("all", [Feature(name, expr) for name, (expr, _, _) in CASES.items()])
    rng = stream(8, "growth")
    x = rng.normal(0, 1, 3000)
    times = 1_700_000_000 * SECOND + np.cumsum(rng.integers(1, 90_000_000, 3000))
    whole = features.stream(["A"], np.float64)
    stepped = features.stream(["A", "B"], np.float64)
    at_once = whole.push({"close": x}, times)
    stepped.push({"close": x[:500]}, times[:500], "B")
    one_by_one = [stepped.push({"close": x[i : i + 1]}, times[i : i + 1], "A") for i in range(3000)]
    np.testing.assert_array_equal(np.vstack(one_by_one), at_once)
    tail = stepped.push({"close": x[500:]}, times[500:], "B")
    np.testing.assert_array_equal(tail, at_once[500:])
    assert all(slots >= 1024 for slots in whole._runner.state.slots if slots)
