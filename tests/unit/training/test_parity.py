"""The gate refuses each kind of difference, and says what, where and how much."""

from __future__ import annotations

import numpy as np
import pytest

from alphaloop.core.errors import ParityError
from alphaloop.models.graph import Graph, row_sum
from alphaloop.training.hard_rows import hard_rows, neighbours
from alphaloop.training.leaf_graph import leaf_graph
from alphaloop.training.parity import gate

X = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)


def graph(scale=1.0, reduce=False, width=3):
    made = Graph(width)
    spread = made.add("Mul", "features", made.constant(scale))
    if reduce:
        total = made.add("ReduceSum", spread, made.constant(np.array([1])), keepdims=1)
    else:
        total = made.add("Unsqueeze", row_sum(made, spread, 1, width), made.constant(np.array([1])))
    p = made.add("Sigmoid", total)
    return made.finish(made.add("Concat", made.add("Sub", made.constant(1.0), p), p, axis=1), 2)


def native(Z):
    p = 1 / (1 + np.exp(-Z.astype(np.float64).sum(axis=1)))
    return np.column_stack([1 - p, p])


def above(p, threshold=0.75):
    return (p[:, 1] >= threshold).astype(np.int8)


def test_an_equal_graph_passes_with_its_evidence():
    evidence = gate(graph(), native, X, decide=above).to_dict()
    assert evidence.pop("max_abs_diff") < 1e-6
    assert evidence == {
        "rows": 200,
        "tolerance": 1e-5,
        "flipped": 0,
        "leaves_checked": 0,
        "batch_equals_single": True,
    }


def test_a_different_probability_is_refused():
    with pytest.raises(ParityError, match=r"more than 1e-05 on \d+ of 200 rows; the largest is 0.00\d+ on row \d+"):
        gate(graph(scale=1.01), native, X, decide=above)


def test_not_a_number_is_refused():
    bad = X.copy()
    bad[17, 1] = np.nan
    with pytest.raises(ParityError, match="on row 17"):
        gate(graph(), lambda Z: native(np.nan_to_num(Z)), bad, decide=above)


def test_a_flipped_decision_is_refused_even_within_tolerance():
    edge = native(X)[5, 1]
    with pytest.raises(ParityError, match="1 of 200 decisions flip at the threshold; the first is row 5"):
        gate(graph(), native, X, decide=lambda p: above(p, edge) if p.dtype == np.float64 else above(p, edge + 1e-6))


def test_bits_that_depend_on_the_batch_are_refused():
    wide = np.random.default_rng(1).normal(size=(500, 61)).astype(np.float32)
    assert gate(graph(width=61), native, wide, decide=above).batch_equals_single
    with pytest.raises(ParityError, match="score differently in another batch"):
        gate(graph(width=61, reduce=True), native, wide, decide=above)


def test_another_shape_and_a_broken_graph_are_refused():
    with pytest.raises(ParityError, match="shape"):
        gate(graph(), lambda Z: native(Z)[:, :1], X, decide=above)
    with pytest.raises(ParityError, match="does not load"):
        gate(b"nothing", native, X, decide=above)


def test_another_leaf_is_refused(binary, recipe_of, split_of):
    from alphaloop.training.factory import train

    trained = train(binary, split_of(binary), recipe_of(baselines={"kinds": []}))
    model, calibration = trained.estimator, trained.calibration
    rows = hard_rows(binary.X, model.split_points(), 0)

    def own(Z):
        return calibration.probabilities(model.raw(Z))

    def wrong_leaf(Z):
        found = model.leaves(Z).copy()
        found[(Z[:, 0] > 2.0) & (Z[:, 0] < np.inf), 3] += 1
        return found

    gate(trained.onnx_bytes, own, rows, decide=above, leaves=model.leaves)
    with pytest.raises(ParityError, match=r"falls into leaf \d+ of tree 3 in the graph and into leaf \d+ in the model"):
        gate(trained.onnx_bytes, own, rows, decide=above, leaves=wrong_leaf)
    with pytest.raises(ParityError, match="trees"):
        gate(trained.onnx_bytes, own, rows, decide=above, leaves=lambda Z: model.leaves(Z)[:, 1:])


def test_leaves_need_trees():
    with pytest.raises(ValueError, match="no tree ensemble"):
        leaf_graph(graph())


def test_hard_rows_hold_everything_hard():
    splits = {0: np.array([0.5, 1.5], np.float32), 2: np.array([-1e-35], np.float32)}
    rows = hard_rows(X, splits, 0)
    assert len(rows) >= 10_000
    for feature in range(3):
        column = rows[:, feature]
        assert np.isnan(column).any()
        for value in (np.inf, -np.inf, 0.0, 1e-35, -1e-35, 3.4028235e38, 1.6e9):
            assert (column == np.float32(value)).any(), value
        assert (np.signbit(column) & (column == 0)).any()
    for feature, values in splits.items():
        assert np.isin(neighbours(values), rows[:, feature]).all()
    assert np.isnan(rows).all(axis=1).any()
    assert (rows == 0).all(axis=1).any()
    assert np.isinf(rows).all(axis=1).sum() == 2
    again = hard_rows(X, splits, 0)
    assert np.array_equal(rows, again, equal_nan=True)


def test_many_splits_are_thinned_evenly():
    many = {0: np.linspace(-3, 3, 50_000, dtype=np.float32)}
    rows = hard_rows(X, many, 0)
    assert 10_000 <= len(rows) < 90_000
