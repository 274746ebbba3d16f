import numpy as np
import pytest

from alphaloop.evaluation.reliability import reliability, wilson

MINUTE = 60 * 10**9


def forecast(rows=8_000, bias=0.0, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.2, 0.8, rows)
    return (rng.random(rows) < p - bias).astype(np.float64), p


def bins_of(y, p):
    return reliability(y, p, decided_ns=np.arange(y.size) * MINUTE, horizon_s=300.0, seed=0)


def test_a_calibrated_forecast_is_inside_its_intervals():
    found = bins_of(*forecast())
    assert found.count.tolist() == [800] * 10
    assert found.off <= 1
    assert (found.low <= found.observed).all()
    assert (found.observed <= found.high).all()
    assert abs(found.lean) < 0.02


def test_a_forecast_that_promises_too_much_is_off_and_leans():
    found = bins_of(*forecast(bias=0.1))
    assert found.off == 10
    assert found.lean == pytest.approx(0.1, abs=0.02)


def test_a_bin_that_saw_one_outcome_keeps_an_interval():
    y = np.zeros(2_000)
    y[-1_000:] = 1.0
    found = bins_of(y, np.repeat([0.1, 0.9], 1_000))
    assert found.observed.tolist() == [0.0, 1.0]
    assert found.high[0] > 0.003
    assert found.low[1] < 0.997


def test_overlapping_outcomes_widen_the_interval():
    rng = np.random.default_rng(2)
    p = rng.uniform(0.3, 0.7, 6_000)
    together = np.repeat((rng.random(100) < 0.5).astype(np.float64), 60)
    alone = (rng.random(6_000) < 0.5).astype(np.float64)
    wide, narrow = (
        reliability(y, p, decided_ns=np.arange(6_000) * MINUTE, horizon_s=3_600.0, seed=0) for y in (together, alone)
    )
    assert (wide.high - wide.observed).mean() > 1.5 * (narrow.high - narrow.observed).mean()
    assert (wide.observed - wide.low).mean() > 1.5 * (narrow.observed - narrow.low).mean()


def test_wilson_is_the_textbook_interval():
    low, high = wilson(np.array([10.0]), np.array([50]))
    assert (low[0], high[0]) == pytest.approx((0.1124, 0.3304), abs=1e-4)
