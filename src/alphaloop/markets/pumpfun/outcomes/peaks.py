"""Follows every signal until its longest horizon and says what came of it."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from typing import ClassVar, Final

import msgspec

from alphaloop.core.clock import NS_PER_S, iso
from alphaloop.core.errors import DataError, StateError
from alphaloop.markets.pumpfun.events import (
    AmmTrade,
    AnyEvent,
    Complete,
    Create,
    Migration,
    PostCompleteBuy,
    Trade,
)
from alphaloop.markets.pumpfun.outcomes.positions import Position
from alphaloop.markets.pumpfun.outcomes.prices import COMPLETE, POOL, Market
from alphaloop.markets.pumpfun.outcomes.records import Outcome
from alphaloop.markets.pumpfun.outcomes.settings import OutcomeSettings

VERSION: Final = 1
NEVER_NS: Final = 2**63 - 1


class State(msgspec.Struct):
    """What `PeakBook.save` writes.

    Attributes
    ----------
    positions
        Followed signals, in the order of their decisions.
    markets
        Tokens that a signal follows.
    idle
        Other tokens, the one with the oldest event first.
    pools
        Mint of each open pool of a followed token.
    entries
        Signals that have not entered, in the order in which they will.
    waiting
        Per horizon the signals that have not reached it, in the order in which they will.
    ready
        Outcomes that nobody has fetched.
    foreign
        Events that were left out because the coin is not priced in SOL.
    """

    version: int
    positions: list[Position]
    markets: dict[str, Market]
    idle: dict[str, Market]
    pools: dict[str, str]
    entries: list[str]
    waiting: list[list[str]]
    ready: list[Outcome]
    foreign: int


class PeakBook:
    """Peaks, ends and deaths after signals; the source of every label.

    A trader is assumed who buys `size_sol` for each signal. The order is on the curve `latency_s` after the signal, at
    the reserves that every event known by then has left, and what it costs includes the curve's fees and what the
    network charges for the round trip. After that every new high is an offer: what would a sale of the whole position
    have paid, net, at the reserves after that event?

    Time is known time. An event belongs to the interval ``(decided, decided + horizon]`` by its `known_ns`, and nothing
    is settled before an event *after* the moment in question has come: a clock alone does not prove that the feed is
    alive. Hence `gap` has to be called before the first event after a gap.

    Tokens that graduate are followed into their PumpSwap pool if the recording has that program's trades. Whether it
    has is told from the pool itself: without one trade of the pool, every horizon that ends after the graduation is
    missing, with what was seen before as a lower bound. What a gap or the end of the recording cuts is missing whole;
    so is what a pool did unseen, which shows in the reserves at its next trade.

    Memory: a signal is dropped at its longest horizon, its token with the last of its signals. A token without signals
    keeps its reserves for `remember_s` after its last event, because a signal is born from an event of its token or, a
    launch window, at most a minute later.

    Parameters
    ----------
    settings : OutcomeSettings
    """

    name: ClassVar[str] = "peaks"
    every_s: ClassVar[int | None] = None

    def __init__(self, settings: OutcomeSettings | None = None) -> None:
        self.settings = settings or OutcomeSettings()
        self._latency_ns = round(self.settings.latency_s * NS_PER_S)
        self._horizons_ns = [seconds * NS_PER_S for seconds in self.settings.horizons_s]
        self._dead_ns = round(self.settings.dead_after_s * NS_PER_S)
        self._late_ns = round(self.settings.late_s * NS_PER_S)
        self._remember_ns = round(self.settings.remember_s * NS_PER_S)
        self._positions: dict[str, Position] = {}
        self._markets: dict[str, Market] = {}
        self._idle: OrderedDict[str, Market] = OrderedDict()
        self._pools: dict[str, str] = {}
        self._entries: deque[str] = deque()
        self._waiting: list[deque[str]] = [deque() for _ in self._horizons_ns]
        self._ready: list[Outcome] = []
        self._due_ns = NEVER_NS
        self._calm_to: dict[str, float] = {}
        self.foreign = 0

    @property
    def following(self) -> int:
        """How many signals are not at their longest horizon."""
        return len(self._positions)

    def open(self, signal_id: str, kind: str, mint: str, known_ns: int, price: float) -> None:
        """Begin to follow a signal; events known at `known_ns` are part of the decision.

        Parameters
        ----------
        signal_id : str
            Its key; one that is followed already is left as it is.
        kind : {"signal", "genesis"}
        mint : str
        known_ns : int
            When the signal was decided; not before that of any signal opened earlier.
        price : float
            SOL per token at the decision.

        Raises
        ------
        DataError
            If the price is not a positive number.
        """
        if signal_id in self._positions:
            return
        if not 0.0 < price < float("inf"):
            raise DataError(f"signal {signal_id}: its price is {price!r}; open a signal with a price above 0")
        market = self._markets.get(mint)
        if market is None:
            market = self._markets[mint] = self._taken(mint)
            if market.pool:
                self._pools[market.pool] = mint
        self._positions[signal_id] = Position(signal_id, kind, mint, known_ns, price, price, known_ns)
        market.followed.append(signal_id)
        self._calm_to.pop(mint, None)
        self._entries.append(signal_id)
        for queue in self._waiting:
            queue.append(signal_id)
        self._due_ns = min(self._due_ns, known_ns + min(self._latency_ns, self._horizons_ns[0]))

    def update(self, event: AnyEvent) -> None:
        """Settle what was due before the event, then take it in."""
        if event.known_ns > self._due_ns:
            self._settle(event.known_ns)
        mint = event.mint
        if isinstance(event, AmmTrade):
            mint = self._pools.get(event.pool, mint)
        elif event.quote_mint:
            self.foreign += 1
            return
        market = self._markets.get(mint)
        if market is not None:
            self._follow(mint, market, event)
        elif not isinstance(event, AmmTrade):
            self._remember(mint, event)

    def run(self, now_ns: int) -> None:
        """Do nothing: outcomes are settled by events, see the class."""

    def gap(self, first_ns: int, last_ns: int, why: str = "the connection was lost") -> None:
        """Note that events known in ``(first_ns, last_ns]`` were missed and will not come.

        Outcomes that end after `first_ns` become missing for every signal followed now, and a token's reserves are
        unknown until its next event.
        """
        self._settle(first_ns + 1)
        reason = f"not everything was seen from {iso(first_ns)} to {iso(last_ns)}: {why}"
        for position in self._positions.values():
            if position.decided_ns < last_ns:
                position.blind(max(first_ns, position.decided_ns), reason)
        for market in (*self._markets.values(), *self._idle.values()):
            market.fresh = False

    def late(self, event: AnyEvent) -> None:
        """Note, before it is taken in, that an event comes late: its token was not seen from ``event_ns`` on.

        Of the signals that follow the token, outcomes that end after ``event_ns`` become missing.
        """
        self._settle(event.event_ns + 1)
        mint = self._pools.get(event.pool, event.mint) if isinstance(event, AmmTrade) else event.mint
        market = self._markets.get(mint)
        if market is None:
            return
        self._blind(
            market, event.event_ns, f"an event of {iso(event.event_ns)} was known only at {iso(event.known_ns)}"
        )

    def end(self, now_ns: int) -> None:
        """Settle everything at the end of a recording: what lies beyond `now_ns` is missing."""
        self._settle(now_ns + 1)
        for position in self._positions.values():
            position.blind(max(now_ns, position.decided_ns), f"the recording ends at {iso(now_ns)}")
            position.refused = position.refused or ("" if position.tokens else "no entry: the recording has ended")
        self._entries.clear()
        for place in range(len(self._horizons_ns)):
            while self._waiting[place]:
                self._resolve(place)
        self._due_ns = NEVER_NS

    @property
    def ready(self) -> bool:
        """Whether there is anything to drain."""
        return bool(self._ready)

    def drain(self) -> list[Outcome]:
        """Hand out the outcomes that have been settled since the last call, in the order of their settlement."""
        ready, self._ready = self._ready, []
        return ready

    def save(self) -> bytes:
        """Give the whole state, unfetched outcomes included."""
        state = State(
            version=VERSION,
            positions=list(self._positions.values()),
            markets=self._markets,
            idle=dict(self._idle),
            pools=self._pools,
            entries=list(self._entries),
            waiting=[list(queue) for queue in self._waiting],
            ready=self._ready,
            foreign=self.foreign,
        )
        return msgspec.msgpack.encode(state)

    def restore(self, state: bytes) -> None:
        """Take over a state that `save` gave.

        Raises
        ------
        StateError
            If it is not one, or has other horizons.
        """
        try:
            found = msgspec.msgpack.decode(state, type=State)
        except msgspec.DecodeError as error:
            raise StateError(f"the saved outcomes cannot be read ({error}); replay the recording instead") from None
        if found.version != VERSION or len(found.waiting) != len(self._horizons_ns):
            raise StateError(
                f"the saved outcomes have version {found.version} and {len(found.waiting)} horizons, "
                f"expected {VERSION} and {len(self._horizons_ns)}; replay the recording instead"
            )
        self._positions = {position.signal_id: position for position in found.positions}
        self._markets, self._pools = found.markets, found.pools
        self._idle = OrderedDict(found.idle)
        self._entries = deque(found.entries)
        self._waiting = [deque(queue) for queue in found.waiting]
        self._ready, self.foreign = found.ready, found.foreign
        self._due_ns = self._next_due_ns()
        self._calm_to = {}

    def _settle(self, now_ns: int) -> None:
        """Enter and resolve whatever is due before `now_ns`."""
        while self._entries:
            position = self._positions[self._entries[0]]
            due_ns = position.decided_ns + self._latency_ns
            if due_ns >= now_ns:
                break
            self._entries.popleft()
            self._calm_to.pop(position.mint, None)
            position.enter(self._markets[position.mint], due_ns, self.settings)
        for place, horizon_ns in enumerate(self._horizons_ns):
            queue = self._waiting[place]
            while queue and self._positions[queue[0]].decided_ns + horizon_ns < now_ns:
                self._resolve(place)
        self._due_ns = self._next_due_ns()

    def _next_due_ns(self) -> int:
        """When something is to be entered or resolved next."""
        positions, due_ns = self._positions, NEVER_NS
        if self._entries:
            due_ns = positions[self._entries[0]].decided_ns + self._latency_ns
        for queue, horizon_ns in zip(self._waiting, self._horizons_ns, strict=True):
            if queue:
                due_ns = min(due_ns, positions[queue[0]].decided_ns + horizon_ns)
        return due_ns

    def _resolve(self, place: int) -> None:
        position = self._positions[self._waiting[place].popleft()]
        market = self._markets[position.mint]
        self._ready.append(position.outcome(market, self.settings.horizons_s[place], self.settings))
        if place == len(self._horizons_ns) - 1:
            self._drop(position, market)

    def _taken(self, mint: str) -> Market:
        return self._idle.pop(mint) if mint in self._idle else Market(fresh=False)

    def _drop(self, position: Position, market: Market) -> None:
        del self._positions[position.signal_id]
        market.followed.remove(position.signal_id)
        if not market.followed:
            del self._markets[position.mint]
            self._calm_to.pop(position.mint, None)
            self._pools.pop(market.pool, None)
            if not market.complete_ns:
                self._idle[position.mint] = market

    def _follow(self, mint: str, market: Market, event: AnyEvent) -> None:
        if isinstance(event, AmmTrade) and self._is_behind(market, event):
            since_ns, until_ns = market.seen_ns, event.known_ns
            self._blind(market, since_ns, f"trades of its pool were missed from {iso(since_ns)} to {iso(until_ns)}")
        # The first trade of a pool proves that its silence until then was one.
        elif not market.complete_ns or market.pool_seen or isinstance(event, AmmTrade):
            self._note_death(market, event.known_ns)
        _apply(market, event)
        if isinstance(event, Migration):
            self._pools[event.pool] = event.mint
        if not market.token:
            return
        price, known_ns, migrated = market.price, event.known_ns, isinstance(event, Migration)
        always = market.mayhem or migrated
        if price <= self._calm_to.get(mint, 0.0) and not always:
            return
        calm_to, positions, settings = math.inf, self._positions, self.settings
        for signal_id in market.followed:
            position = positions[signal_id]
            calm = position.calm_to
            if (price > calm or always) and known_ns > position.decided_ns:
                if migrated:
                    position.exit_high = 0.0
                position.moved(market, price, known_ns, settings)
                calm = position.calm_to
            if calm < calm_to:
                calm_to = calm
        self._calm_to[mint] = calm_to

    def _is_behind(self, market: Market, event: AmmTrade) -> bool:
        """Whether a pool was long silent here and meanwhile came to other reserves: its trades were not followed.

        Neighbours may come in another order than they happened, so that differences in a busy pool prove nothing.
        """
        silent_ns = event.known_ns - market.seen_ns
        return market.phase == POOL and silent_ns > self._late_ns and event.pool_base_before != market.token

    def _blind(self, market: Market, since_ns: int, reason: str) -> None:
        for signal_id in market.followed:
            position = self._positions[signal_id]
            position.blind(max(since_ns, position.decided_ns), reason)

    def _note_death(self, market: Market, now_ns: int) -> None:
        """Note a silence that ends with this event; one that does not end is seen when an outcome is resolved."""
        died_ns = market.traded_ns + self._dead_ns
        if not market.traded_ns or died_ns >= now_ns:
            return
        for signal_id in market.followed:
            position = self._positions[signal_id]
            if not position.died_ns and died_ns > position.decided_ns and not position.blind_ns:
                position.died_ns = died_ns

    def _remember(self, mint: str, event: AnyEvent) -> None:
        idle = self._idle
        market = idle.get(mint)
        if market is None:
            market = idle[mint] = Market()
        else:
            idle.move_to_end(mint)
        _apply(market, event)
        oldest = event.known_ns - self._remember_ns
        while idle[first := next(iter(idle))].seen_ns < oldest:
            del idle[first]


def _apply(market: Market, event: AnyEvent) -> None:
    market.seen_ns = event.known_ns
    market.fresh = True
    if isinstance(event, Trade):
        market.traded_ns = event.known_ns
        market.traded(event)
        return
    if isinstance(event, Complete):
        market.phase, market.complete_ns = max(market.phase, COMPLETE), event.known_ns
        return
    market.traded_ns = event.known_ns
    if isinstance(event, Create):
        market.created(event)
    elif isinstance(event, PostCompleteBuy):
        market.bought_ahead(event)
    else:
        market.complete_ns = market.complete_ns or event.known_ns
        if isinstance(event, Migration):
            market.migrated(event)
        else:
            market.swapped(event)
