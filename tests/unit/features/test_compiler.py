"""The compiler: nothing is computed twice, nothing that is needed is overwritten."""

from __future__ import annotations

import numpy as np

from alphaloop.features import (
    Expr,
    Feature,
    FeatureSet,
    atr,
    close,
    column,
    diff,
    ema,
    fft_power,
    higher,
    kurtosis,
    lag,
    log,
    mean,
    rsi,
    skew,
    std,
)
from alphaloop.features.kernels import machine as m


def compiled(*exprs: Expr):
    return FeatureSet("set", [Feature(f"f{i}", expr) for i, expr in enumerate(exprs)]).program


def count(program, kind: int) -> int:
    return int((program.code[:, m.KIND] == kind).sum())


def test_shared_parts_are_computed_once() -> None:
    alone = compiled(log(close / lag(close, 1)))
    assert len(alone) == 5  # load, lag, divide, log, emit
    assert len(compiled(log(close / lag(close, 1)), log(close / lag(close, 1)))) == 6
    assert len(compiled(log(close / lag(close, 1)), 2 * log(close / lag(column("close"), 1)))) == 7
    assert len(compiled(ema(close, 12) - ema(close, 26), ema(close, 12))) == 6


def test_indicators_share_what_they_are_made_of() -> None:
    assert len(compiled(rsi(close, 14), diff(close))) == len(compiled(rsi(close, 14))) + 1
    assert len(compiled(atr(14), atr(28))) == len(compiled(atr(14))) + 2


def test_moments_of_a_window_are_one_instruction() -> None:
    program = compiled(mean(close, 20), std(close, 20), skew(close, 20), kurtosis(close, 20), mean(close, 21))
    assert count(program, m.MOMENTS_ROWS) == 2


def test_bars_of_a_time_frame_are_made_once() -> None:
    program = compiled(
        higher("1h", rsi(close, 14)), higher("1h", ema(close, 5)), higher("60m", close), higher("4h", close)
    )
    assert count(program, m.BUCKET) == 2
    assert count(program, m.FRAME) == 2
    assert program.domains == 3


def test_a_moment_does_not_depend_on_which_others_are_asked_for() -> None:
    x = np.random.default_rng(0).lognormal(0, 1, 3000)
    x[::97] *= 1e5
    rows, times = {"close": x}, np.arange(1, 3001)
    both = FeatureSet(
        "b", [Feature("k", kurtosis(close, 20)), Feature("m", mean(close, 20)), Feature("s", std(close, 20))]
    )
    one = FeatureSet("o", [Feature("m", mean(close, 20)), Feature("s", std(close, 20))])
    got, wanted = (f.stream(["A"], np.float64).push(rows, times) for f in (both, one))
    np.testing.assert_array_equal(got[:, 1:], wanted)


def test_registers_are_shared_by_what_is_not_alive_together() -> None:
    program = compiled(*(ema(close, n) / close - 1 for n in range(2, 60)))
    assert program.registers < 8
    rng = np.random.default_rng(0)
    x, times = rng.lognormal(0, 0.1, 300), np.arange(1, 301)
    together = FeatureSet("t", [Feature(f"f{n}", ema(close, n) / close - 1) for n in range(2, 60)])
    got = together.stream(["A"], np.float64).push({"close": x}, times)
    for n in (2, 30, 59):
        alone = together.select([f"f{n}"]).stream(["A"], np.float64).push({"close": x}, times)
        np.testing.assert_array_equal(got[:, n - 2], alone[:, 0])


def test_tables_of_a_window_are_shared() -> None:
    assert len(compiled(fft_power(close, 64, 2, 8), fft_power(close, 64, 8, 65)).pool) == 128
