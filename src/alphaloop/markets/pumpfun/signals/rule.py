"""`rule_score`: a judgement of five inputs without a model; a feature, and what is left when no model is at hand.

::

    score = 100 * sum(w_i * x_i) / sum(w_i) * weight * (1 - penalty)      over the inputs that are known
    alpha      x = alpha_score / 100
    velocity   x = velocity / (velocity + velocity_half)      0.5 at `velocity_half` buys a minute
    rank       x = 1 / (1 + (buy_rank - 1) / rank_half)        1 for the first buyer
    lifecycle  x = a value for each of the eight states
    creator    x = 1 - creator_risk_score / 100
    weight     of a wallet that follows others, see the copy book; 1 for one that does not
    penalty    of a crowded coin, see the crowding book: up to half of the score

An unknown input takes no part, an unknown penalty takes nothing, and where less than `known_weight` of the weights is
known there is no score.
"""

from __future__ import annotations

import math

from pydantic import Field, field_validator

from alphaloop.core.settings import Settings


class RuleSettings(Settings):
    """Weights and scales of the rule."""

    alpha_weight: float = Field(default=0.40, ge=0, description="weight of the wallet's alpha score")
    velocity_weight: float = Field(default=0.20, ge=0, description="weight of the token's buys per minute")
    rank_weight: float = Field(default=0.15, ge=0, description="weight of the wallet's place among the buyers")
    lifecycle_weight: float = Field(default=0.10, ge=0, description="weight of the token's life-cycle state")
    creator_weight: float = Field(default=0.15, ge=0, description="weight of the creator's risk, inverted")
    velocity_half: float = Field(default=10.0, gt=0, description="buys per minute that give half of the velocity part")
    rank_half: float = Field(default=10.0, gt=0, description="places behind the first that give half of the rank part")
    states: tuple[float, ...] = Field(
        default=(0.6, 1.0, 1.0, 0.5, 0.0, 0.1, 0.0, 0.0), description="value of each life-cycle state, 0 to 1"
    )
    known_weight: float = Field(default=0.5, ge=0, le=1, description="least share of the weights that must be known")

    @field_validator("states")
    @classmethod
    def _eight(cls, states: tuple[float, ...]) -> tuple[float, ...]:
        if len(states) != 8 or not all(0 <= value <= 1 for value in states):
            raise ValueError(f"states takes 8 values from 0 to 1, got {list(states)}")
        return states


def rule_score(
    settings: RuleSettings,
    alpha: float,
    velocity: float,
    buy_rank: float,
    lifecycle: float,
    creator_risk: float,
    *,
    follower_weight: float,
    crowding_penalty: float,
) -> float:
    """Score from 0 to 100; NaN where too little is known. NaN inputs are unknown."""
    state = settings.states[int(lifecycle)] if not math.isnan(lifecycle) else math.nan
    parts = (
        (settings.alpha_weight, alpha / 100.0),
        (settings.velocity_weight, velocity / (velocity + settings.velocity_half)),
        (settings.rank_weight, 1.0 / (1.0 + (buy_rank - 1.0) / settings.rank_half)),
        (settings.lifecycle_weight, state),
        (settings.creator_weight, 1.0 - creator_risk / 100.0),
    )
    total = known = score = 0.0
    for weight, value in parts:
        total += weight
        if not math.isnan(value):
            known += weight
            score += weight * min(max(value, 0.0), 1.0)
    if known == 0.0 or known < settings.known_weight * total:
        return math.nan
    left = 1.0 if math.isnan(crowding_penalty) else 1.0 - crowding_penalty
    return 100.0 * score / known * follower_weight * left
