"""Where orders fill inside a bar."""

from __future__ import annotations

import math

import numpy as np
import pytest

from alphaloop.core.costs import Costs
from alphaloop.core.fills import bracket_exit, cost_basis, fill_mid, fill_price, net_return


@pytest.mark.parametrize(
    ("arrives", "expected"), [(0, 100.0), (1000, 100.0), (1030, 105.0), (1015, 102.5), (1059, 100 + 10 * 59 / 60)]
)
def test_the_mid_goes_straight_from_open_to_close(arrives, expected):
    assert fill_mid(arrives, 1000, 1060, 100.0, 110.0) == expected


def test_fractions_are_exact_at_real_time_stamps():
    opened = 1_700_000_000 * 10**9
    assert fill_mid(opened + 15 * 10**9, opened, opened + 60 * 10**9, 100.0, 104.0) == 101.0


def test_a_buy_pays_and_a_sell_receives():
    costs = Costs(fee_bps=10, spread_bps=4, slippage_bps=3)
    assert fill_price(1, 100.0, costs.impact) == pytest.approx(100.05)
    assert fill_price(-1, 100.0, costs.impact) == pytest.approx(99.95)
    assert cost_basis(1, 100.0, costs.fee) == pytest.approx(100.1)
    assert cost_basis(-1, 100.0, costs.fee) == pytest.approx(99.9)


LONG = {"side": 1, "stop": 99.0, "target": 102.0}


@pytest.mark.parametrize(
    ("bar", "entering", "expected"),
    [
        ((100, 101.9, 99.1), False, (0, None)),
        ((100, 102, 99.5), False, (1, 102.0)),
        ((100, 105, 99.5), False, (1, 102.0)),
        ((103, 105, 102.5), False, (1, 102.0)),
        ((100, 101, 99), False, (-1, 99.0)),
        ((100, 103, 98), False, (-1, 99.0)),
        ((97, 98, 96), False, (-1, 97.0)),
        ((97, 98, 96), True, (-1, 99.0)),
        ((100, math.nan, math.nan), False, (0, None)),
    ],
)
def test_brackets_of_a_long_and_its_mirror(bar, entering, expected):
    opened, high, low = bar
    assert_exit(bracket_exit(1, 99.0, 102.0, opened, high, low, entering), expected)
    outcome, price = expected
    mirrored = (outcome, None if price is None else 200 - price)
    assert_exit(bracket_exit(-1, 101.0, 98.0, 200 - opened, 200 - low, 200 - high, entering), mirrored)


def assert_exit(got, expected):
    assert got[0] == expected[0]
    assert math.isnan(got[1]) if expected[1] is None else got[1] == expected[1]


def test_a_round_trip_by_hand():
    # Long: buys at 101, fee 0.101; sells 110 x 0.99 = 108.9, fee 0.1089.
    assert net_return(1, 100.0, 110.0, 0.01, 0.001) == pytest.approx((108.9 - 0.1089 - 101 - 0.101) / 101)
    # Short: sells at 99, fee 0.099; buys back at 110 x 1.01 = 111.1, fee 0.1111.
    assert net_return(-1, 100.0, 110.0, 0.01, 0.001) == pytest.approx((99 - 0.099 - 111.1 - 0.1111) / 99)
    assert net_return(1, 100.0, 110.0, 0.0, 0.0) == pytest.approx(0.1)
    assert net_return(-1, 100.0, 110.0, 0.0, 0.0) == pytest.approx(-0.1)


def test_an_idle_round_trip_costs_the_round_trip():
    costs = Costs()
    for side in (1, -1):
        assert net_return(side, 50.0, 50.0, costs.impact, costs.fee) == pytest.approx(-costs.round_trip, rel=2e-3)


def test_compiled_and_plain_rules_give_the_same_bits():
    from alphaloop.labels import kernels

    random = np.random.default_rng(0)
    for _ in range(2000):
        opened = int(random.integers(10**18, 2 * 10**18))
        step = int(random.integers(1, 4 * 10**15))
        arrives = opened + int(random.integers(-10, step))
        o, c, e = random.lognormal(3, 2, 3)
        assert kernels._fill_mid(arrives, opened, opened + step, o, c) == fill_mid(arrives, opened, opened + step, o, c)
        side = int(random.choice([-1, 1]))
        costs = random.random(2) * 0.01
        assert kernels._net_return(side, e, c, *costs) == net_return(side, e, c, *costs)
        assert kernels._fill_price(side, e, costs[0]) == fill_price(side, e, costs[0])
        assert kernels._cost_basis(side, e, costs[1]) == cost_basis(side, e, costs[1])
