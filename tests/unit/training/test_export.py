"""The graph is the model: every estimator, every calibration, and the exports known to go wrong in silence.

Each case of the second half is one that a common converter gets wrong without a word. Through our road it is right; the
same mistake, made by hand, is refused by the gate.
"""

from __future__ import annotations

import lightgbm
import numpy as np
import onnx
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.isotonic import IsotonicRegression

from alphaloop.artifact.session import GraphRunner
from alphaloop.core.errors import DataError, ParityError
from alphaloop.models.boosted_trees import LightGBM, LightGBMParameters
from alphaloop.models.catalog import create
from alphaloop.models.estimator import Task, Trees
from alphaloop.models.graph import ML_DOMAIN, Graph
from alphaloop.models.tree_arrays import TreeArrays
from alphaloop.training.calibrate import Platt, Uncalibrated, emit_share_out, fit_calibration
from alphaloop.training.export import to_onnx
from alphaloop.training.hard_rows import hard_rows
from alphaloop.training.parity import gate

FAST = LightGBMParameters(rounds=60, num_leaves=31, min_child_samples=10, num_threads=1)
F = 5
BINARY = Task(("DOWN", "UP"), (-1, 1), tuple(f"f{index}" for index in range(F)))
TERNARY = Task(("SELL", "HOLD", "BUY"), (-1, 0, 1), BINARY.feature_names)


def rows(n=4000, seed=0, missing=0.05, classes=2):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, F)).astype(np.float32)
    X[rng.random(X.shape) < 0.05] = 0.0
    outcome = X[:, 0] + X[:, 1] * (X[:, 2] > 0) + rng.normal(size=n)
    X[rng.random(X.shape) < missing] = np.nan
    if classes == 2:
        return X, (outcome > 0).astype(np.int8)
    return X, (1 + (outcome > 1).astype(np.int8) - (outcome < -1).astype(np.int8)).astype(np.int8)


def decide(p):
    return np.argmax(p, axis=1).astype(np.int8)


def proved(model, calibration, X, onnx_bytes=None, least=10_000):
    """Send a model through the gate on hard rows."""
    trees = model if isinstance(model, Trees) else None
    hard = hard_rows(X, trees.split_points() if trees else {}, 0, least)
    return gate(
        onnx_bytes or to_onnx(model, calibration, X.shape[1]),
        lambda Z: calibration.probabilities(model.raw(Z)),
        hard,
        decide=decide,
        leaves=trees.leaves if trees else None,
    )


def boosted(X, y, task=BINARY, **changes):
    model = LightGBM(task, FAST.model_copy(update=changes))
    model.fit(X, y, seed=1)
    return model


@pytest.mark.parametrize("kind", ["prior", "last_value", "one_feature", "logistic", "linear", "lightgbm"])
@pytest.mark.parametrize("task", [BINARY, TERNARY], ids=["binary", "ternary"])
@pytest.mark.parametrize("method", ["platt", "isotonic", "none"])
def test_every_estimator_with_every_calibration(kind, task, method):
    X, y = rows(classes=task.n_classes)
    model = create(kind, task, {"rounds": 20, "num_threads": 1} if kind == "lightgbm" else None)
    model.fit(X[:2000], y[:2000], seed=1)
    calibration = fit_calibration(method, model.raw(X[2000:]), y[2000:], task.classes)
    evidence = proved(model, calibration, X)
    assert evidence.rows >= 10_000
    assert evidence.max_abs_diff < 5e-6
    assert evidence.flipped == 0
    assert evidence.batch_equals_single
    assert (evidence.leaves_checked > 0) == (kind == "lightgbm")


# With few bins some splits ask only "missing or not": their threshold is infinite.
@pytest.mark.parametrize("changes", [{}, {"use_missing": False}, {"zero_as_missing": True}, {"max_bin": 7}])
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_each_way_of_missing_takes_the_same_leaves(changes, missing):
    X, y = rows(missing=missing)
    model = boosted(X, y, **changes)
    evidence = proved(model, Uncalibrated(), X)
    assert evidence.leaves_checked == evidence.rows * model.arrays().n_trees


def test_inputs_and_outputs_state_their_opsets():
    X, y = rows(500)
    model = onnx.load_from_string(to_onnx(boosted(X, y, rounds=3), Uncalibrated(), F))
    assert {each.domain: each.version for each in model.opset_import} == {"": 17, ML_DOMAIN: 3}
    assert [each.name for each in model.graph.input] == ["features"]
    assert [each.name for each in model.graph.output] == ["probabilities"]


