"""The records of launches and of those who made them; `creators` says what the numbers are for."""

from __future__ import annotations

import math

import msgspec

from alphaloop.core.clock import NS_PER_DAY
from alphaloop.markets.pumpfun.books import samples


class Launch(msgspec.Struct, array_like=True, gc=False):
    """A coin of a creator while it is traded.

    Attributes
    ----------
    bought, sold, most : int
        Base units that the insiders bought and sold soon after the creation, and the most that they held of them.
    start, price, peak : float
        SOL per token: at the creation, after the last trade, and the highest after a trade.
    """

    creator: str
    created_ns: int
    slot: int
    supply: int
    seen_ns: int
    insiders: dict[str, None]
    start: float
    bought: int = 0
    sold: int = 0
    most: int = 0
    price: float = 0.0
    peak: float = 0.0
    graduated: bool = False
    judged: bool = False
    rug: bool = False

    def insider_buy(self, units: int) -> float:
        """Count what an insider bought; gives by how much the most that they held grew, as a part of the supply."""
        self.bought += units
        more = self.bought - self.sold - self.most
        if more <= 0:
            return 0.0
        self.most += more
        return more / self.supply if self.supply else 0.0


class Creator(msgspec.Struct, array_like=True, gc=False):
    """Sums over a creator's launches.

    Attributes
    ----------
    alive : int
        Launches whose record is still kept.
    judged, rugs : int
        Launches that died, and those of them that were rugs.
    lifetime_ns : int
        Sum over the judged ones.
    insider_share : float
        Sum over the launches of the largest part of the supply that insiders held at once.
    buyers, bot_buyers : int
        First buys of its coins, and those by wallets that were bots at that time.
    launched_at : bytes
        Known times of the last launches; see `samples`.
    """

    launches: int = 0
    alive: int = 0
    graduated: int = 0
    judged: int = 0
    rugs: int = 0
    lifetime_ns: int = 0
    insider_share: float = 0.0
    buyers: int = 0
    bot_buyers: int = 0
    launched_at: bytes = b""
    risk: float = math.nan

    def launches_24h(self, now_ns: int) -> int:
        """Launches in the 24 hours up to `now_ns`, of those whose times are kept."""
        return sum(now_ns - NS_PER_DAY < at <= now_ns for at in samples.numbers(self.launched_at))

    def judge(self, launch: Launch, *, rug: bool) -> None:
        """Count a launch that fell silent."""
        launch.judged, launch.rug = True, rug
        self.judged += 1
        self.rugs += rug
        self.lifetime_ns += launch.seen_ns - launch.created_ns

    def take_back(self, launch: Launch) -> None:
        """Take a judgement back; before the launch's record moves on."""
        self.judged -= 1
        self.rugs -= launch.rug
        self.lifetime_ns -= launch.seen_ns - launch.created_ns
        launch.judged = launch.rug = False
