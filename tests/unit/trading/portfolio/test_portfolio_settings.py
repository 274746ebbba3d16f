"""Settings that contradict themselves are refused with a sentence; prose of the account."""

from __future__ import annotations

import pytest

from alphaloop.core.errors import RecipeError
from alphaloop.trading.portfolio.account import Account
from portfolio_case import PHASES, SOL, STRATEGY, settings


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"strategies": {}}, "at least one strategy"),
        ({"strategies": {"a": {**STRATEGY, "min_phase": 4}}}, "strategies a ask for a phase beyond the 3"),
        ({"strategies": {"a": {**STRATEGY, "dead_threshold": 0.3}}}, "dead_threshold needs dead_model"),
        ({"strategies": {"a": {**STRATEGY, "stop_loss": 1.0}}}, "strategies.a.stop_loss"),
        ({"strategies": {"a": {**STRATEGY, "take_profit": 1.0}}}, "strategies.a.take_profit"),
        ({"phases": []}, "one or more phases"),
        ({"phases": [PHASES[1], PHASES[0]]}, "higher min_balance"),
        ({"sizing": {"keep": SOL // 100}}, "sizing.keep is below breakers.min_balance"),
        ({"sizing": {"keeps": 1}}, "did you mean 'keep'"),
        ({"selling": {"steps": []}}, "one or more steps"),
        ({"selling": {"steps": [{"slippage_bps": 500}, {"slippage_bps": 400}]}}, "at least the tolerance"),
        ({"breakers": {"max_unproved": 0}}, "breakers.max_unproved"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        settings(**changes)


def test_models_are_named_by_source() -> None:
    made = settings(
        strategies={
            "a": {**STRATEGY, "dead_model": "dead", "dead_threshold": 0.3},
            "b": {**STRATEGY, "model": "other"},
            "c": {**STRATEGY, "source": "else"},
        }
    )
    assert made.models == {"signal": {"up", "dead", "other"}, "else": {"up"}}


def test_a_streak_counts_wins_above_and_losses_below_nought() -> None:
    account = Account()
    streaks = []
    for net in (1, 1, -1, 0, -1, 1):
        account.close(net)
        streaks.append(account.current_streak)
    assert streaks == [1, 2, -1, -1, -2, 1]
    assert (account.total_trades, account.total_wins, account.total_losses, account.total_pnl) == (6, 3, 2, 1)
    assert account.win_rate == 50.0
    assert Account().win_rate is None
