"""How much: never more than was wanted, and nothing rather than too much."""

from __future__ import annotations

import pytest

from alphaloop.core.costs import Costs
from alphaloop.core.fills import cost_basis, fill_price
from alphaloop.trading.money import NANO
from alphaloop.trading.plan import Sizing
from alphaloop.trading.sizing import loss_at_stop, size

COSTS = Costs(fee_bps=10, spread_bps=4, slippage_bps=3)


def test_a_fraction_of_equity():
    assert size(Sizing(fraction=0.25), COSTS, 1, 50.0, 0.0, 10_000.0, 0.0) == 50 * NANO


@pytest.mark.parametrize("side", [1, -1])
def test_risk_is_what_a_stop_costs_with_everything(side):
    quantity = size(Sizing(method="risk", risk_fraction=0.01), COSTS, side, 100.0, 2.0, 10_000.0, 0.0) / NANO
    basis = cost_basis(side, fill_price(side, 100.0, COSTS.impact), COSTS.fee)
    out = cost_basis(-side, fill_price(-side, basis - side * 2.0, COSTS.impact), COSTS.fee)
    assert side * (basis - out) * quantity == pytest.approx(100.0)
    assert side * (basis - out) * quantity <= 100.0
    assert quantity < 50


def test_the_cap_makes_smaller_and_so_does_what_is_open():
    sizing = Sizing(method="risk", risk_fraction=0.05, max_fraction=0.5, max_exposure=0.8)
    assert size(sizing, COSTS, 1, 100.0, 0.01, 10_000.0, 0.0) == 50 * NANO
    assert size(sizing, COSTS, 1, 100.0, 0.01, 10_000.0, 5_000.0) == 30 * NANO
    assert size(sizing, COSTS, 1, 100.0, 0.01, 10_000.0, 8_000.0) == 0
    assert size(sizing, COSTS, 1, 100.0, 0.01, 10_000.0, 9_000.0) == 0


def test_below_the_minimum_it_is_skipped_and_not_raised():
    assert size(Sizing(fraction=0.01, min_notional=100.0), COSTS, 1, 50.0, 0.0, 10_000.0, 0.0) == 2 * NANO
    assert size(Sizing(fraction=0.01, min_notional=100.01), COSTS, 1, 50.0, 0.0, 10_000.0, 0.0) == 0


def test_quantities_are_multiples_of_the_step_rounded_down():
    assert size(Sizing(fraction=0.1, quantity_step=0.25), COSTS, 1, 290.0, 0.0, 10_000.0, 0.0) == 325 * NANO // 100
    assert size(Sizing(fraction=0.1, quantity_step=4.0, min_notional=0), COSTS, 1, 290.0, 0.0, 10_000.0, 0.0) == 0


@pytest.mark.parametrize("equity", [0.0, -5.0])
def test_nothing_is_bought_with_nothing(equity):
    assert size(Sizing(min_notional=0), COSTS, 1, 10.0, 0.0, equity, 0.0) == 0


def test_loss_at_stop_counts_costs_twice():
    assert loss_at_stop(Costs(fee_bps=0, spread_bps=0, slippage_bps=0), 1, 100.0, 2.0) == 2.0
    assert loss_at_stop(COSTS, 1, 100.0, 2.0) > 2.0
