"""When the market is a bear, a bull or on the way: the rules, their limits and their inputs.

The rules are tested in this order; a rule with a missing input does not hold, and where none holds the market is in
transition:

====  =============  ==================================================================================================
code  regime         rule (limits are settings)
====  =============  ==================================================================================================
0     bear           graduation_rate_24h < 2 %, tokens_created_1h < 15 and sol_volume_1h < 50
3     bull_euphoria  graduation_rate_2h > 8 %, tokens_created_1h > 100 and sol_volume_1h > 500
1     transition     tokens_created_1h or graduation_rate_2h more than 50 % away from its average of 7 days
2     bull_normal    graduation_rate_2h > 3 % and tokens_created_1h > 30
====  =============  ==================================================================================================

Confidence: bear and euphoria have ``0.5 + 0.5 m``, where `m` is the smallest distance of their inputs beyond the limit,
as a share of the limit and at most 1; normal and transition have 0.6. Before the inputs of the last two hours are known
the regime is transition with confidence 0.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Final

import msgspec
from pydantic import Field, model_validator

from alphaloop.core.settings import Settings

HOUR_S: Final = 3_600
DAY_S: Final = 86_400
WEEK_S: Final = 7 * DAY_S
_STEADY: Final = 0.6


class Regime(IntEnum):
    """The regimes, by the number that the feature `market_regime` has."""

    BEAR = 0
    TRANSITION = 1
    BULL_NORMAL = 2
    BULL_EUPHORIA = 3


class RegimeSettings(Settings):
    """Cadence and limits. Rates are fractions, tokens and SOL are per hour."""

    every_s: int = Field(default=600, gt=0, description="cadence of the judgement and width of a slice")
    average_after_s: int = Field(default=DAY_S, gt=0, description="history from which the 7-day averages are known")
    euphoria_graduation: float = Field(default=0.08, gt=0)
    euphoria_tokens: float = Field(default=100.0, gt=0)
    euphoria_sol: float = Field(default=500.0, gt=0)
    normal_graduation: float = Field(default=0.03, gt=0)
    normal_tokens: float = Field(default=30.0, gt=0)
    transition_distance: float = Field(default=0.5, gt=0, description="share of the average")
    bear_graduation: float = Field(default=0.02, gt=0)
    bear_tokens: float = Field(default=15.0, gt=0)
    bear_sol: float = Field(default=50.0, gt=0)

    @model_validator(mode="after")
    def _divides(self) -> RegimeSettings:
        if HOUR_S % self.every_s:
            raise ValueError(f"every_s must divide an hour, got {self.every_s}")
        return self


class Snapshot(msgspec.Struct, frozen=True, array_like=True, gc=False, kw_only=True):
    """A judgement at `known_ns` and its eleven inputs; NaN is missing.

    Parameters
    ----------
    tokens_created_1h, tokens_created_24h : float
        Tokens created in the window.
    tokens_created_7d : float
        Tokens created per hour, on average over seven days.
    graduation_rate_2h, graduation_rate_24h, graduation_rate_7d : float
        Curves completed in the window by tokens created in it.
    sol_volume_1h, sol_volume_24h : float
        SOL.
    active_wallets_1h : float
        Distinct wallets that traded.
    peak_multiple_6h, hit_rate_2x_6h : float
        Mean highest price multiple, and share that reached 2x, of the own signals resolved in the window.
    """

    known_ns: int
    code: int = Regime.TRANSITION
    confidence: float = 0.0
    tokens_created_1h: float = math.nan
    tokens_created_24h: float = math.nan
    tokens_created_7d: float = math.nan
    graduation_rate_2h: float = math.nan
    graduation_rate_24h: float = math.nan
    graduation_rate_7d: float = math.nan
    sol_volume_1h: float = math.nan
    sol_volume_24h: float = math.nan
    active_wallets_1h: float = math.nan
    peak_multiple_6h: float = math.nan
    hit_rate_2x_6h: float = math.nan


def judge(limits: RegimeSettings, inputs: Snapshot) -> tuple[Regime, float]:
    """Regime and confidence for the inputs, by the rules of the module; whatever `inputs` says of both is ignored."""
    created, sol, graduation = inputs.tokens_created_1h, inputs.sol_volume_1h, inputs.graduation_rate_2h
    below = (
        1.0 - inputs.graduation_rate_24h / limits.bear_graduation,
        1.0 - created / limits.bear_tokens,
        1.0 - sol / limits.bear_sol,
    )
    if all(distance > 0 for distance in below):
        return Regime.BEAR, 0.5 + 0.5 * min(1.0, *below)
    above = (
        graduation / limits.euphoria_graduation - 1.0,
        created / limits.euphoria_tokens - 1.0,
        sol / limits.euphoria_sol - 1.0,
    )
    if all(distance > 0 for distance in above):
        return Regime.BULL_EUPHORIA, 0.5 + 0.5 * min(1.0, *above)
    away = limits.transition_distance
    if (
        abs(created - inputs.tokens_created_7d) > away * inputs.tokens_created_7d
        or abs(graduation - inputs.graduation_rate_7d) > away * inputs.graduation_rate_7d
    ):
        return Regime.TRANSITION, _STEADY
    if graduation > limits.normal_graduation and created > limits.normal_tokens:
        return Regime.BULL_NORMAL, _STEADY
    return Regime.TRANSITION, 0.0 if math.isnan(created) or math.isnan(graduation) else _STEADY
