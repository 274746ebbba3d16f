"""The bars feature set: 59 numbers that describe a bar at the moment it closes.

Every feature is a ratio, a log return or bounded: none is in price units, so a model survives a market that doubles.
None reads the account, so a row can be recomputed from bars alone, and none reads a news calendar.

Names are those of the NOVOSKY system where the meaning is the same. Where it gave one name two meanings, each meaning
has its own name here: its ``range_position`` is `bb_position` or `range_position_24h`, its ``drawdown_pct`` is
`price_drawdown`, and its ``hourly_return`` over one bar is `bar_return`. Its price-unit ``bb_upper``, ``bb_lower``,
``ema_fast`` and ``atr_14`` are `price_vs_bb_upper`, `price_vs_bb_lower`, `price_vs_ema20` and `atr_pct`.

The order is frozen: models are bound to it by `FeatureSet.hash`. Windows are rows unless they name hours. Times of day
are UTC without daylight saving, read at the bar's close.
"""

from __future__ import annotations

from alphaloop.features import (
    Feature,
    FeatureSet,
    close,
    ema,
    higher,
    hour_cos,
    hour_sin,
    in_session,
    rsi,
    weekday_cos,
    weekday_sin,
)
from alphaloop.markets.bars.indicators import (
    ATR_14,
    bollinger,
    candle,
    in_family,
    momentum,
    price_range,
    traded_volume,
    trend,
    volatility,
)


def _session() -> list[Feature]:
    """When it is in the UTC day and week, and which trading centres are open."""
    make = in_family("session")
    return [
        make("session_hour_sin", hour_sin(), "cycle", "sine of the UTC time of day"),
        make("session_hour_cos", hour_cos(), "cycle", "cosine of the UTC time of day"),
        make("weekday_sin", weekday_sin(), "cycle", "sine of the UTC day of the week"),
        make("weekday_cos", weekday_cos(), "cycle", "cosine of the UTC day of the week"),
        make("is_asian_session", in_session(0, 9), "flag", "1 in [00:00, 09:00) UTC"),
        make("is_london_session", in_session(7, 16), "flag", "1 in [07:00, 16:00) UTC"),
        make("is_ny_session", in_session(12, 21), "flag", "1 in [12:00, 21:00) UTC"),
    ]


def _time_frame(prefix: str, every: str, fast: int, slow: int, strength: int) -> list[Feature]:
    """Trend, strength and distance of a higher time frame, from its closed bars only."""
    average = ema(close, slow)
    make = in_family(prefix)
    closed = f"closed {every} bars"
    return [
        make(
            f"{prefix}_trend",
            higher(every, (ema(close, fast) - average) / close),
            "ratio",
            f"{closed}: EMA {fast} less EMA {slow}, over close",
        ),
        make(
            f"{prefix}_rsi_norm",
            higher(every, rsi(close, strength) / 100),
            "share",
            f"{closed}: RSI {strength} over 100",
        ),
        make(
            f"{prefix}_price_vs_ema",
            (close - higher(every, average)) / close,
            "ratio",
            f"close of this bar against the EMA {slow} of {closed}",
        ),
    ]


BARS = FeatureSet(
    "bars",
    [
        *bollinger(),
        *trend(),
        *momentum(),
        *price_range(),
        *volatility(),
        *traded_volume(),
        *candle(),
        *_session(),
        *_time_frame("m30", "30m", fast=5, slow=20, strength=14),
        *_time_frame("h1", "1h", fast=5, slow=20, strength=14),
        *_time_frame("h4", "4h", fast=5, slow=20, strength=14),
        # Short spans: a week of minutes is 10,080 rows, and minute files hold a few weeks.
        *_time_frame("d1", "1d", fast=2, slow=5, strength=5),
    ],
)
"""The 59 features, in their frozen order."""

CONTEXT = FeatureSet(
    "bars_context",
    [
        Feature(
            "atr", ATR_14, family="scale", unit="price", description="ATR 14, for brackets and labels (Wilder, 1978)"
        )
    ],
)
"""What labels and brackets scale by; in price units, so never an input of a model."""
