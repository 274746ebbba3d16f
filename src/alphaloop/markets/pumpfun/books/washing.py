"""How much of a token's volume is wallets trading with themselves.

A reversal is a trade against the direction of the same wallet's previous trade in the token, at most `gap_s` after it
and of nearly the same size: the smaller of the two token amounts is at least `similarity` of the larger. One reversal
is an ordinary flip. From the second in a row on, a reversal counts as washing. The share is washed volume by all volume
of the token, in lamports without fees.
"""

from __future__ import annotations

import math
from typing import ClassVar, TypeAlias

import msgspec
from pydantic import Field, model_validator

from alphaloop.core.clock import NS_PER_S, to_ns
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.books.expiry import Expiry
from alphaloop.markets.pumpfun.books.stateful import StatefulBook
from alphaloop.markets.pumpfun.events import AnyEvent, Trade

Leg: TypeAlias = tuple[int, bool, int, int]
"""A wallet's newest trade in a token: known_ns, is_buy, base units, reversals in a row up to it."""


class WashSettings(Settings):
    """What counts as washing."""

    gap_s: float = Field(default=120.0, gt=0, description="longest time between two trades of a reversal")
    similarity: float = Field(default=0.8, gt=0, le=1, description="smaller by larger token amount of a reversal")
    free_reversals: int = Field(default=1, ge=0, description="reversals in a row that are not yet washing")
    forget_after_s: int = Field(default=86_400, description="time without a trade after which volumes start anew")

    @model_validator(mode="after")
    def _ordered(self) -> WashSettings:
        if self.forget_after_s <= 2 * self.gap_s:
            raise ValueError(f"forget_after_s must be longer than twice gap_s = {self.gap_s}")
        return self


class _Volume(msgspec.Struct, array_like=True, gc=False):
    last_ns: int = 0
    washed: int = 0
    total: int = 0


class WashBookState(msgspec.Struct, array_like=True, gc=False):
    """Volumes by token; newest trades by token and wallet in this span of `gap_s` and the one before."""

    volumes: dict[str, _Volume] = {}
    span: int = 0
    young: dict[str, dict[str, Leg]] = {}
    old: dict[str, dict[str, Leg]] = {}
    expiry: Expiry = msgspec.field(default_factory=Expiry)


class WashBook(StatefulBook[WashBookState]):
    """Washed and total volume of each token.

    Memory: newest trades by token and wallet are kept for the current span of `gap_s` and the one before, which is all
    that a reversal can look back to; two volumes per token are kept until it has not traded for `forget_after_s`, and
    begin at 0 if it trades again after that.
    """

    name: ClassVar[str] = "washing"
    form = WashBookState
    every_s: int | None = 60

    def __init__(self, settings: WashSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or WashSettings()
        self._gap_ns = to_ns(self.settings.gap_s)
        self._forget_ns = self.settings.forget_after_s * NS_PER_S
        self.restored()

    def restored(self) -> None:
        """Take over what the state holds, for quick access."""
        self._volumes = self.state.volumes

    def update(self, event: AnyEvent) -> None:
        """Take in an event; only trades of coins priced in SOL count."""
        if not isinstance(event, Trade) or event.quote_mint:
            return
        state, mint, known_ns, lamports = self.state, event.mint, event.known_ns, event.sol_amount
        span = known_ns // self._gap_ns
        if span != state.span:
            state.old = state.young if span == state.span + 1 else {}
            state.young, state.span = {}, span
        volume = self._volumes.get(mint)
        if volume is None:
            volume = self._volumes[mint] = _Volume()
            state.expiry.add(mint, known_ns + self._forget_ns)
        reversals = self._reversals(event)
        volume.total += lamports
        volume.last_ns = known_ns
        if reversals > self.settings.free_reversals:
            volume.washed += lamports

    def _reversals(self, trade: Trade) -> int:
        """Reversals in a row up to `trade`, which becomes its wallet's newest."""
        legs = self.state.young.get(trade.mint)
        if legs is None:
            legs = self.state.young[trade.mint] = {}
        last = legs.get(trade.wallet)
        if last is None:
            older = self.state.old.get(trade.mint)
            last = None if older is None else older.get(trade.wallet)
        tokens, reversals = trade.token_amount, 0
        if last is not None and last[1] is not trade.is_buy and trade.known_ns - last[0] <= self._gap_ns:
            small, large = (tokens, last[2]) if tokens < last[2] else (last[2], tokens)
            if small >= self.settings.similarity * large:
                reversals = last[3] + 1
        legs[trade.wallet] = (trade.known_ns, trade.is_buy, tokens, reversals)
        return reversals

    def run(self, now_ns: int) -> None:
        """Drop the tokens that have not traded for `forget_after_s`."""
        for mint in self.state.expiry.take(now_ns):
            last_ns = self._volumes[mint].last_ns
            if last_ns + self._forget_ns <= now_ns:
                del self._volumes[mint]
            else:
                self.state.expiry.add(mint, last_ns + self._forget_ns)

    def share(self, mint: str) -> float:
        """Washed by total volume, 0 to 1; NaN if the token has no volume."""
        volume = self._volumes.get(mint)
        return volume.washed / volume.total if volume is not None and volume.total else math.nan
