"""The lives of orders and positions: what is in the table happens, anything else raises."""

from __future__ import annotations

from itertools import product

import pytest

from alphaloop.core.errors import StateError
from alphaloop.trading.states import (
    ORDER_STEPS,
    POSITION_STEPS,
    OrderState,
    OrderStep,
    PositionState,
    PositionStep,
    advance,
)

LIVES = [(ORDER_STEPS, OrderState, OrderStep), (POSITION_STEPS, PositionState, PositionStep)]


@pytest.mark.parametrize(("table", "states", "steps"), LIVES)
def test_every_pair_is_in_the_table_or_raises(table, states, steps):
    for state, step in product(states, steps):
        if (state, step) in table:
            assert advance(table, state, step, "it") is table[state, step]
        else:
            with pytest.raises(StateError, match=f"it is {state} and cannot {step}; possible"):
                advance(table, state, step, "it")


@pytest.mark.parametrize(
    ("table", "ends"),
    [
        (ORDER_STEPS, {"filled", "cancelled", "rejected", "expired"}),
        (POSITION_STEPS, {"closed", "abandoned"}),
    ],
)
def test_what_has_ended_stays_ended(table, ends):
    starts = {before for before, _ in table}
    assert {after for after in table.values() if after not in starts} == ends
