"""What all estimators share: margins of a known shape, a graph that equals them, importance, sense."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from alphaloop.artifact.session import GraphRunner
from alphaloop.core.errors import RecipeError, UnknownNameError
from alphaloop.models.catalog import KINDS, create, parameters_of
from alphaloop.models.graph import Graph

SMALL = {"lightgbm": {"rounds": 30, "learning_rate": 0.1, "num_leaves": 7, "min_child_samples": 20, "num_threads": 1}}
LEARNS = ("one_feature", "logistic", "linear", "lightgbm")


def fitted(kind, task, data):
    model = create(kind, task, SMALL.get(kind))
    model.fit(*data, seed=1)
    return model


def probabilities(task, raw):
    if task.binary:
        up = 1 / (1 + np.exp(-raw))
        return np.column_stack([1 - up, up])
    powers = np.exp(raw - raw.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("kind", KINDS)
def test_margins_importance_and_graph(kind, task, data):
    model = fitted(kind, task, data)
    X = data[0][:300].copy()
    X[0], X[1], X[2], X[3] = np.nan, 0.0, np.inf, -np.inf
    raw = model.raw(X)
    assert raw.shape == ((300,) if task.binary else (300, 3))
    assert raw.dtype == np.float64
    assert np.isfinite(raw).all()
    share = model.importance()
    assert share.shape == (4,)
    assert (share >= 0).all()
    assert share.sum() == pytest.approx(0.0 if kind == "prior" else 1.0)
    graph = Graph(4)
    got = GraphRunner(graph.finish(model.emit(graph, "features"), task.outputs)).batch(X)
    assert np.abs(got - raw.reshape(300, -1)).max() < 2e-5


@pytest.mark.parametrize("kind", KINDS)
def test_margins_are_the_same_bits_in_every_batch(kind, task, data):
    model = fitted(kind, task, data)
    graph = Graph(4)
    runner = GraphRunner(graph.finish(model.emit(graph, "features"), task.outputs))
    X = data[0][:500]
    together = runner.batch(X)
    for size in (1, 3, 64):
        assert np.array_equal(together, runner.batch(X, size=size))


@pytest.mark.parametrize("kind", KINDS)
def test_beats_or_equals_the_prior_in_log_loss(kind, task, data):
    X, y = data
    prior = log_loss(y, probabilities(task, fitted("prior", task, data).raw(X)))
    own = log_loss(y, probabilities(task, fitted(kind, task, data).raw(X)))
    assert own <= prior + 1e-9
    if kind in LEARNS:
        assert own < 0.93 * prior


@pytest.mark.parametrize("kind", LEARNS)
def test_class_weights_leave_the_mean_probability_alone(kind, task, data):
    X, y = data
    p = probabilities(task, fitted(kind, task, data).raw(X)).mean(axis=0)
    # Thirty rounds shrink margins, which the correction cannot know; without it the error would be 0.11.
    assert p == pytest.approx(np.bincount(y) / len(y), abs=0.05 if kind == "lightgbm" else 0.01)


def test_same_seed_same_bytes(task, data):
    def graph_of(model):
        graph = Graph(4)
        return graph.finish(model.emit(graph, "features"), task.outputs)

    for kind in KINDS:
        assert graph_of(fitted(kind, task, data)) == graph_of(fitted(kind, task, data))


def test_one_feature_takes_the_most_telling_one(task, data):
    assert fitted("one_feature", task, data).describe()["feature"] == "c"


def test_one_feature_ignores_a_feature_that_is_always_missing(task, data):
    X, y = data[0].copy(), data[1]
    X[:, 2] = np.nan
    assert fitted("one_feature", task, (X, y)).describe()["feature"] == "a"


def test_last_value_finds_the_return_and_counts_its_signs(task, data):
    X, y = data
    model = fitted("last_value", task, data)
    assert model.describe()["column"] == "return_1"
    p = probabilities(task, model.raw(X))
    up = X[:, 1] > 0
    assert p[up].mean(axis=0) == pytest.approx(np.bincount(y[up]) / up.sum(), abs=0.01)


def test_last_value_of_an_unknown_column_names_the_nearest(task):
    with pytest.raises(RecipeError, match="did you mean 'return_1'"):
        create("last_value", task, {"column": "return_2"})


def test_unknown_kind_and_unknown_parameter_are_named(task):
    with pytest.raises(UnknownNameError, match="did you mean 'lightgbm'"):
        parameters_of("lightgmb")
    with pytest.raises(RecipeError, match=r"estimator\.parameters\.num_leafs.*did you mean 'num_leaves'"):
        create("lightgbm", task, {"num_leafs": 3})


def test_linear_and_logistic_agree_on_the_order(data, task):
    X, y = data
    raws = [fitted(kind, task, data).raw(X).reshape(len(X), -1) for kind in ("linear", "logistic")]
    scores = [roc_auc_score(y == y.max(), raw[:, -1] - raw[:, 0] * (not task.binary)) for raw in raws]
    assert scores[0] == pytest.approx(scores[1], abs=0.005)
