"""The 68 features of a signal, as text: name, unit, where it comes from, what a missing value means.

Every value is as it is right after the buy that made the signal, from events known by then. ``share`` is from 0 to 1,
also where a name says ``pct``; ``sol`` is lamports / 1e9; windows are half-open ``(t - w, t]`` in known time.
"""

from __future__ import annotations

from typing import Final, TypeAlias

Line: TypeAlias = tuple[str, str, str, str]

NEVER: Final = "never"
NO_SCORE: Final = "the wallet has not been scored yet"
NO_BUY: Final = "the wallet has no earlier history here"
NO_TRIP: Final = "the wallet has closed no position"
NO_CREATOR: Final = "the creator is unknown, or too new to be judged"
NO_REGIME: Final = "nothing to divide by yet: the recording has only begun"
NO_GRAPH: Final = "the wallet is not in the graph of co-buys"

SIGNAL_FAMILIES: Final[dict[str, tuple[Line, ...]]] = {
    "wallet_point_in_time": (
        ("alpha_score", "score 0-100", "alpha book: seven weighted parts, as it was at the buy", NO_SCORE),
        ("wallet_graduation_rate", "share", "wallet book: bought tokens that graduated", "the wallet bought no token"),
        ("wallet_avg_buy_rank", "rank", "wallet book: mean of its ranks among a token's buyers", NO_BUY),
        ("wallet_trades_at", "count", "wallet book: trades of the wallet so far", NEVER),
    ),
    "wallet_behaviour": (
        ("tokens_traded", "count", "wallet book: distinct tokens", NEVER),
        ("pct_top10_entries", "share", "wallet book: first buys with rank 10 or better", NO_BUY),
        ("avg_seconds_after_creation", "s", "wallet book: age of the token at first buys, mean", NO_BUY),
        ("pct_buys_under_60s", "share", "wallet book: first buys within 60 s of creation", NO_BUY),
        ("pct_buys_under_300s", "share", "wallet book: first buys within 300 s of creation", NO_BUY),
        ("avg_sol_per_buy", "sol", "wallet book: mean size of a buy", NO_BUY),
        ("median_sol_per_buy", "sol", "wallet book: median size of a buy", NO_BUY),
        ("sol_size_stddev", "sol", "wallet book: standard deviation of the size of a buy", "fewer than two buys"),
        ("max_single_buy", "sol", "wallet book: largest buy", NO_BUY),
        ("avg_hold_seconds", "s", "profit book: FIFO hold time, mean", NO_TRIP),
        ("median_hold_seconds", "s", "profit book: FIFO hold time, median", NO_TRIP),
        ("win_rate", "share", "profit book: closed positions with a profit", NO_TRIP),
        ("avg_return_multiple", "multiple", "profit book: proceeds / cost of closed positions, mean", NO_TRIP),
        ("capture_efficiency", "share", "profit book: realised against the best price while held", NO_TRIP),
        ("buys_per_active_hour", "1/h", "wallet book: buys per hour in which it bought at all", NO_BUY),
    ),
    "wallet_class": (
        ("is_bot", "flag", "bot book: any of three patterns", "the wallet has not been judged yet"),
        (
            "is_copy_trader",
            "flag",
            "copy book: follows another wallet consistently",
            "the wallet has not been judged yet",
        ),
        ("alpha_confidence", "share", "alpha book: grows with traded tokens, full at 50", NO_SCORE),
        ("optimal_follow_delay_s", "s", "decay book: delay with the best return of followers", "too few followed buys"),
        ("alpha_half_life_s", "s", "decay book: delay after which half the return is gone", "too few followed buys"),
    ),
    "signal_event": (
        ("rule_score", "score 0-100", "five weighted inputs, see the rule", "less than half of the weights is known"),
        ("signal_sol", "sol", "the buy: SOL into the curve, without fees", NEVER),
        ("signal_supply_pct", "share", "the buy: tokens bought / supply of the token", "the supply is unknown"),
        ("buy_rank", "rank", "token book: place of the wallet among the token's buyers, 1 first", "rank was not kept"),
        ("token_age_s", "s", "token book: since the create event was known", "the create event was not seen"),
        ("entry_price", "sol/token", "the buy: price after it", NEVER),
        ("curve_progress", "share", "token book: tokens for sale that are sold", "the curve is unknown"),
        ("size_vs_wallet_median", "multiple", "signal_sol / median_sol_per_buy", "the median is missing or zero"),
        ("tracked_buyers_60s", "count", "tracked wallets among the buyers of 60 s, this one included", NEVER),
    ),
    "creator": (
        ("creator_risk_score", "score 0-100", "creator book: five weighted parts", NO_CREATOR),
        ("creator_tokens", "count", "creator book: tokens created so far, this one included", NO_CREATOR),
        ("creator_rug_rate", "share", "creator book: of its settled tokens", NO_CREATOR),
        ("creator_graduation_rate", "share", "creator book: of its settled tokens", NO_CREATOR),
        ("creator_avg_lifetime_s", "s", "creator book: from creation to the last trade, mean", NO_CREATOR),
        ("creator_insider_pct", "share", "creator book: supply bought by insiders", NO_CREATOR),
        ("creator_bot_buyer_pct", "share", "creator book: bots among its tokens' buyers", NO_CREATOR),
        ("creator_launches_24h", "count", "creator book: creations in 24 h, this one included", NO_CREATOR),
    ),
    "token_state": (
        ("lifecycle_state", "state 0-7", "life-cycle book", "the token is unknown"),
        ("token_bundle_confidence", "share", "bundle book: two scores of 5 s clusters", "not judged yet"),
        ("wash_trade_pct", "share", "wash book: share of volume that is wash traded", "the token has no volume"),
        ("buys_60s", "count", "token book: buys", NEVER),
        ("sells_60s", "count", "token book: sells", NEVER),
        ("buys_300s", "count", "token book: buys", NEVER),
        ("sells_300s", "count", "token book: sells", NEVER),
        ("velocity", "1/min", "token book: buys of 60 s per elapsed minute", NEVER),
        ("unique_buyers", "count", "token book: distinct buyers so far", NEVER),
        ("sol_net_60s", "sol", "token book: bought minus sold in 60 s", NEVER),
        ("buy_sell_ratio", "ratio", "token book: buys against sells of 300 s", "no trade in the window"),
        ("virtual_sol", "sol", "token book: virtual SOL reserves", "the curve is unknown"),
        ("market_cap_sol", "sol", "token book: price times supply", "the curve is unknown"),
    ),
    "social_graph": (
        ("cobuy_degree", "count", "graph book: wallets it often buys beside", NO_GRAPH),
        ("cluster_size", "count", "graph book: wallets of its cluster", NO_GRAPH),
        (
            "cluster_avg_alpha",
            "score 0-100",
            "graph book: mean alpha of its cluster",
            "nobody in it is scored",
        ),
        ("cluster_graduation_rate", "share", "graph book: mean graduation rate of its cluster", NO_GRAPH),
        ("wallet_pagerank", "share", "graph book: rank in the directed graph of who buys first", NO_GRAPH),
        ("cluster_cobuyers_here", "count", "graph book: others of its cluster among the token's buyers", NO_GRAPH),
    ),
    "crowding": (
        ("crowding_ratio", "ratio", "crowding book: SOL of tracked wallets / SOL in the curve", "the curve is empty"),
        ("crowding_penalty", "share", "crowding book: from 0 to 0.5", "the ratio is missing"),
    ),
    "market_context": (
        ("market_regime", "state 0-3", "regime book: bear 0, transition 1, normal 2, euphoria 3", NO_REGIME),
        ("regime_confidence", "share", "regime book", NO_REGIME),
        ("tokens_created_1h", "count", "regime book", NEVER),
        ("graduation_rate_2h", "share", "regime book", NO_REGIME),
        ("sol_volume_1h", "sol", "regime book", NEVER),
        ("hit_rate_2x_6h", "share", "regime book: own signals that doubled, resolved in 6 h", "no signal was resolved"),
    ),
}
