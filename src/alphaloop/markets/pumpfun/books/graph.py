"""Who buys beside whom: co-buys, who comes first, and after how long.

A co-buy is two wallets' entries into one coin within `window_s` of each other, among the last `recent_entrances`
entries (a setting of the wallet book); both must have entered `min_entries` coins by then.

What is kept, and what is forgotten:

- A first co-buy of a pair is only remembered. It is forgotten when the memory has been turned over twice, which
  happens each `first_s` and whenever it holds `max_first` pairs. At the second co-buy the pair becomes an edge with
  both.
- An edge without a co-buy for `edge_idle_s` is dropped at the next run; beyond `max_edges`, the tenth that was
  confirmed longest ago is dropped at once.

So an edge *is* a pair that was seen twice within that memory and again since: what is forgotten is no part of a
feature.
"""

from __future__ import annotations

import math
from itertools import islice, takewhile
from typing import ClassVar

import msgspec
from pydantic import Field

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.books.roster import Step
from alphaloop.markets.pumpfun.books.stateful import StatefulBook
from alphaloop.markets.pumpfun.books.wallets import WalletBook
from alphaloop.markets.pumpfun.events import AnyEvent, Trade


class GraphSettings(Settings):
    """What a co-buy is, and the bounds of memory."""

    every_s: int = Field(default=3600, ge=1, description="seconds between two rounds of forgetting")
    window_s: float = Field(default=30.0, gt=0, description="entries so close to one another are a co-buy")
    min_entries: int = Field(default=3, ge=1, description="coins that both wallets must have entered")
    first_s: int = Field(default=10_800, ge=1, description="the memory of first co-buys is turned over this often")
    max_first: int = Field(default=500_000, ge=1, description="first co-buys at which it is turned over too")
    edge_idle_s: int = Field(default=7 * 86_400, ge=1, description="an edge without a co-buy for so long is dropped")
    max_edges: int = Field(default=1_000_000, ge=10, description="edges kept")


class Edge(msgspec.Struct, array_like=True, gc=False):
    """Co-buys of two wallets, the one with the lower number being "low".

    Attributes
    ----------
    count, low_first : int
        Co-buys, and those in which the low wallet came first.
    delay_s, delay_m2 : float
        Mean of "high's entry minus low's" in seconds, and the sum of squared deviations from it (Welford's).
    seen_ns : int
        Known time of the last one.
    """

    count: int = 0
    low_first: int = 0
    delay_s: float = 0.0
    delay_m2: float = 0.0
    seen_ns: int = 0

    def add(self, delay_ns: int, now_ns: int) -> None:
        """Count a co-buy; `delay_ns` is high's entry minus low's."""
        delay = delay_ns / NS_PER_S
        before = delay - self.delay_s
        self.count += 1
        self.low_first += delay_ns > 0
        self.delay_s += before / self.count
        self.delay_m2 += before * (delay - self.delay_s)
        self.seen_ns = now_ns

    @property
    def consistency(self) -> float:
        """Directional consistency: share of the co-buys in which the wallet that is mostly first was first."""
        return max(self.low_first, self.count - self.low_first) / self.count

    @property
    def delay_sd_s(self) -> float:
        """Standard deviation of the signed delay in seconds."""
        return math.sqrt(max(self.delay_m2, 0.0) / (self.count - 1)) if self.count > 1 else math.nan


class GraphState(msgspec.Struct):
    """What `GraphBook` knows; a pair's key is ``low << 32 | high``."""

    first: dict[int, int] = {}
    first_before: dict[int, int] = {}
    turned_ns: int = 0
    edges: dict[int, Edge] = {}
    degrees: dict[int, int] = {}
    touched: dict[str, dict[int, None]] = {}


class GraphBook(StatefulBook[GraphState]):
    """The co-buy graph; see the module. Fed after the wallet book."""

    name: ClassVar[str] = "graph"
    form = GraphState

    def __init__(self, wallets: WalletBook, settings: GraphSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or GraphSettings()
        self._wallets = wallets
        self._window_ns = round(self.settings.window_s * NS_PER_S)

    @property
    def every_s(self) -> int:
        """Seconds between two rounds of forgetting."""
        return self.settings.every_s

    # Reading

    def edge(self, key: int) -> Edge | None:
        """What is known of a pair, by its key (`pair`); None where it is no edge."""
        return self.state.edges.get(key)

    def degree(self, number: int) -> int:
        """Edges of a wallet."""
        return self.state.degrees.get(number, 0)

    def follow(self, reader: str) -> None:
        """Begin to note for `reader` which edges change; once, when the reader is made."""
        self.state.touched.setdefault(reader, {})

    def take_touched(self, reader: str) -> list[int]:
        """Keys of the edges that grew or were dropped since `reader` asked last, in the order of their first change."""
        touched = self.state.touched[reader]
        self.state.touched[reader] = {}
        return list(touched)

    # Feeding

    def update(self, event: AnyEvent) -> None:
        """Take in an event; only entries matter."""
        if isinstance(event, Trade):
            step = self._wallets.step
            if step is not None and step.entry and step.wallet.entries >= self.settings.min_entries:
                self._cobuys(step)

    def _cobuys(self, step: Step) -> None:
        now, number = step.known_ns, step.wallet.number
        since, least = now - self._window_ns, self.settings.min_entries
        wallets = self._wallets.state.wallets
        for entrance in reversed(step.coin.entrances):
            other = entrance.number
            if other == number:
                continue
            if entrance.known_ns < since:
                break
            wallet = wallets.get(other)
            if wallet is not None and wallet.entries >= least:
                delay = now - entrance.known_ns
                self._cobuy(pair(other, number), delay if other < number else -delay, now)

    def _cobuy(self, key: int, delay_ns: int, now_ns: int) -> None:
        state = self.state
        edge = state.edges.pop(key, None)
        if edge is None:
            first = state.first.pop(key, None)
            if first is None:
                first = state.first_before.pop(key, None)
            if first is None:
                state.first[key] = delay_ns
                if len(state.first) >= self.settings.max_first:
                    self._turn(now_ns)
                return
            edge = Edge()
            edge.add(first, now_ns)
            for number in ends(key):
                state.degrees[number] = state.degrees.get(number, 0) + 1
        edge.add(delay_ns, now_ns)
        state.edges[key] = edge
        for touched in state.touched.values():
            touched[key] = None
        if len(state.edges) > self.settings.max_edges:
            for oldest in list(islice(state.edges, -(-self.settings.max_edges // 10))):
                self._drop(oldest)

    def _turn(self, now_ns: int) -> None:
        self.state.first_before, self.state.first = self.state.first, {}
        self.state.turned_ns = now_ns

    def _drop(self, key: int) -> None:
        state = self.state
        del state.edges[key]
        for number in ends(key):
            state.degrees[number] -= 1
            if not state.degrees[number]:
                del state.degrees[number]
        for touched in state.touched.values():
            touched[key] = None

    # The clock

    def run(self, now_ns: int) -> None:
        """Forget what is old."""
        if now_ns - self.state.turned_ns >= self.settings.first_s * NS_PER_S:
            self._turn(now_ns)
        stale = now_ns - self.settings.edge_idle_s * NS_PER_S
        for key in [key for key, _ in takewhile(lambda item: item[1].seen_ns <= stale, self.state.edges.items())]:
            self._drop(key)


def pair(one: int, other: int) -> int:
    """Key of two wallets, the same in either order."""
    return (one << 32) | other if one < other else (other << 32) | one


def ends(key: int) -> tuple[int, int]:
    """The two wallets of a key, the lower number first."""
    return key >> 32, key & 0xFFFFFFFF
