"""Rolling origins: every row is scored by a model of what came before it, and by no model of its own symbol."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alphaloop.core.errors import DataError
from alphaloop.dataset.parts import Split, chronological
from alphaloop.training.factory import train
from alphaloop.training.origins import rolling_origins
from alphaloop.training.recipe import CalibrationSettings

MINUTE = 60 * 10**9
APART = CalibrationSettings(origins=5, first=0.3, symbols_apart=True)


@pytest.fixture(scope="module")
def families(dataset_of):
    """Rows in families of four that share features, but for a little noise, and their class."""
    made = dataset_of(8_000, symbols=1, horizon=3, missing=0.0, strength=2.5)
    first = 4 * (np.arange(len(made)) // 4)
    noise = np.random.default_rng(1).normal(scale=0.05, size=made.X.shape).astype(np.float32)
    symbol = (np.arange(len(made)) // 4).astype(np.int32)
    X, y = made.X[first] + noise, (made.gross[first] > 2.5e-3).astype(np.int8)
    return replace(made, X=X, y=y, symbol=symbol, symbols=tuple(f"S{code:04d}" for code in range(2_000)))


@pytest.fixture(scope="module")
def split(families):
    return chronological(families.decided_ns, families.resolved_ns)


@pytest.mark.parametrize("embargo_s", [0.0, 600.0])
def test_models_see_earlier_rows_of_other_symbols_only(families, split, embargo_s):
    decided, resolved, symbol = families.decided_ns, families.resolved_ns, families.symbol
    origins = list(rolling_origins(families, split, APART, embargo_s))
    assert len(origins) == 5
    for origin in origins:
        assert resolved[origin.before].max() + embargo_s * 1e9 <= decided[origin.held].min()
        assert not set(symbol[origin.before]) & set(symbol[origin.held])
    held = np.concatenate([origin.held for origin in origins])
    usable = np.sort(np.concatenate([split.train, split.validation, split.calibration]))
    np.testing.assert_array_equal(held, usable[len(usable) - len(held) :])
    assert len(held) == pytest.approx(0.7 * len(usable), abs=5)
    assert not set(held) & set(split.test)


def test_symbols_that_stay_may_be_learned_from(dataset_of):
    """A market of few symbols that never end would have no rows left."""
    dataset = dataset_of(3_000)
    split = chronological(dataset.decided_ns, dataset.resolved_ns)
    settings = APART.model_copy(update={"symbols_apart": False})
    assert all(len(origin.before) > 300 for origin in rolling_origins(dataset, split, settings))
    assert not any(len(origin.before) for origin in rolling_origins(dataset, split, APART))


def test_the_map_is_known_from_many_families_and_no_test_row(families, split, recipe_of):
    """A test part that is damaged changes nothing; the slope comes nearer to the true one than that of a short part."""
    short = Split(split.train, split.validation, split.calibration[-120:], split.test, split.purged)
    rolling = {"origins": 5, "first": 0.3, "symbols_apart": True}
    found = train(families, short, recipe_of(calibration=rolling))
    assert found.calibrated_on.symbols > 900
    assert found.calibrated_on.symbols_of(1) > 200
    assert train(families, short, recipe_of()).calibrated_on.symbols < 35

    damaged = replace(families, y=families.y.copy(), X=families.X.copy())
    damaged.y[short.test] = 1 - damaged.y[short.test]
    damaged.X[short.test] += 5.0
    again = train(damaged, short, recipe_of(calibration=rolling))
    assert again.onnx_bytes == found.onnx_bytes
    np.testing.assert_array_equal(again.calibrated_on.raw, found.calibrated_on.raw)


def test_a_promise_is_kept_on_later_rows(families, split, recipe_of):
    found = train(families, split, recipe_of(calibration={"origins": 5, "first": 0.3, "symbols_apart": True}))
    p, hit = found.probabilities["test"][:, 1], families.y[split.test] == 1
    for low, high in ((0.0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.0)):
        chosen = (p >= low) & (p < high)
        assert chosen.sum() > 30
        assert p[chosen].mean() == pytest.approx(hit[chosen].mean(), abs=0.12)


def test_too_little_before_every_origin_is_refused(dataset_of, recipe_of):
    dataset = dataset_of(1_000)
    split = chronological(dataset.decided_ns, dataset.resolved_ns)
    with pytest.raises(DataError, match=r"no rolling origin has 200 rows before it"):
        train(dataset, split, recipe_of(calibration={"origins": 3, "symbols_apart": True}))
