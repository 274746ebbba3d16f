import numpy as np
import pytest

from alphaloop.evaluation.economics import break_even_win_rate, threshold_curve


def test_every_threshold_sums_the_rows_that_reach_it():
    rng = np.random.default_rng(0)
    confidence, net = np.round(rng.random(300), 2), rng.normal(0.0, 0.01, 300)
    net[::17] = np.nan
    curve = threshold_curve(confidence, net)
    for position, threshold in enumerate(curve.threshold):
        taken = net[(confidence >= threshold) & np.isfinite(net)]
        assert curve.trades[position] == taken.size
        assert curve.net[position] == pytest.approx(taken.sum())
        assert curve.win_rate[position] == pytest.approx((taken > 0).mean())
        assert curve.net_per_trade[position] == pytest.approx(taken.mean())


def test_the_best_threshold_needs_trades_and_a_gain():
    confidence = np.array([0.9, 0.8, 0.7, 0.6])
    curve = threshold_curve(confidence, np.array([0.05, 0.01, -0.01, -0.2]))
    assert curve.threshold[curve.best(1)] == 0.8
    assert curve.threshold[curve.best(3)] == 0.7
    assert curve.best(4) is None


def test_many_thresholds_are_thinned_with_both_ends_kept():
    confidence = np.random.default_rng(1).random(5_000)
    curve = threshold_curve(confidence, np.ones(5_000))
    assert curve.threshold.size <= 200
    assert (curve.threshold[0], curve.threshold[-1]) == (confidence.min(), confidence.max())


def test_nothing_known_is_an_error():
    with pytest.raises(ValueError, match="no row"):
        threshold_curve(np.array([0.5]), np.array([np.nan]))


def test_break_even_of_a_bracket_is_its_textbook_value():
    assert break_even_win_rate(np.array([1.2, 1.2, -1.0])) == pytest.approx(1.0 / 2.2)
    assert np.isnan(break_even_win_rate(np.array([0.1, 0.2])))
