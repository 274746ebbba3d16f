"""The same features in plain pandas: shift, rolling and ewm within groups, nothing compiled by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd


def compute(frame: pd.DataFrame) -> pd.DataFrame:
    """Features of a frame with symbol, t (datetime), open, high, low, close, volume, sorted by symbol and time."""
    symbol = frame["symbol"]
    o, h, l, c, v = (frame[name] for name in ("open", "high", "low", "close", "volume"))  # noqa: E741

    def groups(x: pd.Series):
        return x.groupby(symbol, sort=False)

    def rolled(x: pd.Series, w: int, how: str) -> pd.Series:
        return getattr(groups(x).rolling(w), how)().droplevel(0)

    def timed(x: pd.Series, window: str, how: str) -> pd.Series:
        held = pd.DataFrame({"symbol": symbol, "t": frame["t"], "x": x})
        values = getattr(held.groupby("symbol", sort=False).rolling(window, on="t")["x"], how)()
        return pd.Series(values.to_numpy(), frame.index)

    def smooth(x: pd.Series, alpha: float) -> pd.Series:
        return groups(x).ewm(alpha=alpha, adjust=False).mean().droplevel(0)

    def ema(x: pd.Series, n: int) -> pd.Series:
        return smooth(x, 2 / (n + 1))

    before = groups(c).shift(1)
    move, rise, fall = c - before, groups(h).diff(), -groups(l).diff()
    lr = np.log(c / before)
    up, down = smooth(move.clip(lower=0), 1 / 14), smooth((-move).clip(lower=0), 1 / 14)
    rsi = up / (up + down)
    tr = pd.concat([h - l, (h - before).abs(), (l - before).abs()], axis=1).max(axis=1).where(before.notna())
    a14, a50 = smooth(tr, 1 / 14), smooth(tr, 1 / 50)
    plus = smooth(rise.where((rise > fall) & (rise > 0), 0.0).where(rise.notna()), 1 / 14)
    minus = smooth(fall.where((fall > rise) & (fall > 0), 0.0).where(fall.notna()), 1 / 14)
    tilt = (plus - minus) / (plus + minus)
    e20, e50, e200 = ema(c, 20), ema(c, 50), ema(c, 200)
    line = ema(c, 12) - ema(c, 26)
    signal = ema(line, 9)
    middle, dev = rolled(c, 20, "mean"), rolled(c, 20, "std")
    fast, slow = np.sign(e20 - e50), np.sign(e50 - e200)
    rsi_low, price_low = rolled(rsi, 14, "min"), rolled(c, 14, "min")
    low, high = timed(l, "24h", "min"), timed(h, "24h", "max")
    vol, v20 = rolled(lr, 20, "std"), rolled(v, 20, "mean")
    bought = ((2 * c - h - l) / (h - l) * v).where(h > l, 0.0)
    paid = (h + l + c) / 3 * v
    direction = np.sign(move)
    changed = (direction != groups(direction).shift(1)).cumsum()
    run = direction * (direction.groupby([symbol, changed], sort=False).cumcount() + 1)
    second = frame["t"].astype("int64") // 10**9
    day, week = second % 86400, (second - 4 * 86400) % 604800
    turn, slow_turn = day * (2 * np.pi / 86400), week * (2 * np.pi / 604800)
    return pd.DataFrame(
        {
            "price_vs_bb_upper": (c - (middle + 2 * dev)) / c,
            "price_vs_bb_lower": (c - (middle - 2 * dev)) / c,
            "bb_width": 4 * dev / middle,
            "bb_position": (c - (middle - 2 * dev)) / (4 * dev),
            "price_vs_ema20": (c - e20) / c,
            "price_vs_ema50": (c - e50) / c,
            "price_vs_ema200": (c - e200) / c,
            "ema_stack": fast.where(fast * slow > 0, 0.0),
            "ema_crossover": slow,
            "ema_slope_5": e20 / groups(e20).shift(5) - 1,
            "macd_line": line / c,
            "macd_signal": signal / c,
            "macd_hist": (line - signal) / c,
            "trend_strength": smooth(tilt.abs(), 1 / 14),
            "trend_direction": tilt,
            "rsi_14": rsi,
            "rsi_slope": groups(rsi).diff(5),
            "rsi_divergence": (rsi - rsi_low) / (rolled(rsi, 14, "max") - rsi_low)
            - (c - price_low) / (rolled(c, 14, "max") - price_low),
            "bar_return": lr,
            "momentum_5": np.log(c / groups(c).shift(5)),
            "momentum_10": np.log(c / groups(c).shift(10)),
            "rate_of_change": c / groups(c).shift(14) - 1,
            "hourly_return": timed(lr, "1h", "sum"),
            "close_vs_open": c / o - 1,
            "range_position_24h": (c - low) / (high - low),
            "price_drawdown": c / rolled(h, 50, "max") - 1,
            "atr_pct": a14 / c,
            "atr_ratio": a14 / a50,
            "volatility_20": vol,
            "volatility_ratio": vol / rolled(lr, 100, "std"),
            "high_low_ratio": h / l - 1,
            "volume_ratio": v / v20,
            "volume_trend": rolled(v, 5, "mean") / v20 - 1,
            "volume_delta": rolled(bought, 20, "sum") / (20 * v20),
            "price_vs_vwap": 1 - rolled(paid, 20, "sum") / (20 * v20) / c,
            "candle_direction": (c - o) / a14,
            "upper_wick": (h - np.maximum(o, c)) / (h - l),
            "lower_wick": (np.minimum(o, c) - l) / (h - l),
            "consecutive_direction": run.clip(-10, 10),
            "session_hour_sin": np.sin(turn),
            "session_hour_cos": np.cos(turn),
            "weekday_sin": np.sin(slow_turn),
            "weekday_cos": np.cos(slow_turn),
            "is_asian_session": (day < 9 * 3600).astype(float),
            "is_london_session": ((day >= 7 * 3600) & (day < 16 * 3600)).astype(float),
            "is_ny_session": ((day >= 12 * 3600) & (day < 21 * 3600)).astype(float),
        }
    )
