"""Who has the interpreter: for how long the thread that stores lets the one that decides alone, and back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from alphaloop.bus.contract import Delivery
from alphaloop.core.clock import SteppedClock
from alphaloop.markets.pumpfun.live.core import TraderCore
from alphaloop.markets.pumpfun.live.standard import standard_portfolio
from alphaloop.markets.pumpfun.live.trader import Trader
from alphaloop.markets.pumpfun.live.turns import DECISION_S, MICROSECOND, TURN_S, short_turns, undisturbed
from alphaloop.trading.portfolio.engine import PortfolioEngine


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.005)
    yield
    sys.setswitchinterval(before + MICROSECOND / 2)


def interval() -> object:
    return pytest.approx(sys.getswitchinterval(), abs=MICROSECOND / 10)


def test_turns_are_short_but_in_decisions_and_afterwards_as_before() -> None:
    with short_turns():
        assert interval() == TURN_S
        for _ in range(300):
            with undisturbed():
                assert interval() == DECISION_S
        assert interval() == TURN_S
    assert interval() == 0.005


def test_what_fails_inside_leaves_them_as_they_were() -> None:
    with pytest.raises(ZeroDivisionError), short_turns(), undisturbed():
        raise ZeroDivisionError
    assert interval() == 0.005


def test_longer_turns_than_those_of_a_decision_stay() -> None:
    with undisturbed():
        assert interval() == 0.005


def test_messages_are_heard_undisturbed() -> None:
    found: list[float] = []

    class Intake:
        def take_all(self, deliveries: list[Delivery], now_ns: int) -> list[None]:
            found.append(sys.getswitchinterval())
            return []

    core, venue = TraderCore(PortfolioEngine(standard_portfolio()), None, print), SimpleNamespace(heed=print)  # type: ignore[arg-type]
    trader = Trader(core, venue, None, None, Intake(), SteppedClock(1), None)  # type: ignore[arg-type]
    with short_turns():
        trader.hear([Delivery("trade:signals", b"")])
        assert interval() == TURN_S
    assert found == [pytest.approx(DECISION_S, abs=MICROSECOND / 10)]
