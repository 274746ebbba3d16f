"""Breakers block entries, for as long as they say."""

from __future__ import annotations

from alphaloop.core.clock import NS_PER_DAY, NS_PER_S
from alphaloop.trading.breakers import BreakerPanel
from alphaloop.trading.curve import EquityCurve
from alphaloop.trading.plan import Breakers


def panel(**settings):
    off = {"daily_drawdown": 0, "max_consecutive_losses": 0, "min_balance_fraction": 0}
    return BreakerPanel(Breakers(**(off | settings)), 1000.0)


def worth(equity, marks=(), day_floor=0.9):
    curve = EquityCurve(equity, day_floor=day_floor)
    for now_ns, marked in marks:
        curve.mark(now_ns, marked)
    return curve


def test_nothing_blocks_when_all_is_well():
    assert panel().reason(0, worth(1.0), 0) == ""


def test_a_day_that_falls_to_its_floor_blocks_until_it_ends():
    breakers, day = panel(daily_drawdown=0.1), 5 * NS_PER_DAY
    for marks, found in [
        ([(day, 901.0)], ""),
        ([(day, 900.0)], "daily_drawdown"),
        ([(day, 900.0), (day + 1, 1000.0)], "daily_drawdown"),
        ([(day, 1100.0), (day + 1, 991.0)], ""),
        ([(day, 1100.0), (day + 1, 990.0)], "daily_drawdown"),
        ([(day - 1, 1100.0), (day, 1000.0), (day + 1, 991.0)], ""),
    ]:
        curve = worth(1000.0, marks)
        assert breakers.reason(day + 9, curve, 0) == found
        assert breakers.reason(day + NS_PER_DAY, curve, 0) == ""
        assert breakers.reason(day + 9, worth(1000.0, marks, -float("inf")), 0) == ""


def test_losses_in_a_row_pause_and_start_again():
    breakers = panel(max_consecutive_losses=3, pause_s=60)
    for net in (-1, -1, 5, -1, -1):
        breakers.closed(100, net)
        assert breakers.reason(100, worth(1000.0), 0) == ""
    breakers.closed(100, -1)
    assert breakers.reason(100 + 60 * NS_PER_S - 1, worth(1000.0), 0) == "consecutive_losses"
    assert breakers.reason(100 + 60 * NS_PER_S, worth(1000.0), 0) == ""
    breakers.closed(200 + 60 * NS_PER_S, -1)
    assert breakers.reason(200 + 60 * NS_PER_S, worth(1000.0), 0) == ""


def test_a_trade_that_gains_nothing_is_no_loss():
    breakers = panel(max_consecutive_losses=1)
    breakers.closed(0, 0)
    assert breakers.reason(0, worth(1000.0), 0) == ""


def test_the_minimum_balance():
    breakers = panel(min_balance_fraction=0.5)
    assert breakers.reason(0, worth(500.0), 0) == ""
    assert breakers.reason(0, worth(499.99), 0) == "min_balance"


def test_slots():
    breakers = panel(max_open_positions=2)
    assert breakers.reason(0, worth(1000.0), 1) == ""
    assert breakers.reason(0, worth(1000.0), 2) == "max_open_positions"


def test_state_goes_on_elsewhere():
    breakers = panel(max_consecutive_losses=2, pause_s=60)
    breakers.closed(0, -1)
    other = panel(max_consecutive_losses=2, pause_s=60)
    other.restore(breakers.state())
    other.closed(4, -1)
    assert other.reason(4, worth(1000.0), 0) == "consecutive_losses"
    curve, again = worth(1000.0, [(0, 900.0)]), worth(1000.0)
    again.restore(curve.state())
    assert again.state() == curve.state()
    assert other.reason(NS_PER_DAY - 1, again, 0) == "daily_drawdown"
