"""Launches under watch: a minute after each creation there is a row of 75 features, and perhaps a signal.

Every window that runs to its end is stored with its features; `reason` in its row says what became of it:

``complete``   the whole minute; the early check found life in it
``aborted``    the whole minute; the early check found it dead, so that it made no signal and no model was asked. It is
               watched to its end all the same, so that what the check is worth can be measured
``early``      the first 30 s of a launch for which a model was exceptionally sure; known 30 s after creation, with what
               is not over missing. A signal was sent. The launch's whole minute follows as a row of its own
``evicted``    more launches than `max_windows` were watched and this was the oldest: known before its minute was over

``complete`` and ``aborted`` rows show the same length of time. A model of launches is trained on the rows that it is
asked about, the ``complete`` ones, unless a recipe's `dataset.windows` names others: that an aborted launch fails is
known without a model, and such rows would only make its scores look better. Outcomes are followed for both and for
``early`` ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.emissions import SIGNALS_CHANNEL, Emission, Publish, Row
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL, Create, Trade
from alphaloop.markets.pumpfun.schedule import NEVER_NS
from alphaloop.markets.pumpfun.shelf import Shelf
from alphaloop.markets.pumpfun.signals.catalogue import GENESIS
from alphaloop.markets.pumpfun.signals.coin import coin_state
from alphaloop.markets.pumpfun.signals.identity import signal_id
from alphaloop.markets.pumpfun.signals.messages import GenesisMessage, encode, numbers
from alphaloop.markets.pumpfun.signals.scoring import NoScorers, Scorers, best
from alphaloop.markets.pumpfun.signals.settings import GenesisSettings
from alphaloop.markets.pumpfun.signals.vector import GENESIS_VECTOR, Vector
from alphaloop.markets.pumpfun.signals.window import Window, opened, window_features

EARLY_NS: Final = 30 * NS_PER_S
WHOLE_NS: Final = 60 * NS_PER_S


class _State(msgspec.Struct):
    windows: dict[str, Window] = {}
    unchecked: dict[str, int] = {}
    evicted: int = 0


class GenesisWatcher:
    """Opens a window on each creation, looks at it after 30 s, and reads its features after 60 s.

    Both moments are timers in known time, so the window is ``[created, created + 60 s)``: an event known at its end is
    not in it. At most `max_windows` windows are held, with all their trades; nothing else is.
    """

    def __init__(self, settings: GenesisSettings, shelf: Shelf, scorers: Scorers, out: list[Emission]) -> None:
        self.settings, self.shelf, self.scorers, self.out = settings, shelf, scorers, out
        self._state = _State()

    @property
    def watched(self) -> int:
        """How many launches are under watch."""
        return len(self._state.windows)

    @property
    def evicted(self) -> int:
        """How many windows had to go before their minute was over."""
        return self._state.evicted

    @property
    def due_ns(self) -> int:
        """When a window is due next."""
        state = self._state
        early = next(iter(state.unchecked.values())) + EARLY_NS if state.unchecked else NEVER_NS
        whole = next(iter(state.windows.values())).created_ns + WHOLE_NS if state.windows else NEVER_NS
        return min(early, whole)

    def fire(self, due_ns: int) -> None:
        """Do what is due: ends first, then early checks."""
        state = self._state
        while state.windows and next(iter(state.windows.values())).created_ns + WHOLE_NS <= due_ns:
            self._finish(state.windows.pop(next(iter(state.windows))), due_ns)
        while state.unchecked and next(iter(state.unchecked.values())) + EARLY_NS <= due_ns:
            mint = next(iter(state.unchecked))
            del state.unchecked[mint]
            self._check(state.windows[mint], due_ns)

    def open(self, event: Create) -> None:
        """Watch a new token; a second creation of a token that is watched already is ignored."""
        state = self._state
        if event.mint in state.windows or event.virtual_token <= 0 or event.virtual_sol <= 0:
            return
        if len(state.windows) >= self.settings.max_windows:
            oldest = next(iter(state.windows))
            state.unchecked.pop(oldest, None)
            state.evicted += 1
            self._store(state.windows.pop(oldest), event.known_ns, "evicted")
        state.windows[event.mint] = opened(event, self.shelf.births.namesakes(event.mint))
        state.unchecked[event.mint] = event.known_ns

    def update(self, event: Trade) -> None:
        """Take in a trade, if its token is watched."""
        window = self._state.windows.get(event.mint)
        if window is not None:
            window.add(event)

    def features(self, window: Window, now_ns: int) -> dict[str, float]:
        """The 75 features, by name, of a window at `now_ns`."""
        shelf, mint = self.shelf, window.mint
        buyers = [(wallet, spent / LAMPORTS_PER_SOL) for wallet, spent in window.buyers.items()]
        return {
            **shelf.regime.features(now_ns),
            **shelf.intelligence.creator(window.creator, now_ns),
            **shelf.intelligence.buyers(buyers, now_ns),
            **window_features(window, now_ns),
            "curve_progress": shelf.tokens.progress(mint),
            "bundle_confidence": shelf.bundles.confidence(mint),
            "wash_trade_pct": shelf.washing.share(mint),
        }

    def save(self) -> bytes:
        """Give the whole state."""
        return msgspec.msgpack.encode(self._state)

    def restore(self, state: bytes) -> None:
        """Take over a state that `save` gave."""
        self._state = msgspec.msgpack.decode(state, type=_State)

    def _check(self, window: Window, now_ns: int) -> None:
        """Judge a launch after 30 s: dead, alive, or good enough for a signal at once."""
        rise = window.price / window.start_price - 1.0
        if len(window.buyers) < self.settings.abort_buyers or rise < self.settings.abort_move:
            window.aborted = True
            return
        if isinstance(self.scorers, NoScorers):
            return
        vector = GENESIS_VECTOR(self.features(window, now_ns))
        scores = self.scorers.genesis(vector)
        score = best(scores)
        if score is not None and score >= self.settings.early_score:
            window.announced = True
            self._publish(window, now_ns, vector, scores, early=True)
            self._row(window, now_ns, vector, "early")

    def _finish(self, window: Window, now_ns: int) -> None:
        if window.aborted or window.announced:
            self._store(window, now_ns, "aborted" if window.aborted else "complete")
            return
        vector = GENESIS_VECTOR(self.features(window, now_ns))
        scores = self.scorers.genesis(vector)
        score = best(scores)
        if score >= self.settings.score if score is not None else self.settings.emit_unscored:
            window.announced = True
            self._publish(window, now_ns, vector, scores, early=False)
        self._row(window, now_ns, vector, "complete")

    def _store(self, window: Window, now_ns: int, reason: str) -> None:
        self._row(window, now_ns, GENESIS_VECTOR(self.features(window, now_ns)), reason)

    def _publish(
        self, window: Window, now_ns: int, vector: Vector, scores: Mapping[str, float], *, early: bool
    ) -> None:
        token = self.shelf.tokens.get(window.mint)
        message = GenesisMessage(
            signal_id=_identity(window, "early" if early else "complete"),
            token_mint=window.mint,
            known_ns=now_ns,
            event_ns=window.event_ns,
            price=window.price,
            creator=window.creator,
            symbol=window.symbol,
            feature_set=GENESIS.name,
            feature_set_hash=GENESIS.hash,
            features=numbers(vector),
            scores=dict(scores),
            name=window.name,
            created_ns=window.created_ns,
            window_s=(now_ns - window.created_ns) / NS_PER_S,
            early=early,
            genesis_score=best(scores),
            coin=coin_state(token) if token is not None else None,
        )
        self.out.append(Publish(SIGNALS_CHANNEL, encode(message)))

    def _row(self, window: Window, now_ns: int, vector: Vector, reason: str) -> None:
        identity = _identity(window, reason)
        values = {
            "signal_id": identity,
            "mint": window.mint,
            "creator": window.creator,
            "created_ns": window.created_ns,
            "known_ns": now_ns,
            "feature_set_hash": GENESIS.hash,
            "features": vector.tobytes(),
            "emitted": window.announced,
            "reason": reason,
        }
        self.out.append(Row("genesis_observations", values))
        if reason != "evicted":
            self.shelf.peaks.open(identity, "genesis", window.mint, now_ns, window.price)


def _identity(window: Window, reason: str) -> str:
    """A launch has one name for its minute, however that ended, and another for its early signal."""
    kind = "genesis_early" if reason == "early" else "genesis"
    return signal_id(kind, (window.signature, window.log_index), window.mint, GENESIS)
