"""What must hold of a portfolio engine for any history: see `portfolio_twin` for what is checked after every input."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaloop.trading.portfolio.engine import PortfolioEngine
from alphaloop.trading.portfolio.records import AnyInput, Opened
from portfolio_case import SOL, STRATEGY
from portfolio_case import settings as made
from portfolio_twin import ACTIONS, Twin

histories = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 2**16)), max_size=120)


@st.composite
def portfolios(draw: Any) -> Any:
    """Settings in which much happens."""
    choice = lambda *values: draw(st.sampled_from(values))  # noqa: E731
    return made(
        strategies={
            "plain": {**STRATEGY, "max_hold_s": choice(60.0, 600.0), "priority": choice(0, 2)},
            "veto": {**STRATEGY, "dead_model": "dead", "dead_threshold": 0.3, "priority": 1, "score_threshold": 0.9},
            "other": {**STRATEGY, "source": "else", "trail_arm": choice(1.0, 1.3), "min_phase": choice(1, 2)},
        },
        regimes={"bear": {"add_threshold": 0.1, "size_factor": 0.5}},
        selling={
            "most_unproved": choice(1, 2, 8),
            "alarm_after": choice(1, 4),
            "retry_s": choice(0.5, 2.0),
        },
        breakers={
            "daily_drawdown": choice(0.0, 0.1, 0.9),
            "max_consecutive_losses": choice(0, 2),
            "cool_down_s": choice(0.0, 3.0),
            "max_unproved": choice(1, 9),
        },
        sizing={"keep": choice(SOL // 10, SOL), "overhead": choice(0, 3_000_000), "least_conviction": choice(0.5, 1.0)},
        entry_tries=choice(1, 3),
        entry_retry_s=choice(0.0, 5.0, 60.0),
    )


def lived(portfolio: Any, history: list[tuple[str, int]]) -> Twin:
    twin = Twin(portfolio)
    for name, number in history:
        twin.act(name, number)
    return twin


@settings(max_examples=250, deadline=None)
@given(portfolios(), histories)
def test_whatever_happens_money_is_exact_and_no_exit_is_forgotten(portfolio, history):
    twin = lived(portfolio, history)
    twin.settle()
    state = twin.engine.state
    assert state.trades == {}, "a position was never left"
    assert state.account.balance == state.free == twin.wallet
    bought = {trade.asset for trade in twin.trades.values() if trade.bought}
    assert all(not twin.tokens[asset] for asset in bought - twin.stolen), "something is left in the wallet"


@settings(max_examples=60, deadline=None)
@given(portfolios(), histories)
def test_a_journal_leads_to_the_same_outputs_and_the_same_state(portfolio, history):
    twin = lived(portfolio, history)
    journal = msgspec.json.encode([step.told for step in twin.steps])
    engine = PortfolioEngine(portfolio)
    for told, step in zip(msgspec.json.decode(journal, type=list[AnyInput]), twin.steps, strict=True):
        assert engine.apply(told) == step.outputs
    assert msgspec.json.encode(engine.state.save()) == twin.steps[-1].saved


@settings(max_examples=60, deadline=None)
@given(portfolios(), histories)
def test_an_engine_that_is_saved_and_restored_after_every_input_is_the_same_engine(portfolio, history):
    twin = lived(portfolio, history)
    saved: bytes = msgspec.json.encode({})
    for step in twin.steps:
        engine = PortfolioEngine(portfolio)
        state = msgspec.json.decode(saved)
        engine.apply(Opened(at_ns=0, deliberate=False, state=state, settings="", is_start=False))
        assert engine.apply(step.told) == step.outputs
        saved = msgspec.json.encode(engine.state.save())
        assert saved == step.saved


def test_the_histories_hold_what_they_are_to_hold():
    """A history in which nothing happens proves nothing."""
    events: Counter[str] = Counter()
    for seed in range(15):
        chance = random.Random(seed)
        history = [(chance.choice(ACTIONS), chance.randrange(2**16)) for _ in range(300)]
        twin = lived(made(breakers={"cool_down_s": 3.0, "max_consecutive_losses": 2}), history)
        events.update(type(step.told).__name__ for step in twin.steps)
        events.update(getattr(output, "event", "") for step in twin.steps for output in step.outputs)
    often = "trade_opened trade_closed entry_failed transaction_failed not_submitted exit_decided exit_struggles"
    now_and_then = "holding_differs position_adopted breaker_tripped sale_refused clock_set_back balance_corrected"
    assert [event for event in often.split() if events[event] < 15] == [], events
    assert [event for event in now_and_then.split() if not events[event]] == [], events
