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

from collections.abc import Callable

from alphaloop.features import (
    Expr,
    Feature,
    FeatureSet,
    abs_,
    atr,
    clip,
    close,
    diff,
    ema,
    high,
    higher,
    highest,
    hour_cos,
    hour_sin,
    in_session,
    lag,
    log,
    low,
    lowest,
    maximum,
    mean,
    minimum,
    open,
    rsi,
    run_length,
    sign,
    std,
    total,
    volume,
    weekday_cos,
    weekday_sin,
    where,
    wilder,
)

# Shared parts: written once here, computed once by the kernel however many features read them.
_log_return = log(close / lag(close, 1))
_ema20, _ema50, _ema200 = ema(close, 20), ema(close, 50), ema(close, 200)
_atr14 = atr(14)
_rsi14 = rsi(close, 14) / 100
_rise, _fall = diff(high), -diff(low)
_plus = wilder(where(_rise > maximum(_fall, 0), _rise, 0), 14)
_minus = wilder(where(_fall > maximum(_rise, 0), _fall, 0), 14)

PARTS = {"plus": _plus, "minus": _minus}
"""Names, for the reference page, of long parts that formulas share: Wilder's directional movement up and down."""


def _position(x: Expr, bottom: Expr, top: Expr) -> Expr:
    """Where `x` stands between `bottom` (0) and `top` (1); NaN where they meet."""
    return (x - bottom) / (top - bottom)


def _family(family: str) -> Callable[[str, Expr, str, str], Feature]:
    """Return a constructor (name, expression, unit, description) for features of one family."""

    def make(name: str, expr: Expr, unit: str, description: str) -> Feature:
        return Feature(name, expr, family=family, unit=unit, description=description)

    return make


def _bollinger() -> list[Feature]:
    """Bands of two sample standard deviations around the 20-bar mean (Bollinger, 2001)."""
    middle, deviation = mean(close, 20), std(close, 20)
    upper, lower = middle + 2 * deviation, middle - 2 * deviation
    make = _family("bollinger")
    return [
        make("price_vs_bb_upper", (close - upper) / close, "ratio", "close above (+) or below (-) the upper band"),
        make("price_vs_bb_lower", (close - lower) / close, "ratio", "close above (+) or below (-) the lower band"),
        make("bb_width", 4 * deviation / middle, "ratio", "distance between the bands over their middle"),
        make("bb_position", (close - lower) / (4 * deviation), "ratio", "close within the bands, 0 lower to 1 upper"),
    ]


def _trend() -> list[Feature]:
    """Where price stands against its averages, and how one-sided its moves are."""
    line = ema(close, 12) - ema(close, 26)
    signal = ema(line, 9)
    one_sided = (_plus - _minus) / (_plus + _minus)
    make = _family("trend")
    return [
        make("price_vs_ema20", (close - _ema20) / close, "ratio", "close against its 20-bar EMA"),
        make("price_vs_ema50", (close - _ema50) / close, "ratio", "close against its 50-bar EMA"),
        make("price_vs_ema200", (close - _ema200) / close, "ratio", "close against its 200-bar EMA"),
        make(
            "ema_stack",
            where(sign(_ema20 - _ema50) * sign(_ema50 - _ema200) > 0, sign(_ema20 - _ema50), 0),
            "sign",
            "+1 where EMA 20 > 50 > 200, -1 where 20 < 50 < 200, else 0",
        ),
        make("ema_crossover", sign(_ema50 - _ema200), "sign", "side of the 50-bar EMA against the 200-bar EMA"),
        make("ema_slope_5", _ema20 / lag(_ema20, 5) - 1, "ratio", "growth of the 20-bar EMA over 5 bars"),
        make("macd_line", line / close, "ratio", "EMA 12 less EMA 26, over close (Appel, 1979)"),
        make("macd_signal", signal / close, "ratio", "9-bar EMA of the MACD line, over close"),
        make("macd_hist", (line - signal) / close, "ratio", "MACD line less its signal, over close"),
        make(
            "trend_strength",
            wilder(abs_(one_sided), 14),
            "share",
            "ADX 14 over 100: 0 no trend, 1 one-sided (Wilder, 1978)",
        ),
        make(
            "trend_direction",
            one_sided,
            "ratio",
            "(+DI - -DI) / (+DI + -DI), 14 bars: -1 all down to 1 all up (Wilder, 1978)",
        ),
    ]


