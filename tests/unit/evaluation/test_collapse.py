import numpy as np
import pytest

from alphaloop.evaluation.collapse import diagnose, spread

RNG = np.random.default_rng(0)
Y = (RNG.random(2_000) < 0.3).astype(np.float64)


@pytest.mark.parametrize(
    ("p", "kinds"),
    [
        (RNG.uniform(0.1, 0.6, 2_000), []),
        (np.full(2_000, 0.3), ["constant"]),
        (RNG.choice([0.1, 0.5], 2_000), ["few_values"]),
        (RNG.uniform(0.6, 0.9, 2_000), ["one_side"]),
        (RNG.normal(Y.mean(), 0.002, 2_000), ["near_mean"]),
        (RNG.normal(0.25, 0.001, 2_000), ["one_side", "near_mean"]),
    ],
)
def test_each_collapse_is_named_and_none_is_invented(p, kinds):
    assert [found.kind for found in diagnose(Y, p)] == kinds


def test_spread_is_the_share_of_variance_that_a_calibrated_forecast_explains():
    p = RNG.uniform(0.2, 0.8, 200_000)
    y = (RNG.random(200_000) < p).astype(np.float64)
    assert spread(y, p).explained == pytest.approx(np.corrcoef(y, p)[0, 1] ** 2, abs=0.01)
