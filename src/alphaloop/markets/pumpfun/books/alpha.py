"""The alpha score of a wallet, 0 to 100, from seven parts, with a confidence from 0 to 1.

Each part is in [0, 1] (`parts`), the score 100 times their weighted mean:

==================  ======  ===========================================================================================
part                weight  scale
==================  ======  ===========================================================================================
graduation          0.20    share of entries that graduated, drawn towards `graduation_prior` with the weight of
                            `prior_entries` entries; full at `graduation_full`
win                 0.20    share of closed round trips that won, drawn towards `win_prior` in the same way; 0 at
                            `win_none`, full at `win_full`, linear between
capture             0.15    mean of received / (bought x best price while held); full at `capture_full`
timing              0.15    half from the mean buy rank, ``1 - ln(rank) / ln(100)``, half from the mean age of the coin
                            in seconds, ``1 - ln(1 + age) / ln(601)``; each cut to [0, 1]
consistency         0.10    ``1 - best single gain / all gains``: a fortune made at one blow scores 0
return_size         0.10    ``ln(received / spent) / ln(3)`` over all closed round trips together, cut to [0, 1]
recency             0.10    half the confidence, half ``2 ** -(age of the tenth-last entry / recency_half_life_s)``
==================  ======  ===========================================================================================

The confidence is ``min(1, entries / 50)``. A bot's score is at most 30. A part of which nothing is known (no closed
round trip, no seen creation) counts 0: nothing was proven. Scores are computed once in `every_s` for the wallets that
changed since, and stand until the next time: what is read at a buy is the score as it was known then.
"""

from __future__ import annotations

import math
from typing import ClassVar

import msgspec
from pydantic import Field

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.books import samples
from alphaloop.markets.pumpfun.books.behaviour import NOTHING, average_rank, ratio
from alphaloop.markets.pumpfun.books.bots import BotBook
from alphaloop.markets.pumpfun.books.roster import Wallet
from alphaloop.markets.pumpfun.books.stateful import StatefulBook
from alphaloop.markets.pumpfun.books.wallets import WalletBook


class AlphaWeights(Settings):
    """Weights of the seven parts; the score divides by their sum."""

    graduation: float = Field(default=0.20, ge=0)
    win: float = Field(default=0.20, ge=0)
    capture: float = Field(default=0.15, ge=0)
    timing: float = Field(default=0.15, ge=0)
    consistency: float = Field(default=0.10, ge=0)
    return_size: float = Field(default=0.10, ge=0)
    recency: float = Field(default=0.10, ge=0)


class AlphaSettings(Settings):
    """Cadence, eligibility and scales."""

    every_s: int = Field(default=1800, ge=1, description="seconds between two rounds of scoring")
    tokens: int = Field(default=10, ge=1, description="coins that a wallet must have entered to be scored")
    full_tokens: int = Field(default=50, ge=1, description="coins at which the confidence is full")
    bot_cap: float = Field(default=30.0, ge=0, le=100, description="highest score of a bot")
    weights: AlphaWeights = AlphaWeights()
    prior_entries: float = Field(default=10.0, ge=0, description="weight of the two priors, in entries")
    graduation_prior: float = Field(default=0.015, ge=0, le=1)
    graduation_full: float = Field(default=0.20, gt=0, le=1)
    win_prior: float = Field(default=0.35, ge=0, le=1)
    win_none: float = Field(default=0.20, ge=0, lt=1)
    win_full: float = Field(default=0.70, gt=0, le=1)
    capture_full: float = Field(default=0.80, gt=0, le=1)
    recency_half_life_s: float = Field(default=7 * 86_400.0, gt=0)


