"""The writer of graphs: the same bytes each time, and sums that do not know their batch."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from alphaloop.artifact.session import GraphRunner
from alphaloop.models.graph import Graph, constant_rows, dot, row_sum

X = np.random.default_rng(0).normal(size=(700, 61)).astype(np.float32)


def run(graph, output, width):
    return GraphRunner(graph.finish(output, width))


@pytest.mark.parametrize("outputs", [1, 3])
def test_products_have_the_same_bits_in_every_batch(outputs):
    weights = np.random.default_rng(1).normal(size=(outputs, 61)).astype(np.float32)
    graph = Graph(61)
    runner = run(graph, dot(graph, "features", weights), outputs)
    together = runner.batch(X)
    assert np.abs(together - X.astype(float) @ weights.T.astype(float)).max() < 3e-5
    for size in (1, 2, 7, 64):
        assert np.array_equal(together, runner.batch(X, size=size))


def test_a_sum_drops_its_axis():
    graph = Graph(61)
    total = graph.add("Unsqueeze", row_sum(graph, "features", 1, 61), graph.constant(np.array([1])))
    assert run(graph, total, 1).batch(X)[:, 0] == pytest.approx(X.sum(axis=1), abs=1e-4)


def test_constant_rows_ignore_even_missing_inputs():
    graph = Graph(61)
    runner = run(graph, constant_rows(graph, "features", np.array([1.5, -2.0], np.float32)), 2)
    wild = np.full((3, 61), np.nan, np.float32)
    wild[1], wild[2] = np.inf, 0.0
    assert runner.batch(wild).tolist() == [[1.5, -2.0]] * 3


def test_same_calls_same_bytes():
    def make():
        graph = Graph(3)
        return graph.finish(graph.add("Mul", "features", graph.constant(2.0)), 3)

    assert make() == make()


def test_an_impossible_graph_is_refused_by_the_checker():
    graph = Graph(3)
    with pytest.raises(onnx.checker.ValidationError):
        graph.finish(graph.add("Mul", "features", "nowhere"), 3)
