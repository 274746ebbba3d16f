"""Every bars feature written a second time, in polars expressions that share nothing with the kernel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from alphaloop.data.bars import read_bars
from alphaloop.markets.bars.features import BARS, CONTEXT

C, O, H, L, V = (pl.col(name) for name in ("close", "open", "high", "low", "volume"))  # noqa: E741
T = pl.col("t")
FRAMES = {"m30": ("30m", 5, 20, 14), "h1": ("1h", 5, 20, 14), "h4": ("4h", 5, 20, 14), "d1": ("1d", 2, 5, 5)}


def div(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    return pl.when(b != 0).then(a / b)


def ema(x: pl.Expr, n: int) -> pl.Expr:
    return x.ewm_mean(span=n, adjust=False, ignore_nulls=True, min_samples=n)


def wilder(x: pl.Expr, n: int) -> pl.Expr:
    """The mean of the first n values, then the recursion: seeded by hand into an exponential mean."""
    seen = x.is_not_null().cum_sum()
    seeded = pl.when(seen > n).then(x).when((seen == n) & x.is_not_null()).then(x.cum_sum() / n)
    return seeded.ewm_mean(alpha=1 / n, adjust=False, ignore_nulls=True, min_samples=1)


def rsi(x: pl.Expr, n: int) -> pl.Expr:
    d = x.diff()
    up = wilder(pl.when(d.is_not_null()).then(d.clip(lower_bound=0)), n)
    down = wilder(pl.when(d.is_not_null()).then((-d).clip(lower_bound=0)), n)
    return div(up, up + down)


def atr(n: int) -> pl.Expr:
    before = C.shift(1)
    reach = pl.max_horizontal(H - L, (H - before).abs(), (L - before).abs())
    return wilder(pl.when(before.is_not_null() & H.is_not_null() & L.is_not_null()).then(reach), n)


def total(x: pl.Expr, w: int) -> pl.Expr:
    """Each window added up by itself, as polars' rolling sum keeps a residue of what has left it."""
    return sum((x.shift(k) for k in range(1, w)), x)


def mean(x: pl.Expr, w: int) -> pl.Expr:
    return total(x, w) / w


def std(x: pl.Expr, w: int) -> pl.Expr:
    """Two passes over each window, for the same reason; any level near the mean will do."""
    level = x.rolling_mean(w)
    squares = sum(((x.shift(k) - level) ** 2 for k in range(1, w)), (x - level) ** 2)
    flat = x.rolling_max(w) == x.rolling_min(w)
    return pl.when(flat).then(0.0).otherwise((squares / (w - 1)).sqrt())


def place(x: pl.Expr, bottom: pl.Expr, top: pl.Expr) -> pl.Expr:
    return div(x - bottom, top - bottom)


def over_time(x: pl.Expr, rolled: Callable[..., pl.Expr], window: str, hours: int) -> pl.Expr:
    missing = x.is_null().cast(pl.Int64).rolling_sum_by("t", window_size=window, closed="right")
    old = (T - T.first()).dt.total_seconds() >= hours * 3600
    return pl.when(old & (missing == 0)).then(rolled("t", window_size=window, closed="right"))


