import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from alphaloop.evaluation.metrics import Forecast, equal_mass_bins, measure


def draw(seed, rows=700, ties=False):
    rng = np.random.default_rng(seed)
    p = rng.random(rows)
    if ties:
        p = np.round(p, 1)
    y = (rng.random(rows) < 0.15 + 0.5 * p).astype(np.float64)
    return y, p


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_scores_are_those_of_scikit_learn(seed, ties):
    y, p = draw(seed, ties=ties)
    found = measure(Forecast.of(y, p))
    assert found["pr_auc"] == pytest.approx(average_precision_score(y, p), rel=1e-12)
    assert found["roc_auc"] == pytest.approx(roc_auc_score(y, p), rel=1e-12)
    assert found["brier"] == pytest.approx(brier_score_loss(y, p), rel=1e-12)
    assert found["log_loss"] == pytest.approx(log_loss(y, p), rel=1e-12)
    assert found["base_rate"] == y.mean()


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_weighted_scores_are_those_of_scikit_learn(seed, ties):
    y, p = draw(seed, ties=ties)
    weight = np.random.default_rng(seed).integers(0, 4, y.size).astype(np.float64)
    found = measure(Forecast.of(y, p), weight)
    assert found["pr_auc"] == pytest.approx(average_precision_score(y, p, sample_weight=weight), rel=1e-12)
    assert found["roc_auc"] == pytest.approx(roc_auc_score(y, p, sample_weight=weight), rel=1e-12)
    assert found["brier"] == pytest.approx(brier_score_loss(y, p, sample_weight=weight), rel=1e-12)
    assert found["log_loss"] == pytest.approx(log_loss(y, p, sample_weight=weight), rel=1e-12)


def test_integer_weights_are_repeated_rows():
    y, p = draw(9, ties=True)
    weight = np.random.default_rng(9).integers(0, 4, y.size)
    repeated = np.repeat(np.arange(y.size), weight)
    forecast = Forecast.of(y, p)
    weighted = measure(forecast, weight.astype(np.float64))
    explicit = measure(Forecast.of(y[repeated], p[repeated]))
    # The calibration error keeps the bins of the original rows, so it is compared on those.
    bins = forecast.bins[repeated]
    gap = np.bincount(bins, weights=(y - p)[repeated])
    explicit = dict(explicit) | {"ece": np.abs(gap).sum() / repeated.size}
    assert weighted == pytest.approx(explicit, rel=1e-12)


def test_calibration_error_is_the_mean_gap_of_its_bins():
    y, p = draw(3, rows=1_500)
    order = np.argsort(p)
    chunks = np.array_split(order, 15)
    expected = sum(abs(y[chunk].mean() - p[chunk].mean()) * chunk.size for chunk in chunks) / y.size
    assert measure(Forecast.of(y, p))["ece"] == pytest.approx(expected, rel=1e-12)


def test_bins_hold_equally_many_rows_and_never_part_equal_probabilities():
    assert np.bincount(equal_mass_bins(np.random.default_rng(0).random(1_000), 10)).tolist() == [100] * 10
    assert equal_mass_bins(np.array([0.2, 0.2, 0.2, 0.7]), 4).tolist() == [0, 0, 0, 1]
    assert equal_mass_bins(np.full(50, 0.3), 10).tolist() == [0] * 50


def test_a_constant_forecast_ranks_at_the_base_rate():
    y, _ = draw(1)
    found = measure(Forecast.of(y, np.full(y.size, 0.4)))
    assert found["pr_auc"] == pytest.approx(y.mean())
    assert found["roc_auc"] == 0.5


def test_certain_and_wrong_costs_much_but_not_infinity():
    found = measure(Forecast.of(np.array([0.0, 1.0]), np.array([1.0, 0.0])))
    assert 30.0 < found["log_loss"] < 40.0