def _momentum() -> list[Feature]:
    """How far price has come over several spans, and how strong its rises were."""
    price_position = _position(close, lowest(close, 14), highest(close, 14))
    rsi_position = _position(_rsi14, lowest(_rsi14, 14), highest(_rsi14, 14))
    make = _family("momentum")
    return [
        make("rsi_14", _rsi14, "share", "RSI 14 over 100 (Wilder, 1978)"),
        make("rsi_slope", diff(_rsi14, 5), "ratio", "change of rsi_14 over 5 bars"),
        make(
            "rsi_divergence",
            rsi_position - price_position,
            "ratio",
            "place of rsi_14 in its 14-bar range less that of close: -1 price leads to 1 RSI leads",
        ),
        make("bar_return", _log_return, "log return", "close to close, 1 bar"),
        make("momentum_5", log(close / lag(close, 5)), "log return", "close to close, 5 bars"),
        make("momentum_10", log(close / lag(close, 10)), "log return", "close to close, 10 bars"),
        make("rate_of_change", close / lag(close, 14) - 1, "ratio", "growth of close over 14 bars"),
        make("hourly_return", total(_log_return, "1h"), "log return", "sum of the bar returns known in the last hour"),
        make("close_vs_open", close / open - 1, "ratio", "growth within the bar"),
    ]


def _range() -> list[Feature]:
    """Where close stands among recent extremes."""
    day_low, day_high = higher("1d", low), higher("1d", high)
    make = _family("range")
    return [
        make(
            "range_position_24h",
            _position(close, lowest(low, "24h"), highest(high, "24h")),
            "share",
            "close between the low (0) and high (1) of the last 24 hours",
        ),
        make(
            "daily_range_position",
            _position(close, day_low, day_high),
            "ratio",
            "close against the low (0) and high (1) of the last closed UTC day",
        ),
        make("price_drawdown", close / highest(high, 50) - 1, "ratio", "close below the 50-bar high"),
    ]


def _volatility() -> list[Feature]:
    """How much price moves, and whether more than lately."""
    short = std(_log_return, 20)
    make = _family("volatility")
    return [
        make("atr_pct", _atr14 / close, "ratio", "ATR 14 over close (Wilder, 1978)"),
        make("atr_ratio", _atr14 / atr(50), "ratio", "ATR 14 over ATR 50"),
        make("volatility_20", short, "log return", "sample deviation of 20 bar returns"),
        make("volatility_ratio", short / std(_log_return, 100), "ratio", "volatility_20 over the same of 100 bars"),
        make("high_low_ratio", high / low - 1, "ratio", "height of the bar over its low"),
    ]


def _volume() -> list[Feature]:
    """Activity against its recent past; NaN where the source has no volume."""
    average = mean(volume, 20)
    # A bar without height has no place for its close to stand in; it counts as neither bought nor sold.
    bought = where(high > low, (2 * close - high - low) / (high - low), 0) * volume
    vwap = mean((high + low + close) / 3 * volume, 20) / average
    make = _family("volume")
    return [
        make("volume_ratio", volume / average, "ratio", "volume over its 20-bar mean"),
        make("volume_trend", mean(volume, 5) / average - 1, "ratio", "5-bar over 20-bar mean volume"),
        make(
            "volume_delta",
            mean(bought, 20) / average,
            "ratio",
            "20-bar money flow: -1 all volume at the lows to 1 at the highs (Chaikin)",
        ),
        make(
            "price_vs_vwap", (close - vwap) / close, "ratio", "close against the 20-bar volume-weighted typical price"
        ),
    ]


def _candle() -> list[Feature]:
    """How the bar looks, and which run it belongs to."""
    height = high - low
    make = _family("candle")
    return [
        make("candle_direction", (close - open) / _atr14, "ratio", "signed body over ATR 14"),
        make("upper_wick", (high - maximum(open, close)) / height, "share", "part of the bar above its body"),
        make("lower_wick", (minimum(open, close) - low) / height, "share", "part of the bar below its body"),
        make(
            "consecutive_direction",
            clip(run_length(diff(close)), -10, 10),
            "bars",
            "closes in a row that rose (+) or fell (-), at most 10",
        ),
    ]


def _session() -> list[Feature]:
    """When it is in the UTC day and week, and which trading centres are open."""
    make = _family("session")
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
    make = _family(prefix)
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
        *_bollinger(),
        *_trend(),
        *_momentum(),
        *_range(),
        *_volatility(),
        *_volume(),
        *_candle(),
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
            "atr", _atr14, family="scale", unit="price", description="ATR 14, for brackets and labels (Wilder, 1978)"
        )
    ],
)
"""What labels and brackets scale by; in price units, so never an input of a model."""