def base_expressions() -> dict[str, pl.Expr]:
    """The features that are one polars expression of one symbol's rows."""
    lr = pl.when((C > 0) & (C.shift(1) > 0)).then((C / C.shift(1)).log())
    middle, half = mean(C, 20), 2 * std(C, 20)
    e20, e50, e200 = ema(C, 20), ema(C, 50), ema(C, 200)
    line = ema(C, 12) - ema(C, 26)
    signal = ema(line, 9)
    rise, fall = H.diff(), -L.diff()
    zero = pl.lit(0.0)
    known = rise.is_not_null() & fall.is_not_null()
    plus = wilder(pl.when(known).then(pl.when((rise > fall) & (rise > 0)).then(rise).otherwise(zero)), 14)
    minus = wilder(pl.when(known).then(pl.when((fall > rise) & (fall > 0)).then(fall).otherwise(zero)), 14)
    tilt = div(plus - minus, plus + minus)
    r14, a14 = rsi(C, 14), atr(14)
    fast, slow = (e20 - e50).sign(), (e50 - e200).sign()
    vol20, v20 = std(lr, 20), mean(V, 20)
    bought = pl.when(V.is_not_null()).then(pl.when(H > L).then((2 * C - H - L) / (H - L)).otherwise(zero) * V)
    vwap = div(total((H + L + C) / 3 * V, 20), total(V, 20))
    second = T.dt.epoch("s")
    day, week = 2 * np.pi * (second % 86400) / 86400, 2 * np.pi * ((second - 4 * 86400) % 604800) / 604800
    hour = (second % 86400) / 3600
    move = C.diff().sign()
    return {
        "price_vs_bb_upper": div(C - (middle + half), C),
        "price_vs_bb_lower": div(C - (middle - half), C),
        "bb_width": div(2 * half, middle),
        "bb_position": place(C, middle - half, middle + half),
        "price_vs_ema20": div(C - e20, C),
        "price_vs_ema50": div(C - e50, C),
        "price_vs_ema200": div(C - e200, C),
        "ema_stack": pl.when(fast * slow > 0).then(fast).when((fast * slow).is_not_null()).then(zero),
        "ema_crossover": slow,
        "ema_slope_5": div(e20, e20.shift(5)) - 1,
        "macd_line": div(line, C),
        "macd_signal": div(signal, C),
        "macd_hist": div(line - signal, C),
        "trend_strength": wilder(tilt.abs(), 14),
        "trend_direction": tilt,
        "rsi_14": r14,
        "rsi_slope": r14 - r14.shift(5),
        "rsi_divergence": place(r14, r14.rolling_min(14), r14.rolling_max(14))
        - place(C, C.rolling_min(14), C.rolling_max(14)),
        "bar_return": lr,
        "momentum_5": (C / C.shift(5)).log(),
        "momentum_10": (C / C.shift(10)).log(),
        "rate_of_change": C / C.shift(14) - 1,
        "hourly_return": over_time(lr, lr.rolling_sum_by, "1h", 1),
        "close_vs_open": C / O - 1,
        "range_position_24h": place(
            C, over_time(L, L.rolling_min_by, "24h", 24), over_time(H, H.rolling_max_by, "24h", 24)
        ),
        "price_drawdown": C / H.rolling_max(50) - 1,
        "atr_pct": a14 / C,
        "atr_ratio": div(a14, atr(50)),
        "volatility_20": vol20,
        "volatility_ratio": div(vol20, std(lr, 100)),
        "high_low_ratio": H / L - 1,
        "volume_ratio": div(V, v20),
        "volume_trend": div(mean(V, 5), v20) - 1,
        "volume_delta": div(total(bought, 20), total(V, 20)),
        "price_vs_vwap": (C - vwap) / C,
        "candle_direction": div(C - O, a14),
        "upper_wick": div(H - pl.max_horizontal(O, C), H - L),
        "lower_wick": div(pl.min_horizontal(O, C) - L, H - L),
        "consecutive_direction": (move * (1 + pl.int_range(pl.len()).over(move.rle_id()))).clip(-10, 10),
        "session_hour_sin": day.sin(),
        "session_hour_cos": day.cos(),
        "weekday_sin": week.sin(),
        "weekday_cos": week.cos(),
        "is_asian_session": ((hour >= 0) & (hour < 9)).cast(pl.Float64),
        "is_london_session": ((hour >= 7) & (hour < 16)).cast(pl.Float64),
        "is_ny_session": ((hour >= 12) & (hour < 21)).cast(pl.Float64),
    }


def closed_bars(one: pl.DataFrame, every: str) -> pl.DataFrame:
    """Higher bars that cover (start, end] of known time, labelled by their end."""
    grouped = one.group_by_dynamic("t", every=every, closed="right", label="right")
    return grouped.agg(O.first(), H.max(), L.min(), C.last(), V.sum())


def oracle(one: pl.DataFrame) -> pl.DataFrame:
    """All features of one symbol, in the order of the set; null where not known."""
    one = one.select(pl.from_epoch("known_ns", time_unit="ns").alias("t"), O, H, L, C, V).fill_nan(None)
    found = one.with_columns(**base_expressions(), context=atr(14))
    for prefix, (every, fast, slow, strength) in FRAMES.items():
        bars = closed_bars(one, every)
        columns = {
            f"{prefix}_trend": div(ema(C, fast) - ema(C, slow), C),
            f"{prefix}_rsi_norm": rsi(C, strength),
            f"{prefix}_ema": ema(C, slow),
            f"{prefix}_low": L,
            f"{prefix}_high": H,
        }
        found = found.join_asof(bars.select(T, **columns), on="t")
        found = found.with_columns(((C - pl.col(f"{prefix}_ema")) / C).alias(f"{prefix}_price_vs_ema"))
    found = found.with_columns(place(C, pl.col("d1_low"), pl.col("d1_high")).alias("daily_range_position"))
    return found.select(*BARS.names, "context").cast(pl.Float64).fill_null(float("nan"))


