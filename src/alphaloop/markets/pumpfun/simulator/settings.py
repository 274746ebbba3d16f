"""What a simulation is asked for, and how its agents behave."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Final

from pydantic import Field

from alphaloop.core.settings import Settings

START_NS: Final = 1_790_812_800_000_000_000
"""2026-10-01, when fees and layouts were those that the simulator writes."""


class Behaviour(Settings):
    """How launches go; the values beside the simulator are fitted to real launches, see `fit`.

    A token lives on the attention of its crowd. Attention ends after a random amount of gross price rise, exponential
    with a hazard per unit of log price, and a launch's hidden quality, about standard normal, decides its hazard: from
    `hazard` far below `threshold` to `good_hazard` far above it.
    """

    hazard: float = Field(gt=0, description="hazard per unit of log price of a poor launch")
    hazard_slope: float = Field(ge=0, description="fall of a poor launch's log hazard per unit of quality")
    good_hazard: float = Field(gt=0, description="hazard of a good launch")
    threshold: float = Field(description="quality half way, in logs, from poor to good")
    steepness: float = Field(gt=0, description="how sharply poor and good part, per unit of quality")
    even_hazard: float = Field(gt=0, description="hazard of every token once the planted links are off")
    speed: float = Field(gt=0, description="log price per second that the crowd adds while it lasts")
    speed_spread: float = Field(ge=0, description="spread of the log speed between tokens")
    speed_by_quality: float = Field(description="rise of the log speed per unit of quality")
    relative_size: float = Field(gt=0, lt=0.5, description="median crowd buy, as a share of the virtual SOL")
    relative_size_spread: float = Field(ge=0, description="spread of the log size between tokens")
    size_spread: float = Field(ge=0, description="spread of the log size within a token")
    profit_taking: float = Field(ge=0, lt=1, description="share of the price rise that is sold while attention lasts")
    developer_sol: float = Field(gt=0, description="median buy of the creator, SOL")
    developer_by_quality: float = Field(description="rise of its log per unit of quality")
    developer_spread: float = Field(ge=0, description="spread of its log")
    developer_absent: float = Field(ge=0, le=1, description="share of creators that do not buy")
    snipers: float = Field(ge=0, description="mean number of snipers per launch")
    sprayers: float = Field(ge=0, description="mean number of wallets that buy every kind of launch and hold")
    unnoticed: float = Field(ge=0, lt=1, description="share of launches to which nobody but the creator comes")
    buzz_spread: float = Field(ge=0, description="spread of the log number of early wallets between launches")
    buzz_by_quality: float = Field(description="rise of that log number per unit of quality")
    panic_delay_s: float = Field(gt=0, description="median time from the end of attention to a holder's sale")
    panic_spread: float = Field(ge=0, description="spread of the log of that time")
    bag_holders: float = Field(ge=0, le=1, description="share of holders that never sell")
    stragglers: float = Field(ge=0, description="mean number of late buys after the end of attention")
    straggler_delay_s: float = Field(gt=0, description="median time from the end of attention to a late buy")


@cache
def fitted() -> Behaviour:
    """The behaviour that was fitted to real launches."""
    source = files("alphaloop.markets.pumpfun.simulator").joinpath("fitted.toml")
    return Behaviour.parse(tomllib.loads(source.read_text())["behaviour"], "fitted.toml", at="behaviour")


class SimulationSettings(Settings):
    """One simulation; the same settings give the same bytes.

    `skill` scales every link between what can be observed and what happens next: 1 as planted, 0 none at all.
    """

    days: float = Field(default=1.0, gt=0, le=400)
    launches_per_day: int = Field(default=30_000, ge=100, le=200_000)
    seed: int = Field(default=0, ge=0)
    skill: float = Field(default=1.0, ge=0, le=1)
    start_ns: int = Field(default=START_NS, ge=0)
    latency_s: float = Field(default=0.5, ge=0, le=60, description="median time from the chain to the recorder")
    behaviour: Behaviour = Field(default_factory=fitted)

    @classmethod
    def small(cls, days: float = 3.0, seed: int = 0, skill: float = 1.0) -> SimulationSettings:
        """A market of a twentieth of the size, with as many trades per wallet: for tests and the demo."""
        return cls(days=days, launches_per_day=1_500, seed=seed, skill=skill)
