"""Every setting of the market's books and signals, as one tree that a TOML file can fill."""

from __future__ import annotations

from pydantic import Field

from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.books.bundles import BundleSettings
from alphaloop.markets.pumpfun.books.crowding import CrowdingSettings
from alphaloop.markets.pumpfun.books.intelligence import IntelligenceSettings
from alphaloop.markets.pumpfun.books.lifecycle import LifecycleSettings
from alphaloop.markets.pumpfun.books.regime import RegimeSettings
from alphaloop.markets.pumpfun.books.tokens import TokenSettings
from alphaloop.markets.pumpfun.books.washing import WashSettings
from alphaloop.markets.pumpfun.outcomes.settings import OutcomeSettings
from alphaloop.markets.pumpfun.signals.rule import RuleSettings
from alphaloop.markets.pumpfun.signals.settings import AntiSettings, EmitterSettings, GenesisSettings, LiveSettings


class PumpSettings(Settings):
    """All of it: a table of the TOML file for each part, whose own class says what its keys mean."""

    tracked_wallets: tuple[str, ...] = Field(default=(), description="wallets tracked by hand from the start")
    tokens: TokenSettings = Field(default_factory=TokenSettings)
    washing: WashSettings = Field(default_factory=WashSettings)
    bundles: BundleSettings = Field(default_factory=BundleSettings)
    intelligence: IntelligenceSettings = Field(default_factory=IntelligenceSettings)
    lifecycle: LifecycleSettings = Field(default_factory=LifecycleSettings)
    crowding: CrowdingSettings = Field(default_factory=CrowdingSettings)
    regime: RegimeSettings = Field(default_factory=RegimeSettings)
    outcomes: OutcomeSettings = Field(default_factory=OutcomeSettings)
    signal: EmitterSettings = Field(default_factory=EmitterSettings)
    rule: RuleSettings = Field(default_factory=RuleSettings)
    genesis: GenesisSettings = Field(default_factory=GenesisSettings)
    anti: AntiSettings = Field(default_factory=AntiSettings)
    live: LiveSettings = Field(default_factory=LiveSettings)
