"""Labels, splits and the leak premium on recorded candles of fourteen coins."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from alphaloop.core.costs import Costs
from alphaloop.data.bars import read_bars
from alphaloop.dataset import chronological, join
from alphaloop.dataset.intervals import meets
from alphaloop.dataset.premium import leak_premium, symbol_variants, time_variants
from alphaloop.labels import Barrier, Horizon
from alphaloop.markets.bars.features import BARS, CONTEXT

pytestmark = pytest.mark.real

HORIZON = Horizon(horizon_s=3600)
BARRIER = Barrier(horizon_s=4 * 3600, take_profit_atr=2.0, stop_loss_atr=1.5)


@pytest.fixture(scope="module")
def bars(real_data):
    return read_bars(real_data / "crypto_1m" / "binance_futures_5m_panel_2025-03_04.parquet")


@pytest.fixture(scope="module")
def dataset(bars):
    labels = HORIZON.compute(bars.frame, bars.step_ns, Costs())
    return join(BARS.compute(bars.frame), labels, BARS, HORIZON, 1500)


def test_horizon_is_an_as_of_join(bars):
    table = HORIZON.compute(bars.frame, bars.step_ns, Costs())
    known = bars.frame.select("symbol", "known_ns", "close").sort("known_ns")
    asked = table.with_row_index().with_columns(known_ns=pl.col("resolved_ns")).sort("known_ns")
    joined = asked.join_asof(known, on="known_ns", by="symbol", check_sortedness=False).sort("index")
    expected = joined["close"] / bars.frame["close"] - 1
    resolved = table["label"].is_not_null()
    assert resolved.sum() > 0.99 * len(table)
    np.testing.assert_allclose(table["gross"].filter(resolved), expected.filter(resolved), rtol=0, atol=1e-12)
    assert table["label"].filter(resolved).cast(pl.Boolean).equals((expected.filter(resolved) > 0).alias("label"))


def test_barrier_keeps_its_promises(bars):
    frame = bars.frame.with_columns(CONTEXT.compute(bars.frame, dtype=np.float64)["atr"])
    table = BARRIER.compute(frame, bars.step_ns, Costs()).filter(pl.col("label").is_not_null())
    span = table["resolved_ns"] - table["decided_ns"]
    assert span.min() >= bars.step_ns
    assert span.max() == BARRIER.horizon_ns
    assert span.n_unique() > 20
    shares = table["label"].value_counts(normalize=True).sort("label")["proportion"].to_list()
    assert min(shares) > 0.15
    # What a class says, the trade had: a BUY is a long that earned its target, whatever the costs.
    assert table.filter(pl.col("label") == 2)["net_long"].min() > -Costs().round_trip
    assert table.filter(pl.col("label") == 2)["net_short"].max() < 0.05
    assert table.filter(pl.col("label") == 0)["net_short"].min() > -Costs().round_trip
    assert table["net_long"].null_count() == 0


def test_no_label_of_the_training_rows_meets_a_later_part(dataset):
    split = chronological(dataset.decided_ns, dataset.resolved_ns, embargo_s=3600)
    later = np.concatenate([split.validation, split.calibration, split.test])
    assert not meets(dataset.decided_ns, dataset.resolved_ns, split.train, later, 3600).any()
    assert dataset.resolved_ns[split.train].max() + 3600 * 10**9 <= dataset.decided_ns[later].min()
    # One hour of label and one of embargo, in twelve bars an hour of fourteen coins, at three borders.
    assert 0 < len(split.purged) <= 3 * 14 * 12 * 2


@pytest.mark.slow
def test_the_leak_premium_is_large_and_the_honest_score_is_not(dataset):
    lightgbm = pytest.importorskip("lightgbm")
    from sklearn.metrics import roc_auc_score

    parameters = {"objective": "binary", "num_leaves": 63, "learning_rate": 0.1, "verbose": -1, "seed": 1}

    def score(train, test):
        rows = lightgbm.Dataset(dataset.X[train], dataset.y[train])
        model = lightgbm.train(parameters | {"num_threads": 2}, rows, 40)
        return roc_auc_score(dataset.y[test], model.predict(dataset.X[test]))

    intervals = dataset.decided_ns, dataset.resolved_ns
    test = chronological(*intervals, embargo_s=3600).test
    variants = time_variants(*intervals, test, 3600)
    variants += symbol_variants(*intervals, dataset.symbol, test, embargo_s=3600)
    found = {each.name: each for each in leak_premium(variants, score)}
    assert 0.4 < found["honest"].value < 0.58
    assert found["random rows"].premium > 0.1
    assert found["unseen symbols, same weeks"].premium > 0.1
