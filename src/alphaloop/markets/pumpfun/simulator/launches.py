"""What a launch is before its first trade: who makes it, how good it is, who will be there at once."""

from __future__ import annotations

import math

import msgspec

from alphaloop.markets.pumpfun.simulator.dice import Dice
from alphaloop.markets.pumpfun.simulator.population import Creator, Population
from alphaloop.markets.pumpfun.simulator.regimes import Regime
from alphaloop.markets.pumpfun.simulator.settings import Behaviour

RUGGER_SHARE = 0.22
BUILDER_SHARE = 0.45
QUALITY_SPREAD = 0.2
"""Between launches of one creator; what sets creators apart is their talent."""

MOST_BUZZ = 12.0

_SYLLABLES = (
    "pe",
    "do",
    "ge",
    "moo",
    "ka",
    "zu",
    "bo",
    "fro",
    "gi",
    "wif",
    "ca",
    "trum",
    "el",
    "ai",
    "bon",
    "ki",
    "shi",
)


class Launch(msgspec.Struct, gc=False):
    """A coin to come.

    Parameters
    ----------
    quality : float
        Hidden worth, about standard normal.
    hazard : float
        Of the end of attention, per unit of gross log price rise.
    speed : float
        Log price per second that the crowd adds.
    relative_size : float
        Median crowd buy over the virtual SOL.
    noticed : bool
        Whether anybody but the creator comes.
    buzz : float
        Multiple of the mean number of early wallets.
    bundle : tuple of str
        Wallets that buy in the first slots, run by the creator.
    """

    mint: str
    bonding_curve: str
    pool: str
    name: str
    symbol: str
    creator: Creator
    regime: str
    created_ns: int
    quality: float
    hazard: float
    speed: float
    relative_size: float
    noticed: bool
    buzz: float
    bundle: tuple[str, ...]
    washed: bool
    mayhem: bool
    cashback: bool


def draw_launch(
    created_ns: int,
    regime: Regime,
    names: tuple[str, str, str],
    creator: Creator,
    dice: Dice,
    how: Behaviour,
    skill: float,
) -> Launch:
    """Draw a launch of `creator`; `names` are the keys of mint, curve and pool.

    With `skill` 0 hazard and speed are the same for every launch, whoever makes it, however it is bundled.
    """
    quality = creator.talent + regime.quality + QUALITY_SPREAD * dice.normal()
    good = 1 / (1 + math.exp(-how.steepness * (quality - how.threshold)))
    poor_log = math.log(how.hazard) - how.hazard_slope * quality
    planted_log = good * math.log(how.good_hazard) + (1 - good) * poor_log
    hazard = math.exp((1 - skill) * math.log(how.even_hazard) + skill * planted_log)
    speed = how.speed * math.exp(skill * (how.speed_by_quality * quality + _even(how.speed_spread, dice)))
    bundled = dice.chance(0.65 if creator.kind == "rugger" else 0.06)
    bundle = _bundle(creator, dice) if bundled else ()
    word = "".join(_SYLLABLES[dice.below(len(_SYLLABLES))] for _ in range(2 + dice.below(3)))
    return Launch(
        *names,
        name=word.capitalize(),
        symbol=word[: 3 + dice.below(5)].upper(),
        creator=creator,
        regime=regime.name,
        created_ns=created_ns,
        quality=quality,
        hazard=hazard,
        speed=speed,
        relative_size=min(dice.lognormal(how.relative_size, how.relative_size_spread), 0.05),
        noticed=not dice.chance(how.unnoticed),
        buzz=min(math.exp(skill * how.buzz_by_quality * quality + _even(how.buzz_spread, dice)), MOST_BUZZ),
        bundle=bundle,
        washed=dice.chance(0.12 if creator.kind == "rugger" else 0.02),
        mayhem=dice.chance(0.02),
        cashback=dice.chance(0.06),
    )


def choose_creator(people: Population, fresh: str, dice: Dice) -> Creator:
    """Choose who launches: a serial rugger, a builder that comes back, or somebody new under the key `fresh`."""
    u = dice.uniform()
    if u < RUGGER_SHARE:
        return people.ruggers[int(len(people.ruggers) * dice.uniform() ** 2)]
    if u < RUGGER_SHARE + BUILDER_SHARE:
        return people.builders[int(len(people.builders) * dice.uniform() ** 1.5)]
    return Creator(fresh, "newcomer", 0.5 * dice.normal())


def _even(spread: float, dice: Dice) -> float:
    """Log of a factor with mean 1."""
    return spread * dice.normal() - spread**2 / 2


def _bundle(creator: Creator, dice: Dice) -> tuple[str, ...]:
    count = min(3 + dice.below(6), len(creator.sybils))
    start = dice.below(max(len(creator.sybils), 1))
    return tuple(creator.sybils[(start + i) % len(creator.sybils)] for i in range(count))
