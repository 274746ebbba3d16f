"""Normalisation: learned on finite values, total on all, and the same in the graph."""

from __future__ import annotations

import numpy as np
import pytest

from alphaloop.artifact.session import GraphRunner
from alphaloop.models.graph import Graph
from alphaloop.models.scaling import LIMIT, Scaler

WILD = np.array([np.nan, np.inf, -np.inf, 0.0, 3.4e38, -3.4e38, 1e-40], np.float32)


def test_mean_and_deviation_are_those_of_the_finite_values():
    rng = np.random.default_rng(0)
    X = rng.normal(5.0, 3.0, (1000, 2)).astype(np.float32)
    X[::7, 0], X[::11, 1] = np.nan, np.inf
    scaler = Scaler.fit(X, chunk=64)
    for column in range(2):
        finite = X[np.isfinite(X[:, column]), column].astype(np.float64)
        assert scaler.mean[column] == pytest.approx(finite.mean(), rel=1e-6)
        assert scaler.scale[column] == pytest.approx(finite.std(), rel=1e-6)


def test_chunks_do_not_matter_much():
    X = np.random.default_rng(1).normal(1e6, 1.0, (5000, 1)).astype(np.float32)
    small, whole = Scaler.fit(X, chunk=17), Scaler.fit(X)
    assert small.scale == pytest.approx(whole.scale, rel=1e-6)


def test_flat_and_empty_columns_have_scale_one():
    X = np.column_stack([np.full(50, 3.0), np.full(50, np.nan)]).astype(np.float32)
    scaler = Scaler.fit(X)
    assert scaler.scale.tolist() == [1.0, 1.0]
    assert scaler.apply(X).tolist() == np.zeros((50, 2)).tolist()


def test_every_input_gives_a_finite_value_inside_the_limit():
    scaler = Scaler(np.array([2.0], np.float32), np.array([0.5], np.float32))
    z = scaler.apply(WILD[:, None])
    assert np.isfinite(z).all()
    assert np.abs(z).max() <= LIMIT
    assert z[0, 0] == 0.0


def test_graph_normalises_alike():
    rng = np.random.default_rng(2)
    X = (rng.normal(size=(500, 3)) * [1.0, 1e-6, 1e9] + [0.0, 1.0, 1.6e9]).astype(np.float32)
    scaler = Scaler.fit(X)
    X[: len(WILD)] = WILD[:, None]
    graph = Graph(3)
    got = GraphRunner(graph.finish(scaler.emit(graph, "features"), 3)).batch(X)
    assert np.abs(got - scaler.apply(X)).max() < 1e-5
