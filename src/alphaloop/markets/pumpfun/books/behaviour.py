"""What a wallet's record says about its behaviour: entries, sizes, holds, returns and pace.

All shares are fractions in [0, 1], amounts are SOL of the curve without fees, times seconds of known time. NaN means
that there was nothing to average: no entry into a coin whose creation was seen, no closed round trip.
"""

from __future__ import annotations

import math
from typing import Final

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.books import samples
from alphaloop.markets.pumpfun.books.profits import Results
from alphaloop.markets.pumpfun.books.roster import Wallet
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL

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

NOTHING: Final = Results()


def behaviour(wallet: Wallet | None) -> dict[str, float]:
    """Give the 15 behavioural features, named `BEHAVIOUR`; all NaN but `tokens_traded` for a wallet that is not known.

    Medians are over the last buys and the last round trips that are kept one by one; `sol_size_stddev` is the sample's
    (n - 1); `win_rate`, `avg_return_multiple` and `capture_efficiency` are over all round trips that closed, those
    written off included.
    """
    if wallet is None:
        return dict.fromkeys(BEHAVIOUR, math.nan) | {"tokens_traded": 0.0}
    results = wallet.results or NOTHING
    return {
        "tokens_traded": float(wallet.entries),
        "pct_top10_entries": ratio(wallet.top10, wallet.ranked),
        "avg_seconds_after_creation": ratio(wallet.age_sum, wallet.ranked),
        "pct_buys_under_60s": ratio(wallet.under_60, wallet.aged_buys),
        "pct_buys_under_300s": ratio(wallet.under_300, wallet.aged_buys),
        "avg_sol_per_buy": ratio(wallet.spent, wallet.buys) / LAMPORTS_PER_SOL,
        "median_sol_per_buy": samples.median(samples.numbers(wallet.sizes)) / LAMPORTS_PER_SOL,
        "sol_size_stddev": math.sqrt(max(wallet.size_m2, 0.0) / (wallet.buys - 1)) if wallet.buys > 1 else math.nan,
        "max_single_buy": wallet.largest / LAMPORTS_PER_SOL if wallet.buys else math.nan,
        "avg_hold_seconds": ratio(results.seconds, results.trips),
        "median_hold_seconds": samples.median(samples.numbers(results.holds)) / NS_PER_S,
        "win_rate": ratio(results.wins, results.closed),
        "avg_return_multiple": ratio(results.multiples, results.closed),
        "capture_efficiency": ratio(results.captures, results.closed),
        "buys_per_active_hour": ratio(wallet.buys, wallet.active_hours),
    }


def graduation_rate(wallet: Wallet | None) -> float:
    """Share of the coins bought that have graduated by now; NaN for a wallet without an entry."""
    return ratio(wallet.graduated, wallet.entries) if wallet is not None else math.nan


def average_rank(wallet: Wallet | None) -> float:
    """Mean place among a coin's buyers, 1 the first; NaN where no creation was seen."""
    return ratio(wallet.rank_sum, wallet.ranked) if wallet is not None else math.nan


def win_rate(wallet: Wallet | None) -> float:
    """Share of the closed round trips that brought more than they cost."""
    results = wallet.results if wallet is not None else None
    return ratio(results.wins, results.closed) if results is not None else math.nan


def ratio(part: float, whole: float) -> float:
    """``part / whole``, NaN for nothing over nothing."""
    return part / whole if whole else math.nan
