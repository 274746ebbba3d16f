"""From a message on the bus to an input of the engine: pure and synchronous, and nothing that comes in can break it.

Whatever is wrong with a message, it is counted and never traded:

``malformed``         no message, or one with an impossible number, or on a channel that is not its own
``unknown_type``      of a later release, or of somebody else
``unknown_version``   of another version of the messages
``other_features``    a signal with other features than this release's models read
``stale``             a signal known longer ago than `stale_s`
``future``            known later than the clock here says, by more than `future_s`
``duplicate``         a signal or warning that came before

An exit warning is never too old, nor from too far ahead: to leave in error costs less than to stay in error. Nor is a
price: it says when it was known, and the engine passes by what it has seen. Both count as known `future_s` ahead of the
clock here where they say more, and are counted as `ahead`: signals of such a collector are not traded.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from alphaloop.bus.contract import Delivery
from alphaloop.core.clock import to_ns
from alphaloop.markets.pumpfun.books.regime_rules import Regime
from alphaloop.markets.pumpfun.emissions import SIGNALS_CHANNEL
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL, UNITS_PER_TOKEN
from alphaloop.markets.pumpfun.live.models import SETS, InlineModels, Scores
from alphaloop.markets.pumpfun.live.settings import IntakeSettings
from alphaloop.markets.pumpfun.signals.coin import CoinState
from alphaloop.markets.pumpfun.signals.messages import (
    AntiSignalMessage,
    GenesisMessage,
    Heartbeat,
    Scorable,
    SignalMessage,
    TokenState,
    UnreadableError,
    decode,
)
from alphaloop.trading.portfolio.records import Mark, Scored, Warned

Told: TypeAlias = Scored | Warned | Mark
Reason: TypeAlias = str
"""Why the engine is told nothing: a name of the table."""

LARGEST_INT: Final = 2**63 - 1
LARGEST: Final = float(np.finfo(np.float32).max)
LONGEST_NAME: Final = 88
"""Characters of a signature in base58; keys and ids are shorter."""

TOKEN_PREFIX: Final = "token:"  # noqa: S105 - of channels
NAMES: Final = {float(regime): regime.name.lower() for regime in Regime}
PLACES: Final = {source: features.names.index("market_regime") for source, features in SETS.items()}


class Unscored(NamedTuple):
    """A signal that may be traded, and its features, shape (F,)."""

    source: str
    message: SignalMessage | GenesisMessage
    vector: NDArray[np.float32]


class Intake:
    """Takes messages in.

    Parameters
    ----------
    settings : IntakeSettings
    models : InlineModels

    Attributes
    ----------
    counts : dict of str to int
        Messages by what became of them: `signal`, `genesis_signal`, `warning`, `mark`, `heartbeat`, `other`, and the
        reasons of the module's table; besides, `unscored` counts signals that no model could score.
    heartbeat : Heartbeat or None
        The collector's last word of life; `heartbeat_ns` is when it came.
    """

    def __init__(self, settings: IntakeSettings, models: InlineModels) -> None:
        self._models = models
        self._stale_ns, self._future_ns = to_ns(settings.stale_s), to_ns(settings.future_s)
        self._remember = settings.remember
        # Its oldest entry is found at once; a plain dict searches for it past all that were removed before.
        self._seen: OrderedDict[str, None] = OrderedDict()
        self.counts: dict[str, int] = {}
        self.heartbeat: Heartbeat | None = None
        self.heartbeat_ns = 0
        self._takers: dict[type, Callable[[str, Any, int], Told | Unscored | Reason]] = {
            SignalMessage: self._signal,
            GenesisMessage: self._signal,
            AntiSignalMessage: self._warning,
            TokenState: self._mark,
            Heartbeat: self._word_of_life,
        }

    def remember(self, signals: Iterable[str]) -> None:
        """Count these signals as heard; a process before this one has decided on them."""
        for identity in signals:
            self._came_before(identity)

    def take(self, channel: str, body: bytes, now_ns: int) -> Told | None:
        """Give what the engine is to be told of a message; None if nothing, and then `counts` says why."""
        return next(iter(self.take_all([Delivery(channel, body)], now_ns)), None)

    def take_all(self, deliveries: Iterable[Delivery], now_ns: int) -> list[Told]:
        """Give what the engine is to be told of messages that came at once, in their order.

        Their signals are scored together, which costs far less and gives each the same bits.
        """
        read = [self._read(each.channel, each.body, now_ns) for each in deliveries]
        scores = self._score([each for each in read if isinstance(each, Unscored)])
        told = []
        for each in read:
            found = self._scored(each, next(scores), now_ns) if isinstance(each, Unscored) else each
            if isinstance(found, str):
                self._count(found)
            else:
                told.append(found)
        return told

    def _read(self, channel: str, body: bytes, now_ns: int) -> Told | Unscored | Reason:
        try:
            message = decode(body)
        except UnreadableError as error:
            return error.fault
        # A collector that has seen nothing yet lives all the same.
        least = 0 if type(message) is Heartbeat else 1
        if not least <= message.known_ns <= LARGEST_INT:
            return "malformed"
        taker = self._takers.get(type(message))
        return "other" if taker is None else taker(channel, message, now_ns)

    def _score(self, signals: Sequence[Unscored]) -> Iterator[Scores | None]:
        """Score signals, each type of message at once; gives them in their order."""
        if len(signals) < 2:
            return iter([self._models.score(each.source, each.vector) for each in signals])
        found: dict[str, Iterator[Scores | None]] = {}
        for source in {each.source for each in signals}:
            rows = np.stack([each.vector for each in signals if each.source == source])
            found[source] = iter(self._models.score_all(source, rows))
        return (next(found[each.source]) for each in signals)

    def _signal(self, channel: str, message: SignalMessage | GenesisMessage, now_ns: int) -> Unscored | Reason:
        source = "signal" if type(message) is SignalMessage else "genesis_signal"
        features = SETS[source]
        if channel != SIGNALS_CHANNEL or not (_is_name(message.signal_id) and _is_name(message.token_mint)):
            return "malformed"
        if message.feature_set_hash != features.hash:
            return "other_features"
        vector = _vector(message, len(features))
        if vector is None or not _is_market(message.price, message.coin):
            return "malformed"
        if message.known_ns > now_ns + self._future_ns:
            return "future"
        if now_ns - message.known_ns > self._stale_ns:
            return "stale"
        if self._came_before(message.signal_id):
            return "duplicate"
        return Unscored(source, message, vector)

    def _scored(self, signal: Unscored, found: Scores | None, now_ns: int) -> Scored:
        source, message, vector = signal
        self._count(source)
        if found is None:
            # It is decided on all the same, so that there is an answer to why it was not traded.
            self._count("unscored")
            found = Scores({}, {})
        return Scored(
            at_ns=now_ns,
            signal_id=message.signal_id,
            asset=message.token_mint,
            source=source,
            known_ns=message.known_ns,
            price=_lamports_per_unit(message.price),
            liquidity=message.coin.real_sol if message.coin is not None else 0,
            scores=found.scores,
            models=found.models,
            regime=NAMES.get(float(vector[PLACES[source]]), ""),
            context=_context(message.coin, message.known_ns),
        )

    def _warning(self, channel: str, message: AntiSignalMessage, now_ns: int) -> Told | Reason:
        if channel != SIGNALS_CHANNEL or not (_is_name(message.token_mint) and _is_name(message.anti_id)):
            return "malformed"
        if self._came_before(message.anti_id):
            return "duplicate"
        self._count("warning")
        return Warned(
            at_ns=now_ns,
            asset=message.token_mint,
            warning_id=message.anti_id,
            known_ns=self._known(message.known_ns, now_ns),
        )

    def _mark(self, channel: str, message: TokenState, now_ns: int) -> Told | Reason:
        is_its_own = channel == TOKEN_PREFIX + message.token_mint and _is_name(message.token_mint)
        if not is_its_own or not _is_market(message.price, message.coin):
            return "malformed"
        self._count("mark")
        # Facts that are known in part must not take the place of facts that were read from the chain.
        whole = message.coin is not None and bool(message.coin.token_program)
        return Mark(
            at_ns=now_ns,
            asset=message.token_mint,
            price=_lamports_per_unit(message.price),
            known_ns=self._known(message.known_ns, now_ns),
            context=_context(message.coin, message.known_ns) if whole else {},
        )

    def _known(self, known_ns: int, now_ns: int) -> int:
        """When a message that must not be lost counts as known."""
        latest_ns = now_ns + self._future_ns
        if known_ns > latest_ns:
            self._count("ahead")
        return min(known_ns, latest_ns)

    def _word_of_life(self, channel: str, message: Heartbeat, now_ns: int) -> Told | Reason:
        self.heartbeat, self.heartbeat_ns = message, now_ns
        return "heartbeat"

    def _came_before(self, identity: str) -> bool:
        seen = self._seen
        if identity in seen:
            return True
        seen[identity] = None
        if len(seen) > self._remember:
            seen.popitem(last=False)
        return False

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


def _is_name(text: str) -> bool:
    return 0 < len(text) <= LONGEST_NAME


def _is_market(price: float, coin: CoinState | None) -> bool:
    """Whether these are numbers that a market can have."""
    if not 0.0 < price <= LARGEST:
        return False
    if coin is None:
        return True
    amounts = (coin.virtual_sol, coin.virtual_token, coin.real_sol, coin.real_token, coin.supply)
    return min(amounts) >= 0 and max(amounts) <= LARGEST_INT


def _lamports_per_unit(price: float) -> float:
    """SOL per token as lamports per base unit."""
    return price * LAMPORTS_PER_SOL / UNITS_PER_TOKEN


def _vector(message: Scorable, count: int) -> NDArray[np.float32] | None:
    """The features as a model takes them; None if there are not so many, or one is no float32."""
    if len(message.features) != count:
        return None
    vector = message.vector
    return None if np.isinf(vector).any() else vector


def _context(coin: CoinState | None, known_ns: int) -> dict[str, Any]:
    return {} if coin is None else {**msgspec.structs.asdict(coin), "known_ns": known_ns}
