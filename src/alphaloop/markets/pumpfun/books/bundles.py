"""Wallets that buy one token together, as if one hand held them.

Known time is cut into buckets ``[k w, (k + 1) w)`` of `bucket_s`. A bundle is a bucket in which at least `min_wallets`
wallets bought one token. Two independent scores, each 0 to 1:

- uniformity ``max(0, 1 - cv / cv_limit)``, with the coefficient of variation (population standard deviation by mean)
  of what each wallet paid in the bucket;
- co-buys: the share of the pairs of wallets that stood together in an earlier bundle of another token, among each
  wallet's last `memory_bundles` bundles of the `memory_s` before the bucket. Of a larger bucket only the first
  `max_wallets` to buy are compared and remembered.

The confidence is ``1 - (1 - uniformity_weight u)(1 - cobuy_weight c)``: equal sizes alone are weak evidence, because
many wallets use the same preset amounts.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import ClassVar

import msgspec
from pydantic import Field

from alphaloop.core.clock import NS_PER_S, to_ns
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.books.stateful import StatefulBook
from alphaloop.markets.pumpfun.books.tokens import TokenBook
from alphaloop.markets.pumpfun.events import AnyEvent, Trade


class BundleSettings(Settings):
    """What counts as a bundle, and how much two signs of one hand weigh."""

    every_s: int = Field(default=600, gt=0, description="cadence at which old bundles are let go")
    lookback_s: int = Field(default=900, gt=0, description="age above which a bundle is let go")
    bucket_s: float = Field(default=5.0, gt=0, description="width of a bucket")
    min_wallets: int = Field(default=3, ge=3, description="wallets of the smallest bundle")
    max_wallets: int = Field(default=24, ge=3, description="wallets of a bundle that are compared in pairs")
    cv_limit: float = Field(default=0.5, gt=0, description="coefficient of variation at which uniformity is 0")
    uniformity_weight: float = Field(default=0.6, ge=0, le=1)
    cobuy_weight: float = Field(default=0.8, ge=0, le=1)
    memory_s: int = Field(default=86_400, gt=0, description="age above which a co-buy is forgotten")
    memory_bundles: int = Field(default=16, ge=1, description="bundles remembered of each wallet")


class Bundle(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Wallets (at least two) that bought `mint` in the bucket from `start_ns` on; fewer than `min_wallets` score 0."""

    mint: str
    start_ns: int
    wallets: int
    lamports: int
    uniformity: float
    cobuys: float
    confidence: float


class _Company(msgspec.Struct, array_like=True, gc=False):
    mint: str
    end_ns: int
    wallets: list[str]


class BundleBookState(msgspec.Struct, array_like=True, gc=False):
    """The bucket that forms, bundles by token, uncollected ones, and who stood together in which bundle."""

    bucket: int = -1
    forming: dict[str, dict[str, int]] = {}
    bundles: dict[str, list[Bundle]] = {}
    found: list[Bundle] = []
    companies: dict[int, _Company] = {}
    oldest: int = 0
    newest: int = 0
    memory: dict[str, list[int]] = {}