class Score(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """A wallet's alpha, 0 to 100, its confidence, 0 to 1, and when it was computed."""

    alpha: float
    confidence: float
    scored_ns: int


class AlphaState(msgspec.Struct):
    """Scores by the number of the wallet, and what was scored in the last round."""

    scores: dict[int, Score] = {}
    fresh: list[int] = []


class AlphaBook(StatefulBook[AlphaState]):
    """Scores of the wallets with enough history; see the module. A forgotten wallet's score goes at the next round."""

    name: ClassVar[str] = "alpha"
    form = AlphaState

    def __init__(self, wallets: WalletBook, bots: BotBook, settings: AlphaSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or AlphaSettings()
        self._wallets = wallets
        self._bots = bots
        self._weights: dict[str, float] = self.settings.weights.model_dump()
        wallets.follow(self.name)

    @property
    def every_s(self) -> int:
        """Seconds between two rounds of scoring."""
        return self.settings.every_s

    @property
    def fresh(self) -> list[int]:
        """Numbers of the wallets that were scored in the last round."""
        return self.state.fresh

    def run(self, now_ns: int) -> None:
        """Score the wallets that changed."""
        self.state.fresh = []
        for number in self._wallets.take_changed(self.name):
            wallet = self._wallets.get(number)
            if wallet is None:
                self.state.scores.pop(number, None)
            elif wallet.entries >= self.settings.tokens:
                self.state.scores[number] = self._score(wallet, now_ns)
                self.state.fresh.append(number)

    def score(self, number: int) -> Score | None:
        """Last score of a wallet; None where it has too little history."""
        return self.state.scores.get(number)

    def alpha(self, number: int) -> float:
        """Last alpha of a wallet, 0 to 100; NaN where it has too little history."""
        score = self.state.scores.get(number)
        return math.nan if score is None else score.alpha

    def _score(self, wallet: Wallet, now_ns: int) -> Score:
        weights, found = self._weights, self.parts(wallet, now_ns)
        alpha = 100.0 * sum(weights[part] * value for part, value in found.items()) / sum(weights.values())
        if self._bots.is_bot(wallet.number):
            alpha = min(alpha, self.settings.bot_cap)
        return Score(alpha, self._confidence(wallet), now_ns)

    def parts(self, wallet: Wallet, now_ns: int) -> dict[str, float]:
        """The seven parts of a wallet's score, each in [0, 1], by the name of its weight."""
        scale = self.settings
        results = wallet.results or NOTHING
        graduation = _drawn(wallet.graduated, wallet.entries, scale.graduation_prior, scale.prior_entries)
        win = _drawn(results.wins, results.closed, scale.win_prior, scale.prior_entries)
        multiple = ratio(results.received, results.spent)
        return {
            "graduation": _unit(graduation / scale.graduation_full),
            "win": _unit((win - scale.win_none) / (scale.win_full - scale.win_none)) if results.closed else 0.0,
            "capture": _unit(ratio(results.captures, results.closed) / scale.capture_full),
            "timing": _timing(wallet),
            "consistency": _unit(1.0 - results.best_gain / results.gains) if results.gains else 0.0,
            "return_size": _unit(math.log(multiple) / math.log(3.0)) if multiple > 0 else 0.0,
            "recency": 0.5 * self._confidence(wallet) + 0.5 * self._recency(wallet, now_ns),
        }

    def _confidence(self, wallet: Wallet) -> float:
        return min(1.0, wallet.entries / self.settings.full_tokens)

    def _recency(self, wallet: Wallet, now_ns: int) -> float:
        known = samples.count(wallet.entered_at)
        if not known:
            return 0.0
        age_s = (now_ns - samples.nth_last(wallet.entered_at, min(10, known))) / NS_PER_S
        return _unit(2.0 ** -(age_s / self.settings.recency_half_life_s))


def _timing(wallet: Wallet) -> float:
    if not wallet.ranked:
        return 0.0
    by_rank = 1.0 - math.log(average_rank(wallet)) / math.log(100.0)
    by_age = 1.0 - math.log1p(wallet.age_sum / wallet.ranked) / math.log(601.0)
    return 0.5 * _unit(by_rank) + 0.5 * _unit(by_age)


def _drawn(hits: int, tries: int, prior: float, weight: float) -> float:
    """Share of hits, drawn towards `prior` as if `weight` more tries had come out like it."""
    return (hits + prior * weight) / (tries + weight) if tries + weight else 0.0


def _unit(value: float) -> float:
    """Cut to [0, 1]; nothing known, NaN, is 0."""
    return min(1.0, max(0.0, value)) if value == value else 0.0
