"""Joining features and labels."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from alphaloop.core.costs import Costs
from alphaloop.core.errors import DataError
from alphaloop.dataset import join
from alphaloop.labels import Horizon

STEP = 60 * 10**9
FEATURES = SimpleNamespace(names=("f", "g"), families=("one", "two"))
LABEL = Horizon(horizon_s=120)


def market(n=30, symbols=("B", "A")):
    random = np.random.default_rng(0)
    frames = []
    for symbol in symbols:
        close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, n)))
        opened = np.arange(n) * STEP
        frames.append(
            pl.DataFrame(
                {
                    "symbol": [symbol] * n,
                    "open_ns": opened,
                    "known_ns": opened + STEP,
                    **dict.fromkeys(("open", "high", "low", "close"), close),
                }
            )
        )
    return pl.concat(frames)


def tables(frame):
    n = len(frame)
    # Each feature row encodes where it comes from, so that a row put to the wrong label is seen.
    f = frame["known_ns"] / STEP + 1000.0 * (frame["symbol"] == "B").cast(pl.Float64)
    features = frame.select("symbol", "known_ns").with_columns(f=f, g=pl.Series(np.full(n, np.nan, np.float32)))
    return features, LABEL.compute(frame, STEP, Costs())


def test_rows_columns_and_order():
    features, labels = tables(market())
    dataset = join(features, labels, FEATURES, LABEL, warm_up_rows=5)
    assert len(dataset) == 2 * (30 - 5 - 2)
    assert dataset.symbols == ("A", "B")
    assert dataset.feature_names == ("f", "g")
    assert dataset.families == ("one", "two")
    assert dataset.classes == ("DOWN", "UP")
    assert dataset.sides == (-1, 1)
    order = np.lexsort((dataset.symbol, dataset.decided_ns))
    assert np.array_equal(order, np.arange(len(dataset)))
    assert (dataset.symbol.dtype, dataset.X.dtype, dataset.y.dtype) == (np.int32, np.float32, np.int8)
    assert dataset.X.flags.c_contiguous
    assert np.array_equal(dataset.X[:, 0], dataset.decided_ns / STEP + 1000.0 * (dataset.symbol == 1))
    assert np.isnan(dataset.X[:, 1]).all()
    assert dataset.decided_ns.min() == 6 * STEP
    assert sum(dataset.class_counts().values()) == len(dataset)


@pytest.mark.parametrize("shuffled", ["features", "labels"])
def test_tables_in_another_order_join_to_the_same(shuffled):
    features, labels = tables(market())
    expected = join(features, labels, FEATURES, LABEL, 5).fingerprint
    order = np.random.default_rng(1).permutation(len(features))
    pair = (features[order], labels) if shuffled == "features" else (features, labels[order])
    assert join(*pair, FEATURES, LABEL, 5).fingerprint == expected


def test_only_rows_in_both_tables_are_kept():
    features, labels = tables(market())
    dataset = join(features[3:], labels, FEATURES, LABEL, 0)
    assert len(dataset) == 2 * 28 - 3


def test_the_warm_up_is_counted_per_symbol():
    frame = pl.concat([market(30, ("A",)), market(30, ("B",)).filter(pl.col("known_ns") > 10 * STEP)])
    dataset = join(*tables(frame), FEATURES, LABEL, 5)
    firsts = [dataset.decided_ns[dataset.symbol == code].min() // STEP for code in (0, 1)]
    assert firsts == [6, 16]


def test_returns_without_a_trade_are_nan():
    features, labels = tables(market())
    labels = labels.with_columns(net_long=pl.lit(None, pl.Float64))
    assert np.isnan(join(features, labels, FEATURES, LABEL, 5).net_long).all()


def test_take():
    dataset = join(*tables(market()), FEATURES, LABEL, 5)
    rows = np.array([7, 3, 3])
    taken = dataset.take(rows)
    assert len(taken) == 3
    assert np.array_equal(taken.decided_ns, dataset.decided_ns[rows])
    assert np.array_equal(taken.X, dataset.X[rows], equal_nan=True)
    assert taken.symbols == dataset.symbols
    assert len(dataset.take(dataset.y == 1)) == dataset.class_counts()["UP"]


def test_the_fingerprint_sees_every_array_and_name():
    dataset = join(*tables(market()), FEATURES, LABEL, 5)
    import dataclasses

    seen = {dataset.fingerprint}
    for field in dataclasses.fields(dataset):
        value = getattr(dataset, field.name)
        if isinstance(value, np.ndarray):
            changed = value.copy()
            changed[(3, 0) if changed.ndim == 2 else 3] += 1
        else:
            changed = (*value[:-1], 5 if field.name == "sides" else "other")
        seen.add(dataclasses.replace(dataset, **{field.name: changed}).fingerprint)
    assert len(seen) == 1 + len(dataclasses.fields(dataset))
    assert dataset.take(np.arange(len(dataset))).fingerprint == dataset.fingerprint


def test_too_few_rows_say_why():
    with pytest.raises(DataError, match="no row is left of 60: 28 rows per symbol are warm-up and 4 labels"):
        join(*tables(market()), FEATURES, LABEL, 28)


def test_one_class_cannot_be_learned():
    features, labels = tables(market())
    labels = labels.with_columns(label=pl.when(pl.col("label").is_not_null()).then(pl.lit(1, pl.Int8)))
    with pytest.raises(DataError, match="all 46 labels are 'UP'"):
        join(features, labels, FEATURES, LABEL, 5)


def test_missing_columns_and_double_rows_are_named():
    features, labels = tables(market())
    with pytest.raises(DataError, match="features have no column 'g'"):
        join(features.drop("g"), labels, FEATURES, LABEL, 5)
    with pytest.raises(DataError, match="labels have no column 'label'"):
        join(features, labels.drop("label"), FEATURES, LABEL, 5)
    with pytest.raises(DataError, match="symbol 'B' has two rows at 1970-01-01T00:01:00Z"):
        join(pl.concat([features, features[:1]]), labels, FEATURES, LABEL, 5)
    with pytest.raises(DataError, match="labels row 0: symbol 'B' has two rows"):
        join(features, pl.concat([labels, labels[:1]]), FEATURES, LABEL, 5)
