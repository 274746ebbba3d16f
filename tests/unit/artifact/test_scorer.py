"""Scoring: exactly the sealed graph, one row or many, and clear words when something does not fit."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from alphaloop.artifact.folder import write_artifact
from alphaloop.artifact.golden import Golden
from alphaloop.artifact.scorer import Scorer, ScoringQueue
from alphaloop.core.errors import ModelCompatibilityError


@pytest.fixture
def scorer(artifact):
    return Scorer.load(artifact)


def rows(n, seed=0):
    X = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
    X[::7, 1] = np.nan
    return X


def test_probabilities_are_those_of_the_formula(scorer, tiny):
    X = rows(500)
    margin = np.where(np.isnan(X), 0, X).astype(np.float64) @ tiny.WEIGHTS + tiny.BIAS
    up = 1 / (1 + np.exp(-margin))
    P = scorer.score(X)
    assert P.dtype == np.float32
    assert P.shape == (500, 2)
    np.testing.assert_allclose(P, np.column_stack([1 - up, up]), atol=1e-6)


def test_a_row_has_the_same_bits_alone_and_in_any_batch(scorer):
    X = rows(300)
    together = scorer.score(X)
    for size in (1, 7, 128):
        parts = [scorer.score(X[i : i + size]) for i in range(0, len(X), size)]
        assert np.array_equal(np.concatenate(parts).view(np.uint32), together.view(np.uint32))


def test_no_row_gives_no_row(scorer):
    assert scorer.score(np.empty((0, 3), np.float32)).shape == (0, 2)


def test_a_view_is_scored_like_its_copy(scorer):
    wide = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    assert np.array_equal(scorer.score(wide[:, ::2]), scorer.score(wide[:, ::2].copy()))


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (np.zeros((2, 3)), "float64"),
        (np.zeros((2, 4), np.float32), r"shape \(2, 4\), expected float32 of shape \(n, 3\)"),
        (np.zeros(3, np.float32), r"shape \(3,\)"),
    ],
)
def test_rows_of_another_kind_are_refused(scorer, X, words):
    with pytest.raises(ModelCompatibilityError, match=words):
        scorer.score(X)


def test_require_names_the_first_difference(scorer, tiny):
    good, digest = ["rsi_14", "trend", "atr_ratio"], tiny.FEATURE_SET.hash
    scorer.require(good, digest)
    with pytest.raises(ModelCompatibilityError, match="feature 1 is 'atr_ratio', expected 'trend'"):
        scorer.require(["rsi_14", "atr_ratio", "trend"], digest)
    with pytest.raises(ModelCompatibilityError, match="2 features, expected 3: at 2 expected 'atr_ratio' next"):
        scorer.require(good[:2], digest)
    with pytest.raises(ModelCompatibilityError, match="4 features, expected 3: at 3 expected no more"):
        scorer.require([*good, "volume"], digest)
    with pytest.raises(ModelCompatibilityError, match=f"hash {'0' * 64}, expected {digest}"):
        scorer.require(good, "0" * 64)


def test_another_graph_under_the_same_golden_vectors_is_refused(tiny, tmp_path):
    contract = tiny.contract(tiny.graph())
    other = tiny.graph(weights=tiny.WEIGHTS * np.float32(1.00001), bias=0.126)
    write_artifact(tmp_path / "a", contract, other)
    with pytest.raises(ModelCompatibilityError, match=r"golden vector \d+ scored in a batch gives .* expected 0\."):
        Scorer.load(tmp_path / "a")
    Scorer.load(tmp_path / "a", verify=False)


def test_a_changed_golden_vector_is_refused(tiny, tmp_path):
    contract = tiny.contract(tiny.graph())
    outputs = contract.golden.outputs().copy()
    outputs[3] = outputs[3][::-1] + np.float32(0.01)
    golden = Golden.of(contract.golden.inputs(), outputs)
    write_artifact(tmp_path / "a", contract.model_copy(update={"golden": golden}), tiny.graph())
    with pytest.raises(ModelCompatibilityError, match="golden vector 3"):
        Scorer.load(tmp_path / "a")


def test_a_graph_that_gives_nan_is_refused(tiny, tmp_path):
    contract = tiny.contract(tiny.graph())
    write_artifact(tmp_path / "a", contract, tiny.graph(bias=np.nan))
    with pytest.raises(ModelCompatibilityError, match="golden vector 0"):
        Scorer.load(tmp_path / "a")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda tiny: b"not a graph", "cannot be loaded"),
        (lambda tiny: tiny.graph(output="scores"), r"outputs \['scores'\], expected 'probabilities'"),
        (lambda tiny: tiny.graph(weights=np.ones(4)), r"'features' is tensor\(float\) of shape \['N', 4\]"),
        (lambda tiny: identity("X", TensorProto.FLOAT, ["N", 3]), r"inputs \['X'\]"),
        (lambda tiny: identity("features", TensorProto.DOUBLE, ["N", 3]), r"tensor\(double\)"),
        (lambda tiny: identity("features", TensorProto.FLOAT, [1, 3]), r"shape \[1, 3\]"),
        (lambda tiny: identity("features", TensorProto.FLOAT, ["N", 3]), r"'probabilities' is .* shape \['N', 3\]"),
    ],
)
def test_a_graph_with_another_face_is_refused(tiny, tmp_path, make, words):
    write_artifact(tmp_path / "a", tiny.contract(tiny.graph()), make(tiny))
    with pytest.raises(ModelCompatibilityError, match=words):
        Scorer.load(tmp_path / "a")


def identity(name, kind, shape):
    node = helper.make_node("Identity", [name], ["probabilities"])
    ends = [helper.make_tensor_value_info(each, kind, shape) for each in (name, "probabilities")]
    made = helper.make_graph([node], "identity", ends[:1], ends[1:])
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def test_a_queue_scores_in_one_call_what_single_rows_score(scorer, monkeypatch):
    X = rows(150)
    expected = scorer.score(X)
    calls = []
    queue = ScoringQueue(scorer, capacity=4)
    for key, row in enumerate(X):
        queue.add(key, row)
    assert len(queue) == 150
    original = scorer.score
    monkeypatch.setattr(scorer, "score", lambda batch: calls.append(len(batch)) or original(batch))
    keys, P = queue.flush()
    assert keys == list(range(150))
    assert np.array_equal(P, expected)
    assert calls == [150]
    assert len(queue) == 0
    assert queue.flush()[1].shape == (0, 2)


def test_a_queue_keeps_the_row_as_it_was(scorer):
    row = rows(1)[0]
    expected = scorer.score(row[None])
    queue = ScoringQueue(scorer)
    queue.add("A", row)
    row[:] = 0
    assert np.array_equal(queue.flush()[1], expected)


def test_a_queue_refuses_a_row_of_another_kind(scorer):
    with pytest.raises(ModelCompatibilityError, match=r"shape \(2,\)"):
        ScoringQueue(scorer).add("A", np.zeros(2, np.float32))
