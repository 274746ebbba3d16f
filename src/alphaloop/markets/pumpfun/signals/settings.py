"""When signals are made."""

from __future__ import annotations

from pydantic import Field

from alphaloop.core.settings import Settings


class EmitterSettings(Settings):
    """Which buys of tracked wallets are signals."""

    min_sol: float = Field(default=0.01, ge=0, description="smallest buy that is a signal, SOL into the curve")


class GenesisSettings(Settings):
    """How launches are watched; the window's 60 s and the early check's 30 s are part of what the features mean."""

    max_windows: int = Field(default=500, ge=1, description="launches watched at once; beyond it the oldest is evicted")
    abort_buyers: int = Field(
        default=3, ge=0, description="early check: fewer distinct buyers mark a launch as aborted"
    )
    abort_move: float = Field(default=0.01, ge=0, description="early check: a smaller rise of the price does, too")
    early_score: float = Field(default=0.97, ge=0, le=1, description="probability that makes a signal after 30 s")
    score: float = Field(default=0.90, ge=0, le=1, description="probability that makes a signal after 60 s")
    emit_unscored: bool = Field(
        default=True, description="publish a launch that no model has scored, for receivers that score it themselves"
    )


class AntiSettings(Settings):
    """When holders are told to leave; limits are exceeded, not reached."""

    every_s: int = Field(default=30, ge=1, description="seconds between two checks")
    recent_s: int = Field(default=3_600, ge=1, description="tokens with a signal that is not older are checked")
    repeat_s: int = Field(default=300, ge=0, description="the same triggers are not told again before")
    min_triggers: int = Field(default=2, ge=1, description="triggers that must be true at once")
    bundle_confidence: float = Field(default=0.70, ge=0, le=1, description="trigger: bundle confidence above")
    creator_risk: float = Field(default=80.0, ge=0, le=100, description="trigger: creator risk score above")
    wash_share: float = Field(default=0.30, ge=0, le=1, description="trigger: share of wash traded volume above")
    bot_share: float = Field(default=0.50, ge=0, le=1, description="trigger: share of bots among recent buyers above")
    bot_buyers: int = Field(default=5, ge=1, description="recent buyers that the share of bots needs at least")
    bot_window_s: int = Field(default=300, ge=1, le=300, description="how recent these buyers are")
    tracked_sellers: int = Field(default=2, ge=1, description="trigger: distinct tracked wallets that sold, at least")
    flow_window_s: int = Field(default=60, ge=1, description="how recently they sold")
    creator_sold: float = Field(default=0.50, ge=0, le=1, description="trigger: share of its tokens the creator sold")


class LiveSettings(Settings):
    """How often the state of a curve is told."""

    token_every_s: int = Field(
        default=1, ge=0, description="at most two states of a token in so many seconds; 0 tells none"
    )
    token_keep_s: int = Field(default=900, ge=1, description="how long the last state of a token can be read")
    crowding_keep_s: int = Field(default=300, ge=1, description="how long the crowding of a token can be read")
