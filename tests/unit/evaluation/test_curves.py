import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve

from alphaloop.evaluation.curves import precision_recall, receiver_operating, thin_extremes


def draw(rows, seed=0, ties=True):
    rng = np.random.default_rng(seed)
    p = rng.random(rows)
    p = np.round(p, 2) if ties else p
    return (rng.random(rows) < p).astype(np.float64), p


def test_curves_are_those_of_scikit_learn():
    y, p = draw(400)
    precision, recall, _ = precision_recall_curve(y, p)
    mine = precision_recall(y, p)
    assert mine.x == pytest.approx(recall[:-1][::-1])
    assert mine.y == pytest.approx(precision[:-1][::-1])
    false_rate, true_rate, _ = roc_curve(y, p, drop_intermediate=False)
    mine = receiver_operating(y, p)
    assert mine.x == pytest.approx(false_rate)
    assert mine.y == pytest.approx(true_rate)


@pytest.mark.parametrize("curve", [precision_recall, receiver_operating])
def test_thinning_keeps_the_ends_and_the_shape(curve):
    y, p = draw(40_000, ties=False)
    whole, thin = curve(y, p, 10**6), curve(y, p)
    assert thin.x.size <= 500
    assert (thin.x[0], thin.y[0], thin.x[-1], thin.y[-1]) == (whole.x[0], whole.y[0], whole.x[-1], whole.y[-1])
    settled = whole.x > 0.02
    assert np.interp(whole.x[settled], thin.x, thin.y) == pytest.approx(whole.y[settled], abs=0.02)


def test_a_constant_forecast_is_one_point_at_the_base_rate():
    curve = precision_recall(np.array([0.0, 1.0, 0.0, 0.0]), np.full(4, 0.2))
    assert (curve.x.tolist(), curve.y.tolist()) == ([1.0], [0.25])


def test_thinning_equity_keeps_the_deepest_trough_and_the_highest_peak():
    values = np.cumsum(np.random.default_rng(0).normal(size=50_000))
    values[31_234] -= 500.0
    kept = thin_extremes(values, 1_000)
    assert kept.size <= 1_000
    assert {0, 31_234, int(values.argmax()), 49_999} <= set(kept.tolist())
    assert thin_extremes(values[:10], 1_000).tolist() == list(range(10))
