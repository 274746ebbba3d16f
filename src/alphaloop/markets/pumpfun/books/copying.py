"""Who follows whom: pairs of wallets of which one keeps buying after the other.

A pair of the co-buy graph is a copy pair when it has `min_copies` co-buys, and these are `min_share` of the entries of
the follower. Directional consistency is the share of the co-buys in which the wallet that is mostly first was first:

==========  ==============================================================================================  ========
kind        rule                                                                                            weight
==========  ==============================================================================================  ========
exact       one leads (consistency `consistency`), the mean delay is at most `exact_delay_s`, and so is      0.25
            its standard deviation
delayed     one leads, later or less regularly                                                               0.50
mutual      neither leads: both take part in something                                                       0.75
==========  ==============================================================================================  ========

Only the follower of an exact or delayed pair is a copy trader. The weight of a wallet's signals is the least of the
weights of the pairs in which it follows or takes part, 1 for no pair.

Pairs are looked at once in `every_s`, and only those that had a co-buy since, or were dropped by the graph: a pair goes
with its edge, so memory is bounded by the graph's.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec
from pydantic import Field

from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.books.graph import Edge, GraphBook, ends
from alphaloop.markets.pumpfun.books.stateful import StatefulBook
from alphaloop.markets.pumpfun.books.wallets import WalletBook

EXACT, DELAYED, MUTUAL = "exact", "delayed", "mutual"


class CopySettings(Settings):
    """Limits of the three kinds and the weight of their followers' signals."""

    every_s: int = Field(default=900, ge=1, description="seconds between two looks")
    min_copies: int = Field(default=5, ge=2, description="co-buys of a copy pair")
    min_share: float = Field(default=0.05, ge=0, le=1, description="part of the follower's entries")
    consistency: float = Field(default=0.8, gt=0.5, le=1, description="directional consistency of a leader")
    exact_delay_s: float = Field(default=2.0, gt=0, description="mean delay of an exact copier")
    exact_weight: float = Field(default=0.25, gt=0, le=1)
    delayed_weight: float = Field(default=0.5, gt=0, le=1)
    mutual_weight: float = Field(default=0.75, gt=0, le=1)


class CopyPair(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Two wallets by number; the leader is the one that is first at least as often, the lower number at a tie."""

    leader: int
    follower: int
    kind: str
    copies: int
    consistency: float
    delay_s: float


class CopyState(msgspec.Struct):
    """Copy pairs by the key of the pair, and the keys of each wallet that follows or takes part."""

    pairs: dict[int, CopyPair] = {}
    keys: dict[int, dict[int, None]] = {}
    fresh: list[int] = []


class CopyBook(StatefulBook[CopyState]):
    """Copy traders; see the module. Fed after the graph."""

    name: ClassVar[str] = "copying"
    form = CopyState

    def __init__(self, wallets: WalletBook, graph: GraphBook, settings: CopySettings | None = None) -> None:
        super().__init__()
        self.settings = settings or CopySettings()
        self._wallets, self._graph = wallets, graph
        self._weights = {
            EXACT: self.settings.exact_weight,
            DELAYED: self.settings.delayed_weight,
            MUTUAL: self.settings.mutual_weight,
        }
        graph.follow(self.name)

    @property
    def every_s(self) -> int:
        """Seconds between two looks."""
        return self.settings.every_s

    @property
    def fresh(self) -> list[int]:
        """Keys of the pairs that came, changed or went in the last look; `pair` gives None for those that went."""
        return self.state.fresh

    def pair(self, key: int) -> CopyPair | None:
        """A copy pair by its key."""
        return self.state.pairs.get(key)

    def pairs(self, number: int) -> list[CopyPair]:
        """The pairs in which a wallet follows or takes part."""
        return [self.state.pairs[key] for key in self.state.keys.get(number, ())]

    def is_copy_trader(self, number: int) -> bool:
        """Say whether a wallet follows another one."""
        return number in self.state.keys and any(pair.kind != MUTUAL for pair in self.pairs(number))

    def weight(self, number: int) -> float:
        """Weight of a wallet's signals, in (0, 1]."""
        return min((self._weights[pair.kind] for pair in self.pairs(number)), default=1.0)

    def run(self, now_ns: int) -> None:
        """Judge the pairs that changed."""
        self.state.fresh = []
        for key in self._graph.take_touched(self.name):
            edge = self._graph.edge(key)
            was, now = self.state.pairs.get(key), None if edge is None else self.judge(key, edge)
            if was == now:
                continue
            if was is not None:
                self._remove(key, was)
            if now is not None:
                self.state.pairs[key] = now
                for number in _concerned(now):
                    self.state.keys.setdefault(number, {})[key] = None
            self.state.fresh.append(key)

    def judge(self, key: int, edge: Edge) -> CopyPair | None:
        """What kind of pair an edge shows now; None for no copy pair."""
        low, high = ends(key)
        leader, follower = (low, high) if 2 * edge.low_first >= edge.count else (high, low)
        wallet = self._wallets.get(follower)
        if wallet is None or edge.count < max(self.settings.min_copies, self.settings.min_share * wallet.entries):
            return None
        delay = abs(edge.delay_s)
        kind = DELAYED
        if edge.consistency < self.settings.consistency:
            kind = MUTUAL
        elif max(delay, edge.delay_sd_s) <= self.settings.exact_delay_s:
            kind = EXACT
        return CopyPair(leader, follower, kind, edge.count, edge.consistency, delay)

    def _remove(self, key: int, pair: CopyPair) -> None:
        del self.state.pairs[key]
        for number in _concerned(pair):
            keys = self.state.keys[number]
            del keys[key]
            if not keys:
                del self.state.keys[number]


def _concerned(pair: CopyPair) -> tuple[int, ...]:
    """The wallets whose signals the pair makes lighter."""
    return (pair.leader, pair.follower) if pair.kind == MUTUAL else (pair.follower,)
