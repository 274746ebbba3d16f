"""LightGBM behind the protocol: stopping, weights, reuse of bins, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from alphaloop.core.errors import DataError
from alphaloop.models.boosted_trees import LightGBM, LightGBMParameters, Round, tuned

FAST = LightGBMParameters(rounds=200, early_stopping_rounds=5, num_leaves=15, min_child_samples=20, num_threads=1)


@pytest.fixture
def held(binary_rows):
    return binary_rows(800, seed=9)


def test_early_stopping_keeps_the_best_round_everywhere(binary_task, binary_rows, held):
    model = LightGBM(binary_task, FAST)
    model.fit(*binary_rows(3000), validation=held)
    best = model.describe()["best_iteration"]
    assert 0 < best < 200
    assert model.leaves(held[0]).shape[1] == best == model.arrays().n_trees


def test_early_stopping_keeps_no_fewer_than_the_least_rounds(binary_task, binary_rows, held):
    """The best of the later rounds, where the best of all would be an early one; and all rounds where they are few."""
    made, noise = binary_rows(3000), (held[0], held[1][::-1].copy())

    def kept(**terms):
        model = LightGBM(binary_task, FAST.model_copy(update=terms))
        model.fit_binned(model.bin(*made, noise))
        assert model.leaves(held[0]).shape[1] == model.describe()["best_iteration"]
        return model.describe()["best_iteration"]

    early = kept()
    assert early < 40
    assert 40 <= kept(least_rounds=40) < 200
    assert kept(least_rounds=early) == early
    assert kept(least_rounds=1_000) == 200


def test_best_score_is_the_average_precision_of_the_kept_trees(binary_task, binary_rows, held):
    from sklearn.metrics import average_precision_score

    model = LightGBM(binary_task, FAST)
    binned = model.bin(*binary_rows(3000), held)
    value = model.fit_binned(binned)
    assert value == pytest.approx(average_precision_score(held[1], model.raw(held[0])), abs=1e-3)


def test_positive_rows_are_weighed_by_the_training_rows_alone(binary_task, binary_rows, held):
    X, y = binary_rows(3000)
    model = LightGBM(binary_task, FAST)
    model.fit(X, y, validation=held)
    assert model.describe()["scale_pos_weight"] == pytest.approx((y == 0).sum() / (y == 1).sum())


def test_bins_are_reused_by_fits_with_other_parameters(binary_task, binary_rows, held):
    rows = LightGBM(binary_task, FAST).bin(*binary_rows(3000), held)
    for leaves, least in ((4, 500), (31, 1), (8, 100)):
        model = LightGBM(binary_task, FAST.model_copy(update={"num_leaves": leaves, "min_child_samples": least}))
        alone = LightGBM(binary_task, model.parameters)
        alone.fit(*binary_rows(3000), validation=held, seed=5)
        model.fit_binned(rows, seed=5)
        assert np.array_equal(model.raw(held[0]), alone.raw(held[0]))


def test_hooks_see_every_round_and_may_stop_the_fit(binary_task, binary_rows, held):
    seen: list[Round] = []

    def stop(each):
        seen.append(each)
        if each.number == 3:
            raise RuntimeError("enough")

    model = LightGBM(binary_task, FAST)
    with pytest.raises(RuntimeError, match="enough"):
        model.fit_binned(model.bin(*binary_rows(1000), held), hooks=[stop])
    assert [each.number for each in seen] == [0, 1, 2, 3]
    assert all(0 < each.score <= 1 for each in seen)


def test_threads_do_not_change_the_model(binary_task, binary_rows):
    X, y = binary_rows(2000)
    models = [LightGBM(binary_task, FAST.model_copy(update={"num_threads": n, "rounds": 15})) for n in (1, 2)]
    for model in models:
        model.fit(X, y)
    assert np.array_equal(models[0].raw(X), models[1].raw(X))


def test_float64_rows_are_refused(binary_task, binary_rows):
    X, y = binary_rows(500)
    model = LightGBM(binary_task, FAST)
    with pytest.raises(DataError, match="float64"):
        model.fit(X.astype(np.float64), y)
    model.fit(X, y)
    with pytest.raises(DataError, match="float64"):
        model.raw(X.astype(np.float64))


def test_a_missing_class_is_named(binary_task, binary_rows):
    X, y = binary_rows(500)
    with pytest.raises(DataError, match="'UP'"):
        LightGBM(binary_task, FAST).fit(X, np.zeros_like(y))


def test_no_rows_give_no_margins(binary_task, binary_rows):
    model = LightGBM(binary_task, FAST)
    model.fit(*binary_rows(500))
    assert model.raw(np.empty((0, 4), np.float32)).shape == (0,)


def test_found_parameters_replace_fixed_ones_and_nothing_else():
    found = {"num_leaves": 9, "best_iteration": 3, "scale_pos_weight": 2.0}
    assert tuned(FAST, found) == FAST.model_copy(update={"num_leaves": 9})
