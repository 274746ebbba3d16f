"""What is known about wallets, creators and their relations, behind one face.

The facade owns the books, hands them out in the order in which they must be fed, and answers with plain dicts whose
keys are the names of the features. A feature that is not known is NaN; a count that is known to be zero is 0; a yes
or no is 1 or 0. Shares are fractions in [0, 1], though many are named ``pct``.

An answer is what was known after the last event and the last run of each book: what comes later never changes it. In
particular `alpha_score` is the score of the last round of scoring before the buy, not one computed with hindsight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Self

from pydantic import model_validator

from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.books.alpha import AlphaBook, AlphaSettings
from alphaloop.markets.pumpfun.books.behaviour import (
    BEHAVIOUR,
    average_rank,
    behaviour,
    graduation_rate,
    ratio,
    win_rate,
)
from alphaloop.markets.pumpfun.books.book import Book
from alphaloop.markets.pumpfun.books.bots import BotBook, BotSettings
from alphaloop.markets.pumpfun.books.clusters import SOCIAL, ClusterBook, ClusterSettings
from alphaloop.markets.pumpfun.books.copying import CopyBook, CopySettings
from alphaloop.markets.pumpfun.books.creators import CREATOR, CreatorBook, CreatorSettings
from alphaloop.markets.pumpfun.books.decay import DecayBook, DecaySettings
from alphaloop.markets.pumpfun.books.discovery import DiscoveryBook, DiscoverySettings
from alphaloop.markets.pumpfun.books.graph import GraphBook, GraphSettings
from alphaloop.markets.pumpfun.books.operators import OperatorBook, OperatorSettings
from alphaloop.markets.pumpfun.books.roster import WalletSettings
from alphaloop.markets.pumpfun.books.wallets import WalletBook
from alphaloop.markets.pumpfun.outcomes.settings import OutcomeSettings

POINT_IN_TIME: Final = ("alpha_score", "wallet_graduation_rate", "wallet_avg_buy_rank", "wallet_trades_at")
CLASSES: Final = ("is_bot", "is_copy_trader", "alpha_confidence", "optimal_follow_delay_s", "alpha_half_life_s")
BUYERS: Final = (
    "known_buyer_pct",
    "tracked_buyers",
    "avg_alpha",
    "max_alpha",
    "alpha_weighted_sol",
    "avg_graduation_rate",
    "avg_win_rate",
    "pct_alpha_over_70",
    "bot_buyer_pct",
    "copy_trader_pct",
    "fresh_wallet_pct",
)
KNOWN_ENTRIES: Final = 3
HIGH_ALPHA: Final = 70.0

__all__ = [
    "BEHAVIOUR",
    "BUYERS",
    "CLASSES",
    "CREATOR",
    "POINT_IN_TIME",
    "SOCIAL",
    "Intelligence",
    "IntelligenceSettings",
]


class IntelligenceSettings(Settings):
    """The settings of every book behind the facade."""

    wallets: WalletSettings = WalletSettings()
    bots: BotSettings = BotSettings()
    alpha: AlphaSettings = AlphaSettings()
    discovery: DiscoverySettings = DiscoverySettings()
    creators: CreatorSettings = CreatorSettings()
    graph: GraphSettings = GraphSettings()
    clusters: ClusterSettings = ClusterSettings()
    copying: CopySettings = CopySettings()
    operators: OperatorSettings = OperatorSettings()
    decay: DecaySettings = DecaySettings()

    @model_validator(mode="after")
    def _agree(self) -> Self:
        least = min(self.alpha.tokens, self.bots.fast_entries, self.bots.micro_buys, self.bots.flip_trips)
        if self.wallets.judged_from_buys > least:
            raise ValueError(
                f"wallets.judged_from_buys is {self.wallets.judged_from_buys}, but alpha or bots judge from {least} on"
            )
        for kept, needed, names in (
            (self.wallets.recent_entries, self.bots.fast_entries, "wallets.recent_entries, bots.fast_entries"),
            (self.wallets.recent_buys, self.bots.micro_buys, "wallets.recent_buys, bots.micro_buys"),
            (self.wallets.coin_idle_s, self.creators.dead_after_s + 1, "wallets.coin_idle_s, creators.dead_after_s"),
        ):
            if kept < needed:
                raise ValueError(f"{names}: the first must be larger, got {kept} where {needed} are needed")
        return self


class Intelligence:
    """Wallets, creators and relations; see the module.

    Parameters
    ----------
    settings : IntelligenceSettings, optional
    outcomes : OutcomeSettings, optional
        The trade of a follower, by which the best delay is found.
    """

    def __init__(self, settings: IntelligenceSettings | None = None, outcomes: OutcomeSettings | None = None) -> None:
        self.settings = settings or IntelligenceSettings()
        self.wallets = WalletBook(self.settings.wallets)
        self.bots = BotBook(self.wallets, self.settings.bots)
        self.alpha = AlphaBook(self.wallets, self.bots, self.settings.alpha)
        self.discovery = DiscoveryBook(self.wallets, self.bots, self.alpha, self.settings.discovery)
        self.creators = CreatorBook(self.wallets, self.bots, self.settings.creators)
        self.graph = GraphBook(self.wallets, self.settings.graph)
        self.clusters = ClusterBook(self.wallets, self.alpha, self.graph, self.settings.clusters)
        self.copying = CopyBook(self.wallets, self.graph, self.settings.copying)
        self.operators = OperatorBook(self.wallets, self.settings.operators)
        self.decay = DecayBook(self.wallets, self.alpha, self.discovery, self.settings.decay, outcomes)

    @property
    def books(self) -> tuple[Book, ...]:
        """Every book, in the order in which each event must reach them and in which runs due at once are called."""
        return (
            self.wallets,
            self.bots,
            self.alpha,
            self.discovery,
            self.creators,
            self.graph,
            self.clusters,
            self.copying,
            self.operators,
            self.decay,
        )

    # Wallets

    def wallet(self, wallet: str, now_ns: int) -> dict[str, float]:
        """Give the 24 features of a wallet: 4 at this point in time, 15 of behaviour, 5 of class and decay."""
        return self.point_in_time(wallet) | self.behaviour(wallet) | self.classes(wallet)

    def point_in_time(self, wallet: str) -> dict[str, float]:
        """Give what was known of a wallet's worth: alpha 0 to 100, share of graduations, mean rank, trades so far."""
        found = self.wallets.find(wallet)
        return {
            "alpha_score": self.alpha.alpha(found.number) if found else math.nan,
            "wallet_graduation_rate": graduation_rate(found),
            "wallet_avg_buy_rank": average_rank(found),
            "wallet_trades_at": float(found.trades) if found else 0.0,
        }

    def behaviour(self, wallet: str) -> dict[str, float]:
        """Give the 15 behavioural features; see `alphaloop.markets.pumpfun.books.behaviour`."""
        return behaviour(self.wallets.find(wallet))

    def classes(self, wallet: str) -> dict[str, float]:
        """Give the verdicts on a wallet, its confidence, 0 to 1, and its decay in seconds."""
        found = self.wallets.find(wallet)
        number = found.number if found else -1
        score, curve = self.alpha.score(number), self.decay.curve(number)
        return {
            "is_bot": float(self.bots.is_bot(number)),
            "is_copy_trader": float(self.copying.is_copy_trader(number)),
            "alpha_confidence": score.confidence if score else math.nan,
            "optimal_follow_delay_s": curve.best_delay_s if curve else math.nan,
            "alpha_half_life_s": curve.half_life_s if curve else math.nan,
        }

    def known(self, wallet: str) -> bool:
        """Say whether a wallet has entered at least `KNOWN_ENTRIES` coins."""
        found = self.wallets.find(wallet)
        return found is not None and found.entries >= KNOWN_ENTRIES

    def is_bot(self, wallet: str) -> bool:
        """Say whether `wallet` is classed as a bot."""
        number = self.wallets.number(wallet)
        return number is not None and self.bots.is_bot(number)

    def alpha_of(self, wallet: str) -> float:
        """Last alpha of a wallet, 0 to 100; NaN where it has too little history."""
        found = self.wallets.find(wallet)
        return self.alpha.alpha(found.number) if found else math.nan

    def is_tracked(self, wallet: str) -> bool:
        """Say whether the buys of `wallet` make signals."""
        return self.discovery.is_tracked(wallet)

    def track(self, wallet: str, now_ns: int = 0) -> None:
        """Track `wallet` by hand from `now_ns` on; nothing but `untrack` ends that."""
        self.discovery.track(wallet, now_ns)

    def untrack(self, wallet: str) -> None:
        """Stop tracking `wallet`, however it came to be tracked."""
        self.discovery.untrack(wallet)

    def follower_weight(self, wallet: str) -> float:
        """Weight of a signal by `wallet` in (0, 1]: 1 unless it copies another wallet or moves with one."""
        found = self.wallets.find(wallet)
        return self.copying.weight(found.number) if found else 1.0

    def operator(self, wallet: str) -> str | None:
        """Name the first wallet of the operator of `wallet`; None where no other wallet is known to be its."""
        found = self.wallets.find(wallet)
        operator = self.operators.operator(found.number) if found else None
        if operator is None:
            return None
        known = (self.wallets.get(member) for member in self.operators.wallets(operator))
        return next(member.address for member in known if member is not None)

    # Relations and groups

    def social(self, wallet: str, mint: str, now_ns: int) -> dict[str, float]:
        """Give the 6 features of a wallet's relations, seen from the coin `mint`."""
        return self.clusters.features(wallet, mint)

    def creator(self, creator: str, now_ns: int) -> dict[str, float]:
        """Give the 8 features of a creator."""
        return self.creators.features(creator, now_ns)

    def creator_risk(self, creator: str) -> float:
        """Risk of a creator alone, 0 to 100; NaN where nothing is known."""
        return self.creators.risk(creator)

    def buyers(self, buyers: Sequence[tuple[str, float]], now_ns: int) -> dict[str, float]:
        """Give the 11 features of a group of buyers, each with the SOL that it spent.

        Shares are of all buyers; NaN where there is none, and what is made from a number that none of them has is NaN.
        `known_buyer_pct` counts those with `KNOWN_ENTRIES` coins, `fresh_wallet_pct` those with no other coin than one;
        `alpha_weighted_sol` is the sum of SOL times alpha / 100 over those with an alpha.
        """
        find, tracked = self.wallets.find, self.discovery.tracked
        found = [(find(address), address, sol) for address, sol in buyers]
        numbers = [wallet.number for wallet, _, _ in found if wallet]
        alphas = [(self.alpha.alpha(wallet.number), sol) for wallet, _, sol in found if wallet]
        scored = [(alpha, sol) for alpha, sol in alphas if alpha == alpha]
        entries = [wallet.entries if wallet else 0 for wallet, _, _ in found]
        size = len(found)
        return {
            "known_buyer_pct": ratio(sum([n >= KNOWN_ENTRIES for n in entries]), size),
            "tracked_buyers": float(sum([address in tracked for _, address, _ in found])),
            "avg_alpha": _mean([alpha for alpha, _ in scored]),
            "max_alpha": max((alpha for alpha, _ in scored), default=math.nan),
            "alpha_weighted_sol": float(sum(sol * alpha / 100.0 for alpha, sol in scored)) if scored else math.nan,
            "avg_graduation_rate": _mean([graduation_rate(wallet) for wallet, _, _ in found]),
            "avg_win_rate": _mean([win_rate(wallet) for wallet, _, _ in found]),
            "pct_alpha_over_70": sum(alpha > HIGH_ALPHA for alpha, _ in scored) / size if scored else math.nan,
            "bot_buyer_pct": ratio(sum(map(self.bots.is_bot, numbers)), size),
            "copy_trader_pct": ratio(sum(map(self.copying.is_copy_trader, numbers)), size),
            "fresh_wallet_pct": ratio(sum([n <= 1 for n in entries]), size),
        }


def _mean(values: Sequence[float]) -> float:
    """Mean of the numbers that are known; NaN for none."""
    known = [value for value in values if value == value]
    return ratio(sum(known), len(known))
