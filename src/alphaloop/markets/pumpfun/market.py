"""The whole market as one object: every book and every emitter, fed in one order, saved and restored at any event.

For each event, in this order:

1. Timers that are due by ``event.known_ns`` fire, in the order of their due times: the books' in the order of the
   shelf, then the ends and early checks of launches, exit warnings, live states.
2. The event goes through the books in the order of the shelf.
3. Outcomes that the event settled are handed out; the regime book is told of doubled signals.
4. A creation opens a launch window; a trade goes into the window of its token. The live state of the curve is told.
5. If a tracked wallet bought, there is a signal, whose features are read now. Its outcome is followed from here on.

A command (`Tracking`) comes after the timers as an event does, and reaches the book of tracked wallets alone.

Coins that are not priced in SOL, and trades with impossible reserves, reach no book; they are counted.

An event that is known long after it happened proves that the recorder was blind to its token in between. Before
any book takes it in, the token's outcomes that this time reaches into become missing: what was not seen is not a miss.
The proof is in the recording itself, so a replay comes to the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from alphaloop.core.clock import to_ns
from alphaloop.core.errors import StateError
from alphaloop.markets.pumpfun.books.book import Book
from alphaloop.markets.pumpfun.books.stateful import idle
from alphaloop.markets.pumpfun.emissions import GRADUATIONS_CHANNEL, Emission, Member, Publish, Row
from alphaloop.markets.pumpfun.events import (
    LAMPORTS_PER_SOL,
    AmmTrade,
    AnyEvent,
    Complete,
    Create,
    Input,
    Tracking,
    Trade,
)
from alphaloop.markets.pumpfun.saving import Part, pieces
from alphaloop.markets.pumpfun.schedule import Periodic, Schedule, Timer
from alphaloop.markets.pumpfun.settings import PumpSettings
from alphaloop.markets.pumpfun.shelf import Shelf
from alphaloop.markets.pumpfun.signals.anti import AntiEmitter
from alphaloop.markets.pumpfun.signals.catalogue import GENESIS, SIGNAL
from alphaloop.markets.pumpfun.signals.dossiers import Dossiers
from alphaloop.markets.pumpfun.signals.emitter import SignalEmitter
from alphaloop.markets.pumpfun.signals.genesis import GenesisWatcher
from alphaloop.markets.pumpfun.signals.live import LiveStates
from alphaloop.markets.pumpfun.signals.messages import Graduation, encode, number
from alphaloop.markets.pumpfun.signals.notices import Notices
from alphaloop.markets.pumpfun.signals.scoring import NoScorers, Scorers

__all__ = ["Emission", "Member", "Publish", "PumpMarket", "Row", "Scorers"]

STATE_VERSION: Final = 3
HIT_HORIZON_S: Final = 3_600
HIT_MULTIPLE: Final = 2.0


class Counts(msgspec.Struct):
    """What went through, and what was left out."""

    events: int = 0
    foreign: int = 0
    impossible: int = 0
    signals: int = 0
    late: int = 0
    commands: int = 0


class _State(msgspec.Struct):
    version: int
    settings: str
    sets: tuple[str, str]
    known_ns: int
    clock_ns: int
    counts: Counts
    dues: list[int]
    parts: dict[str, bytes]


class PumpMarket:
    """Feed it events in the order of `known_ns`; it answers with what is to be published and stored.

    Parameters
    ----------
    settings : PumpSettings
    scorers : Scorers
        Models at hand. They decide which launches are announced and what probabilities a message carries; no feature
        and no stored snapshot of a signal depends on them.
    """

    def __init__(self, settings: PumpSettings | None = None, scorers: Scorers | None = None) -> None:
        self.settings = settings or PumpSettings()
        self.shelf: Final = Shelf(self.settings)
        self.known_ns = 0
        self._clock_ns = 0
        self._late_ns = to_ns(self.settings.outcomes.late_s)
        self.counts = Counts()
        self._peaks = self.shelf.peaks
        self._is_tracked = self.shelf.intelligence.discovery.is_tracked
        self._out: list[Emission] = []
        models = scorers or NoScorers()
        self.genesis: Final = GenesisWatcher(self.settings.genesis, self.shelf, models, self._out)
        self.signals: Final = SignalEmitter(self.settings.signal, self.settings.rule, self.shelf, models, self._out)
        self.anti: Final = AntiEmitter(self.settings.anti, self.shelf, self._out)
        self.live: Final = LiveStates(self.settings.live, self.shelf, self._out)
        self.notices: Final = Notices(self.settings.live, self.shelf, self._out)
        self.dossiers: Final = Dossiers(self.shelf.intelligence, self._out)
        for wallet in self.settings.tracked_wallets:
            self.shelf.intelligence.track(wallet)
        self._books = self.shelf.books
        self._updates = [book.update for book in self._books if not idle(book)]
        self._clocks = [self._clock(book) for book in self._books if book.every_s is not None]
        timers: list[Timer] = [*self._clocks, self.genesis, self.anti.timer, self.live]
        self._schedule = Schedule(timers)
        self._due_ns = self._schedule.due_ns

    def _clock(self, book: Book) -> Periodic:
        after = self.notices.after.get(book.name) or self.dossiers.after.get(book.name)

        def run(now_ns: int) -> None:
            book.run(now_ns)
            if after is not None:
                after(now_ns)

        assert book.every_s is not None
        return Periodic(book.every_s, run)

    def apply(self, event: Input) -> list[Emission]:
        """Fire the timers that are due by ``event.known_ns``, take in the event, and say what follows from both.

        A command is taken in like an event: it has its place in the recording, and a replay does it there.

        Raises
        ------
        StateError
            If the event is known before or together with one that was taken in already.
        """
        known_ns = event.known_ns
        if known_ns <= self.known_ns or known_ns < self._clock_ns:
            self._refuse(event)
        if known_ns >= self._due_ns:
            self._fire(known_ns)
        if known_ns - event.event_ns > self._late_ns and not isinstance(event, Tracking):
            # After the timers: a window that they end is followed from then on, whether they fired now or long ago.
            self.counts.late += 1
            self._peaks.late(event)
        if not self.counts.events:
            self._start(known_ns)
        self.known_ns = known_ns
        self.counts.events += 1
        if isinstance(event, Tracking):
            self._track(event)
        elif self._usable(event):
            for update in self._updates:
                update(event)
            if self._peaks.ready:
                self._outcomes()
            if isinstance(event, Trade):
                self._trade(event)
            else:
                self._follow(event)
        if self.live.due_ns < self._due_ns:
            self._due_ns = self.live.due_ns
        out = self._out.copy()
        self._out.clear()
        return out

    @property
    def due_ns(self) -> int:
        """When the next timer is due; `NEVER_NS` before the first event."""
        return self._due_ns

    def advance(self, now_ns: int) -> list[Emission]:
        """Fire the timers that are due by `now_ns`; every event known before `now_ns` must have been applied."""
        if now_ns >= self._due_ns:
            self._fire(now_ns)
        self._clock_ns = max(self._clock_ns, now_ns)
        out = self._out.copy()
        self._out.clear()
        return out

    def _fire(self, until_ns: int) -> None:
        self._due_ns = self._schedule.fire(until_ns)

    def _refuse(self, event: Input) -> None:
        raise StateError(
            f"event {event.signature}:{event.log_index} is known at {event.known_ns}, not after {self.known_ns}, the "
            f"last one taken in, or before {self._clock_ns}, which the clock has passed; feed events in the order of "
            "known_ns, each once"
        )

    def _start(self, known_ns: int) -> None:
        for clock in (*self._clocks, self.anti.timer):
            clock.start(known_ns)
        self._due_ns = self._schedule.due_ns

    def _usable(self, event: AnyEvent) -> bool:
        if isinstance(event, AmmTrade):
            return True
        if event.quote_mint:
            self.counts.foreign += 1
            return False
        if isinstance(event, Trade) and (event.virtual_token <= 0 or event.virtual_sol <= 0):
            self.counts.impossible += 1
            return False
        return True

    def _follow(self, event: AnyEvent) -> None:
        if isinstance(event, Create):
            self.genesis.open(event)
            self._due_ns = min(self._due_ns, self.genesis.due_ns)
            self.live.changed(event.mint, event.known_ns)
        elif isinstance(event, Complete):
            self._graduate(event)
            self.live.changed(event.mint, event.known_ns)

    def _outcomes(self) -> None:
        for outcome in self._peaks.drain():
            self._out.append(Row("signal_outcomes", outcome.to_row()))
            raw = outcome.raw_multiple
            if outcome.kind == "signal" and outcome.horizon_s == HIT_HORIZON_S and outcome.observed and raw is not None:
                self.shelf.regime.outcome(raw >= HIT_MULTIPLE, outcome.resolved_ns, peak_multiple=raw)

    def _trade(self, event: Trade) -> None:
        self.genesis.update(event)
        self.anti.traded(event.mint)
        self.live.changed(event.mint, event.known_ns)
        if not self._is_tracked(event.wallet):
            return
        self.notices.crowded(event.mint)
        signal_id = self.signals.update(event)
        if signal_id is not None:
            self.counts.signals += 1
            self.anti.signal(event.mint, event.known_ns)
            self._peaks.open(signal_id, "signal", event.mint, event.known_ns, event.price)

    def _track(self, command: Tracking) -> None:
        self.counts.commands += 1
        if command.tracked:
            self.shelf.intelligence.track(command.wallet, command.known_ns)
        else:
            self.shelf.intelligence.untrack(command.wallet)
        self.dossiers.tracked(command.known_ns, command.wallet)

    def _graduate(self, event: Complete) -> None:
        self.dossiers.tracked(event.known_ns)
        token = self.shelf.tokens.get(event.mint)
        told = Graduation(
            token_mint=event.mint,
            known_ns=event.known_ns,
            event_ns=event.event_ns,
            symbol=self.shelf.births.symbol(event.mint),
            creator=token.creator if token is not None else "",
            raised_sol=number(token.real_sol / LAMPORTS_PER_SOL) if token is not None else None,
        )
        self._out.append(Publish(GRADUATIONS_CHANNEL, encode(told)))

    def save(self) -> bytes:
        """Give the whole state; nothing that was handed out is part of it."""
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        """Give what `save` gives in pieces, of which one book at a time is in memory."""
        head = _State(
            version=STATE_VERSION,
            settings=self.settings.hash,
            sets=(SIGNAL.hash, GENESIS.hash),
            known_ns=self.known_ns,
            clock_ns=self._clock_ns,
            counts=self.counts,
            dues=[clock.due_ns for clock in self._clocks],
            parts={},
        )
        return pieces(head, self._parts())

    def restore(self, state: bytes) -> None:
        """Take over a state that `save` gave.

        Raises
        ------
        StateError
            If it cannot be read, or is of another version, other settings or other feature sets.
        """
        try:
            found = msgspec.msgpack.decode(state, type=_State)
        except msgspec.MsgspecError as error:
            raise StateError(f"the saved market cannot be read ({error}); replay the recording instead") from None
        parts = self._parts()
        expected: tuple[Any, ...] = (STATE_VERSION, self.settings.hash, (SIGNAL.hash, GENESIS.hash), list(parts))
        if (found.version, found.settings, found.sets, list(found.parts)) != expected:
            raise StateError(
                f"the saved market has version {found.version}, settings {found.settings[:12]} and other books or "
                f"features than version {STATE_VERSION} with settings {self.settings.hash[:12]}; replay the recording"
            )
        for name, part in parts.items():
            part.restore(found.parts[name])
        for clock, due_ns in zip(self._clocks, found.dues, strict=True):
            clock.due_ns = due_ns
        self.known_ns, self._clock_ns, self.counts = found.known_ns, found.clock_ns, found.counts
        self._out.clear()
        self._due_ns = self._schedule.due_ns

    def _parts(self) -> dict[str, Part]:
        return {
            **{book.name: book for book in self._books},
            "genesis_windows": self.genesis,
            "exit_warnings": self.anti,
            "live_states": self.live,
            "notices": self.notices,
            "dossiers": self.dossiers,
        }
