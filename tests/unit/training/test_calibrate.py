"""Calibration: Platt against the textbook, shapes, and maps that never reverse."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from alphaloop.artifact.session import GraphRunner
from alphaloop.core.errors import DataError
from alphaloop.models.graph import Graph
from alphaloop.training.calibrate import LEAST_SLOPE, Platt, fit_calibration, log_odds

CLASSES = ("SELL", "HOLD", "BUY")
METHODS = ("platt", "isotonic", "none")


def binary_rows(n=3000, scale=2.0, seed=0):
    rng = np.random.default_rng(seed)
    raw = rng.normal(0.3, 1.5, n)
    return raw, (rng.random(n) < 1 / (1 + np.exp(-(scale * raw - 0.5)))).astype(np.int8)


def ternary_rows(n=3000, seed=0, classes=3):
    rng = np.random.default_rng(seed)
    raw = rng.normal(0, 1.5, (n, classes))
    tempered = np.exp(2.0 * raw)
    p = tempered / tempered.sum(axis=1, keepdims=True)
    return raw, (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).astype(np.int8)


def test_platt_minimises_the_loss_of_the_smoothed_targets():
    raw, y = binary_rows()
    positive, negative = int((y == 1).sum()), int((y == 0).sum())
    target = np.where(y == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(ab):
        x = ab[0] * raw + ab[1]
        return float(np.sum(np.logaddexp(0, x) - target * x))

    found = fit_calibration("platt", raw, y, ("DOWN", "UP")).to_dict()
    oracle = minimize(loss, [1.0, 0.0], method="BFGS", options={"gtol": 1e-8}).x
    assert [found["platt_a"], found["platt_b"]] == pytest.approx(oracle, abs=1e-4)
    assert found["method"] == "platt"


@pytest.mark.parametrize("method", METHODS[:2])
def test_calibrated_probabilities_are_the_true_ones(method):
    raw, y = binary_rows(20_000)
    p = fit_calibration(method, raw, y, ("DOWN", "UP")).probabilities(raw)[:, 1]
    true = 1 / (1 + np.exp(-(2.0 * raw - 0.5)))
    assert np.abs(p - true).mean() < (0.005 if method == "platt" else 0.02)
    assert np.abs(p - true).max() < (0.02 if method == "platt" else 0.15)


@pytest.mark.parametrize("method", METHODS[:2])
def test_three_classes_match_frequencies(method):
    raw, y = ternary_rows(20_000)
    p = fit_calibration(method, raw[:10_000], y[:10_000], CLASSES).probabilities(raw[10_000:])
    assert p.sum(axis=1) == pytest.approx(np.ones(10_000))
    for index in range(3):
        rows = p[:, index] > 0.6
        assert p[rows, index].mean() == pytest.approx((y[10_000:][rows] == index).mean(), abs=0.04)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("classes", [2, 3, 4, 7])
def test_graph_equals_the_native_map_in_every_batch(method, classes):
    raw, y = binary_rows() if classes == 2 else ternary_rows(classes=classes)
    raw = raw.astype(np.float32).astype(np.float64)
    calibration = fit_calibration(method, raw, y, tuple(f"c{index}" for index in range(classes)))
    outputs = 1 if classes == 2 else classes
    graph = Graph(outputs)
    runner = GraphRunner(graph.finish(calibration.emit(graph, "features", outputs), classes))
    X = np.concatenate([raw.reshape(len(raw), -1), np.full((1, outputs), 60.0), np.full((1, outputs), -60.0)])
    X = X.astype(np.float32)
    got = runner.batch(X)
    native = calibration.probabilities(X[:, 0].astype(np.float64) if classes == 2 else X.astype(np.float64))
    assert got.shape == native.shape == (len(X), classes)
    assert np.abs(got - native).max() < 2e-6
    for size in (1, 7, 64):
        assert np.array_equal(got, runner.batch(X, size=size))


@pytest.mark.parametrize("method", METHODS[:2])
def test_order_is_never_reversed(method):
    raw, y = binary_rows(scale=-3.0)
    p = fit_calibration(method, raw, y, ("DOWN", "UP")).probabilities(np.sort(raw))[:, 1]
    assert (np.diff(p) >= 0).all()


def test_a_contradicted_model_is_flattened_to_the_least_slope():
    raw, y = binary_rows(scale=-3.0)
    platt = fit_calibration("platt", raw, y, ("DOWN", "UP"))
    assert isinstance(platt, Platt)
    assert platt.a[0] == np.float32(LEAST_SLOPE)
    assert not platt.informative
    assert not fit_calibration("isotonic", np.sort(raw), np.sort(y)[::-1], ("DOWN", "UP")).informative
    for method in METHODS:
        assert fit_calibration(method, *binary_rows(), ("DOWN", "UP")).informative
    assert platt.probabilities(raw)[:, 1].mean() == pytest.approx(y.mean(), abs=0.01)


def test_log_odds_of_three_classes_are_those_of_the_softmax():
    raw, _ = ternary_rows(50)
    p = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    assert log_odds(raw) == pytest.approx(np.log(p / (1 - p)))


@pytest.mark.parametrize("method", METHODS[:2])
def test_too_few_rows_or_classes_are_refused(method):
    raw, y = binary_rows(19)
    with pytest.raises(DataError, match="19 rows"):
        fit_calibration(method, raw, y, ("DOWN", "UP"))
    with pytest.raises(DataError, match="UP: 0"):
        fit_calibration(method, *(np.zeros(100), np.zeros(100, np.int8)), ("DOWN", "UP"))
