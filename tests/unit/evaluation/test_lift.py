import numpy as np
import pytest

from alphaloop.evaluation.lift import histogram_by_outcome, lift_by_decile


def test_the_first_decile_holds_the_highest_probabilities():
    p = np.linspace(0.0, 1.0, 1_000)
    y = (np.arange(1_000) >= 900).astype(np.float64)
    found = lift_by_decile(y, p)
    assert found.lift[0] == pytest.approx(10.0)
    assert found.captured.tolist() == [1.0] * 10
    assert found.count.sum() == 1_000


def test_lift_averages_to_one():
    rng = np.random.default_rng(0)
    p = np.round(rng.random(3_000), 2)
    y = (rng.random(3_000) < p).astype(np.float64)
    found = lift_by_decile(y, p)
    assert found.lift @ found.count / 3_000 == pytest.approx(1.0)
    assert (np.diff(found.lift) < 0.1).all()
    assert found.lift[0] > 1.8 > 0.2 > found.lift[-1]


def test_a_constant_forecast_is_one_group_without_lift():
    found = lift_by_decile(np.array([0.0, 1.0, 1.0, 0.0]), np.full(4, 0.5))
    assert found.lift.tolist() == [1.0]


@pytest.mark.parametrize("p", [np.linspace(0.4, 0.6, 500), np.full(500, 0.3)])
def test_every_row_is_in_the_histogram_once(p):
    y = (np.arange(500) % 3 == 0).astype(np.float64)
    found = histogram_by_outcome(y, p)
    assert found.came.sum() == y.sum()
    assert found.came.sum() + found.stayed_away.sum() == 500
    assert (np.diff(found.edges) > 0.0).all()
