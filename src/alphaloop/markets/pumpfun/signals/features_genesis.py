"""The 75 features of a launch, as text: name, unit, where it comes from, what a missing value means.

The window is ``[created, created + 60 s)`` in known time; the early check reads the same features of its first 30 s,
and what is not over by then is missing, not zero. ``share`` is from 0 to 1, also where a name says ``pct``.
"""

from __future__ import annotations

from typing import Final

from alphaloop.markets.pumpfun.signals.features_signal import NEVER, NEW_CREATOR, NO_CREATOR, NOT_JUDGED, Line

NO_BUYS: Final = "no buy in the window"
NOT_OVER: Final = "that part of the window is not over"
NO_TRADES: Final = "too few trades in the window"
NO_KNOWN: Final = "no buyer has it"

GENESIS_FAMILIES: Final[dict[str, tuple[Line, ...]]] = {
    "trade_flow": (
        ("n_trades", "count", "window: trades", NEVER),
        ("n_buys", "count", "window: buys", NEVER),
        ("n_sells", "count", "window: sells", NEVER),
        ("sol_in", "sol", "window: SOL of buys, without fees", NEVER),
        ("sol_out", "sol", "window: SOL of sells, without fees", NEVER),
        ("sol_net", "sol", "window: sol_in - sol_out", NEVER),
        ("buy_sell_count_ratio", "share", "window: n_buys / n_trades", "no trade in the window"),
        ("buy_sell_sol_ratio", "share", "window: sol_in / (sol_in + sol_out)", "no trade in the window"),
        ("avg_buy_sol", "sol", "window: mean buy", NO_BUYS),
        ("median_buy_sol", "sol", "window: median buy", NO_BUYS),
        ("max_buy_sol", "sol", "window: largest buy", NO_BUYS),
        ("std_buy_sol", "sol", "window: standard deviation of buys (n)", NO_BUYS),
        ("n_buys_over_1sol", "count", "window: buys of more than 1 SOL", NEVER),
        ("pct_buys_under_0p05sol", "share", "window: buys of less than 0.05 SOL", NO_BUYS),
    ),
    "timing": (
        ("first_buy_delay_s", "s", "window: from creation to the first buy", NO_BUYS),
        ("buys_0_10s", "count", "window: buys in [0, 10) s", NOT_OVER),
        ("buys_10_30s", "count", "window: buys in [10, 30) s", NOT_OVER),
        ("buys_30_60s", "count", "window: buys in [30, 60) s", NOT_OVER),
        ("sol_0_10s", "sol", "window: SOL of buys in [0, 10) s", NOT_OVER),
        ("sol_10_30s", "sol", "window: SOL of buys in [10, 30) s", NOT_OVER),
        ("sol_30_60s", "sol", "window: SOL of buys in [30, 60) s", NOT_OVER),
        ("acceleration", "ratio -1..1", "window: (buys after 30 s - buys before) / buys", "no buy, or not over"),
        ("max_gap_s", "s", "window: longest time without a trade, its ends included", NEVER),
    ),
    "price_and_curve": (
        ("ret_60s", "ratio", "price at 60 s / price at creation - 1", NOT_OVER),
        ("ret_10s", "ratio", "price at 10 s / price at creation - 1", NOT_OVER),
        ("ret_30s", "ratio", "price at 30 s / price at creation - 1", NOT_OVER),
        ("max_multiple", "multiple", "highest price / price at creation", NEVER),
        ("drawdown_from_peak", "share", "1 - last price / highest price", NEVER),
        ("price_slope", "1/min", "least squares slope of log price over time, at trades", NO_TRADES),
        ("price_volatility", "ratio", "standard deviation of log returns from trade to trade (n)", NO_TRADES),
        ("curve_progress", "share", "tokens for sale that are sold", "the curve is unknown"),
        ("real_sol", "sol", "real SOL reserves", NEVER),
        ("market_cap_sol", "sol", "price times supply", NEVER),
    ),
    "buyer_concentration": (
        ("unique_buyers", "count", "window: distinct buyers", NEVER),
        ("unique_sellers", "count", "window: distinct sellers", NEVER),
        ("repeat_buyer_pct", "share", "window: buyers with two or more buys", NO_BUYS),
        ("top1_buyer_share", "share", "window: SOL of the largest buyer", NO_BUYS),
        ("top3_buyer_share", "share", "window: SOL of the three largest buyers", NO_BUYS),
        ("buyer_hhi", "share", "window: sum of squared shares of SOL bought", NO_BUYS),
        ("holder_retention", "share", "window: buyers that still hold part of what they bought", NO_BUYS),
        ("pct_buyers_sold", "share", "window: buyers that sold any of it", NO_BUYS),
        ("new_buyers_last_20s", "count", "first-time buyers in the last 20 s before the snapshot", NEVER),
    ),
    "buyer_quality": (
        ("known_buyer_pct", "share", "wallet book: buyers that have entered three tokens or more", NO_BUYS),
        ("tracked_buyers", "count", "discovery book: tracked wallets among the buyers", NEVER),
        ("avg_alpha", "score 0-100", "alpha book: mean over scored buyers", NO_KNOWN),
        ("max_alpha", "score 0-100", "alpha book: best scored buyer", NO_KNOWN),
        ("alpha_weighted_sol", "sol", "alpha book: sum of SOL spent times alpha / 100 over scored buyers", NO_KNOWN),
        ("avg_graduation_rate", "share", "wallet book: mean over the buyers", NO_KNOWN),
        ("avg_win_rate", "share", "profit book: mean over buyers with a closed round trip", NO_KNOWN),
        ("pct_alpha_over_70", "share", "alpha book: buyers with a score above 70 among all buyers", NO_KNOWN),
        ("bot_buyer_pct", "share", "bot book: bots among the buyers", NO_BUYS),
        ("copy_trader_pct", "share", "copy book: copy traders among the buyers", NO_BUYS),
        ("fresh_wallet_pct", "share", "wallet book: buyers that have entered no other token", NO_BUYS),
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
        ("creator_launches_24h", "count", "creator book: launches in 24 h, this one included", NO_CREATOR),
        (
            "creator_avg_lifetime_s",
            "s",
            "creator book: creation to last trade of launches that died, mean",
            NEW_CREATOR,
        ),
        ("dev_buy_sol", "sol", "window: SOL of buys by the creator or the sender of the creation", NEVER),
        ("dev_supply_pct", "share", "window: tokens they bought / supply", "the supply is unknown"),
        ("dev_sold", "flag", "window: whether they sold any", NEVER),
    ),
    "token_metadata": (
        ("name_len", "count", "create event: characters of the name", NEVER),
        ("symbol_len", "count", "create event: characters of the symbol", NEVER),
        ("symbol_seen_24h", "count", "earlier tokens of 24 h with this symbol, letter case aside", NEVER),
        ("has_uri", "flag", "create event: whether there is a link to metadata", NEVER),
        ("hour_of_day", "h", "UTC hour in which the creation was known", NEVER),
        ("day_of_week", "day 0-6", "UTC day in which the creation was known, Monday 0", NEVER),
    ),
    "adversarial": (
        (
            "bundle_confidence",
            "share",
            "bundle book: strongest bundle of the last minutes, 0 for none",
            "the token is not known",
        ),
        ("same_5s_bucket_max_wallets", "count", "window: most distinct buyers in 5 s, counted from creation", NEVER),
        ("wash_trade_pct", "share", "wash book: share of volume that is wash traded", "the token has no volume"),
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
    ),
}