# --- exports known to be silently wrong ---


def tree_graph(arrays, post=None, thresholds=None, missing=True):
    """A hand-made graph of trees, with the mistakes that it is told to make."""
    graph, leaf = Graph(F), arrays.leaf
    values = arrays.threshold if thresholds is None else thresholds
    raw = graph.add(
        "TreeEnsembleRegressor",
        "features",
        domain=ML_DOMAIN,
        n_targets=1,
        nodes_treeids=arrays.tree.tolist(),
        nodes_nodeids=arrays.node.tolist(),
        nodes_featureids=arrays.feature.tolist(),
        nodes_modes=["LEAF" if each else "BRANCH_LEQ" for each in leaf],
        nodes_values=values.tolist(),
        nodes_truenodeids=arrays.left.tolist(),
        nodes_falsenodeids=arrays.right.tolist(),
        nodes_missing_value_tracks_true=(arrays.missing_left * missing).astype(np.int64).tolist(),
        target_treeids=arrays.tree[leaf].tolist(),
        target_nodeids=arrays.node[leaf].tolist(),
        target_ids=[0] * int(leaf.sum()),
        target_weights=arrays.weight[leaf].astype(np.float32).tolist(),
    )
    p = post(graph, raw) if post else graph.add("Sigmoid", raw)
    return graph.finish(emit_share_out(graph, p, 1), 2)


@pytest.fixture(scope="module")
def plain():
    X, y = rows()
    return X, y, boosted(X, y, balance=False)


def test_hand_made_trees_without_a_mistake_pass(plain):
    X, _, model = plain
    assert proved(model, Uncalibrated(), X, tree_graph(model.arrays())).max_abs_diff < 1e-6


def test_thresholds_rounded_to_the_nearest_float32_are_refused(plain):
    """What converters do: about half of all thresholds are rounded up, and rows on the edge take the other branch."""
    X, _, model = plain
    arrays = model.arrays()
    dump = model._booster.dump_model()
    exact = {}

    def walk(tree, node):
        if "split_index" in node:
            exact[tree, node["split_index"]] = node["threshold"]
            walk(tree, node["left_child"])
            walk(tree, node["right_child"])

    for index, tree in enumerate(dump["tree_info"]):
        walk(index, tree["tree_structure"])
    nearest = np.array([exact.get((t, n), 0.0) for t, n in zip(arrays.tree, arrays.node, strict=True)])
    with np.errstate(over="ignore"):
        nearest = np.where(arrays.leaf, 0.0, nearest).astype(np.float32)
    assert (nearest > arrays.threshold).any()
    with pytest.raises(ParityError, match="differ by more than"):
        proved(model, Uncalibrated(), X, tree_graph(arrays, thresholds=nearest))


def test_missing_values_without_a_default_side_are_refused(plain):
    X, _, model = plain
    with pytest.raises(ParityError, match="differ by more than"):
        proved(model, Uncalibrated(), X, tree_graph(model.arrays(), missing=False))


def test_calibrated_lightgbm(plain):
    """Right by our road; refused when the calibration is put on the probability instead of the margin."""
    X, y, model = plain
    for method in ("platt", "isotonic"):
        held = rows(seed=7)
        calibration = fit_calibration(method, model.raw(held[0]), held[1], BINARY.classes)
        assert proved(model, calibration, X).max_abs_diff < 2e-6
    platt = fit_calibration("platt", model.raw(X), y, BINARY.classes)
    assert isinstance(platt, Platt)

    def twice(graph, raw):
        scaled = graph.add("Mul", graph.add("Sigmoid", raw), graph.constant(float(platt.a[0])))
        return graph.add("Sigmoid", graph.add("Add", scaled, graph.constant(float(platt.b[0]))))

    with pytest.raises(ParityError, match="differ by more than"):
        proved(model, platt, X, tree_graph(model.arrays(), post=twice))


def test_zero_as_missing():
    """Right by our road; refused when zeros are left as numbers."""
    X, y = rows()
    X[np.random.default_rng(1).random(X.shape) < 0.3] = 0.0
    model = boosted(X, y, zero_as_missing=True, balance=False)
    assert model.arrays().zero_features
    assert proved(model, Uncalibrated(), X).max_abs_diff < 1e-6
    with pytest.raises(ParityError, match="differ by more than"):
        proved(model, Uncalibrated(), X, tree_graph(model.arrays()))


