"""The logistic line against scikit-learn, and at the edges."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from alphaloop.models.binomial import fit_line, log_loss, sigmoid


def test_line_is_the_unpenalised_maximum_of_the_likelihood():
    rng = np.random.default_rng(0)
    x = rng.normal(3.0, 250.0, 4000)
    y = rng.random(4000) < sigmoid(0.01 * x - 0.4)
    a, b = fit_line(x, y.astype(float))
    oracle = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x[:, None] / 250.0, y)
    assert a * 250.0 == pytest.approx(oracle.coef_[0, 0], rel=1e-5)
    assert b == pytest.approx(oracle.intercept_[0], rel=1e-4)


def test_weights_count_rows():
    x = np.array([-1.0, 0.0, 1.0, 2.0])
    y = np.array([0.0, 1.0, 0.0, 1.0])
    weight = np.array([1.0, 3.0, 2.0, 1.0])
    repeated = np.repeat(np.arange(4), weight.astype(int))
    assert fit_line(x, y, weight) == pytest.approx(fit_line(x[repeated], y[repeated]), rel=1e-6)


def test_held_slope_fits_only_the_base():
    x = np.array([0.0, 1.0, 2.0, 3.0])
    y = np.array([0.0, 0.0, 0.0, 1.0])
    a, b = fit_line(x, y, slope=0.5)
    assert a == pytest.approx(0.5)
    assert sigmoid(0.5 * x + b).sum() == pytest.approx(1.0, abs=1e-6)


def test_constant_variable_gives_the_share():
    a, b = fit_line(np.full(10, 7.0), np.array([1.0] * 3 + [0.0] * 7))
    assert a == 0.0
    assert sigmoid(np.array([b]))[0] == pytest.approx(0.3, abs=1e-6)


def test_separable_rows_end_with_finite_numbers():
    a, b = fit_line(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0.0, 0.0, 1.0, 1.0]))
    assert np.isfinite([a, b]).all()
    assert a > 1


def test_sigmoid_and_loss_do_not_overflow():
    wild = np.array([-1e4, 0.0, 1e4])
    assert sigmoid(wild).tolist() == [0.0, 0.5, 1.0]
    assert log_loss(wild, np.array([0.0, 0.5, 1.0]), np.ones(3)) == pytest.approx(np.log(2))
