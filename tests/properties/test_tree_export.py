"""Any small booster, any float32 rows: the graph falls into LightGBM's own leaves and scores alike in every batch."""

from __future__ import annotations

import numpy as np
import onnx
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from alphaloop.artifact.graph_parts import take_apart
from alphaloop.artifact.session import GraphRunner
from alphaloop.artifact.walked import Walk
from alphaloop.models.boosted_trees import LightGBM, LightGBMParameters
from alphaloop.models.estimator import Task
from alphaloop.training.calibrate import Uncalibrated
from alphaloop.training.export import to_onnx
from alphaloop.training.leaf_graph import leaf_graph

WIDTH = 3
# Few distinct numbers, so that splits and rows meet; and those that LightGBM treats in ways of its own.
NUMBERS = (0.0, -0.0, 1.0, -1.0, 0.1, 1e-35, -1e-35, 9.9e-36, 1.1e-35, 1e-45, 3.4028235e38, -3.4028235e38, 2.0**24)
CELLS = st.one_of(
    st.sampled_from([np.float32(value) for value in (*NUMBERS, np.nan, np.inf, -np.inf)]),
    st.floats(-2, 2, width=32),
)
FINITE = st.one_of(
    st.sampled_from([np.float32(value) for value in (*NUMBERS, np.nan)]),
    st.floats(-2, 2, width=32),
)
PARAMETERS = st.builds(
    LightGBMParameters,
    rounds=st.integers(1, 6),
    num_leaves=st.integers(2, 12),
    min_child_samples=st.just(1),
    max_bin=st.sampled_from([2, 3, 7, 255]),
    use_missing=st.booleans(),
    zero_as_missing=st.booleans(),
    bagging_fraction=st.just(1.0),
    learning_rate=st.just(0.5),
    lambda_l2=st.just(0.0),
    num_threads=st.just(1),
)


@settings(max_examples=120, deadline=None)
@given(
    X=hnp.arrays(np.float32, (40, WIDTH), elements=FINITE),
    rows=hnp.arrays(np.float32, st.tuples(st.integers(1, 30), st.just(WIDTH)), elements=CELLS),
    classes=st.sampled_from([2, 3]),
    parameters=PARAMETERS,
)
def test_same_leaves_and_same_bits_in_every_batch(X, rows, classes, parameters):
    names = tuple(f"f{index}" for index in range(WIDTH))
    task = Task(("A", "B", "C")[:classes], (-1, 1, 0)[:classes], names)
    model = LightGBM(task, parameters)
    model.fit(X, (np.arange(40) % classes).astype(np.int8), seed=0)
    onnx_bytes = to_onnx(model, Uncalibrated(), WIDTH)
    hard = np.concatenate([rows, X])
    assert np.array_equal(GraphRunner(leaf_graph(onnx_bytes)).batch(hard), model.leaves(hard))
    runner = GraphRunner(onnx_bytes)
    together = runner.batch(hard)
    assert np.abs(together - Uncalibrated().probabilities(model.raw(hard))).max() < 1e-6
    assert np.array_equal(together, runner.one_by_one(hard))


@settings(max_examples=120, deadline=None)
@given(
    X=hnp.arrays(np.float32, (40, WIDTH), elements=FINITE),
    rows=hnp.arrays(np.float32, st.tuples(st.integers(1, 30), st.just(WIDTH)), elements=CELLS),
    parameters=PARAMETERS.filter(lambda chosen: not chosen.zero_as_missing),
)
def test_walked_trees_sum_to_the_graphs_own_bits(X, rows, parameters):
    task = Task(("A", "B"), (-1, 1), tuple(f"f{index}" for index in range(WIDTH)))
    model = LightGBM(task, parameters)
    model.fit(X, (np.arange(40) % 2).astype(np.int8), seed=0)
    onnx_bytes = to_onnx(model, Uncalibrated(), WIDTH)
    parts = take_apart(onnx_bytes, WIDTH)
    walk = Walk([parts.trees, parts.trees], WIDTH)
    hard = np.concatenate([rows, X, walk.hard_rows(np.random.default_rng(0), 20)])
    sums = np.empty((2, len(hard)), np.float32)
    walk(hard, sums)
    assert sums[0].tobytes() == sums[1].tobytes()
    assert sums[0].tobytes() == GraphRunner(sum_graph(onnx_bytes)).batch(hard)[:, 0].tobytes()


def sum_graph(onnx_bytes: bytes) -> bytes:
    """The graph cut off behind its trees."""
    graph = onnx.load_from_string(onnx_bytes)
    (trees,) = (node for node in graph.graph.node if node.op_type == "TreeEnsembleRegressor")
    del graph.graph.output[:]
    graph.graph.output.append(onnx.helper.make_tensor_value_info(trees.output[0], onnx.TensorProto.FLOAT, ["N", 1]))
    return graph.SerializeToString()