def test_large_magnitudes():
    """Right by our road, which learns from float32; float64 rows are refused before anything is learned."""
    rng = np.random.default_rng(0)
    exact = 1.6e9 + rng.integers(0, 4000, (4000, F)).astype(np.float64)
    y = (exact[:, 0] % 128 > 64).astype(np.int8)
    with pytest.raises(DataError, match="float64"):
        boosted(exact, y)
    X = exact.astype(np.float32)
    model = boosted(X, y)
    assert proved(model, Uncalibrated(), X).max_abs_diff < 1e-6
    # A model that did learn from float64 sees differences that no float32 row can carry: the gate compares what will be
    # scored, float32, with what was promised, and refuses.
    booster = lightgbm.train(
        {"objective": "binary", "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5},
        lightgbm.Dataset(exact, y),
        30,
    )
    promised = booster.predict(exact)
    graph = tree_graph(TreeArrays.from_dump(booster.dump_model()))
    with pytest.raises(ParityError, match="differ by more than"):
        gate(graph, lambda _: np.column_stack([1 - promised, promised]), X, decide=decide)


def test_isotonic_edges(plain):
    """Right by our road, a continuous line; a step function is refused: rows on an edge take another step."""
    X, y, model = plain
    raw = model.raw(X)
    steps = IsotonicRegression(out_of_bounds="clip").fit(raw, y)
    edges, levels = np.unique(steps.X_thresholds_, return_index=True)
    levels = steps.y_thresholds_[levels]

    def native(Z):
        place = np.clip(np.searchsorted(edges, model.raw(Z), side="right") - 1, 0, len(edges) - 1)
        return np.column_stack([1 - levels[place], levels[place]])

    def stair(graph, margins):
        above = graph.add("GreaterOrEqual", margins, graph.constant(edges[None, 1:]))
        rises = graph.add("Where", above, graph.constant(np.diff(levels)[None, :]), graph.constant(0.0))
        total = graph.add("ReduceSum", rises, graph.constant(np.array([1])), keepdims=1)
        return graph.add("Add", total, graph.constant(float(levels[0])))

    with pytest.raises(ParityError, match="differ by more than"):
        gate(tree_graph(model.arrays(), post=stair), native, X, decide=decide)
    assert proved(model, fit_calibration("isotonic", raw, y, BINARY.classes), X).max_abs_diff < 2e-6


def test_early_stopped_trees():
    """Right by our road; refused when the trees after the best round are exported too."""
    X, y = rows()
    held = rows(800, seed=5)
    model = LightGBM(BINARY, FAST.model_copy(update={"rounds": 300, "early_stopping_rounds": 10, "balance": False}))
    model.fit(X, y, validation=held, seed=1)
    best = model.describe()["best_iteration"]
    assert best < 300
    assert proved(model, Uncalibrated(), X).leaves_checked % best == 0
    longer = boosted(X, y, rounds=best + 10, balance=False)
    with pytest.raises(ParityError, match="differ by more than"):
        proved(model, Uncalibrated(), X, tree_graph(longer.arrays()))


def test_random_forest_on_missing_values():
    """Not offered; converted without its missing sides, a forest passes on clean rows and is refused on NaN."""
    X, y = rows()
    forest = RandomForestClassifier(20, max_depth=6, random_state=0, n_jobs=1).fit(X, y)
    graph = forest_graph(forest)
    clean = np.nan_to_num(X)

    def native(Z):
        return forest.predict_proba(np.clip(Z, -1e30, 1e30)).astype(np.float64)

    # A forest's probabilities are sums of few counts, so that clean rows tie at one half: decide a little above.
    def above(p):
        return (p[:, 1] > 0.5001).astype(np.int8)

    assert gate(graph, native, clean, decide=above).max_abs_diff < 1e-5
    with pytest.raises(ParityError, match="differ by more than"):
        gate(graph, native, hard_rows(X, {}, 0), decide=above)


def forest_graph(forest):
    columns = {key: [] for key in ("tree", "node", "feature", "mode", "value", "left", "right")}
    leaves = {key: [] for key in ("tree", "node", "weight")}
    for index, each in enumerate(forest.estimators_):
        tree = each.tree_
        for node in range(tree.node_count):
            leaf = tree.children_left[node] == -1
            left, right = max(tree.children_left[node], 0), max(tree.children_right[node], 0)
            entry = (index, node, 0 if leaf else tree.feature[node], "LEAF" if leaf else "BRANCH_LEQ")
            entry += (0.0 if leaf else tree.threshold[node], left, right)
            for key, value in zip(columns, entry, strict=True):
                columns[key].append(value)
            if leaf:
                up = tree.value[node, 0, 1] / tree.value[node, 0].sum() / len(forest.estimators_)
                for key, value in zip(leaves, (index, node, up), strict=True):
                    leaves[key].append(value)
    graph = Graph(F)
    p = graph.add(
        "TreeEnsembleRegressor",
        "features",
        domain=ML_DOMAIN,
        n_targets=1,
        nodes_treeids=columns["tree"],
        nodes_nodeids=columns["node"],
        nodes_featureids=[int(each) for each in columns["feature"]],
        nodes_modes=columns["mode"],
        nodes_values=[float(each) for each in columns["value"]],
        nodes_truenodeids=[int(each) for each in columns["left"]],
        nodes_falsenodeids=[int(each) for each in columns["right"]],
        target_treeids=leaves["tree"],
        target_nodeids=leaves["node"],
        target_ids=[0] * len(leaves["tree"]),
        target_weights=[float(each) for each in leaves["weight"]],
    )
    return graph.finish(emit_share_out(graph, p, 1), 2)


def lstm_graph(W, R, B, hidden, honour_length):
    """An LSTM over the F steps of a row; steps that are missing come last and are to be left out."""
    graph = Graph(F)
    missing = graph.add("IsNaN", "features")
    filled = graph.add("Where", missing, graph.constant(0.0), "features")
    steps = graph.add("Unsqueeze", graph.add("Transpose", filled, perm=[1, 0]), graph.constant(np.array([2])))
    present = graph.add("Cast", graph.add("Not", missing), to=6)
    lengths = graph.add("ReduceSum", present, graph.constant(np.array([1])), keepdims=0)
    inputs = [steps, *(graph.constant(each[None]) for each in (W, R, B))]
    wiring = [*inputs, lengths] if honour_length else inputs
    graph._nodes.append(onnx.helper.make_node("LSTM", wiring, ["", "end"], hidden_size=hidden))
    last = graph.add("Squeeze", "end", graph.constant(np.array([0])))
    summed = graph.add("ReduceSum", last, graph.constant(np.array([1])), keepdims=1)
    return graph.finish(emit_share_out(graph, graph.add("Sigmoid", summed), 1), 2)


def lstm_native(W, R, B, hidden):
    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    def native(Z):
        h, c = np.zeros((len(Z), hidden)), np.zeros((len(Z), hidden))
        for step in range(F):
            here = ~np.isnan(Z[:, step])
            gates = (
                np.nan_to_num(Z[:, step, None]).astype(np.float64) @ W.T + h @ R.T + B[: 4 * hidden] + B[4 * hidden :]
            )
            i, o, f, g = np.split(gates, 4, axis=1)
            new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            new_h = sigmoid(o) * np.tanh(new_c)
            c, h = np.where(here[:, None], new_c, c), np.where(here[:, None], new_h, h)
        up = sigmoid(h.sum(axis=1))
        return np.column_stack([1 - up, up])

    return native


def test_packed_lstm():
    """Not offered; a graph that runs on over the padding is refused, one that honours the lengths passes."""
    rng = np.random.default_rng(0)
    hidden = 4
    W, R, B = (rng.normal(size=shape).astype(np.float32) for shape in ((16, 1), (16, 4), (32,)))
    Z = rng.normal(size=(2000, F)).astype(np.float32)
    Z[np.arange(F) >= rng.integers(1, F + 1, (2000, 1))] = np.nan
    native = lstm_native(W, R, B, hidden)

    def never(p):
        return np.zeros(len(p), np.int8)

    right = GraphRunner(lstm_graph(W, R, B, hidden, True)).batch(Z)
    assert np.abs(right - native(Z)).max() < 1e-5
    with pytest.raises(ParityError, match="differ by more than"):
        gate(lstm_graph(W, R, B, hidden, False), native, Z, decide=never, tolerance=1e-4)