class BundleBook(StatefulBook[BundleBookState]):
    """Bundles of the last minutes by token, and who stood together in a bundle of the last day.

    A bucket is judged when a buy of a later one arrives or the clock runs, and before that on demand, with the same
    result, because only bundles of earlier buckets count as co-buys. So the confidence is never stale; the cadence
    `every_s` only lets go of the bundles that are older than `lookback_s`.

    Memory: the buckets of the current `bucket_s`, the bundles of `lookback_s` + `every_s`, and for `memory_s` at most
    `max_wallets` keys per bundle. What is let go lies outside the windows that define the scores.
    """

    name: ClassVar[str] = "bundles"
    form = BundleBookState

    def __init__(self, settings: BundleSettings, tokens: TokenBook) -> None:
        super().__init__()
        self.settings = settings
        self.every_s: int | None = settings.every_s
        self._tokens = tokens
        self._bucket_ns = to_ns(settings.bucket_s)
        self._lookback_ns = settings.lookback_s * NS_PER_S
        self._memory_ns = settings.memory_s * NS_PER_S
        self.restored()

    def restored(self) -> None:
        """Take over what the state holds, for quick access."""
        self._forming = self.state.forming

    def update(self, event: AnyEvent) -> None:
        """Take in an event; only buys of coins priced in SOL count."""
        if not isinstance(event, Trade) or not event.is_buy or event.quote_mint:
            return
        bucket = event.known_ns // self._bucket_ns
        if bucket != self.state.bucket:
            self._close(bucket)
        wallets = self._forming.get(event.mint)
        if wallets is None:
            self._forming[event.mint] = {event.wallet: event.sol_amount}
        else:
            wallets[event.wallet] = wallets.get(event.wallet, 0) + event.sol_amount

    def _close(self, bucket: int) -> None:
        """Judge and remember the buckets that are over, and open the next."""
        state, settings = self.state, self.settings
        end_ns = (state.bucket + 1) * self._bucket_ns
        judged = [self._judge(mint, wallets) for mint, wallets in self._forming.items() if len(wallets) > 1]
        for bundle in judged:
            state.bundles.setdefault(bundle.mint, []).append(bundle)
            if bundle.wallets >= settings.min_wallets:
                state.found.append(bundle)
                self._remember(bundle.mint, end_ns, list(self._forming[bundle.mint])[: settings.max_wallets])
        state.bucket = bucket
        self._forming = state.forming = {}
        self._forget(bucket * self._bucket_ns - self._memory_ns)

    def _judge(self, mint: str, wallets: dict[str, int]) -> Bundle:
        settings, count = self.settings, len(wallets)
        start_ns, lamports = self.state.bucket * self._bucket_ns, sum(wallets.values())
        if count < settings.min_wallets:
            return Bundle(mint, start_ns, count, lamports, 0.0, 0.0, 0.0)
        mean = lamports / count
        variance = math.fsum((paid - mean) ** 2 for paid in wallets.values()) / count
        uniformity = max(0.0, 1.0 - math.sqrt(variance) / mean / settings.cv_limit) if lamports else 0.0
        cobuys = self._cobuys(mint, list(wallets)[: settings.max_wallets])
        confidence = 1.0 - (1.0 - settings.uniformity_weight * uniformity) * (1.0 - settings.cobuy_weight * cobuys)
        return Bundle(mint, start_ns, count, lamports, uniformity, cobuys, confidence)

    def _cobuys(self, mint: str, wallets: list[str]) -> float:
        """Share of the pairs of `wallets` that stood together in a remembered bundle of another token."""
        first: dict[int, int] = {}
        together: dict[int, list[int]] = {}
        memory = self.state.memory
        for place, wallet in enumerate(wallets):
            for number in memory.get(wallet, ()):
                before = first.setdefault(number, place)
                if before != place:
                    together.setdefault(number, [before]).append(place)
        pairs: set[tuple[int, int]] = set()
        for number, places in together.items():
            if self.state.companies[number].mint != mint:
                pairs.update(combinations(places, 2))
        return 2 * len(pairs) / (len(wallets) * (len(wallets) - 1))

    def _remember(self, mint: str, end_ns: int, wallets: list[str]) -> None:
        state = self.state
        state.companies[state.newest] = _Company(mint, end_ns, wallets)
        for wallet in wallets:
            numbers = state.memory.setdefault(wallet, [])
            numbers.append(state.newest)
            if len(numbers) > self.settings.memory_bundles:
                del numbers[0]
        state.newest += 1

    def _forget(self, until_ns: int) -> None:
        """Forget the bundles whose bucket ended at `until_ns` or before."""
        state = self.state
        while state.oldest < state.newest and state.companies[state.oldest].end_ns <= until_ns:
            for wallet in state.companies.pop(state.oldest).wallets:
                numbers = state.memory[wallet]
                if numbers[0] == state.oldest:
                    del numbers[0]
                    if not numbers:
                        del state.memory[wallet]
            state.oldest += 1

    def run(self, now_ns: int) -> None:
        """Let go of the bundles older than `lookback_s`."""
        if now_ns // self._bucket_ns != self.state.bucket:
            self._close(now_ns // self._bucket_ns)
        bundles, cut_ns = self.state.bundles, now_ns - self._lookback_ns - self._bucket_ns
        for mint in list(bundles):
            kept = [bundle for bundle in bundles[mint] if bundle.start_ns > cut_ns]
            if kept:
                bundles[mint] = kept
            else:
                del bundles[mint]

    def of(self, mint: str) -> list[Bundle]:
        """List the bundles held of a token, oldest first, the bucket that is forming included."""
        held = self.state.bundles.get(mint, [])
        forming = self._forming.get(mint, {})
        return [*held, self._judge(mint, forming)] if len(forming) > 1 else list(held)

    def strongest(self, mint: str) -> Bundle | None:
        """Give the bundle with the highest confidence, the earliest of equals; None where there is none."""
        return max((b for b in self.of(mint) if b.wallets >= self.settings.min_wallets), key=_confidence, default=None)

    def confidence(self, mint: str) -> float:
        """Highest confidence of the token's bundles, 0 if it has none, NaN if the token was never seen."""
        found = max((bundle.confidence for bundle in self.of(mint)), default=0.0)
        return found if found or self._tokens.get(mint) is not None else math.nan

    def largest_bucket(self, mint: str) -> float:
        """Largest number of wallets that bought the token in one bucket; NaN if the token was never seen."""
        found = max((bundle.wallets for bundle in self.of(mint)), default=0)
        if not found:
            token = self._tokens.get(mint)
            return math.nan if token is None else float(bool(token.buyers))
        return float(found)

    def found(self) -> list[Bundle]:
        """Hand out the bundles whose bucket closed since the last call, each once."""
        found, self.state.found = self.state.found, []
        return found


def _confidence(bundle: Bundle) -> float:
    return bundle.confidence
