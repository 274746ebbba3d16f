"""How orders become transactions and reach the chain: everything about it that can be set."""

from __future__ import annotations

import os
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from alphaloop.core.errors import InputError
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.transactions.bundle import REGIONS, TIP_FLOOR_URL
from alphaloop.markets.pumpfun.transactions.envelope import COMPUTE_UNITS, MAX_COMPUTE_UNITS
from alphaloop.markets.pumpfun.transactions.instructions import Generation
from alphaloop.markets.pumpfun.transactions.tips import MIN_TIP

PLACE = "{region}"


def _secret(value: object) -> object:
    # Said here so that the error does not repeat the value, as it would for a wrong type.
    if isinstance(value, (str, SecretStr)):
        return value
    raise ValueError("it must be text in quotes (the value is a secret and not shown)")


class EngineSettings(Settings):
    """The block engine: where it is, in which order its regions are asked, and how patiently."""

    regions: tuple[str, ...] = Field(
        default=("frankfurt.mainnet", "amsterdam.mainnet", "ny.mainnet", "mainnet"),
        description="servers in order of preference; the next one is asked when one fails or rests",
    )
    url: str = Field(
        default="https://{region}.block-engine.jito.wtf", description="URL of a region, which {region} stands for"
    )
    tip_floor_url: str = Field(default=TIP_FLOOR_URL, description="where the tips that landed lately are told")
    auth: Annotated[SecretStr, BeforeValidator(_secret)] = Field(
        default=SecretStr(""), description="UUID for the header x-jito-auth; empty: none"
    )
    auth_env: str = Field(default="", description="environment variable that holds the UUID, instead of `auth`")
    requests_per_s: int = Field(default=1, ge=1, le=1000, description="requests to one region in any second")
    timeout_s: float = Field(default=2.0, gt=0, le=30, description="wait for an answer of one region at most")
    patience_s: float = Field(default=3.0, gt=0, le=60, description="for one submission, over all regions")
    rest_s: float = Field(default=1.0, gt=0, le=60, description="rest of a region after a failure")

    @model_validator(mode="after")
    def _known(self) -> Self:
        if not self.regions:
            raise ValueError("one region or more is needed")
        if PLACE not in self.url and len(self.regions) > 1:
            raise ValueError(f"url must hold {PLACE} where there is more than one region")
        unknown = next((region for region in self.regions if region not in REGIONS), None)
        if unknown is not None and self.url == type(self).model_fields["url"].default:
            raise ValueError(f"region {unknown!r} is unknown; choose from: {', '.join(REGIONS)}")
        return self

    @property
    def secret(self) -> str:
        """The UUID, from here or from the environment; empty if there is none.

        Raises
        ------
        InputError
            If `auth_env` names a variable that is not set.
        """
        if not self.auth_env:
            return self.auth.get_secret_value()
        found = os.environ.get(self.auth_env)
        if not found:
            raise InputError(f"block engine: environment variable {self.auth_env!r} is not set; set it to the UUID")
        return found


