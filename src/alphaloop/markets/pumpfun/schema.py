"""Every table of the market. Times are UTC nanoseconds, amounts lamports and token base units, prices SOL per token.

A column that may be missing is nullable, and missing means not known, never 0. Rows that follow from events have keys
that follow from events, so storing them again after a crash changes nothing.
"""

from __future__ import annotations

from alphaloop.stores.records import ColumnSpec, CreateTable, Kind, Schema, Step, TableSpec

MARKET = "pumpfun"


def _columns(kind: Kind, names: str) -> tuple[ColumnSpec, ...]:
    """Declare columns of one kind; a question mark behind a name makes it nullable."""
    return tuple(ColumnSpec(name.rstrip("?"), kind, name.endswith("?")) for name in names.split())


def _text(names: str) -> tuple[ColumnSpec, ...]:
    return _columns("text", names)


def _int(names: str) -> tuple[ColumnSpec, ...]:
    return _columns("int", names)


def _float(names: str) -> tuple[ColumnSpec, ...]:
    return _columns("float", names)


def _bool(names: str) -> tuple[ColumnSpec, ...]:
    return _columns("bool", names)


def _json(names: str) -> tuple[ColumnSpec, ...]:
    return _columns("json", names)


# `features` is the vector of the set as little-endian float32; NaN in it is missing.
SIGNALS = TableSpec(
    "signals",
    (
        *_text("signal_id kind mint wallet"),
        *_int("event_ns known_ns"),
        *_text("feature_set feature_set_hash"),
        *_columns("bytes", "features"),
        *_float("rule_score? price"),
        *_text("buy_signature"),
        *_int("log_index"),
        *_float("wallet_score_at_entry?"),
        *_text("creator?"),
        *_json("message"),
    ),
    key=("signal_id",),
    indexes=(("known_ns", "signal_id"), ("mint", "known_ns"), ("wallet", "known_ns")),
)

# Every finished window, sent or not: each is a row to train on. `reason` says how it ended.
GENESIS_OBSERVATIONS = TableSpec(
    "genesis_observations",
    (
        *_text("signal_id mint creator?"),
        *_int("created_ns known_ns"),
        *_text("feature_set_hash"),
        *_columns("bytes", "features"),
        *_bool("emitted"),
        *_text("reason?"),
    ),
    key=("signal_id",),
    indexes=(("known_ns", "signal_id"), ("mint", "known_ns")),
)

ANTI_SIGNALS = TableSpec(
    "anti_signals",
    (*_text("anti_id mint"), *_int("known_ns severity"), *_json("reasons message?")),
    key=("anti_id",),
    indexes=(("known_ns", "anti_id"), ("mint", "known_ns")),
)

# Columns as of outcomes.records.Outcome.
SIGNAL_OUTCOMES = TableSpec(
    "signal_outcomes",
    (
        *_text("signal_id kind"),
        *_int("horizon_s"),
        *_float("price? entry_price?"),
        *_int("entry_known_ns?"),
        *_float("raw_multiple? tradable_multiple? least_raw? least_tradable? final_price? final_multiple?"),
        *_int("peak_ns? died_ns?"),
        *_bool("graduated"),
        *_int("resolved_ns"),
        *_bool("observed"),
        *_text("reason"),
    ),
    key=("signal_id", "horizon_s"),
    indexes=(("resolved_ns", "signal_id"),),
)

ML_SCORES = TableSpec(
    "ml_scores",
    (*_text("signal_id model model_id"), *_float("raw? probability"), *_int("scored_ns")),
    key=("signal_id", "model"),
    indexes=(("model", "probability"), ("model", "scored_ns")),
)

TOKENS = TableSpec(
    "tokens",
    (
        *_text("mint name symbol uri bonding_curve user creator token_program quote_mint signature"),
        *_int("slot event_ns known_ns supply"),
        *_bool("mayhem cashback_coin"),
        *_int("completed_ns? migrated_ns?"),
        *_text("pool?"),
    ),
    key=("mint",),
    indexes=(("known_ns", "mint"), ("creator", "known_ns"), ("completed_ns",)),
)

TRADES = TableSpec(
    "trades",
    (
        *_text("signature"),
        *_int("log_index slot event_ns known_ns"),
        *_text("mint wallet"),
        *_bool("is_buy"),
        *_int("sol_amount token_amount virtual_sol virtual_token real_sol real_token fee creator_fee cashback"),
        *_text("creator"),
        *_bool("mayhem"),
        *_text("quote_mint"),
    ),
    key=("signature", "log_index"),
    # Known times are distinct, so this is the order of a page and of an archive.
    indexes=(("known_ns", "signature", "log_index"), ("mint", "known_ns"), ("wallet", "known_ns")),
)

CANDLES = TableSpec(
    "candles_1m",
    (*_text("mint"), *_int("start_ns"), *_float("open high low close"), *_int("sol tokens buys sells")),
    key=("mint", "start_ns"),
    indexes=(("start_ns",),),
)

TOKEN_LIFECYCLE = TableSpec(
    "token_lifecycle",
    (*_text("mint"), *_int("known_ns before? after")),
    key=("mint", "known_ns"),
    indexes=(("known_ns", "mint"),),
)

