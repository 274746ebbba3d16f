"""Plans: sensible by default, and errors that name the key."""

from __future__ import annotations

import pytest

from alphaloop.core.errors import RecipeError
from alphaloop.trading.overrides import overridden
from alphaloop.trading.plan import Plan


def test_the_default_plan_is_whole_and_goes_through_json():
    plan = Plan()
    assert Plan.parse(plan.model_dump(mode="json"), "x") == plan
    assert Plan.parse({}, "x").hash == plan.hash


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"polcy": {}}, "unknown key 'polcy'; did you mean 'policy'"),
        ({"exits": {"stop_los_atr": 1}}, "unknown key 'exits.stop_los_atr'; did you mean 'stop_loss_atr'"),
        ({"policy": {"side": "up"}}, "policy.side"),
        ({"policy": {"threshold": 1.5}}, "policy.threshold"),
        ({"sizing": {"method": "risk"}, "exits": {"stop_loss_atr": 0}}, "needs a stop"),
        ({"exits": {"take_profit_atr": 0, "stop_loss_atr": 0, "timeout_s": 0}}, "every exit is off"),
        ({"exits": {"take_profit_atr": 1, "stop_loss_atr": 1, "min_reward_risk": 1.2}}, "min_reward_risk"),
        ({"sizing": {"min_notional": 1e6}}, "min_notional"),
        ({"initial_cash": 0}, "initial_cash"),
        ({"breakers": {"daily_drawdown": 1.0}}, "breakers.daily_drawdown"),
    ],
)
def test_wrong_plans_are_refused_by_name(values, words):
    with pytest.raises(RecipeError, match=r"^plan\.toml: ") as caught:
        Plan.parse(values, "plan.toml")
    assert words in str(caught.value)


def test_assignments_of_the_command_line():
    changes = ["trading.policy.threshold=0.7", "exits.timeout_s = 60", "trading.policy.side=long", "initial_cash=5e3"]
    plan = overridden(Plan(), changes)
    assert (plan.policy.threshold, plan.policy.side, plan.exits.timeout_s, plan.initial_cash) == (0.7, "long", 60, 5e3)
    assert overridden(plan, []) == plan


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("policy.threshold", "is not KEY=VALUE"),
        ("policy.treshold=0.6", "did you mean 'threshold'"),
        ("initial_cash.more=1", "no keys below"),
        ("policy.threshold=high", "policy.threshold"),
    ],
)
def test_wrong_assignments_are_refused(assignment, words):
    with pytest.raises(RecipeError, match=words):
        overridden(Plan(), [assignment])
