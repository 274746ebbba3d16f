"""Everything that can be set about the trader's process, as one tree that a TOML file can fill."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.live.execution import ExecutionSettings
from alphaloop.markets.pumpfun.live.notices import NotifySettings
from alphaloop.markets.pumpfun.live.standard import standard_portfolio
from alphaloop.trading.portfolio.settings import PortfolioSettings


class Pace(Settings):
    """How often the trader does what has to wait, in seconds."""

    prove_s: float = Field(default=0.4, gt=0, le=5, description="between two looks at what became of transactions")
    exit_poll_s: float = Field(default=1.0, gt=0, le=3, description="between two looks at the state of what is held")
    tick_s: float = Field(default=0.25, gt=0, le=3, description="between two looks at the time")
    flush_s: float = Field(default=0.05, gt=0, le=5, description="before rows are stored that nothing waits for")
    exit_waits_s: float = Field(
        default=1.0, gt=0, le=30, description="for the database, after which an exit goes out without its row"
    )
    retry_s: float = Field(default=0.5, gt=0, le=30, description="before a closed road is tried again")
    unread_s: float = Field(
        default=30.0, gt=0, le=3600, description="after a landing that no node can tell more of, a person is called"
    )
    balance_s: float = Field(default=60.0, gt=0, le=3600, description="between two comparisons of the wallet's balance")
    silent_s: float = Field(
        default=15.0, gt=0, le=600, description="without a word of the collector, after which the chain is asked itself"
    )
    warnings_s: float = Field(default=10.0, gt=0, le=600, description="between two looks at stored exit warnings")
    submit_within_s: float = Field(
        default=3.0, gt=0, le=60, description="an entry that comes to be submitted later is thrown away"
    )
    reload_s: float = Field(default=300.0, gt=0, description="between two looks for new models")
    claim_s: float = Field(default=5.0, gt=0, le=300, description="between two looks whether the account is still held")
    stop_s: float = Field(default=10.0, gt=0, le=300, description="patience at the end for the database")
    heartbeat_channels: tuple[str, ...] = Field(
        default=("trade:heartbeat",), description="channels that say that the collector lives"
    )


class IntakeSettings(Settings):
    """Which messages count."""

    stale_s: float = Field(default=10.0, gt=0, le=600, description="older signals are counted and never traded")
    future_s: float = Field(default=2.0, ge=0, le=60, description="how far ahead the collector's clock may be")
    remember: int = Field(
        default=30_000,
        ge=1_000,
        description="signals that are remembered against duplicates; as many as come within `stale_s`, and more",
    )


class ReconcileSettings(Settings):
    """What the start does about what it finds."""

    adopt: str = Field(
        default="", description="strategy by which unknown holdings are taken over; empty: they are told of and left"
    )


class LiveSettings(Settings):
    """The process; `portfolio` decides, the other tables are its ways to the world."""

    portfolio: PortfolioSettings = Field(default_factory=standard_portfolio)
    execution: ExecutionSettings = Field(default_factory=ExecutionSettings)
    intake: IntakeSettings = Field(default_factory=IntakeSettings)
    pace: Pace = Field(default_factory=Pace)
    reconcile: ReconcileSettings = Field(default_factory=ReconcileSettings)
    notify: NotifySettings = Field(default_factory=NotifySettings)

    @model_validator(mode="before")
    @classmethod
    def _on_top(cls, values: Any) -> Any:
        """What a file says of the portfolio goes on top of the standard one, table by table."""
        if isinstance(values, dict) and isinstance(values.get("portfolio"), dict):
            standard = standard_portfolio().model_dump(mode="json")
            given = values["portfolio"]
            merged = {**standard, **given}
            for name in ("sizing", "selling", "breakers", "regimes"):
                if isinstance(given.get(name), dict):
                    merged[name] = {**standard[name], **given[name]}
            if isinstance(given.get("strategies"), dict):
                merged["strategies"] = _strategies(standard["strategies"], given["strategies"])
            return {**values, "portfolio": merged}
        return values

    @model_validator(mode="after")
    def _adopting(self) -> LiveSettings:
        if self.reconcile.adopt and self.reconcile.adopt not in self.portfolio.strategies:
            known = ", ".join(self.portfolio.strategies)
            raise ValueError(
                f"reconcile.adopt is {self.reconcile.adopt!r}, which is no strategy; choose one of: {known}"
            )
        return self


def _strategies(standard: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Strategies that are named stand alone; one that is standard may say only what it changes."""
    return {
        name: {**standard.get(name, {}), **each} if isinstance(each, dict) else each for name, each in given.items()
    }
