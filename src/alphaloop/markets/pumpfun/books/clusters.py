"""Groups of wallets that keep buying the same coins together.

A strong edge is an edge of the co-buy graph with `strong_cobuys` co-buys and `strong_share` of the entries of the
wallet that entered less, as of the round after the pair's last co-buy. Clusters are the connected components of
strong edges; a component larger than `max_cluster` is cut by asking for more co-buys until its parts are small
enough. They are made once in `every_s`, and only where a strong edge grew, came or went; links go with the edges of
the graph, clusters with their links, so that the bounds of the graph hold here too.

`wallet_pagerank` is the PageRank inside the wallet's cluster (damping `DAMPING`, `RANK_ROUNDS` rounds), where each
wallet points to those that came before it, weighted with how often, times the size of the cluster: 1 is the mean. It
is no rank in the graph of all wallets.
"""

from __future__ import annotations

import math
from typing import ClassVar, Final

import msgspec
import numpy as np
from pydantic import Field

from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.books.alpha import AlphaBook
from alphaloop.markets.pumpfun.books.behaviour import ratio
from alphaloop.markets.pumpfun.books.graph import GraphBook, ends, pair
from alphaloop.markets.pumpfun.books.stateful import StatefulBook
from alphaloop.markets.pumpfun.books.wallets import WalletBook

SOCIAL: Final = (
    "cobuy_degree",
    "cluster_size",
    "cluster_avg_alpha",
    "cluster_graduation_rate",
    "wallet_pagerank",
    "cluster_cobuyers_here",
)
RANK_ROUNDS: Final = 30
DAMPING: Final = 0.85


class ClusterSettings(Settings):
    """What is strong, and how large a cluster may be."""

    every_s: int = Field(default=3600, ge=1, description="seconds between two rounds of clustering")
    strong_cobuys: int = Field(default=3, ge=2, description="co-buys of a strong edge")
    strong_share: float = Field(default=0.1, ge=0, le=1, description="part of the lesser wallet's entries")
    max_cluster: int = Field(default=50, ge=2, description="wallets in a cluster")


class Cluster(msgspec.Struct, array_like=True, gc=False):
    """Wallets by number and the rank of each."""

    members: list[int]
    ranks: list[float]


class ClusterState(msgspec.Struct):
    """What `ClusterBook` knows: strong edges by wallet, clusters by name, the cluster of a wallet."""

    links: dict[int, dict[int, None]] = {}
    clusters: dict[int, Cluster] = {}
    cluster_of: dict[int, int] = {}
    next_cluster: int = 0
    fresh: list[int] = []


