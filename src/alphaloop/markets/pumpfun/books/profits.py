"""Profit and loss by first in, first out, for one wallet in one coin, in whole lamports.

A round trip begins with a buy into an empty position and ends when no more than the dust is left of what was bought.
What a sale takes from a lot costs ``cost of the lot * units taken // units in the lot``, and the last unit takes what
is left of the cost: the costs of all sales and of what is held add up to what was spent, to the lamport. Tokens sold
that were never seen bought (they were sent to the wallet) bring neither cost nor profit.
"""

from __future__ import annotations

import msgspec

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.books import samples


class Position(msgspec.Struct, array_like=True, gc=False):
    """What a wallet holds of one coin in one round trip.

    Attributes
    ----------
    units, cost, lot_ns : int
        The oldest lot: token base units left, lamports that they cost, when they were bought.
    later : list of int
        The lots behind it, oldest first, three numbers each: units, cost, nanoseconds. None for no further lot.
    opened_ns : int
        First buy of the round trip.
    bought, sold : int
        Base units bought, and sold out of those.
    spent, received : int
        Lamports paid for what was bought, fees included, and got for what was sold, fees taken off.
    held : float
        Sum over what was sold of base units times seconds between its buy and its sale.
    """

    units: int
    cost: int
    lot_ns: int
    opened_ns: int
    bought: int
    spent: int
    later: list[int] | None = None
    sold: int = 0
    received: int = 0
    held: float = 0.0

    @classmethod
    def opened(cls, units: int, cost: int, now_ns: int) -> Position:
        """Begin a round trip."""
        return cls(units, cost, now_ns, now_ns, units, cost)

    def buy(self, units: int, cost: int, now_ns: int) -> None:
        """Add a lot."""
        if self.later is None:
            self.later = []
        self.later += (units, cost, now_ns)
        self.bought += units
        self.spent += cost

    def sell(self, units: int, proceeds: int, now_ns: int) -> int:
        """Sell the oldest units first.

        Returns
        -------
        int
            Realised profit in lamports: the part of `proceeds` that belongs to units seen bought, minus their cost.
        """
        left = self.left if self.later else self.units
        wanted = units if units < left else left
        matched = proceeds if wanted == units else proceeds * wanted // units
        rest, cost = wanted, 0
        while rest:
            taken = rest if rest < self.units else self.units
            share = self.cost if taken == self.units else self.cost * taken // self.units
            self.units -= taken
            self.cost -= share
            self.held += taken * ((now_ns - self.lot_ns) / NS_PER_S)
            cost += share
            rest -= taken
            if not self.units and self.later:
                self.units, self.cost, self.lot_ns = self.later[:3]
                del self.later[:3]
        self.sold += wanted
        self.received += matched
        return matched - cost

    @property
    def left(self) -> int:
        """Base units still held."""
        return self.units + sum(self.later[::3]) if self.later else self.units

    @property
    def cost_left(self) -> int:
        """Lamports that the units still held cost."""
        return self.cost + sum(self.later[1::3]) if self.later else self.cost


class Results(msgspec.Struct, array_like=True, gc=False):
    """What a wallet's round trips have brought.

    Attributes
    ----------
    realised : int
        Lamports of profit so far: sales minus their first-in-first-out cost, minus what was written off.
    closed, wins : int
        Round trips that ended, and those of them that brought more than they cost.
    spent, received : int
        Lamports of the closed round trips.
    multiples, captures : float
        Sums over the closed ones of received / spent, and of received / (bought * highest price while held).
    gains, best_gain : int
        Lamports won by the winning ones, and by the best of them.
    trips : int
        Closed ones that ended by a sale, not by writing off.
    seconds : float
        Sum over those of the mean seconds between buying and selling a unit.
    holds : bytes
        The same seconds of the last ones, in nanoseconds; see `samples`.
    """

    realised: int = 0
    closed: int = 0
    wins: int = 0
    spent: int = 0
    received: int = 0
    multiples: float = 0.0
    captures: float = 0.0
    gains: int = 0
    best_gain: int = 0
    trips: int = 0
    seconds: float = 0.0
    holds: bytes = b""

    def close(self, position: Position, best_value: float) -> None:
        """Count a finished round trip; `best_value` are the lamports of all it bought at the best price while held."""
        gain = position.received - position.spent
        self.realised -= position.cost_left
        self.closed += 1
        self.spent += position.spent
        self.received += position.received
        self.multiples += position.received / position.spent if position.spent else 1.0
        self.captures += min(1.0, position.received / best_value) if best_value > 0 else 0.0
        if gain > 0:
            self.wins += 1
            self.gains += gain
            self.best_gain = max(self.best_gain, gain)

    def hold(self, seconds: float, most: int) -> None:
        """Count the holding time of a round trip that ended by a sale; the last `most` are kept one by one."""
        self.trips += 1
        self.seconds += seconds
        self.holds = samples.added(self.holds, round(seconds * NS_PER_S), most)
