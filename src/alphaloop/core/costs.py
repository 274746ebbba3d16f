"""What a trade costs, said once and used by labels, thresholds and the paper venue alike."""

from __future__ import annotations

from pydantic import Field

from alphaloop.core.settings import Settings

BPS = 1e-4


class Costs(Settings):
    """Costs of one market order.

    A buy pays ``mid x (1 + half spread + slippage)``, a sell receives ``mid x (1 - half spread - slippage)``, and each
    pays `fee_bps` of its notional.
    """

    fee_bps: float = Field(default=5.0, ge=0, lt=1000, description="fee of one order, basis points of its notional")
    spread_bps: float = Field(default=2.0, ge=0, lt=1000, description="whole bid-ask spread, basis points of the mid")
    slippage_bps: float = Field(default=1.0, ge=0, lt=1000, description="adverse move while filling, in basis points")
    latency_s: float = Field(default=1.0, ge=0, le=3600, description="from the decision until the venue has the order")

    @property
    def impact(self) -> float:
        """Adverse price move of one market order, as a fraction of the mid."""
        return (0.5 * self.spread_bps + self.slippage_bps) * BPS

    @property
    def fee(self) -> float:
        """Fee of one order, as a fraction of its notional."""
        return self.fee_bps * BPS

    @property
    def round_trip(self) -> float:
        """First-order cost of entering and leaving, as a fraction of the notional."""
        return 2.0 * (self.impact + self.fee)
