"""Made-up datasets with a signal that is known."""

from __future__ import annotations

import numpy as np
import pytest

from alphaloop.dataset.parts import chronological
from alphaloop.dataset.table import Dataset
from alphaloop.training.recipe import parse_recipe

MINUTE = 60_000_000_000


def make_dataset(n=6000, width=6, classes=2, seed=0, horizon=15, missing=0.05, strength=1.0, symbols=2):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, width)).astype(np.float32)
    signal = strength * (X[:, 0] + 0.5 * X[:, 1] * (X[:, 2] > 0))
    noise = rng.normal(size=n)
    outcome = signal + noise
    X[rng.random(X.shape) < missing] = np.nan
    X[rng.random(X.shape) < 0.01] = 0.0
    symbol = (np.arange(n) % symbols).astype(np.int32)
    decided = (1_700_000_000 * 10**9 + (np.arange(n) // symbols) * MINUTE).astype(np.int64)
    gross = 1e-3 * outcome
    if classes == 2:
        y = (outcome > 0).astype(np.int8)
        names, sides = ("DOWN", "UP"), (-1, 1)
    else:
        y = (1 + (outcome > 0.8).astype(np.int8) - (outcome < -0.8).astype(np.int8)).astype(np.int8)
        names, sides = ("SELL", "HOLD", "BUY"), (-1, 0, 1)
    return Dataset(
        symbol=symbol,
        symbols=tuple(f"S{index}" for index in range(symbols)),
        decided_ns=decided,
        resolved_ns=decided + horizon * MINUTE,
        X=X,
        y=y,
        gross=gross,
        net_long=gross - 5e-4,
        net_short=-gross - 5e-4,
        feature_names=("return_1", *(f"f{index}" for index in range(1, width))),
        families=("made up",) * width,
        classes=names,
        sides=sides,
    )


def make_split(dataset):
    return chronological(dataset.decided_ns, dataset.resolved_ns)


def make_recipe(**tables):
    values = {
        "name": "test",
        "seed": 3,
        "label": {"horizon_bars": 15},
        "evaluation": {"resamples": 20},
        "estimator": {"kind": "lightgbm", "parameters": {"rounds": 40, "num_leaves": 7, "num_threads": 1}},
    }
    return parse_recipe(values | tables, "test.toml")


@pytest.fixture(scope="session")
def dataset_of():
    """Function that makes a dataset."""
    return make_dataset


@pytest.fixture(scope="session")
def split_of():
    """Function that splits a dataset in time."""
    return make_split


@pytest.fixture(scope="session")
def recipe_of():
    """Function that makes a recipe from tables."""
    return make_recipe


@pytest.fixture(scope="session")
def binary():
    return make_dataset()


@pytest.fixture(scope="session")
def ternary():
    return make_dataset(classes=3)
