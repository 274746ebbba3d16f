import numpy as np
import pytest

from alphaloop.evaluation.deflation import expected_best, luck_of_best


@pytest.mark.parametrize("tries", [2, 10, 100])
def test_the_best_of_many_is_what_simulation_says(tries):
    drawn = np.random.default_rng(0).normal(size=(20_000, tries)).max(axis=1).mean()
    assert expected_best(tries) == pytest.approx(drawn, abs=0.06)


def test_one_try_has_no_luck_to_pick_from():
    assert expected_best(1) == 0.0
    assert luck_of_best(1, 0.3) == 0.0
    with pytest.raises(ValueError, match="0 tries"):
        expected_best(0)