class TipSettings(Settings):
    """What is offered to the block engine, lamports; an order's own factor comes on top, within the limits."""

    percentile: Literal["p25", "p50", "p75", "p95", "p99", "ema_p50"] = Field(
        default="p75", description="which of the tips that landed lately is the usual one"
    )
    least: int = Field(default=10_000, ge=MIN_TIP, description="tip at least")
    most: int = Field(default=5_000_000, ge=MIN_TIP, description="tip at most, whatever the floor and the factor")
    most_share: float = Field(
        default=0.25,
        gt=0,
        le=1,
        description="of what a sale is expected to bring, as its tip at most; `least` in any case",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.least > self.most:
            raise ValueError(f"least is {self.least} and most {self.most}; least must not be above most")
        return self


class PrioritySettings(Settings):
    """The price of a compute unit, micro-lamports; what counts by RPC, where no tip does."""

    percentile: float = Field(
        default=0.75, ge=0, le=1, description="of the fees other than 0 that landed lately with the coin's curve"
    )
    least: int = Field(default=20_000, ge=0, description="price at least, also where nothing is known")
    most: int = Field(default=5_000_000, ge=0, description="price at most")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.least > self.most:
            raise ValueError(f"least is {self.least} and most {self.most}; least must not be above most")
        return self


class Freshness(Settings):
    """How often a fact is read, and how old it may be for an order to be built from it."""

    every_s: float = Field(gt=0, description="between two readings")
    most_s: float = Field(gt=0, description="oldest age that is used")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.most_s < self.every_s:
            raise ValueError(f"most_s is {self.most_s} and every_s {self.every_s}; a fact would be too old at once")
        return self


class FactSettings(Settings):
    """The facts that are kept at hand, so that nothing has to be asked when an order is made."""

    blockhash: Freshness = Field(default=Freshness(every_s=2.0, most_s=20.0))
    program: Freshness = Field(default=Freshness(every_s=60.0, most_s=900.0), description="recipients and fee tables")
    tip_floor: Freshness = Field(default=Freshness(every_s=10.0, most_s=300.0))
    # Asked more often than the list changes: it keeps the connection to the block engine open.
    tip_accounts: Freshness = Field(default=Freshness(every_s=30.0, most_s=86_400.0))
    priority: Freshness = Field(default=Freshness(every_s=5.0, most_s=60.0))
    retry_s: float = Field(default=0.5, gt=0, le=60, description="after a failed reading; doubled by each further one")
    longest_retry_s: float = Field(default=10.0, gt=0, le=600)


class ResendSettings(Settings):
    """Handing the same bytes over again, which does nothing twice, while nothing is known of them."""

    every_s: float = Field(default=2.0, ge=0, le=60, description="between two submissions of the same bytes; 0 off")
    buys_for_s: float = Field(default=6.0, ge=0, le=60, description="a buy is not handed over again later than this")
    sells_for_s: float = Field(default=60.0, ge=0, le=120)


class PaperSettings(Settings):
    """The dry run's venue."""

    balance: int = Field(default=10_000_000_000, ge=0, description="lamports that a new dry run begins with")
    latency_s: float = Field(default=0.9, ge=0, le=60, description="from submission to landing")
    jitter_s: float = Field(default=0.4, ge=0, le=60, description="added at most, drawn from the signature")


class ExecutionSettings(Settings):
    """Orders on their way to the chain. Slippage is not here: an order brings its own."""

    engine: EngineSettings = Field(default_factory=EngineSettings)
    use_engine: bool = Field(default=True, description="submit to the block engine, as a bundle of one")
    use_rpc: Literal["never", "fallback", "always"] = Field(
        default="fallback",
        description="submit to a node too: where no region took the bundle, or always. By a node a trade that "
        "fails lands all the same and costs its fee",
    )
    tip: TipSettings = Field(default_factory=TipSettings)
    priority: PrioritySettings = Field(default_factory=PrioritySettings)
    compute_units: dict[Generation, int] = Field(
        default_factory=lambda: dict(COMPUTE_UNITS), description="limit of a transaction by its generation"
    )
    generation: Literal["auto", "legacy", "v2", "v3"] = Field(
        default="auto", description="instructions to prefer where the kind of coin allows them"
    )
    facts: FactSettings = Field(default_factory=FactSettings)
    resend: ResendSettings = Field(default_factory=ResendSettings)
    rpc_timeout_s: float = Field(default=4.0, gt=0, le=60, description="for one question to a node, fail-over included")
    dead_margin: int = Field(
        default=8, ge=0, le=300, description="blocks beyond its last one after which an unknown transaction is dead"
    )
    paper: PaperSettings = Field(default_factory=PaperSettings)

    @model_validator(mode="after")
    def _a_road(self) -> Self:
        if not self.use_engine and self.use_rpc == "never":
            raise ValueError("use_engine is false and use_rpc never; one road to the chain is needed")
        for generation, units in self.compute_units.items():
            if not 0 < units <= MAX_COMPUTE_UNITS:
                raise ValueError(f"compute_units.{generation} is {units}; give 1 to {MAX_COMPUTE_UNITS}")
        return self

    @property
    def preferred(self) -> Generation | None:
        """The generation to prefer, None to go by the kind of coin."""
        return None if self.generation == "auto" else self.generation

    def units_for(self, generation: Generation) -> int:
        """Compute units that a transaction of a generation may use."""
        return self.compute_units.get(generation, COMPUTE_UNITS[generation])
