"""How much of a curve's SOL came from tracked wallets: what they all know is in the price already.

A wallet's stake is what it paid for a token minus what it took out, fees excluded, counted from its first trade there
as a tracked wallet on, and 0 if that is negative. The ratio is the sum of the stakes by the SOL in the curve, as of the
last trade: a signal is not told the crowding of a minute ago, for most come before a coin is a minute old. The penalty
of a score is ``max_penalty x clip((ratio - from_ratio) / (full_ratio - from_ratio), 0, 1)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import msgspec
from pydantic import Field, model_validator

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.books.expiry import Expiry
from alphaloop.markets.pumpfun.books.stateful import StatefulBook
from alphaloop.markets.pumpfun.books.tokens import TokenBook
from alphaloop.markets.pumpfun.events import AnyEvent, Trade


class CrowdingSettings(Settings):
    """Cadence of the ratio, and the line from it to the penalty."""

    every_s: int = Field(default=60, gt=0, description="cadence at which ratios are told and old stakes dropped")
    max_penalty: float = Field(default=0.5, ge=0, le=1, description="share of a score that crowding can take")
    from_ratio: float = Field(default=0.2, ge=0, description="ratio up to which nothing is taken")
    full_ratio: float = Field(default=0.6, description="ratio from which all of max_penalty is taken")
    forget_after_s: int = Field(default=86_400, gt=0, description="time without a trade after which stakes are dropped")

    @model_validator(mode="after")
    def _ordered(self) -> CrowdingSettings:
        if self.full_ratio <= self.from_ratio:
            raise ValueError(f"full_ratio must be above from_ratio = {self.from_ratio}")
        return self


class _Stakes(msgspec.Struct, array_like=True, gc=False):
    """What each wallet paid less what it took out, lamports, and the sum of those above 0."""

    last_ns: int
    held: int = 0
    wallets: dict[str, int] = {}


class CrowdingBookState(msgspec.Struct, array_like=True, gc=False):
    """Stakes by token, and when to look at them again."""

    tokens: dict[str, _Stakes] = {}
    expiry: Expiry = msgspec.field(default_factory=Expiry)


class CrowdingBook(StatefulBook[CrowdingBookState]):
    """Stakes of tracked wallets, for the tokens that have any.

    Update it after the token book that it reads; `is_tracked` is asked at each trade. Memory: one number per tracked
    wallet and token, dropped when the token has not traded for `forget_after_s`; a token that trades again after that
    begins without stakes, as it would for wallets that were not tracked before.
    """

    name: ClassVar[str] = "crowding"
    form = CrowdingBookState

    def __init__(self, settings: CrowdingSettings, tokens: TokenBook, is_tracked: Callable[[str], bool]) -> None:
        super().__init__()
        self.settings = settings
        self.every_s: int | None = settings.every_s
        self._tokens = tokens
        self._is_tracked = is_tracked
        self._forget_ns = settings.forget_after_s * NS_PER_S
        self.restored()

    def restored(self) -> None:
        """Take over what the state holds, for quick access."""
        self._stakes = self.state.tokens

    def update(self, event: AnyEvent) -> None:
        """Take in an event; only trades of coins priced in SOL count."""
        if not isinstance(event, Trade) or event.quote_mint:
            return
        mint, wallet = event.mint, event.wallet
        stakes = self._stakes.get(mint)
        if (stakes is not None and wallet in stakes.wallets) or self._is_tracked(wallet):
            if stakes is None:
                stakes = self._stakes[mint] = _Stakes(event.known_ns)
                self.state.expiry.add(mint, event.known_ns + self._forget_ns)
            before = stakes.wallets.get(wallet, 0)
            after = before + (event.sol_amount if event.is_buy else -event.sol_amount)
            stakes.wallets[wallet] = after
            stakes.held += max(after, 0) - max(before, 0)
        if stakes is not None:
            stakes.last_ns = event.known_ns

    def run(self, now_ns: int) -> None:
        """Drop the stakes in tokens that went quiet."""
        for mint in self.state.expiry.take(now_ns):
            last_ns = self._stakes[mint].last_ns
            if last_ns + self._forget_ns <= now_ns:
                del self._stakes[mint]
            else:
                self.state.expiry.add(mint, last_ns + self._forget_ns)

    def ratio(self, mint: str) -> float:
        """Give the ratio as of the last trade, 0 for a token that no tracked wallet traded.

        NaN if the token was never seen, or if tracked wallets traded it and no SOL is in its curve.
        """
        token, stakes = self._tokens.get(mint), self._stakes.get(mint)
        if token is None:
            return math.nan
        if stakes is None:
            return 0.0
        return stakes.held / token.real_sol if token.real_sol > 0 else math.nan

    def penalty(self, mint: str) -> float:
        """Share of a score that crowding takes, 0 to `max_penalty`; NaN where the ratio is."""
        settings, ratio = self.settings, self.ratio(mint)
        if math.isnan(ratio):
            return math.nan
        place = (ratio - settings.from_ratio) / (settings.full_ratio - settings.from_ratio)
        return settings.max_penalty * min(1.0, max(0.0, place))
