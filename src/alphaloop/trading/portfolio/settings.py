"""Everything that decides besides the models: strategies, phases, sizes, exits and breakers of one account.

Multiples are of the entry price, which is the market's price with its fees: 0.4 as a stop loss is a loss of 60 %. Zero
turns an optional rule off, because TOML has no word for "none".
"""

from __future__ import annotations

from itertools import pairwise
from typing import Self

from pydantic import Field, field_validator, model_validator

from alphaloop.core.clock import to_ns
from alphaloop.core.settings import Settings

DAY_S = 86_400.0


class Strategy(Settings):
    """What one strategy enters, and when it leaves."""

    source: str = Field(description="kind of signals it takes, such as signal or genesis_signal")
    model: str = Field(description="whose probability is compared with `score_threshold`")
    score_threshold: float = Field(ge=0, le=1, description="least calibrated probability")
    dead_model: str = Field(default="", description="whose probability is compared with `dead_threshold`")
    dead_threshold: float = Field(default=0.0, ge=0, le=1, description="entered only below this probability; 0 off")
    min_phase: int = Field(default=1, ge=1, description="phase from which it may enter")
    priority: int = Field(default=0, description="of those that pass all checks the highest enters")
    take_profit: float = Field(gt=1, le=1000, description="multiple of the entry price at which it sells")
    stop_loss: float = Field(gt=0, lt=1, description="multiple of the entry price at which it gives up")
    max_hold_s: float = Field(gt=0, le=7 * DAY_S, description="longest time from the fill")
    trail_width: float = Field(
        default=0.15, ge=0, lt=1, description="sold when this far below the peak multiple, as a share of it; 0 off"
    )
    trail_arm: float = Field(
        default=1.3,
        ge=1,
        le=1000,
        description="multiple that the peak must have reached for the trail to count; 1 arms it from the entry, and "
        "a stop loss below 1 - trail_width is then never reached",
    )
    slippage_bps: int = Field(default=1_000, ge=0, lt=10_000, description="tolerance of a buy against its quote")

    # Not kept: a copy with another `max_hold_s` would keep it, too.
    @property
    def max_hold_ns(self) -> int:
        """The same in nanoseconds."""
        return to_ns(self.max_hold_s)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.dead_threshold and not self.dead_model:
            raise ValueError("dead_threshold needs dead_model, the name of the model that it is compared with")
        return self


class Phase(Settings):
    """What a free balance allows."""

    min_balance: int = Field(gt=0, description="least free balance, in smallest money units")
    max_open: int = Field(ge=1, le=10_000, description="positions open or opening at the same time")
    size_fraction: float = Field(default=0.10, gt=0, le=1, description="base size, share of the free balance")


class RegimeEffect(Settings):
    """What a state of the market changes."""

    add_threshold: float = Field(default=0.0, ge=-1, le=1, description="added to each score threshold")
    size_factor: float = Field(default=1.0, ge=0, le=10, description="times each size")


class Sizing(Settings):
    """Caps on a size; they make smaller, never larger."""

    liquidity_fraction: float = Field(default=0.02, gt=0, le=1, description="at most this share of the market's money")
    least_conviction: float = Field(
        default=0.5, ge=0, le=1, description="least factor of conviction, (p - threshold) / (1 - threshold)"
    )
    min_size: int = Field(gt=0, description="smaller entries are not made, in smallest money units")
    keep: int = Field(ge=0, description="never spent on entries, in smallest money units")
    overhead: int = Field(
        default=0, ge=0, description="what an entry may cost besides its budget: network fee, tip, deposits"
    )


class ExitStep(Settings):
    """One step of a sale that has to come true."""

    slippage_bps: int = Field(ge=0, le=10_000, description="tolerance against the quote; 10000 takes anything")
    tip_factor: float = Field(default=1.0, gt=0, le=1000, description="times the usual tip")
    wait_s: float = Field(default=4.0, gt=0, le=600, description="before the next step; the last one repeats")


