"""Thresholds as float32, and what the exporter does not do."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphaloop.core.errors import ParityError
from alphaloop.models.tree_arrays import ZERO_BAND, TreeArrays, floor32, snap

BAND = float(ZERO_BAND)
doubles = st.floats(allow_nan=False, allow_infinity=False)
singles = st.floats(width=32, allow_nan=False)
near_zero = st.sampled_from([0.0, -0.0, BAND, -BAND, BAND / 2, -BAND / 2, 1e-45, -1e-45])


@given(doubles)
def test_floor32_is_the_greatest_float32_not_above(value):
    found = floor32(np.array([value]))[0]
    with np.errstate(over="ignore", under="ignore"):
        following = np.nextafter(found, np.float32(np.inf))
    assert float(found) <= value
    assert float(following) > value or np.isposinf(following)


@given(doubles | near_zero, singles | near_zero)
def test_snapped_threshold_decides_as_lightgbm_does(threshold, value):
    """LightGBM drops inputs inside the zero band to 0, then compares in float64."""
    single = np.float32(value)
    seen = 0.0 if abs(float(single)) <= BAND else float(single)
    assert bool(single <= snap(np.array([threshold]))[0]) == (seen <= threshold)


@given(doubles | near_zero)
def test_neighbours_of_a_threshold_decide_as_lightgbm_does(threshold):
    snapped = snap(np.array([threshold]))[0]
    with np.errstate(over="ignore", under="ignore"):
        around = [np.nextafter(snapped, np.float32(-np.inf)), snapped, np.nextafter(snapped, np.float32(np.inf))]
    for single in around:
        seen = 0.0 if abs(float(single)) <= BAND else float(single)
        assert bool(single <= snapped) == (seen <= threshold)


def _dump(X, y, categorical="auto", **parameters):
    settings = {"objective": "binary", "verbosity": -1, "num_leaves": 7, "num_threads": 1, **parameters}
    return lightgbm.train(settings, lightgbm.Dataset(X, y, categorical_feature=categorical), 5).dump_model()


@pytest.fixture
def plain(binary_rows):
    return binary_rows(1000)


def test_one_node_for_each_split_and_leaf(plain):
    arrays = TreeArrays.from_dump(_dump(*plain))
    assert arrays.n_trees == 5
    for tree in range(5):
        mine = arrays.tree == tree
        splits = int((mine & ~arrays.leaf).sum())
        assert sorted(arrays.node[mine]) == list(range(2 * splits + 1))
        assert (arrays.node[mine & arrays.leaf] >= splits).all()


def test_a_tree_without_a_split_is_one_leaf():
    X = np.zeros((100, 1), np.float32)
    arrays = TreeArrays.from_dump(_dump(X, np.arange(100) % 2, min_data_in_leaf=1))
    assert arrays.leaf.all()
    assert arrays.node.tolist() == [0] * arrays.n_trees


def test_categorical_splits_are_refused(plain):
    X = np.column_stack([plain[0], np.arange(1000) % 5]).astype(np.float32)
    dump = _dump(X, (np.arange(1000) % 5 == 2).astype(int), categorical=[4])
    with pytest.raises(ParityError, match="by category"):
        TreeArrays.from_dump(dump)


def test_linear_leaves_are_refused(plain):
    with pytest.raises(ParityError, match="linear leaves"):
        TreeArrays.from_dump(_dump(*plain, linear_tree=True))


def test_averaged_trees_are_refused(plain):
    forest = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}
    with pytest.raises(ParityError, match="averages"):
        TreeArrays.from_dump(_dump(*plain, **forest))


def test_a_feature_with_two_ways_of_missing_is_refused(plain):
    zero, nan = _dump(*plain, zero_as_missing=True), _dump(*plain)
    both = {**nan, "tree_info": nan["tree_info"] + zero["tree_info"]}
    with pytest.raises(ParityError, match="some trees"):
        TreeArrays.from_dump(both)
