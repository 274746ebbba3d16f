"""The isotonic line: against scikit-learn's pooling, and gentle everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from alphaloop.training.isotonic import LAST_BIT_EFFECT, MOST_KNOTS, _pool, fit_knots


def test_pooled_levels_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    x = np.round(rng.normal(size=2000), 2)
    hit = rng.random(2000) < 1 / (1 + np.exp(-2 * x))
    levels, centres, weights = _pool(x, hit.astype(float))
    oracle = IsotonicRegression().fit(x, hit).predict(np.sort(x))
    assert np.repeat(levels, weights.astype(int)) == pytest.approx(oracle)
    assert centres @ weights / weights.sum() == pytest.approx(x.mean())


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 400), st.integers(0, 2**32), st.floats(1e-6, 1e6), st.floats(0, 50), st.integers(0, 6))
def test_few_knots_rising_inside_the_unit_interval_and_never_steep(n, seed, scale, sharp, decimals):
    rng = np.random.default_rng(seed)
    z = np.round(rng.normal(size=n), decimals)
    hit = rng.random(n) < 1 / (1 + np.exp(-sharp * z))
    knots = fit_knots(z * scale, hit)
    assert 2 <= len(knots.x) <= MOST_KNOTS
    assert (np.diff(knots.x) > 0).all()
    assert (np.diff(knots.p) >= 0).all()
    assert 0 < knots.p[0] <= knots.p[-1] < 1
    slope = np.diff(knots.p.astype(float)) / np.diff(knots.x.astype(float))
    last_bit = float(np.spacing(np.float32(np.abs(knots.x).max())))
    assert slope.max() * last_bit <= 2 * LAST_BIT_EFFECT


def test_constant_margins_give_the_share():
    knots = fit_knots(np.full(10, 3.0), np.arange(10) < 4)
    assert knots.apply(np.array([-1e9, 3.0, 1e9])) == pytest.approx([0.4] * 3)


def test_neighbouring_margins_never_jump():
    x = np.concatenate([np.full(500, 0.1), np.full(500, np.nextafter(np.float32(0.1), np.float32(1)))]).astype(float)
    knots = fit_knots(x, np.arange(1000) >= 500)
    low, high = knots.apply(x[[0, -1]])
    assert high - low <= 2 * LAST_BIT_EFFECT
