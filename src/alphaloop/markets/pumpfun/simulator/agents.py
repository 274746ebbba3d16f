"""Who comes to a launch, when, with how much, and how long they mean to stay."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import msgspec

from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL
from alphaloop.markets.pumpfun.simulator.dice import Dice
from alphaloop.markets.pumpfun.simulator.launches import Launch
from alphaloop.markets.pumpfun.simulator.population import Population
from alphaloop.markets.pumpfun.simulator.settings import Behaviour

CANDIDATES: Final = 4.0
"""Mean number of skilled wallets that look at a launch."""

PICKINESS: Final = 2.5
"""How much a skilled wallet's interest grows per unit of quality, at full skill."""

INTEREST: Final = 0.09
"""Chance that a skilled wallet buys a launch of quality `NEUTRAL`, whatever its skill."""

NEUTRAL: Final = 0.7

COPY_CHANCE: Final = 0.35

NEWCOMERS: Final = 0.9
"""Share of the crowd that trades once under its key."""


class Arrival(msgspec.Struct, gc=False, order=True):
    """A buy that somebody intends.

    Parameters
    ----------
    at_s : float
        Seconds after the launch.
    stay_s : float
        Seconds after the buy at which the buyer begins to want out.
    leads : bool
        Whether copiers follow it.
    """

    at_s: float
    order: int
    wallet: str
    lamports: int
    stay_s: float
    leads: bool = False


class Agents:
    """The population as it acts on one launch after another."""

    def __init__(self, people: Population, how: Behaviour, skill: float, dice: Dice) -> None:
        self.people = people
        self.how = how
        self.skill = skill
        self.dice = dice
        self._order = 0

    def early(self, launch: Launch) -> list[Arrival]:
        """Draw those who come by themselves in the first minutes, in order of time; the creator is not among them."""
        found = self._bundle(launch)
        buzz, people, how = launch.buzz, self.people, self.how
        found += self._crowd_of(people.snipers, how.snipers * buzz, (0.4, 0.9), (0.35, 0.7), 18.0)
        found += self._crowd_of(people.sprayers, how.sprayers * buzz, (2.0, 1.0), (0.05, 0.5), 5_400.0)
        found += self._skilled(launch)
        if launch.washed:
            found += self._washers()
        found.sort()
        return found

    def followers(self, leader: str, at_s: float) -> list[Arrival]:
        """Draw who copies a buy of `leader`."""
        dice = self.dice
        return [
            self._arrival(at_s + delay_s * dice.lognormal(1.0, 0.3), copier, dice.lognormal(0.15, 0.5), 60.0)
            for copier, delay_s in self.people.followers.get(leader, ())
            if dice.chance(COPY_CHANCE)
        ]

    def developer_lamports(self, launch: Launch) -> int:
        """Draw the creator's own first buy; 0 if there is none."""
        dice, how = self.dice, self.how
        if dice.chance(how.developer_absent):
            return 0
        median = how.developer_sol * math.exp(self.skill * how.developer_by_quality * launch.quality)
        return _lamports(min(dice.lognormal(median, how.developer_spread), 30.0))

    def passer_by(self, fresh: Callable[[], str]) -> str:
        """Choose who the next of the crowd is: somebody who trades often, or a `fresh` key, who does not."""
        dice = self.dice
        if dice.uniform() < NEWCOMERS:
            return fresh()
        retail = self.people.retail
        return retail[int(len(retail) * dice.uniform() ** 3)]

    def _bundle(self, launch: Launch) -> list[Arrival]:
        dice = self.dice
        size = dice.lognormal(0.8, 0.5)
        even = 0.05 + 0.25 * dice.uniform()
        return [
            self._arrival(0.05 + 0.6 * dice.uniform(), wallet, size * math.exp(even * dice.normal()), math.inf)
            for wallet in launch.bundle
        ]

    def _skilled(self, launch: Launch) -> list[Arrival]:
        dice, people = self.dice, self.people.skilled
        found = []
        for _ in range(dice.poisson(CANDIDATES)):
            wallet = people[int(len(people) * dice.uniform())]
            interest = INTEREST * math.exp(self.skill * wallet.skill * PICKINESS * (launch.quality - NEUTRAL))
            if dice.chance(interest):
                at_s = 1.0 + dice.lognormal(3.0, 0.7)
                found.append(self._arrival(at_s, wallet.address, dice.lognormal(0.6, 0.5), 1_800.0, leads=True))
        return found

    def _crowd_of(
        self, wallets: list[str], mean: float, when: tuple[float, float], size: tuple[float, float], stay_s: float
    ) -> list[Arrival]:
        dice = self.dice
        return [
            self._arrival(
                0.3 + dice.lognormal(*when),
                wallets[dice.below(len(wallets))],
                dice.lognormal(*size),
                stay_s,
                leads=True,
            )
            for _ in range(dice.poisson(mean))
        ]

    def _washers(self) -> list[Arrival]:
        """One wallet that buys again and again, and sells in between."""
        dice = self.dice
        wallet = self.people.washers[dice.below(len(self.people.washers))]
        gap_s = 4.0 + 8.0 * dice.uniform()
        return [
            self._arrival(gap_s * (i + dice.uniform()), wallet, dice.lognormal(0.3, 0.1), 3.0)
            for i in range(4 + dice.below(10))
        ]

    def _arrival(self, at_s: float, wallet: str, sol: float, stay_s: float, *, leads: bool = False) -> Arrival:
        self._order += 1
        return Arrival(at_s, self._order, wallet, _lamports(sol), stay_s * self.dice.exponential() + 1.0, leads)


def _lamports(sol: float) -> int:
    return max(int(sol * LAMPORTS_PER_SOL), 1_000_000)