DEFAULT_STEPS = (
    ExitStep(slippage_bps=500, tip_factor=1.0, wait_s=4.0),
    ExitStep(slippage_bps=1_500, tip_factor=2.0, wait_s=4.0),
    ExitStep(slippage_bps=3_000, tip_factor=4.0, wait_s=6.0),
    ExitStep(slippage_bps=10_000, tip_factor=8.0, wait_s=15.0),
)


class Selling(Settings):
    """How a position is left."""

    steps: tuple[ExitStep, ...] = Field(default=DEFAULT_STEPS, description="escalation, from the first try on")
    retry_s: float = Field(default=2.0, gt=0, le=600, description="before an order is tried again that was refused")
    alarm_after: int = Field(default=4, ge=1, description="tries after which every further one is told as an error")
    most_unproved: int = Field(
        default=8, ge=1, le=64, description="sales of one position that may be under way at the same time"
    )
    doubt_s: float = Field(
        default=15.0,
        gt=0,
        le=600,
        description="a wallet that holds less than was booked is believed only if it says so again so long after, and "
        "a sale that landed keeps others back only so long; nodes lag",
    )

    @field_validator("steps")
    @classmethod
    def _rising(cls, value: tuple[ExitStep, ...]) -> tuple[ExitStep, ...]:
        if not value or any(later.slippage_bps < earlier.slippage_bps for earlier, later in pairwise(value)):
            raise ValueError("one or more steps are needed, each with at least the tolerance of the one before")
        return value


class Breakers(Settings):
    """When nothing new is entered. Breakers never touch an exit."""

    min_balance: int = Field(
        ge=0, description="balance, positions not counted, below which the account is halted; 0 off"
    )
    daily_drawdown: float = Field(
        default=0.30, ge=0, lt=1, description="loss of equity since 00:00 UTC that stops entries until 00:00; 0 off"
    )
    max_consecutive_losses: int = Field(default=5, ge=0, description="losses in a row that pause entries; 0 off")
    loss_pause_s: float = Field(default=900.0, ge=0, le=DAY_S, description="length of that pause")
    cool_down_s: float = Field(default=1_800.0, ge=0, le=7 * DAY_S, description="of an asset after its trade closed")
    max_unproved: int = Field(
        default=5, ge=1, description="orders submitted and not proved, at which nothing more is entered"
    )


class PortfolioSettings(Settings):
    """One account: its strategies by name, phases, sizes, exits and breakers."""

    strategies: dict[str, Strategy]
    phases: tuple[Phase, ...]
    sizing: Sizing
    selling: Selling = Field(default_factory=Selling)
    breakers: Breakers
    regimes: dict[str, RegimeEffect] = Field(default_factory=dict)
    entry_tries: int = Field(default=2, ge=1, le=10, description="transactions for one entry, one after the other")
    entry_retry_s: float = Field(default=5.0, ge=0, le=60, description="no further try so long after the decision")

    @field_validator("strategies")
    @classmethod
    def _some(cls, value: dict[str, Strategy]) -> dict[str, Strategy]:
        if not value:
            raise ValueError("at least one strategy is needed")
        return value

    @field_validator("phases")
    @classmethod
    def _phases(cls, value: tuple[Phase, ...]) -> tuple[Phase, ...]:
        if not value or any(later.min_balance <= earlier.min_balance for earlier, later in pairwise(value)):
            raise ValueError("one or more phases are needed, each with a higher min_balance than the one before")
        return value

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        late = [name for name, strategy in self.strategies.items() if strategy.min_phase > len(self.phases)]
        if late:
            raise ValueError(f"strategies {', '.join(late)} ask for a phase beyond the {len(self.phases)} that exist")
        if self.sizing.keep < self.breakers.min_balance:
            raise ValueError("sizing.keep is below breakers.min_balance, so that an entry could halt the account")
        return self

    @property
    def models(self) -> dict[str, frozenset[str]]:
        """Names of the models that are asked about each source."""
        found: dict[str, set[str]] = {}
        for strategy in self.strategies.values():
            names = found.setdefault(strategy.source, set())
            names |= {strategy.model, strategy.dead_model} - {""}
        return {source: frozenset(names) for source, names in found.items()}
