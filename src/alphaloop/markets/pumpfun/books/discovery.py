"""Whose buys make signals: the tracked wallets, and the candidates beside them.

Three ways in:

- graduation: when a coin completes, those among its first `early_buyers` buyers who still hold `held_fraction` of
  what they bought are tracked, but neither its creator nor bots;
- signal: a wallet that enters a coin within `beside_s` of a tracked wallet's entry, before or after, becomes a
  candidate. It is tracked once its alpha reaches `promote_alpha`. What is known of it is what was recorded: nobody
  outside is asked for its history;
- by hand: `track`; only `untrack` ends that.

A wallet that was not put there by hand leaves when its alpha falls below `drop_alpha`, when it is classed as a bot
before it has an alpha, and when the wallet book forgets it. A bot with an alpha stays while that is high enough: it is
capped (at 30), which is above `drop_alpha` and below `promote_alpha`, so a wallet can turn out a bot while it is
tracked, but no known bot comes to be tracked. At most `max_candidates` wait; beyond that the tenth of them that was
seen beside a tracked wallet longest ago is dropped, and must be seen there again to wait again: that is part of what a
candidate is.
"""

from __future__ import annotations

import math
from itertools import islice
from typing import ClassVar

import msgspec
from pydantic import Field

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.books.alpha import AlphaBook
from alphaloop.markets.pumpfun.books.bots import BotBook
from alphaloop.markets.pumpfun.books.roster import Coin, Step
from alphaloop.markets.pumpfun.books.stateful import StatefulBook
from alphaloop.markets.pumpfun.books.wallets import WalletBook
from alphaloop.markets.pumpfun.events import AnyEvent, Complete, Trade

BY_HAND, BY_GRADUATION, BY_SIGNAL = "hand", "graduation", "signal"


class DiscoverySettings(Settings):
    """Who is early, who held, who is beside."""

    every_s: int = Field(default=1800, ge=1, description="seconds between two rounds of promotion and demotion")
    early_buyers: int = Field(default=20, ge=1, description="the first so many buyers of a coin are early")
    held_fraction: float = Field(default=0.5, gt=0, le=1, description="part of what was bought that must still be held")
    beside_s: float = Field(default=10.0, ge=0, description="entries so close to a tracked wallet's are beside it")
    promote_alpha: float = Field(default=65.0, ge=0, le=100, description="alpha at which a candidate is tracked")
    drop_alpha: float = Field(default=25.0, ge=0, le=100, description="alpha below which a wallet is tracked no more")
    max_candidates: int = Field(default=20_000, ge=1, description="candidates kept")


class Tracked(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Why a wallet is tracked (`hand`, `graduation`, `signal`), since when (known time), and for which coin."""

    source: str
    since_ns: int
    mint: str = ""


class DiscoveryState(msgspec.Struct):
    """Tracked wallets and candidates by address; a candidate with when it was last seen beside a tracked wallet."""

    tracked: dict[str, Tracked] = {}
    candidates: dict[str, int] = {}
    now_ns: int = 0


class DiscoveryBook(StatefulBook[DiscoveryState]):
    """The tracked wallets; see the module. Fed after the wallet book."""

    name: ClassVar[str] = "discovery"
    form = DiscoveryState

    def __init__(
        self, wallets: WalletBook, bots: BotBook, alpha: AlphaBook, settings: DiscoverySettings | None = None
    ) -> None:
        super().__init__()
        self.settings = settings or DiscoverySettings()
        self._wallets, self._bots, self._alpha = wallets, bots, alpha
        self._beside_ns = round(self.settings.beside_s * NS_PER_S)
        wallets.follow(self.name)
        wallets.mourn(self.name)

    @property
    def every_s(self) -> int:
        """Seconds between two rounds of promotion and demotion."""
        return self.settings.every_s

    # Reading

    def is_tracked(self, address: str) -> bool:
        """Say whether the buys of a wallet make signals."""
        return address in self.state.tracked

    @property
    def tracked(self) -> dict[str, Tracked]:
        """Every tracked wallet by address, in the order in which they came to be tracked; not to be changed."""
        return self.state.tracked

    # By hand

    def track(self, address: str, now_ns: int = 0) -> None:
        """Track a wallet until `untrack`, since `now_ns` or the last event."""
        self.state.tracked[address] = Tracked(BY_HAND, max(now_ns, self.state.now_ns))
        self.state.candidates.pop(address, None)

    def untrack(self, address: str) -> None:
        """Track a wallet no more, however it came to be tracked."""
        self.state.tracked.pop(address, None)

    # Feeding

    def update(self, event: AnyEvent) -> None:
        """Take in an event: entries make candidates, completions make tracked wallets."""
        self.state.now_ns = event.known_ns
        if isinstance(event, Trade):
            step = self._wallets.step
            if step is not None and step.entry:
                self._beside(step)
        elif isinstance(event, Complete):
            coin = self._wallets.coin(event.mint)
            if coin is not None and coin.graduated_ns == event.known_ns:
                self._graduation(coin, event.known_ns)

    def _beside(self, step: Step) -> None:
        since = step.known_ns - self._beside_ns
        tracked, wallets = self.state.tracked, self._wallets.state.wallets
        leads = step.wallet.address in tracked
        for entrance in islice(reversed(step.coin.entrances), 1, None):
            if entrance.known_ns < since:
                break
            other = wallets.get(entrance.number)
            if other is None:
                continue
            if leads:
                self._candidate(other.address, step.known_ns)
            elif other.address in tracked:
                self._candidate(step.wallet.address, step.known_ns)
                break

    def _candidate(self, address: str, now_ns: int) -> None:
        if address in self.state.tracked:
            return
        candidates = self.state.candidates
        candidates.pop(address, None)
        candidates[address] = now_ns
        if len(candidates) > self.settings.max_candidates:
            for oldest in list(islice(candidates, -(-self.settings.max_candidates // 10))):
                del candidates[oldest]

    def _graduation(self, coin: Coin, now_ns: int) -> None:
        if not coin.created_ns:
            return
        for place, (number, position) in enumerate(coin.positions.items()):
            if place >= self.settings.early_buyers:
                break
            wallet = self._wallets.get(number)
            if position is None or wallet is None or wallet.address == coin.creator or self._bots.is_bot(number):
                continue
            if position.left >= self.settings.held_fraction * position.bought:
                self._promote(wallet.address, BY_GRADUATION, now_ns, coin.mint)

    def _promote(self, address: str, source: str, now_ns: int, mint: str = "") -> None:
        self.state.candidates.pop(address, None)
        self.state.tracked.setdefault(address, Tracked(source, now_ns, mint))

    def run(self, now_ns: int) -> None:
        """Promote candidates with a high alpha and drop the tracked ones that lost theirs; only those that changed."""
        for address in self._wallets.take_forgotten(self.name).values():
            self.state.candidates.pop(address, None)
            self._drop(address)
        for number in self._wallets.take_changed(self.name):
            wallet = self._wallets.get(number)
            if wallet is None:
                continue
            alpha, bot = self._alpha.alpha(number), self._bots.is_bot(number)
            if alpha < self.settings.drop_alpha or (bot and math.isnan(alpha)):
                self._drop(wallet.address)
            elif alpha >= self.settings.promote_alpha and wallet.address in self.state.candidates:
                self._promote(wallet.address, BY_SIGNAL, now_ns)

    def _drop(self, address: str) -> None:
        tracked = self.state.tracked.get(address)
        if tracked is not None and tracked.source != BY_HAND:
            del self.state.tracked[address]
