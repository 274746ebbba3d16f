"""How outcomes are measured."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import Final

from pydantic import Field, field_validator

from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.curve.fees import TODAY, Fees

HORIZONS_S: Final = (600, 1_800, 3_600, 14_400, 86_400)


class OutcomeSettings(Settings):
    """The trade that an outcome stands for, and for how long its token is followed."""

    horizons_s: tuple[int, ...] = Field(default=HORIZONS_S, description="seconds after the signal, rising")
    latency_s: float = Field(default=1.0, ge=0, le=60, description="from the signal until the buy is on the curve")
    size_sol: float = Field(default=0.1, gt=0, le=50, description="budget of the buy, curve fees included, in SOL")
    network_sol: float = Field(
        default=0.000_234,
        ge=0,
        le=1,
        description="tips, priority and signature fees of buying and selling once, in SOL",
    )
    protocol_fee_bps: int = Field(default=TODAY.protocol_bps, ge=0, lt=5_000, description="curve, to the protocol")
    creator_fee_bps: int = Field(default=TODAY.creator_bps, ge=0, lt=5_000, description="curve, to the creator")
    pool_fee_bps: int = Field(default=125, ge=0, lt=5_000, description="all fees of a sale into the pool")
    dead_after_s: float = Field(default=300.0, gt=0, description="a token without a trade for this long is dead")
    late_s: float = Field(
        default=60.0,
        ge=5,
        description="an event known so long after its block's time proves that its token was not seen between",
    )
    remember_s: float = Field(
        default=900.0, ge=60, description="how long a token without signals keeps its reserves after its last event"
    )

    @field_validator("horizons_s")
    @classmethod
    def _rising(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or value[0] <= 0 or any(later <= earlier for earlier, later in pairwise(value)):
            raise ValueError(f"positive seconds in rising order are needed, got {list(value)}")
        return value

    @cached_property
    def fees(self) -> Fees:
        """The curve's fees."""
        return Fees(self.protocol_fee_bps, self.creator_fee_bps)
