"""Horizon labels, by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from alphaloop.core.costs import Costs
from alphaloop.core.errors import DataError, RecipeError
from alphaloop.labels import Barrier, Horizon

STEP = 60 * 10**9
FREE = Costs(fee_bps=0, spread_bps=0, slippage_bps=0, latency_s=0)


def test_direction_return_and_interval(closes):
    table = Horizon(horizon_s=120).compute(closes([100, 101, 99, 102, 102]), STEP, FREE)
    assert table.columns == ["symbol", "decided_ns", "resolved_ns", "label", "gross", "net_long", "net_short"]
    assert table["label"].dtype == pl.Int8
    assert table["label"].to_list() == [0, 1, 1, None, None]
    assert table["decided_ns"].to_list() == [STEP * k for k in range(1, 6)]
    assert (table["resolved_ns"] - table["decided_ns"]).to_list() == [2 * STEP] * 5
    np.testing.assert_allclose(table["gross"].to_list()[:3], [-0.01, 102 / 101 - 1, 102 / 99 - 1])
    assert table["gross"].to_list()[3:] == [None, None]


def test_min_return_is_exceeded_not_reached(closes):
    frame = closes([100, 125])
    assert Horizon(horizon_s=60, min_return=0.24).compute(frame, STEP, FREE)["label"][0] == 1
    assert Horizon(horizon_s=60, min_return=0.25).compute(frame, STEP, FREE)["label"][0] == 0


def test_a_trade_enters_at_the_next_open_and_leaves_at_the_last_close(bars):
    frame = bars([(1, 1, 1, 100), (104, 104, 104, 105), (105, 105, 105, 110)])
    table = Horizon(horizon_s=120).compute(frame, STEP, FREE)
    assert table["net_long"][0] == pytest.approx(110 / 104 - 1)
    assert table["net_short"][0] == pytest.approx(1 - 110 / 104)
    assert table["gross"][0] == pytest.approx(0.1)


def test_latency_moves_the_entry_along_the_bar(bars):
    frame = bars([(1, 1, 1, 100), (104, 104, 104, 112), (105, 105, 105, 110)])
    late = Costs(fee_bps=0, spread_bps=0, slippage_bps=0, latency_s=15)
    assert Horizon(horizon_s=120).compute(frame, STEP, late)["net_long"][0] == pytest.approx(110 / 106 - 1)
    later = late.model_copy(update={"latency_s": 60})
    assert Horizon(horizon_s=120).compute(frame, STEP, later)["net_long"][0] == pytest.approx(110 / 105 - 1)
    too_late = late.model_copy(update={"latency_s": 120})
    table = Horizon(horizon_s=120).compute(frame, STEP, too_late)
    assert table["label"][0] == 1
    assert table["net_long"][0] is None


def test_costs_are_paid_on_both_sides(closes):
    costs = Costs(latency_s=0)
    table = Horizon(horizon_s=60).compute(closes([100, 100]), STEP, costs)
    assert table["net_long"][0] == pytest.approx(-costs.round_trip, rel=1e-2)
    assert table["net_short"][0] == pytest.approx(-costs.round_trip, rel=1e-2)


def test_gaps_use_the_last_close_known_by_then(closes):
    # Bars at minutes 0, 1, 4, 5: from minute 1's close three minutes lead to where minute 4 is not yet known.
    frame = closes([100, 90, 120, 130], minutes=[0, 1, 4, 5])
    table = Horizon(horizon_s=120).compute(frame, STEP, FREE)
    assert table["label"].to_list() == [0, None, None, None]
    longer = Horizon(horizon_s=180).compute(frame, STEP, FREE)
    assert longer["label"].to_list() == [0, 1, None, None]
    assert longer["gross"][0] == pytest.approx(-0.1)


def test_symbols_do_not_touch_and_rows_keep_their_order(closes):
    a, b = closes([100, 101, 102, 103]), closes([50, 49, 48, 47], symbol="B")
    label = Horizon(horizon_s=60)
    alone = pl.concat([label.compute(a, STEP, FREE), label.compute(b, STEP, FREE)])
    assert label.compute(pl.concat([a, b]), STEP, FREE).equals(alone)
    order = np.random.default_rng(0).permutation(8)
    assert label.compute(pl.concat([a, b])[order], STEP, FREE).equals(alone[order])


@pytest.mark.parametrize("price", [np.nan, 0.0, -1.0, np.inf])
def test_an_impossible_price_is_no_label(closes, price):
    frame = closes([100.0, 101.0, price, 103.0, 104.0])
    table = Horizon(horizon_s=60).compute(frame, STEP, FREE)
    assert table["label"].to_list() == [1, None, None, 1, None]
    # The bar after opens at the impossible price: nothing can be entered there.
    table = Horizon(horizon_s=60).compute(frame.with_columns(close=pl.Series([100.0, 101, 102, 103, 104])), STEP, FREE)
    assert table["label"].to_list() == [1, 1, 1, 1, None]
    assert table["net_long"][2] is None


def test_a_horizon_below_one_bar_is_refused(closes):
    with pytest.raises(RecipeError, match="'horizon_s' is 30, shorter than one bar of 60 s"):
        Horizon(horizon_s=30).compute(closes([1, 2]), STEP, FREE)


def test_a_missing_column_is_named(closes):
    with pytest.raises(DataError, match="no column 'close'"):
        Horizon(horizon_s=60).compute(closes([1, 2]).drop("close"), STEP, FREE)


def test_a_bar_given_twice_is_named(closes):
    frame = closes([1, 2, 3])
    with pytest.raises(DataError, match="symbol 'A' has two bars known at 1970-01-01T00:02:00Z"):
        Horizon(horizon_s=60).compute(pl.concat([frame, frame[1:2]]), STEP, FREE)


def test_an_empty_frame_gives_an_empty_table(closes):
    assert len(Horizon(horizon_s=60).compute(closes([1, 2])[:0], STEP, FREE)) == 0


def test_identity(closes):
    assert Horizon(horizon_s=60).hash == Horizon(horizon_s=60, min_return=0.0).hash
    assert Horizon(horizon_s=60).hash != Horizon(horizon_s=120).hash
    barrier = Barrier(horizon_s=60, take_profit_atr=1, stop_loss_atr=1)
    assert barrier.hash != Horizon(horizon_s=60).hash
    assert len(Horizon.classes) == len(Horizon.sides) == 2
    assert len(Barrier.classes) == len(Barrier.sides) == 3


@pytest.mark.parametrize("values", [{"horizon_s": 0}, {"horizon_s": -1}, {"horizon_s": float("inf")}, {}])
def test_impossible_settings(values):
    with pytest.raises(ValidationError):
        Horizon(**values)
