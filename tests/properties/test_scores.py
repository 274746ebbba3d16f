"""What holds for the scores of any forecast."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, roc_auc_score

from alphaloop.evaluation.bootstrap import TimeBlocks
from alphaloop.evaluation.metrics import Forecast, equal_mass_bins, measure

PROBABILITIES = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0.0, 1.0, width=32))


@st.composite
def forecasts(draw):
    rows = draw(st.integers(2, 60))
    p = draw(arrays(np.float64, rows, elements=PROBABILITIES))
    y = draw(arrays(np.float64, rows, elements=st.sampled_from([0.0, 1.0])))
    y[0], y[1] = 0.0, 1.0
    return y, p


@given(forecasts())
def test_scores_agree_with_scikit_learn_and_stay_in_range(drawn):
    y, p = drawn
    found = measure(Forecast.of(y, p))
    assert found["pr_auc"] == pytest.approx(average_precision_score(y, p), rel=1e-9)
    assert found["roc_auc"] == pytest.approx(roc_auc_score(y, p), rel=1e-9, abs=1e-12)
    assert all(0.0 <= found[name] <= 1.0 for name in ("pr_auc", "roc_auc", "brier", "ece", "base_rate"))
    assert found["log_loss"] >= 0.0


@given(forecasts(), st.randoms(use_true_random=False))
def test_the_order_of_rows_is_irrelevant(drawn, random):
    y, p = drawn
    order = list(range(y.size))
    random.shuffle(order)
    assert measure(Forecast.of(y[order], p[order])) == pytest.approx(measure(Forecast.of(y, p)), rel=1e-9, abs=1e-12)


@given(forecasts(), st.integers(0, 2**31))
def test_integer_weights_are_repetitions(drawn, seed):
    y, p = drawn
    weight = np.random.default_rng(seed).integers(0, 3, y.size)
    weight[:2] = 1
    rows = np.repeat(np.arange(y.size), weight)
    weighted = measure(Forecast.of(y, p), weight.astype(np.float64))
    repeated = measure(Forecast.of(y[rows], p[rows]))
    for name in ("pr_auc", "roc_auc", "brier", "log_loss", "base_rate"):
        assert weighted[name] == pytest.approx(repeated[name], rel=1e-9, abs=1e-12)


@given(forecasts(), st.integers(1, 20))
def test_bins_rise_with_the_probability_and_part_no_ties(drawn, bins):
    _, p = drawn
    found = equal_mass_bins(p, bins)
    assert set(found) == set(range(found.max() + 1))
    assert found.max() < bins
    order = np.argsort(p, kind="stable")
    assert (np.diff(found[order]) >= 0).all()
    assert all(np.unique(found[p == value]).size == 1 for value in p)


@settings(deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=200), st.floats(0.0, 500.0), st.integers(0, 2**31))
def test_equal_times_share_every_weight(seconds, horizon_s, seed):
    decided = np.array(seconds, dtype=np.int64) * 10**9
    blocks = TimeBlocks.of(decided, horizon_s)
    assert blocks.block_ns >= horizon_s * 1e9 - 1.0
    for weight in blocks.weights(seed, 3):
        assert (weight >= 0.0).all()
        assert all(np.unique(weight[decided == time]).size == 1 for time in decided)
