"""What is known about wallets, creators and their relations, behind one face.

The facade owns the books, hands them out in the order in which they must be fed, and answers with plain dicts whose keys
are the names of the features. A feature that is not known is NaN; a count that is known to be zero is 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.books.book import Book

POINT_IN_TIME: Final = ("alpha_score", "wallet_graduation_rate", "wallet_avg_buy_rank", "wallet_trades_at")
BEHAVIOUR: Final = (
    "tokens_traded",
    "pct_top10_entries",
    "avg_seconds_after_creation",
    "pct_buys_under_60s",
    "pct_buys_under_300s",
    "avg_sol_per_buy",
    "median_sol_per_buy",
    "sol_size_stddev",
    "max_single_buy",
    "avg_hold_seconds",
    "median_hold_seconds",
    "win_rate",
    "avg_return_multiple",
    "capture_efficiency",
    "buys_per_active_hour",
)
CLASSES: Final = ("is_bot", "is_copy_trader", "alpha_confidence", "optimal_follow_delay_s", "alpha_half_life_s")
SOCIAL: Final = (
    "cobuy_degree",
    "cluster_size",
    "cluster_avg_alpha",
    "cluster_graduation_rate",
    "wallet_pagerank",
    "cluster_cobuyers_here",
)
CREATOR: Final = (
    "creator_risk_score",
    "creator_tokens",
    "creator_rug_rate",
    "creator_graduation_rate",
    "creator_avg_lifetime_s",
    "creator_insider_pct",
    "creator_bot_buyer_pct",
    "creator_launches_24h",
)
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


class IntelligenceSettings(Settings):
    """The settings of every book behind the facade."""


class Intelligence:
    """Wallets, creators and relations; see the module."""

    def __init__(self, settings: IntelligenceSettings | None = None) -> None:
        self.settings = settings or IntelligenceSettings()
        self._by_hand: dict[str, None] = {}

    @property
    def books(self) -> tuple[Book, ...]:
        """Every book, in the order in which each event must reach them."""
        return ()

    def wallet(self, wallet: str, now_ns: int) -> dict[str, float]:
        """Give the 24 features of a wallet: 4 at this point in time, 15 of behaviour, 5 of class and decay."""
        return dict.fromkeys((*POINT_IN_TIME, *BEHAVIOUR, *CLASSES), math.nan)

    def social(self, wallet: str, mint: str, now_ns: int) -> dict[str, float]:
        """Give the 6 features of a wallet's relations, seen from the coin `mint`."""
        return dict.fromkeys(SOCIAL, math.nan)

    def creator(self, creator: str, now_ns: int) -> dict[str, float]:
        """Give the 8 features of a creator."""
        return dict.fromkeys(CREATOR, math.nan)

    def buyers(self, buyers: Sequence[tuple[str, float]], now_ns: int) -> dict[str, float]:
        """Give the 11 features of a group of buyers, each with the SOL that it spent."""
        return dict.fromkeys(BUYERS, math.nan)

    def is_tracked(self, wallet: str) -> bool:
        """Say whether the buys of `wallet` make signals."""
        return wallet in self._by_hand

    def is_bot(self, wallet: str) -> bool:
        """Say whether `wallet` is classed as a bot."""
        return False

    def track(self, wallet: str) -> None:
        """Track `wallet` by hand; nothing but `untrack` ends that."""
        self._by_hand[wallet] = None

    def untrack(self, wallet: str) -> None:
        """Stop tracking `wallet`, however it came to be tracked."""
        self._by_hand.pop(wallet, None)

    def follower_weight(self, wallet: str) -> float:
        """Weight of a signal by `wallet` in (0, 1]: 1 unless it copies another wallet."""
        return 1.0

    def operator(self, wallet: str) -> str | None:
        """Name the wallet that stands for the operator of `wallet`; None where no other wallet is known to be its."""
        return None
