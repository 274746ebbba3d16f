"""The 68 features of a signal, as text: name, unit, where it comes from, what a missing value means.

Every value is as it is right after the buy that made the signal, from events known by then. ``share`` is from 0 to 1,
also where a name says ``pct``; ``sol`` is lamports / 1e9; windows are half-open ``(t - w, t]`` in known time.
"""

from __future__ import annotations

from typing import Final, TypeAlias

Line: TypeAlias = tuple[str, str, str, str]

NEVER: Final = "never"
NO_SCORE: Final = "too few tokens traded to be scored, or not scored yet"
NO_ENTRY: Final = "no entry into a token whose creation was seen"
NO_BUY: Final = "the wallet is not known"
NO_TRIP: Final = "no closed round trip"
NEW_CREATOR: Final = "none of its launches is settled yet"
NO_CREATOR: Final = "the creator was never seen to launch"
NO_COIN: Final = "the token is not known"
NO_HISTORY: Final = "creation not seen and the recording is younger than the window"
NO_BIRTH: Final = "the creation was not seen"
NOT_JUDGED: Final = "the market was not judged yet, or the recording is younger than the window"
NO_CLUSTER: Final = "the wallet has no cluster"

SIGNAL_FAMILIES: Final[dict[str, tuple[Line, ...]]] = {
    "wallet_point_in_time": (
        (
            "alpha_score",
            "score 0-100",
            "alpha book: seven weighted parts, as of the last round before the buy",
            NO_SCORE,
        ),
        ("wallet_graduation_rate", "share", "wallet book: bought tokens that have graduated by now", NO_BUY),
        ("wallet_avg_buy_rank", "rank", "wallet book: mean place among a token's buyers, 1 first", NO_ENTRY),
        ("wallet_trades_at", "count", "wallet book: trades so far, this buy included", NEVER),
    ),
    "wallet_behaviour": (
        ("tokens_traded", "count", "wallet book: tokens entered, this one included", NEVER),
        ("pct_top10_entries", "share", "wallet book: entries with rank 10 or better", NO_ENTRY),
        ("avg_seconds_after_creation", "s", "wallet book: age of the token at entries, mean", NO_ENTRY),
        ("pct_buys_under_60s", "share", "wallet book: buys within 60 s of creation", NO_ENTRY),
        ("pct_buys_under_300s", "share", "wallet book: buys within 300 s of creation", NO_ENTRY),
        ("avg_sol_per_buy", "sol", "wallet book: mean size of a buy", NO_BUY),
        ("median_sol_per_buy", "sol", "wallet book: median size of the last buys", NO_BUY),
        (
            "sol_size_stddev",
            "sol",
            "wallet book: standard deviation of the size of a buy (n - 1)",
            "fewer than two buys",
        ),
        ("max_single_buy", "sol", "wallet book: largest buy", NO_BUY),
        ("avg_hold_seconds", "s", "profit book: FIFO hold time, mean", NO_TRIP),
        ("median_hold_seconds", "s", "profit book: FIFO hold time, median of the last round trips", NO_TRIP),
        ("win_rate", "share", "profit book: closed round trips that brought more than they cost", NO_TRIP),
        ("avg_return_multiple", "multiple", "profit book: received / spent of closed round trips, mean", NO_TRIP),
        ("capture_efficiency", "share", "profit book: received against the best price while held, mean", NO_TRIP),
        ("buys_per_active_hour", "1/h", "wallet book: buys per hour of the clock with a buy", NO_BUY),
    ),
    "wallet_class": (
        (
            "is_bot",
            "flag",
            "bot book: a verdict by one of three patterns stands; the wallet was tracked before it, or by hand",
            NEVER,
        ),
        ("is_copy_trader", "flag", "copy book: follows in a copy pair, exactly or with delay", NEVER),
        ("alpha_confidence", "share", "alpha book: grows with tokens traded, full at 50", NO_SCORE),
        (
            "optimal_follow_delay_s",
            "s",
            "decay book: delay, 1 s or more, at which followers kept most: bought then, sold after half an hour, net",
            "too few entries resolved, or followers kept nothing at any delay",
        ),
        (
            "alpha_half_life_s",
            "s",
            "decay book: delay after which half of the rise is over that followers at 1 s had before them",
            "too few entries resolved, or there was no rise",
        ),
    ),
    "signal_event": (
        (
            "rule_score",
            "score 0-100",
            "five weighted inputs, times the weight of a follower and 1 - crowding_penalty, see the rule",
            "less than half of the weights is known",
        ),
        ("signal_sol", "sol", "the buy: SOL into the curve, without fees", NEVER),
        ("signal_supply_pct", "share", "the buy: tokens bought / supply of the token", NO_COIN),
        ("buy_rank", "rank", "token book: place of the wallet among the token's buyers, 1 first", NO_BIRTH),
        ("token_age_s", "s", "token book: since the creation was known", NO_BIRTH),
        ("entry_price", "sol/token", "the buy: price after it", NEVER),
        ("curve_progress", "share", "token book: tokens for sale that are sold", NO_COIN),
        ("size_vs_wallet_median", "multiple", "signal_sol / median_sol_per_buy", "the median is missing or zero"),
        ("tracked_buyers_60s", "count", "tracked wallets among the buyers of 60 s, this one included", NEVER),
    ),
    "creator": (
        (
            "creator_risk_score",
            "score 0-100",
            "creator book: five weighted parts, as of its last round",
            "fewer than two launches",
        ),
        ("creator_tokens", "count", "creator book: launches so far, this one included", NO_CREATOR),
        ("creator_rug_rate", "share", "creator book: rugs among launches that ended", NEW_CREATOR),
        ("creator_graduation_rate", "share", "creator book: graduations among launches that ended", NEW_CREATOR),
        (
            "creator_avg_lifetime_s",
            "s",
            "creator book: creation to last trade of launches that died, mean",
            NEW_CREATOR,
        ),
        (
            "creator_insider_pct",
            "share",
            "creator book: largest part of the supply that insiders held, mean",
            NO_CREATOR,
        ),
        ("creator_bot_buyer_pct", "share", "creator book: bots among its tokens' buyers", "its tokens had no buyer"),
        ("creator_launches_24h", "count", "creator book: launches in 24 h, this one included", NO_CREATOR),
    ),
    "token_state": (
        ("lifecycle_state", "state 0-7", "life-cycle book: as last judged", NO_COIN),
        ("token_bundle_confidence", "share", "bundle book: strongest bundle of the last minutes, 0 for none", NO_COIN),
        ("wash_trade_pct", "share", "wash book: share of volume that is wash traded", "the token has no volume"),
        ("buys_60s", "count", "token book: buys", NO_HISTORY),
        ("sells_60s", "count", "token book: sells", NO_HISTORY),
        ("buys_300s", "count", "token book: buys", NO_HISTORY),
        ("sells_300s", "count", "token book: sells", NO_HISTORY),
        ("velocity", "1/min", "token book: buys of 60 s per minute of them that the token existed", NO_HISTORY),
        ("unique_buyers", "count", "token book: distinct buyers so far", NO_BIRTH),
        ("sol_net_60s", "sol", "token book: bought minus sold in 60 s", NO_HISTORY),
        ("buy_sell_ratio", "ratio", "token book: (buys + 1) / (sells + 1) of 300 s", NO_HISTORY),
        ("virtual_sol", "sol", "token book: virtual SOL reserve", NO_COIN),
        ("market_cap_sol", "sol", "token book: price times supply", NO_COIN),
    ),
    "social_graph": (
        ("cobuy_degree", "count", "graph book: wallets that it buys beside", NEVER),
        ("cluster_size", "count", "cluster book: wallets of its cluster, 1 without one", NEVER),
        (
            "cluster_avg_alpha",
            "score 0-100",
            "cluster book: mean alpha of its cluster",
            "no cluster, or nobody scored in it",
        ),
        ("cluster_graduation_rate", "share", "cluster book: entries of its cluster that graduated", NO_CLUSTER),
        (
            "wallet_pagerank",
            "ratio",
            "cluster book: rank by who buys first inside its cluster, 1 is the mean",
            NO_CLUSTER,
        ),
        ("cluster_cobuyers_here", "count", "cluster book: others of its cluster that bought the token", NEVER),
    ),
    "crowding": (
        (
            "crowding_ratio",
            "ratio",
            "crowding book: stakes of tracked wallets, this one's included / SOL in the curve, after the buy",
            "the token is not known, or no SOL is in its curve",
        ),
        ("crowding_penalty", "share", "crowding book: from 0 to 0.5", "the ratio is missing"),
    ),
    "market_context": (
        (
            "market_regime",
            "state 0-3",
            "regime book: bear 0, transition 1, normal 2, euphoria 3",
            "the market was not judged yet",
        ),
        ("regime_confidence", "share", "regime book", "the market was not judged yet"),
        ("tokens_created_1h", "count", "regime book: as of the last judgement", NOT_JUDGED),
        ("graduation_rate_2h", "share", "regime book: as of the last judgement", NOT_JUDGED),
        ("sol_volume_1h", "sol", "regime book: as of the last judgement", NOT_JUDGED),
        ("hit_rate_2x_6h", "share", "regime book: own signals that doubled, resolved in 6 h", "no signal was resolved"),
    ),
}
