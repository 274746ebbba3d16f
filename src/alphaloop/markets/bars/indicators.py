"""Indicator features of a bar, family by family: what price and volume say, at the bar's own step.

`alphaloop.markets.bars.features` puts them in order.
"""

from __future__ import annotations

from collections.abc import Callable

from alphaloop.features import (
    Expr,
    Feature,
    abs_,
    atr,
    clip,
    close,
    diff,
    ema,
    high,
    higher,
    highest,
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
    where,
    wilder,
)

# Shared parts: written once here, computed once by the kernel however many features read them.
_log_return = log(close / lag(close, 1))
_ema20, _ema50, _ema200 = ema(close, 20), ema(close, 50), ema(close, 200)
ATR_14 = atr(14)
_rsi14 = rsi(close, 14) / 100
_rise, _fall = diff(high), -diff(low)
_plus = wilder(where(_rise > maximum(_fall, 0), _rise, 0), 14)
_minus = wilder(where(_fall > maximum(_rise, 0), _fall, 0), 14)

PARTS = {"plus": _plus, "minus": _minus}
"""Names, for the reference page, of long parts that formulas share: Wilder's directional movement up and down."""


def _position(x: Expr, bottom: Expr, top: Expr) -> Expr:
    """Where `x` stands between `bottom` (0) and `top` (1); NaN where they meet."""
    return (x - bottom) / (top - bottom)


def in_family(family: str) -> Callable[[str, Expr, str, str], Feature]:
    """Return a constructor (name, expression, unit, description) for features of one family."""

    def make(name: str, expr: Expr, unit: str, description: str) -> Feature:
        return Feature(name, expr, family=family, unit=unit, description=description)

    return make


def bollinger() -> list[Feature]:
    """Bands of two sample standard deviations around the 20-bar mean (Bollinger, 2001)."""
    middle, deviation = mean(close, 20), std(close, 20)
    upper, lower = middle + 2 * deviation, middle - 2 * deviation
    make = in_family("bollinger")
    return [
        make("price_vs_bb_upper", (close - upper) / close, "ratio", "close above (+) or below (-) the upper band"),
        make("price_vs_bb_lower", (close - lower) / close, "ratio", "close above (+) or below (-) the lower band"),
        make("bb_width", 4 * deviation / middle, "ratio", "distance between the bands over their middle"),
        make("bb_position", (close - lower) / (4 * deviation), "ratio", "close within the bands, 0 lower to 1 upper"),
    ]


def trend() -> list[Feature]:
    """Where price stands against its averages, and how one-sided its moves are."""
    line = ema(close, 12) - ema(close, 26)
    signal = ema(line, 9)
    one_sided = (_plus - _minus) / (_plus + _minus)
    make = in_family("trend")
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


def momentum() -> list[Feature]:
    """How far price has come over several spans, and how strong its rises were."""
    price_position = _position(close, lowest(close, 14), highest(close, 14))
    rsi_position = _position(_rsi14, lowest(_rsi14, 14), highest(_rsi14, 14))
    make = in_family("momentum")
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


def price_range() -> list[Feature]:
    """Where close stands among recent extremes."""
    day_low, day_high = higher("1d", low), higher("1d", high)
    make = in_family("range")
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


def volatility() -> list[Feature]:
    """How much price moves, and whether more than lately."""
    short = std(_log_return, 20)
    make = in_family("volatility")
    return [
        make("atr_pct", ATR_14 / close, "ratio", "ATR 14 over close (Wilder, 1978)"),
        make("atr_ratio", ATR_14 / atr(50), "ratio", "ATR 14 over ATR 50"),
        make("volatility_20", short, "log return", "sample deviation of 20 bar returns"),
        make("volatility_ratio", short / std(_log_return, 100), "ratio", "volatility_20 over the same of 100 bars"),
        make("high_low_ratio", high / low - 1, "ratio", "height of the bar over its low"),
    ]


def traded_volume() -> list[Feature]:
    """Activity against its recent past; NaN where the source has no volume."""
    average = mean(volume, 20)
    # A bar without height has no place for its close to stand in; it counts as neither bought nor sold.
    bought = where(high > low, (2 * close - high - low) / (high - low), 0) * volume
    vwap = mean((high + low + close) / 3 * volume, 20) / average
    make = in_family("volume")
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


def candle() -> list[Feature]:
    """How the bar looks, and which run it belongs to."""
    height = high - low
    make = in_family("candle")
    return [
        make("candle_direction", (close - open) / ATR_14, "ratio", "signed body over ATR 14"),
        make("upper_wick", (high - maximum(open, close)) / height, "share", "part of the bar above its body"),
        make("lower_wick", (minimum(open, close) - low) / height, "share", "part of the bar below its body"),
        make(
            "consecutive_direction",
            clip(run_length(diff(close)), -10, 10),
            "bars",
            "closes in a row that rose (+) or fell (-), at most 10",
        ),
    ]
