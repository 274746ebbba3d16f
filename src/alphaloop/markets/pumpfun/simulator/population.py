"""Who is there: wallets that come back, creators that launch again, and how good they are.

Wallets that trade once are made up on the way and are in no list: they are retail, and have no skill.
"""

from __future__ import annotations

from collections import defaultdict
from statistics import NormalDist
from typing import Literal

import msgspec
import numpy as np

from alphaloop.core.random import stream
from alphaloop.markets.pumpfun.simulator.addresses import keys

WalletKind = Literal["skilled", "sniper", "sprayer", "copier", "washer", "retail", "sybil"]
CreatorKind = Literal["rugger", "builder", "newcomer"]

TALENT_SPREAD = 0.9
_FULL = 30_000


class Wallet(msgspec.Struct, frozen=True, gc=False):
    """A wallet that comes back; `group` names who runs it, where several are run by one."""

    address: str
    kind: WalletKind
    skill: float = 0.0
    group: str = ""


class Creator(msgspec.Struct, frozen=True, gc=False):
    """Who launches coins; `talent` shifts their quality, `sybils` are wallets of the same hand."""

    address: str
    kind: CreatorKind
    talent: float
    sybils: tuple[str, ...] = ()


class Population(msgspec.Struct):
    """All that come back, by kind; the order within a kind is fixed by the seed."""

    skilled: list[Wallet]
    snipers: list[str]
    sprayers: list[str]
    washers: list[str]
    retail: list[str]
    ruggers: list[Creator]
    builders: list[Creator]
    followers: dict[str, list[tuple[str, float]]]
    wallets: list[Wallet]


def people(seed: int, launches_per_day: int) -> Population:
    """Draw the population of a market of this size; a wallet's number of trades a day does not depend on the size."""
    share = launches_per_day / _FULL
    rng = stream(seed, "population")

    def size(full: int, least: int) -> int:
        return max(least, round(full * share))

    skills = np.linspace(0.35, 1.0, size(300, 20)).tolist()
    skilled = [Wallet(a, "skilled", s) for a, s in zip(keys(rng, len(skills)), skills, strict=True)]
    snipers, sprayers = keys(rng, size(200, 12)), keys(rng, size(1_200, 60))
    washers, retail = keys(rng, size(80, 6)), keys(rng, size(90_000, 3_000))
    ruggers = [_rugger(rng, a) for a in keys(rng, size(400, 20))]
    builders = [Creator(a, "builder", t, tuple(keys(rng, 4))) for a, t in _talents(rng, size(800, 40))]
    copiers = keys(rng, size(300, 15))
    leaders = [wallet.address for wallet in skilled] + sprayers[: len(skilled) // 2]
    plain: list[tuple[WalletKind, list[str]]] = [
        ("sniper", snipers),
        ("sprayer", sprayers),
        ("washer", washers),
        ("copier", copiers),
        ("retail", retail),
    ]
    wallets = [*skilled, *(Wallet(a, kind) for kind, group in plain for a in group)]
    wallets += [Wallet(s, "sybil", 0.0, maker.address) for maker in (*ruggers, *builders) for s in maker.sybils]
    followers = _followers(rng, leaders, copiers)
    return Population(skilled, snipers, sprayers, washers, retail, ruggers, builders, followers, wallets)


def _rugger(rng: np.random.Generator, address: str) -> Creator:
    return Creator(address, "rugger", float(rng.normal(-1.2, 0.2)), tuple(keys(rng, int(rng.integers(5, 14)))))


def _talents(rng: np.random.Generator, count: int) -> list[tuple[str, float]]:
    """Talents spread like a normal law without its luck: a small market has its best builders too."""
    spread = [TALENT_SPREAD * NormalDist().inv_cdf((i + 0.5) / count) for i in range(count)]
    return list(zip(keys(rng, count), rng.permutation(spread).tolist(), strict=True))


def _followers(rng: np.random.Generator, leaders: list[str], copiers: list[str]) -> dict[str, list[tuple[str, float]]]:
    """Each copier watches one to three leaders, with a delay of its own."""
    found: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for copier in copiers:
        delay_s = float(rng.lognormal(1.2, 0.5))
        for leader in rng.choice(len(leaders), int(rng.integers(1, 4)), replace=False).tolist():
            found[leaders[leader]].append((copier, delay_s))
    return dict(found)