class ClusterBook(StatefulBook[ClusterState]):
    """Clusters of the co-buy graph; see the module. Fed after the graph."""

    name: ClassVar[str] = "clusters"
    form = ClusterState

    def __init__(
        self, wallets: WalletBook, alpha: AlphaBook, graph: GraphBook, settings: ClusterSettings | None = None
    ) -> None:
        super().__init__()
        self.settings = settings or ClusterSettings()
        self._wallets, self._alpha, self._graph = wallets, alpha, graph
        graph.follow(self.name)

    @property
    def every_s(self) -> int:
        """Seconds between two rounds of clustering."""
        return self.settings.every_s

    @property
    def fresh(self) -> list[int]:
        """Names of the clusters that were made in the last round."""
        return self.state.fresh

    def cluster(self, number: int) -> Cluster | None:
        """The cluster of a wallet as of the last round."""
        found = self.state.cluster_of.get(number)
        return None if found is None else self.state.clusters[found]

    def features(self, address: str, mint: str) -> dict[str, float]:
        """Give the 6 features of a wallet's relations, seen from a coin.

        A wallet without a cluster has size 1, nobody here, and NaN for what only a cluster has. Alphas and graduations
        are the members' of now, the membership is that of the last round.
        """
        wallet = self._wallets.find(address)
        number = wallet.number if wallet is not None else -1
        cluster = self.cluster(number)
        if cluster is None:
            alone = dict.fromkeys(SOCIAL, math.nan)
            return alone | {
                "cobuy_degree": float(self._graph.degree(number)),
                "cluster_size": 1.0,
                "cluster_cobuyers_here": 0.0,
            }
        coin = self._wallets.coin(mint)
        holders = coin.positions if coin is not None else {}
        scores = [score for member in cluster.members if (score := self._alpha.alpha(member)) == score]
        known = [found for member in cluster.members if (found := self._wallets.get(member)) is not None]
        return {
            "cobuy_degree": float(self._graph.degree(number)),
            "cluster_size": float(len(cluster.members)),
            "cluster_avg_alpha": ratio(sum(scores), len(scores)),
            "cluster_graduation_rate": ratio(sum(w.graduated for w in known), sum(w.entries for w in known)),
            "wallet_pagerank": cluster.ranks[cluster.members.index(number)],
            "cluster_cobuyers_here": float(sum(m in holders for m in cluster.members if m != number)),
        }

    def run(self, now_ns: int) -> None:
        """Cluster anew where an edge changed."""
        self.state.fresh = []
        self.cluster_anew(self._changed())

    def cluster_anew(self, changed: dict[int, None]) -> None:
        """Make the clusters of some wallets, and of all that are joined to them, from the strong edges as they are."""
        todo = dict(changed)
        for number in changed:
            todo.update(dict.fromkeys(self._dissolve(number)))
        seen: dict[int, None] = {}
        for number in todo:
            if number in seen:
                continue
            component = self._component(number, 0, None)
            seen.update(component)
            for member in component:
                self._dissolve(member)
            for part in self._cut(component):
                self._found(part)

    def _changed(self) -> dict[int, None]:
        """Link and unlink what grew or was dropped; give the wallets whose strong edges are not what they were."""
        changed: dict[int, None] = {}
        for key in self._graph.take_touched(self.name):
            low, high = ends(key)
            was, now = high in self.state.links.get(low, {}), self._strong(key)
            if now and not was:
                self.state.links.setdefault(low, {})[high] = None
                self.state.links.setdefault(high, {})[low] = None
            elif was and not now:
                for one, other in ((low, high), (high, low)):
                    del self.state.links[one][other]
                    if not self.state.links[one]:
                        del self.state.links[one]
            if was or now:
                changed[low] = changed[high] = None
        return changed

    def _strong(self, key: int) -> bool:
        edge = self._graph.edge(key)
        if edge is None or edge.count < self.settings.strong_cobuys:
            return False
        low, high = (self._wallets.get(number) for number in ends(key))
        if low is None or high is None:
            return False
        return edge.count >= self.settings.strong_share * min(low.entries, high.entries)

    def _dissolve(self, number: int) -> list[int]:
        cluster = self.state.cluster_of.get(number)
        if cluster is None:
            return []
        members = self.state.clusters.pop(cluster).members
        for member in members:
            del self.state.cluster_of[member]
        return members

    def _component(self, start: int, least: int, inside: dict[int, None] | None) -> dict[int, None]:
        """Wallets that strong edges of `least` co-buys join to `start`, going no further than `inside`."""
        found, todo = {start: None}, [start]
        while todo:
            number = todo.pop()
            for other in self.state.links.get(number, ()):
                if other in found or (inside is not None and other not in inside):
                    continue
                if self._count(number, other) >= least:
                    found[other] = None
                    todo.append(other)
        return found

    def _count(self, one: int, other: int) -> int:
        edge = self._graph.edge(pair(one, other))
        return 0 if edge is None else edge.count

    def _cut(self, component: dict[int, None]) -> list[dict[int, None]]:
        """Parts of a component with at most `max_cluster` wallets each, and at least two."""
        todo, parts = [(component, 0)], []
        while todo:
            part, least = todo.pop()
            if len(part) <= self.settings.max_cluster:
                if len(part) > 1:
                    parts.append(part)
                continue
            counts = (self._count(one, other) for one in part for other in self.state.links[one] if other in part)
            least = 1 + min(count for count in counts if count >= least)
            seen: dict[int, None] = {}
            for number in part:
                if number not in seen:
                    piece = self._component(number, least, part)
                    seen.update(piece)
                    todo.append((piece, least))
        return parts

    def _found(self, part: dict[int, None]) -> None:
        members = sorted(part)
        name = self.state.next_cluster
        self.state.next_cluster = name + 1
        self.state.clusters[name] = Cluster(members, self._ranks(members))
        self.state.cluster_of.update(dict.fromkeys(members, name))
        self.state.fresh.append(name)

    def _ranks(self, members: list[int]) -> list[float]:
        """PageRank of the members times their number: followers point to those before them."""
        size = len(members)
        place = {number: index for index, number in enumerate(members)}
        points = np.zeros((size, size))
        for low in members:
            for high in self.state.links.get(low, ()):
                if low < high and high in place:
                    edge = self._graph.edge(pair(low, high))
                    if edge is not None:
                        points[place[high], place[low]] = edge.low_first
                        points[place[low], place[high]] = edge.count - edge.low_first
        totals = points.sum(axis=1, keepdims=True)
        points = np.divide(points, totals, out=np.full_like(points, 1.0 / size), where=totals > 0)
        rank = np.full(size, 1.0)
        for _ in range(RANK_ROUNDS):
            # Rows are added one after another, so that the sum does not depend on how the machine cuts it.
            rank = (1.0 - DAMPING) + DAMPING * (points * rank[:, None]).sum(axis=0)
        return [float(value) for value in rank]
