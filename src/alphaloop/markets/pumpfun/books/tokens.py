"""Every token of the last days: curve, price, velocity, buyers; `token_features` says what the numbers mean."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import msgspec
from pydantic import Field, model_validator

from alphaloop.core.clock import NS_PER_S, to_ns
from alphaloop.core.errors import FeatureError
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.books.expiry import Expiry
from alphaloop.markets.pumpfun.books.stateful import StatefulBook
from alphaloop.markets.pumpfun.books.token_features import FEATURES, live_state, token_features
from alphaloop.markets.pumpfun.books.token_state import LONG_NS, TokenState
from alphaloop.markets.pumpfun.curve.reserves import Reserves
from alphaloop.markets.pumpfun.events import AnyEvent, Complete, Create, Trade


class TokenSettings(Settings):
    """How long tokens are kept, and the shortest time that a velocity is measured over."""

    velocity_floor_s: float = Field(default=10.0, gt=0, le=60, description="a younger token counts as this old")
    pack_after_s: int = Field(default=3_600, gt=300, description="without a trade: kept in packed form")
    forget_after_s: int = Field(default=7 * 86_400, description="without a trade: forgotten")

    @model_validator(mode="after")
    def _ordered(self) -> TokenSettings:
        if self.forget_after_s <= self.pack_after_s:
            raise ValueError(f"forget_after_s must be longer than pack_after_s = {self.pack_after_s}")
        return self


class TokenBookState(msgspec.Struct, array_like=True, gc=False):
    """First event, foreign coins counted, live and packed tokens, and when to look at them again."""

    started_ns: int = 0
    foreign: int = 0
    live: dict[str, TokenState] = {}
    packed: dict[str, bytes] = {}
    expiry: Expiry = msgspec.field(default_factory=Expiry)


class TokenBook(StatefulBook[TokenBookState]):
    """Every token of the last days.

    A token without a trade for `pack_after_s` is kept as the MessagePack form of its state, without its window, which
    is empty by then: the next trade, or a question, unpacks exactly what was packed. Without a trade for
    `forget_after_s` it is forgotten, and what trades after that is a token whose creation was not seen; that is part
    of what the features mean, and the same in every replay.

    Coins that are not priced in SOL are counted in `foreign` and otherwise ignored.
    """

    name: ClassVar[str] = "tokens"
    form = TokenBookState
    every_s: int | None = 60

    def __init__(self, settings: TokenSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or TokenSettings()
        self._pack_ns = self.settings.pack_after_s * NS_PER_S
        self._forget_ns = self.settings.forget_after_s * NS_PER_S
        self._floor_ns = to_ns(self.settings.velocity_floor_s)
        self._pack = msgspec.msgpack.Encoder()
        self._unpack = msgspec.msgpack.Decoder(TokenState)
        self.restored()

    def restored(self) -> None:
        """Take over what the state holds, for quick access."""
        self._live, self._packed = self.state.live, self.state.packed

    def update(self, event: AnyEvent) -> None:
        """Take in an event."""
        if not self.state.started_ns:
            self.state.started_ns = event.known_ns
        if isinstance(event, Trade):
            if event.quote_mint:
                self.state.foreign += 1
            else:
                (self._live.get(event.mint) or self._awake(event.mint, event.known_ns)).take(event)
        elif isinstance(event, Create):
            self._create(event)
        elif isinstance(event, Complete):
            self._complete(event)

    def _create(self, event: Create) -> None:
        if event.quote_mint:
            self.state.foreign += 1
            return
        known = self.get(event.mint) is not None
        state = self._awake(event.mint, event.known_ns)
        state.created_ns = state.created_ns or event.known_ns
        state.born(event)
        state.supply = event.supply or state.supply
        state.for_sale = event.real_token or state.for_sale
        if known:
            return
        state.from_birth = True
        reserves = Reserves(event.virtual_token, event.virtual_sol, event.real_token, 0)
        state.virtual_token, state.virtual_sol = reserves.virtual_token, reserves.virtual_sol
        state.real_token, state.real_sol = reserves.real_token, 0
        state.price = state.peak_price = reserves.price

    def _complete(self, event: Complete) -> None:
        if event.quote_mint:
            self.state.foreign += 1
            return
        state = self._awake(event.mint, event.known_ns)
        state.completed_ns = state.completed_ns or event.known_ns

    def _awake(self, mint: str, known_ns: int) -> TokenState:
        """Give the live state of a token: as it is, unpacked, or new."""
        state = self._live.get(mint)
        if state is None:
            packed = self._packed.pop(mint, None)
            state = TokenState(mint, known_ns) if packed is None else self._unpack.decode(packed)
            self._live[mint] = state
            self.state.expiry.add(mint, known_ns + self._pack_ns)
        return state

    def run(self, now_ns: int) -> None:
        """Pack the tokens that went quiet and forget those that stayed so."""
        expiry = self.state.expiry
        for mint in expiry.take(now_ns):
            state = self.get(mint)
            if state is None:
                continue
            if mint not in self._live:
                if state.newest_ns + self._forget_ns <= now_ns:
                    del self._packed[mint]
            elif state.newest_ns + self._pack_ns <= now_ns:
                del self._live[mint]
                self._packed[mint] = self._pack.encode(state.without_window(now_ns))
                expiry.add(mint, state.newest_ns + self._forget_ns)
            else:
                expiry.add(mint, state.newest_ns + self._pack_ns)

    def get(self, mint: str) -> TokenState | None:
        """Give the state of a token, None if it is not known; read it, do not change it."""
        state = self._live.get(mint)
        if state is None and mint in self._packed:
            return self._unpack.decode(self._packed[mint])
        return state

    def curve(self, mint: str) -> Reserves | None:
        """Give the reserves after the newest event of a token, None if it is not known."""
        state = self.get(mint)
        if state is None:
            return None
        return Reserves(state.virtual_token, state.virtual_sol, state.real_token, state.real_sol)

    def progress(self, mint: str) -> float:
        """Share of the tokens for sale that are sold, 0 to 1; NaN if the token is not known."""
        state = self.get(mint)
        return math.nan if state is None else state.progress

    def age_s(self, mint: str, now_ns: int) -> float:
        """Seconds since the creation was known; NaN if it was not seen."""
        state = self.get(mint)
        return math.nan if state is None or not state.created_ns else (now_ns - state.created_ns) / NS_PER_S

    def buy_rank(self, mint: str, wallet: str) -> float:
        """Place of a wallet's first buy among the token's distinct buyers, 1 for the first.

        NaN if the wallet did not buy or the token's creation was not seen.
        """
        state = self.get(mint)
        if state is None or not state.from_birth:
            return math.nan
        return float(state.buyers.get(wallet, math.nan))

    def recent_buyers(self, mint: str, seconds: float, now_ns: int) -> dict[str, int]:
        """Wallets that bought in ``(now - seconds, now]``, in the order of their first buy there, with their lamports.

        Raises
        ------
        FeatureError
            If `seconds` is above 300, the longest window kept.
        """
        if seconds > LONG_NS / NS_PER_S:
            raise FeatureError(f"recent_buyers keeps 300 seconds, got {seconds}; ask for at most 300")
        state = self.get(mint)
        found: dict[str, int] = {}
        if state is not None:
            get = found.get
            for _, is_buy, lamports, wallet, _, _ in state.since(now_ns - to_ns(seconds)):
                if is_buy:
                    found[wallet] = get(wallet, 0) + lamports
        return found

    def features(self, mint: str, now_ns: int) -> dict[str, float]:
        """The ten token-state features of `token_features`; `now_ns` is not before the newest trade."""
        state = self.get(mint)
        if state is None:
            return dict.fromkeys(FEATURES, math.nan)
        return token_features(state, now_ns, now_ns - self.state.started_ns, self._floor_ns)

    def live(self, mint: str, now_ns: int) -> dict[str, Any]:
        """Present curve state for the bus, as `live_state` gives it; empty if the token is not known."""
        state = self.get(mint)
        return {} if state is None else live_state(state, now_ns)

    @property
    def foreign(self) -> int:
        """Number of events of coins that are not priced in SOL."""
        return self.state.foreign

    def counts(self) -> dict[str, int]:
        """Tokens held, live and packed."""
        return {"live": len(self._live), "packed": len(self._packed)}
