"""Barrier labels, by hand: target 2, stop 1 and scale 1 around the open of the next bar, without costs unless said."""

from __future__ import annotations

import pytest

from alphaloop.core.costs import Costs
from alphaloop.core.errors import DataError
from alphaloop.labels import Barrier

STEP = 60 * 10**9
FREE = Costs(fee_bps=0, spread_bps=0, slippage_bps=0, latency_s=0)
LABEL = Barrier(horizon_s=180, take_profit_atr=2, stop_loss_atr=1)
SELL, HOLD, BUY = range(3)
DECISION = (100, 100, 100, 100)
FLAT = (100, 100.5, 99.5, 100)


def first(bars, rows, costs=FREE, label=LABEL, **more):
    table = label.compute(bars([DECISION, *rows], **more), STEP, costs)
    row = table.row(0, named=True)
    return row["label"], (row["resolved_ns"] - row["decided_ns"]) // STEP, row


def test_a_long_that_wins(bars):
    label, minutes, row = first(bars, [FLAT, (100, 102, 99.5, 101), FLAT])
    # The short stopped at 101 in the same bar in which the long took 102: both settled then.
    assert (label, minutes) == (BUY, 2)
    assert row["net_long"] == pytest.approx(0.02)
    assert row["net_short"] == pytest.approx(-0.01)
    assert row["gross"] == pytest.approx(0.01)


def test_a_short_that_wins(bars):
    label, minutes, row = first(bars, [(100, 100.5, 98, 99), FLAT, FLAT])
    assert (label, minutes) == (SELL, 1)
    assert row["net_short"] == pytest.approx(0.02)
    assert row["net_long"] == pytest.approx(-0.01)


def test_both_in_one_bar_is_a_loss_for_both(bars):
    label, minutes, row = first(bars, [(100, 102.5, 97.5, 100), FLAT, FLAT])
    assert (label, minutes) == (HOLD, 1)
    assert row["net_long"] == row["net_short"] == pytest.approx(-0.01)


def test_both_stopped_one_after_the_other_resolves_with_the_later(bars):
    label, minutes, row = first(bars, [(100, 101, 99.5, 100), (100, 100, 99, 99), FLAT])
    assert (label, minutes) == (HOLD, 2)
    assert row["net_long"] == row["net_short"] == pytest.approx(-0.01)


def test_both_win_when_the_stop_is_wider_than_the_target(bars):
    wide = Barrier(horizon_s=180, take_profit_atr=1, stop_loss_atr=3)
    label, minutes, row = first(bars, [(100, 101, 100, 100), (100, 100, 99, 100), FLAT], label=wide)
    assert (label, minutes) == (HOLD, 2)
    assert row["net_long"] == row["net_short"] == pytest.approx(0.01)


def test_a_gap_through_the_stop_fills_at_the_open(bars):
    label, minutes, row = first(bars, [FLAT, (95, 96, 94, 95), FLAT])
    assert (label, minutes) == (SELL, 2)
    assert row["net_long"] == pytest.approx(-0.05)
    # The target is a limit: a gap through it gives no more than the target.
    assert row["net_short"] == pytest.approx(0.02)


def test_time_out_leaves_at_the_last_close(bars):
    label, minutes, row = first(bars, [FLAT, FLAT, (100, 100.5, 99.5, 100.25), (100, 110, 90, 100)])
    assert (label, minutes) == (HOLD, 3)
    assert row["net_long"] == pytest.approx(0.0025)
    assert row["net_short"] == pytest.approx(-0.0025)


def test_one_side_timed_out_lasts_the_horizon(bars):
    label, minutes, row = first(bars, [(100, 100.5, 99, 99.5), FLAT, FLAT])
    assert (label, minutes) == (HOLD, 3)
    assert row["net_long"] == pytest.approx(-0.01)
    assert row["net_short"] == pytest.approx(0.0)


def test_data_that_ends_first_is_no_label_unless_both_sides_were_settled(bars):
    assert first(bars, [FLAT, FLAT])[0] is None
    assert first(bars, [(100, 100.5, 99, 99.5)])[0] is None
    assert first(bars, [(100, 102, 98, 99.5)])[0] == HOLD
    assert first(bars, [])[0] is None


def test_costs_are_in_the_entry(bars):
    rows = [(100, 102.1, 100, 102.1), FLAT, FLAT]
    assert first(bars, rows)[0] == BUY
    for costs in ({"fee_bps": 20}, {"spread_bps": 40}, {"slippage_bps": 20}):
        dear = FREE.model_copy(update=costs)
        assert first(bars, rows, dear)[0] == HOLD, costs


def test_what_a_win_leaves_after_costs(bars):
    costs = Costs(fee_bps=10, spread_bps=10, slippage_bps=5, latency_s=0)
    _, _, row = first(bars, [(100, 110, 100, 105), FLAT, FLAT], costs)
    bought = 100 * 1.001
    target = bought * 1.001 + 2
    sold = target * 0.999
    assert row["label"] == BUY
    assert row["net_long"] == pytest.approx((sold * 0.999 - bought * 1.001) / bought)


def test_latency_moves_the_entry_along_the_bar(bars):
    late = FREE.model_copy(update={"latency_s": 30})
    # Enters at 101, so that 102.5 does not reach 103 and 99.9 stops the long.
    label, minutes, _ = first(bars, [(100, 102.5, 100.5, 102), (102, 102, 99.9, 100), FLAT], late)
    assert (label, minutes) == (HOLD, 2)


def test_the_open_of_the_entering_bar_is_no_gap(bars):
    late = FREE.model_copy(update={"latency_s": 30})
    # Opens at 95, the order fills at 97.5 on the way to 100; the stop at 96.5 lies above that open.
    _, _, row = first(bars, [(95, 100, 95, 100), FLAT, FLAT], late)
    assert row["net_long"] == pytest.approx(-1 / 97.5)


def test_a_gap_in_the_bars_can_leave_nothing_to_enter(bars):
    table = LABEL.compute(bars([DECISION, FLAT, FLAT], minutes=[0, 9, 10]), STEP, FREE)
    assert table["label"][0] is None
    assert table["resolved_ns"][0] - table["decided_ns"][0] == 3 * STEP


@pytest.mark.parametrize("atr", [float("nan"), 0.0, -1.0, float("inf")])
def test_without_a_scale_no_label(bars, atr):
    rows = [(100, 102, 98, 100)] * 4
    assert first(bars, rows, atr=[atr, 1.0, 1.0, 1.0, 1.0])[0] is None
    assert first(bars, rows, atr=[1.0, atr, atr, atr, atr])[0] == HOLD


@pytest.mark.parametrize("place", range(4))
def test_a_bar_with_a_nan_inside_the_walk_is_no_label(bars, place):
    bar = list(FLAT)
    bar[place] = float("nan")
    assert first(bars, [FLAT, tuple(bar), (100, 110, 90, 100)])[0] is None
    assert first(bars, [(100, 110, 90, 100), tuple(bar), FLAT])[0] == HOLD


def test_the_scale_column_is_named_when_missing(bars):
    label = Barrier(horizon_s=180, take_profit_atr=2, stop_loss_atr=1, scale="atr_99")
    with pytest.raises(DataError, match="no column 'atr_99'"):
        label.compute(bars([DECISION, FLAT]), STEP, FREE)