BUNDLES = TableSpec(
    "bundles",
    (
        *_text("bundle_id mint"),
        *_int("start_ns wallets lamports"),
        *_float("uniformity? cobuys? confidence?"),
        *_int("known_ns"),
    ),
    key=("bundle_id",),
    indexes=(("mint", "start_ns"), ("known_ns",)),
)

REGIME_SNAPSHOTS = TableSpec(
    "regime_snapshots",
    (
        *_int("known_ns code"),
        *_float("confidence? tokens_created_1h? tokens_created_24h? tokens_created_7d?"),
        *_float("graduation_rate_2h? graduation_rate_24h? graduation_rate_7d?"),
        *_float("sol_volume_1h? sol_volume_24h? active_wallets_1h? peak_multiple_6h? hit_rate_2x_6h?"),
    ),
    key=("known_ns",),
)

WALLETS = TableSpec(
    "wallets",
    (
        *_text("wallet"),
        *_bool("is_active"),
        *_text("source?"),
        *_int("known_ns last_ns?"),
        *_float("alpha_score? alpha_confidence?"),
        *_bool("is_bot? is_copy_trader?"),
        *_text("operator?"),
    ),
    key=("wallet",),
    indexes=(("is_active", "alpha_score"), ("last_ns",)),
)

WALLET_FEATURES = TableSpec(
    "wallet_features",
    (
        *_text("wallet"),
        *_int("known_ns"),
        *_float("wallet_graduation_rate? wallet_avg_buy_rank? wallet_trades_at?"),
        *_float("tokens_traded? pct_top10_entries? avg_seconds_after_creation? pct_buys_under_60s?"),
        *_float("pct_buys_under_300s? avg_sol_per_buy? median_sol_per_buy? sol_size_stddev? max_single_buy?"),
        *_float("avg_hold_seconds? median_hold_seconds? win_rate? avg_return_multiple? capture_efficiency?"),
        *_float("buys_per_active_hour?"),
    ),
    key=("wallet",),
    indexes=(("known_ns",),),
)

WALLET_PNL = TableSpec(
    "wallet_pnl",
    (*_text("wallet"), *_int("known_ns realised closed wins spent received"), *_float("seconds_held?")),
    key=("wallet",),
)

CREATORS = TableSpec(
    "creators",
    (
        *_text("creator"),
        *_int("known_ns launches graduated"),
        *_float("risk_score? rug_rate? graduation_rate? avg_lifetime_s? insider_pct? bot_buyer_pct? launches_24h?"),
    ),
    key=("creator",),
    indexes=(("risk_score",),),
)

COPY_PAIRS = TableSpec(
    "copy_pairs",
    (
        *_text("follower leader kind"),
        *_int("known_ns copies"),
        *_float("consistency? delay_s? weight?"),
    ),
    key=("follower", "leader"),
    indexes=(("leader",),),
)

WALLET_CLUSTERS = TableSpec(
    "wallet_clusters",
    (*_text("wallet cluster"), *_int("known_ns size"), *_float("avg_alpha? graduation_rate?")),
    key=("wallet",),
    indexes=(("cluster",),),
)

# `returns` has one value for each delay of the settings; None where nothing was seen.
ALPHA_DECAY = TableSpec(
    "alpha_decay",
    (*_text("wallet"), *_int("known_ns"), *_json("delays_s returns"), *_float("best_delay_s? half_life_s?")),
    key=("wallet",),
)

# `operator` is the first of the operator's wallets; a wallet that stands alone again is its own, for no `reasons`.
OPERATORS = TableSpec(
    "operators",
    (*_text("wallet operator"), *_int("known_ns"), *_json("reasons?")),
    key=("wallet",),
    indexes=(("operator",),),
)

# `stats` is what the collector said of itself at `known_ns`: numbers by name.
PIPELINE_STATS = TableSpec(
    "pipeline_stats",
    (*_text("service"), *_int("known_ns"), *_text("event"), *_json("stats")),
    key=("service", "known_ns", "event"),
    indexes=(("known_ns",),),
)

# Nothing of the collector writes it: the monitor does, once a model's outcomes have matured.
MODEL_METRICS = TableSpec(
    "model_metrics",
    (*_text("model model_id metric"), *_int("known_ns"), *_float("value?"), *_json("details?")),
    key=("model", "model_id", "metric", "known_ns"),
)

# What of a table was moved to files; `path` counts from the root of the archive.
ARCHIVES = TableSpec(
    "archives",
    (
        *_text("source day"),
        *_int("part"),
        *_text("path"),
        *_int("rows first_ns last_ns"),
        *_text("sha256"),
        *_int("archived_ns"),
    ),
    key=("source", "day", "part"),
    indexes=(("source", "first_ns"),),
)

TABLES = (
    SIGNALS,
    GENESIS_OBSERVATIONS,
    ANTI_SIGNALS,
    SIGNAL_OUTCOMES,
    ML_SCORES,
    TOKENS,
    TRADES,
    CANDLES,
    TOKEN_LIFECYCLE,
    BUNDLES,
    REGIME_SNAPSHOTS,
    WALLETS,
    WALLET_FEATURES,
    WALLET_PNL,
    CREATORS,
    COPY_PAIRS,
    WALLET_CLUSTERS,
    ALPHA_DECAY,
    OPERATORS,
    PIPELINE_STATS,
    MODEL_METRICS,
    ARCHIVES,
)

SCHEMA = Schema(MARKET, (Step("0001_begin", tuple(CreateTable(table) for table in TABLES)),), TABLES)
