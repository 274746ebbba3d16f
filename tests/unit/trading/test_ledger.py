"""The books, by hand."""

from __future__ import annotations

import json

import pytest

from alphaloop.core.errors import StateError
from alphaloop.trading.ledger import Ledger
from alphaloop.trading.money import NANO, fee_of, notional, to_nano
from alphaloop.trading.records import Fill, Reason


def fill(side, quantity, amount, fee=0, symbol="A"):
    return Fill(1, symbol, side, quantity, 1.0, amount, fee, 0, 0, Reason.ENTRY)


def test_a_long_that_wins():
    ledger = Ledger.rebuilt(1000, [fill(1, 10, 100, 1), fill(-1, 10, 130, 2)])
    assert (ledger.cash, ledger.realised, ledger.fees) == (1027, 30, 3)
    assert ledger.quantities == ledger.costs == {}
    assert ledger.balance() == 0


def test_a_short_that_wins():
    ledger = Ledger.rebuilt(1000, [fill(-1, 10, 100, 1)])
    assert (ledger.cash, ledger.quantities, ledger.costs) == (1099, {"A": -10}, {"A": -100})
    ledger.apply(fill(1, 10, 70, 1))
    assert (ledger.cash, ledger.realised, ledger.fees) == (1028, 30, 2)


def test_closing_in_parts_leaves_nothing_behind():
    ledger = Ledger.rebuilt(1000, [fill(1, 3, 100), fill(-1, 1, 40), fill(-1, 1, 40), fill(-1, 1, 40)])
    assert (ledger.cash, ledger.realised) == (1020, 20)
    assert ledger.costs == {}
    assert ledger.balance() == 0


@pytest.mark.parametrize(
    ("second", "words"),
    [(fill(-1, 11, 1), "cross zero"), (fill(1, 0, 1), "impossible"), (fill(1, 1, 1, -1), "impossible")],
)
def test_impossible_fills_are_refused_and_leave_no_trace(second, words):
    ledger = Ledger.rebuilt(1000, [fill(1, 10, 100)])
    before = ledger.state()
    with pytest.raises(StateError, match=words):
        ledger.apply(second)
    assert ledger.state() == before


def test_it_goes_through_json_whatever_its_size():
    ledger = Ledger.rebuilt(10**30, [fill(-1, 10**25, 10**28, 7)])
    assert Ledger.restored(json.loads(json.dumps(ledger.state()))) == ledger


def test_products_are_exact_and_rounded_against_the_trader():
    assert notional(0.1, 10 * NANO, paid=True) == NANO + 1  # the float 0.1 is a little more than a tenth
    assert notional(0.1, 10 * NANO, paid=False) == NANO
    assert notional(1e-12, 1, paid=True) == 1
    assert notional(1e-12, 1, paid=False) == 0
    assert fee_of(1, 0.001) == 1
    assert fee_of(10**12, 0.0) == 0
    assert to_nano(0.1) == 10**8
