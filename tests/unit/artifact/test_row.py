"""One row in a bound buffer: the same bits as anywhere else, and buffers that cannot be bound are refused."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from alphaloop.artifact.row import RowScorer, row_buffer
from alphaloop.artifact.scorer import Scorer
from alphaloop.core.errors import ModelCompatibilityError


@pytest.fixture
def scorer(artifact):
    return Scorer.load(artifact)


def test_a_bound_row_has_the_bits_that_a_batch_has(scorer):
    X = np.random.default_rng(3).normal(size=(500, 3)).astype(np.float32)
    X[::7, 1] = np.nan
    X[::50, 0] = np.inf
    together = scorer.score(X)
    buffer = row_buffer(3)
    bound = RowScorer(scorer, buffer)
    for row, expected in zip(X, together, strict=True):
        buffer[0] = row
        got = bound()
        assert got is bound.probabilities
        assert np.array_equal(got[0].view(np.uint32), expected.view(np.uint32))


def test_scorers_of_one_buffer_do_not_disturb_each_other(scorer):
    buffer = row_buffer(3)
    first, second = RowScorer(scorer, buffer), RowScorer(scorer, buffer)
    buffer[0] = [1.0, 2.0, 3.0]
    one = first().copy()
    buffer[0] = [3.0, 2.0, 1.0]
    assert not np.array_equal(second(), one)
    assert np.array_equal(first.probabilities, one), "each writes to a place of its own"


def test_a_binding_keeps_what_it_points_to(scorer):
    bound = RowScorer(scorer, row_buffer(3))
    bound.row[0] = [1.0, 2.0, 3.0]
    expected = bound().copy()
    gc.collect()
    junk = [np.full((1, 3), np.nan, np.float32) for _ in range(10_000)]
    assert np.array_equal(bound(), expected)
    assert len(junk) == 10_000


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (np.zeros((1, 3)), "float64"),
        (np.zeros((1, 4), np.float32), r"shape \(1, 4\)"),
        (np.zeros((2, 3), np.float32), r"shape \(2, 3\) holds no single contiguous row"),
        (np.zeros((0, 3), np.float32), "holds no single"),
        (np.zeros((1, 6), np.float32)[:, ::2], "holds no single"),
    ],
)
def test_a_buffer_that_cannot_be_bound_is_refused(scorer, row, words):
    with pytest.raises(ModelCompatibilityError, match=words):
        RowScorer(scorer, row)
