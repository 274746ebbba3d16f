"""The trading plan: everything that decides besides the model. It travels in the artifact and has a hash.

Zero turns an optional rule off, because TOML has no word for "none".
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from alphaloop.core.costs import Costs
from alphaloop.core.settings import Settings

DAY_S = 86_400.0
YEAR_S = 366 * DAY_S


class Policy(Settings):
    """Which signals become entries."""

    side: Literal["both", "long", "short"] = Field(default="both", description="sides that may be entered")
    threshold: float | None = Field(
        default=None, ge=0, le=1, description="least probability of the winning class; the artifact's own if left out"
    )
    min_gap: float = Field(default=0.0, ge=0, le=1, description="least distance between the two most probable classes")
    cool_down_s: float = Field(default=0.0, ge=0, le=YEAR_S, description="pause of a symbol after its trade closed")


class Sizing(Settings):
    """How much: a share of equity, or what loses a share of equity at the stop. Caps make smaller, never larger."""

    method: Literal["fraction", "risk"] = Field(default="fraction", description="share of equity, or risk at the stop")
    fraction: float = Field(default=0.1, gt=0, le=10, description="notional as a share of equity (method fraction)")
    risk_fraction: float = Field(default=0.01, gt=0, le=0.5, description="loss at the stop with costs (method risk)")
    max_fraction: float = Field(default=1.0, gt=0, le=10, description="cap of one position's notional, share of equity")
    max_exposure: float = Field(default=1.0, gt=0, le=10, description="cap of all notionals together, share of equity")
    min_notional: float = Field(default=10.0, ge=0, description="smaller entries are skipped, in quote units")
    quantity_step: float = Field(default=1e-9, ge=1e-9, description="quantities are multiples of this, in base units")


class Exits(Settings):
    """When a position is left. Distances are multiples of the signal's ATR from the entry price with its costs."""

    take_profit_atr: float = Field(default=3.0, ge=0, le=1000, description="distance of the target; 0 is none")
    stop_loss_atr: float = Field(default=2.0, ge=0, le=1000, description="distance of the stop; 0 is none")
    min_reward_risk: float = Field(default=0.0, ge=0, description="least take_profit_atr over stop_loss_atr")
    target_order: Literal["market", "limit"] = Field(
        default="market",
        description="a touched target goes to market and pays impact, as labels count, or rests as limit",
    )
    trailing_atr: float = Field(default=0.0, ge=0, le=1000, description="distance of the trailing stop; 0 is none")
    trailing_arm_atr: float = Field(default=0.0, ge=0, le=1000, description="gain at which trailing starts")
    timeout_s: float = Field(default=3600.0, ge=0, le=YEAR_S, description="longest time from the decision; 0 is none")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not (self.take_profit_atr or self.stop_loss_atr or self.trailing_atr or self.timeout_s):
            raise ValueError("every exit is off, so that no position would ever close; set timeout_s or stop_loss_atr")
        if self.take_profit_atr and self.take_profit_atr < self.min_reward_risk * self.stop_loss_atr:
            raise ValueError("take_profit_atr is below min_reward_risk x stop_loss_atr")
        return self

    @property
    def need_atr(self) -> bool:
        """Whether any distance is in use."""
        return bool(self.take_profit_atr or self.stop_loss_atr or self.trailing_atr)


class Breakers(Settings):
    """When no new position may be entered. Breakers never touch an exit."""

    daily_drawdown: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="fall from the UTC day's peak that stops entries until 00:00; 0 off",
    )
    max_consecutive_losses: int = Field(default=5, ge=0, description="losing trades in a row that pause entries; 0 off")
    pause_s: float = Field(default=3600.0, ge=0, le=YEAR_S, description="length of that pause")
    min_balance_fraction: float = Field(
        default=0.5, ge=0, lt=1, description="no entries while equity is below this share of initial_cash; 0 off"
    )
    max_open_positions: int = Field(default=10, ge=1, description="positions open or opening at the same time")


class Plan(Settings):
    """Policy, sizing, exits, breakers and costs of one trader."""

    policy: Policy = Policy()
    sizing: Sizing = Sizing()
    exits: Exits = Exits()
    breakers: Breakers = Breakers()
    costs: Costs = Costs()
    initial_cash: float = Field(default=10_000.0, gt=0, le=1e15, description="cash at the start, in quote units")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.sizing.method == "risk" and not self.exits.stop_loss_atr:
            raise ValueError("sizing.method 'risk' needs a stop; set exits.stop_loss_atr above 0")
        if self.sizing.min_notional > self.initial_cash * self.sizing.max_fraction:
            raise ValueError("sizing.min_notional is more than initial_cash may ever buy; lower it")
        return self
