"""Rows with a known signal, and the two tasks."""

from __future__ import annotations

import numpy as np
import pytest

from alphaloop.models.estimator import Task

NAMES = ("a", "return_1", "c", "d")
BINARY = Task(("DOWN", "UP"), (-1, 1), NAMES)
TERNARY = Task(("SELL", "HOLD", "BUY"), (-1, 0, 1), NAMES)


def rows(n=3000, seed=0, missing=0.05):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, len(NAMES))).astype(np.float32)
    outcome = 1.5 * X[:, 2] - 0.7 * X[:, 0] + rng.normal(size=n)
    X[rng.random(X.shape) < missing] = np.nan
    return X, outcome


def labels(task, outcome):
    if task.binary:
        return (outcome > 0.5).astype(np.int8)
    return (1 + (outcome > 1).astype(np.int8) - (outcome < -1).astype(np.int8)).astype(np.int8)


@pytest.fixture(params=[BINARY, TERNARY], ids=["binary", "ternary"])
def task(request):
    return request.param


@pytest.fixture
def binary_task():
    return BINARY


@pytest.fixture
def binary_rows():
    """Make ``(X, y)`` of `n` rows of the binary task."""

    def make(n, seed=0, missing=0.05):
        X, outcome = rows(n, seed, missing)
        return X, labels(BINARY, outcome)

    return make


@pytest.fixture
def data(task):
    X, outcome = rows()
    return X, labels(task, outcome)
