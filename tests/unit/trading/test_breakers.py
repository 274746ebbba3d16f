"""Breakers block entries, for as long as they say."""

from __future__ import annotations

import math

from alphaloop.core.clock import NS_PER_DAY, NS_PER_S
from alphaloop.trading.breakers import BreakerPanel
from alphaloop.trading.plan import Breakers


def panel(**settings):
    off = {"daily_drawdown": 0, "max_consecutive_losses": 0, "min_balance_fraction": 0}
    return BreakerPanel(Breakers(**(off | settings)), 1000.0)


def test_nothing_blocks_when_all_is_well():
    assert panel().reason(0, 1.0, 0) == ""


def test_a_trip_lasts_until_its_time():
    breakers = panel(daily_drawdown=0.1)
    assert breakers.day_floor == 0.9
    breakers.trip(6 * NS_PER_DAY)
    assert breakers.reason(6 * NS_PER_DAY - 1, 1000.0, 0) == "daily_drawdown"
    assert breakers.reason(6 * NS_PER_DAY, 900.0, 0) == ""
    assert panel().day_floor == -math.inf


def test_losses_in_a_row_pause_and_start_again():
    breakers = panel(max_consecutive_losses=3, pause_s=60)
    for net in (-1, -1, 5, -1, -1):
        breakers.closed(100, net)
        assert breakers.reason(100, 1000.0, 0) == ""
    breakers.closed(100, -1)
    assert breakers.reason(100 + 60 * NS_PER_S - 1, 1000.0, 0) == "consecutive_losses"
    assert breakers.reason(100 + 60 * NS_PER_S, 1000.0, 0) == ""
    breakers.closed(200 + 60 * NS_PER_S, -1)
    assert breakers.reason(200 + 60 * NS_PER_S, 1000.0, 0) == ""


def test_a_trade_that_gains_nothing_is_no_loss():
    breakers = panel(max_consecutive_losses=1)
    breakers.closed(0, 0)
    assert breakers.reason(0, 1000.0, 0) == ""


def test_the_minimum_balance():
    breakers = panel(min_balance_fraction=0.5)
    assert breakers.reason(0, 500.0, 0) == ""
    assert breakers.reason(0, 499.99, 0) == "min_balance"


def test_slots():
    breakers = panel(max_open_positions=2)
    assert breakers.reason(0, 1000.0, 1) == ""
    assert breakers.reason(0, 1000.0, 2) == "max_open_positions"


def test_state_goes_on_elsewhere():
    breakers = panel(max_consecutive_losses=2, daily_drawdown=0.1, pause_s=60)
    breakers.closed(0, -1)
    breakers.trip(NS_PER_DAY)
    other = panel(max_consecutive_losses=2, daily_drawdown=0.1, pause_s=60)
    other.restore(breakers.state())
    assert other.reason(4, 1000.0, 0) == "daily_drawdown"
    other.closed(NS_PER_DAY, -1)
    assert other.reason(NS_PER_DAY, 1000.0, 0) == "consecutive_losses"
