"""`rule_score` by hand."""

from __future__ import annotations

import math

import pytest

from alphaloop.core.errors import RecipeError
from alphaloop.markets.pumpfun.signals import rule
from alphaloop.markets.pumpfun.signals.rule import RuleSettings

NAN = math.nan
RULE = RuleSettings()


def rule_score(settings: RuleSettings, *inputs: float, weight: float = 1.0, penalty: float = 0.0) -> float:
    return rule.rule_score(settings, *inputs, follower_weight=weight, crowding_penalty=penalty)


def test_the_best_and_the_worst() -> None:
    assert rule_score(RULE, 100.0, 1e12, 1.0, 2.0, 0.0) == pytest.approx(100.0)
    assert rule_score(RULE, 0.0, 0.0, 1e12, 4.0, 100.0) == pytest.approx(0.0, abs=1e-6)


def test_the_weights() -> None:
    # 0.4 * 0.5 + 0.2 * 0.5 + 0.15 * 0.5 + 0.1 * 0.6 + 0.15 * 0.8
    assert rule_score(RULE, 50.0, 10.0, 11.0, 0.0, 20.0) == pytest.approx(100 * 0.555)


def test_the_unknown_takes_no_part() -> None:
    known = (0.4 * 0.5 + 0.2 * 0.5 + 0.15 * 0.5 + 0.1 * 0.6) / 0.85
    assert rule_score(RULE, 50.0, 10.0, 11.0, 0.0, NAN) == pytest.approx(100 * known)
    assert math.isnan(rule_score(RULE, NAN, 10.0, 11.0, 0.0, NAN)), "0.45 of the weights is not half of them"
    assert not math.isnan(rule_score(RULE, NAN, 10.0, 11.0, 0.0, 20.0))
    assert math.isnan(rule_score(RULE, NAN, NAN, NAN, NAN, NAN))
    assert math.isnan(rule_score(RuleSettings(known_weight=0.0), NAN, NAN, NAN, NAN, NAN))


def test_a_follower_and_a_crowd_take_from_the_score() -> None:
    inputs = (50.0, 10.0, 11.0, 0.0, 20.0)
    whole = rule_score(RULE, *inputs)
    assert rule_score(RULE, *inputs, weight=0.25) == pytest.approx(0.25 * whole)
    assert rule_score(RULE, *inputs, penalty=0.5) == pytest.approx(0.5 * whole)
    assert rule_score(RULE, *inputs, weight=0.5, penalty=0.1) == pytest.approx(0.45 * whole)
    assert rule_score(RULE, *inputs, penalty=NAN) == whole, "an unknown penalty takes nothing"


def test_more_alpha_never_scores_less() -> None:
    scores = [rule_score(RULE, alpha, 5.0, 3.0, 1.0, 40.0) for alpha in range(0, 101, 5)]
    assert scores == sorted(scores)
    risks = [rule_score(RULE, 50.0, 5.0, 3.0, 1.0, risk) for risk in range(0, 101, 5)]
    assert risks == sorted(risks, reverse=True)


def test_states_take_eight_values() -> None:
    with pytest.raises(RecipeError, match="8 values from 0 to 1"):
        RuleSettings.parse({"states": [1.0]}, "pump.toml")