def random_bars(seed: int, rows: int, step_s: int, *, gaps: bool = True, flats: bool = True) -> pl.DataFrame:
    """Prices that walk, run, stand still (traded or not) and skip hours; ticks of 0.01 so that equal closes happen."""
    random = np.random.default_rng(seed)
    steps = random.normal(0, 0.002, rows)
    if flats:
        for begin in random.integers(0, rows - 150, 5):
            steps[begin : begin + int(random.integers(3, 150))] = 0
        for begin, drift in zip(random.integers(0, rows - 30, 4), (0.002, -0.002, 0.002, -0.002), strict=True):
            steps[begin : begin + 15] = drift
    close = np.round(100 * np.exp(np.cumsum(steps)), 2)
    still = steps == 0
    before = np.concatenate([[close[0]], close[:-1]])
    open_ = np.where(still, close, np.round(before * (1 + random.normal(0, 2e-4, rows)), 2))
    wick = np.where(still, 0, np.round(np.abs(random.normal(0, 0.1, (2, rows))), 2))
    volume = np.where(still & (seed % 2 == 1), 0.0, random.lognormal(3, 1, rows))
    skipped = np.zeros(rows, np.int64)
    if gaps:
        skipped[random.integers(1, rows, 8)] = random.integers(1, 3000, 8)
    known = 1_700_000_000 // step_s * step_s + step_s * (np.arange(rows) + np.cumsum(skipped))
    return pl.DataFrame(
        {
            "symbol": [f"S{seed}"] * rows,
            "known_ns": known * 1_000_000_000,
            "open": open_,
            "high": np.maximum(open_, close) + wick[0],
            "low": np.minimum(open_, close) - wick[1],
            "close": close,
            "volume": volume,
        }
    )


# A difference of two averages that have met is rounding; its sign is compared where it is more than that.
SIGNS = {"ema_stack": (20, 50, 200), "ema_crossover": (50, 200)}


def unsettled(one: pl.DataFrame, spans: tuple[int, ...]) -> np.ndarray:
    columns = one.select(ema(C, span).alias(str(span)) for span in spans).to_numpy()
    return (np.abs(np.diff(columns, axis=1)) < 1e-9 * columns[:, 1:]).any(axis=1)


def assert_equal(frame: pl.DataFrame) -> None:
    """Kernel and oracle agree on every row of every feature: the same NaNs, values to 1e-9."""
    ours = BARS.compute(frame, dtype=np.float64)
    context = CONTEXT.compute(frame, dtype=np.float64)
    for symbol in frame["symbol"].unique(maintain_order=True):
        one = frame.filter(symbol=symbol)
        theirs = oracle(one)
        mine = ours.filter(symbol=symbol).with_columns(context=context.filter(symbol=symbol)["atr"])
        for name in theirs.columns:
            a, b = mine[name].to_numpy(), theirs[name].to_numpy()
            skip = unsettled(one, SIGNS[name]) if name in SIGNS else np.zeros(len(a), bool)
            wrong = ~(np.isclose(a, b, rtol=1e-9, atol=1e-11, equal_nan=True) | skip)
            first = int(np.argmax(wrong))
            what = f"{symbol} {name}: {wrong.sum()} rows, first {first}: {a[first]!r} is not {b[first]!r}"
            assert not wrong.any(), what
            assert not np.isinf(a).any()


@pytest.mark.parametrize("step_s", [60, 300, 900, 3600, 14_400, 86_400])
def test_equals_polars_on_random_bars(step_s: int) -> None:
    rows = 15_000 if step_s == 60 else 3_000
    assert_equal(pl.concat([random_bars(seed, rows - 137 * seed, step_s) for seed in (1, 2, 3)]))


def test_equals_polars_without_gaps_or_flats() -> None:
    assert_equal(random_bars(7, 12_000, 60, gaps=False, flats=False))


def test_interleaved_symbols_keep_the_order_of_the_table() -> None:
    frame = pl.concat([random_bars(seed, 2_000, 900, gaps=False) for seed in (4, 5)]).sort("known_ns", "symbol")
    ours = BARS.compute(frame)
    assert ours.select("symbol", "known_ns").equals(frame.select("symbol", "known_ns"))
    assert_equal(frame)


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "timezone", "rows"),
    [
        ("crypto_1m/binance_futures_BTCUSDT_1m.parquet", None, 30_000),
        ("fx_gold/XAUUSD_H1_2012_2022.parquet", "UTC", 20_000),
        ("fx_gold/EURUSD_M15_2018_2020.parquet", "UTC", 20_000),
    ],
)
def test_equals_polars_on_recorded_bars(real_data: Path, file: str, timezone: str | None, rows: int) -> None:
    bars = read_bars(real_data / file, timezone=timezone, symbol="ONE" if timezone else None)
    assert_equal(bars.frame.head(rows))
