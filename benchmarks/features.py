"""The 59 bars features beside polars, pandas and one fused hand-written loop: batch, memory, one live bar, a universe.

``python benchmarks/features.py [--quick]``. Polars and pandas compute the 46 features that are expressions over one
symbol's rows, ours the same 46 beside them; the fused loop computes all 59, ours all 59 beside it. Every candidate's
numbers are compared with ours before anything is timed.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl

from alphaloop.markets.bars.features import BARS
from measure import interleaved, latencies, peak_growth, quick, ratio, spread, target, write_result
from peers import fused_bars, pandas_bars, polars_bars

INPUTS = ("open", "high", "low", "close", "volume")
SAME = BARS.select(polars_bars.NAMES, "bars_46")
SHAPES = (
    {"panel": (100, 1_440), "single": (1, 100_000)} if quick() else {"panel": (1_000, 1_440), "single": (1, 1_000_000)}
)
ROUNDS = 2 if quick() else 7


def market(symbols: int, rows: int, seed: int = 0) -> pl.DataFrame:
    """Random minute bars, sorted by symbol and time; symbols share their times."""
    random = np.random.default_rng(seed)
    shape = (symbols, rows)
    close = 100 * np.exp(np.cumsum(random.normal(0, 1e-3, shape), axis=1))
    open_ = np.concatenate([np.full((symbols, 1), 100.0), close[:, :-1]], axis=1)
    wick = np.abs(random.normal(0, 5e-4, (2, *shape))) * close
    known = (1_700_000_040 + 60 * np.arange(rows, dtype=np.int64)) * 1_000_000_000
    names = pl.Series([f"T{i:04d}" for i in range(symbols)])
    columns = {
        "known_ns": np.tile(known, symbols),
        "open": open_.ravel(),
        "high": (np.maximum(open_, close) + wick[0]).ravel(),
        "low": (np.minimum(open_, close) - wick[1]).ravel(),
        "close": close.ravel(),
        "volume": random.lognormal(3, 1, shape).ravel(),
    }
    symbol = names.gather(np.repeat(np.arange(symbols), rows)).alias("symbol")
    frame = pl.DataFrame({"symbol": symbol, **columns}).with_columns(t=pl.from_epoch("known_ns", time_unit="ns"))
    return frame.set_sorted("symbol") if symbols > 1 else frame.set_sorted("t")


def fused(frame: pl.DataFrame, symbols: int, threads: int) -> np.ndarray:
    columns = tuple(frame[name].to_numpy() for name in ("known_ns", *INPUTS))
    starts = np.arange(symbols + 1) * (frame.height // symbols)
    return fused_bars.compute(columns, starts, threads)


def candidates(frame: pl.DataFrame, symbols: int) -> dict:
    single = symbols == 1
    pandas = frame.to_pandas()
    return {
        "ours, 59": partial(BARS.compute, frame),
        "ours, 59, 1 thread": partial(BARS.compute, frame, threads=1),
        "ours, 46": partial(SAME.compute, frame),
        "ours, 46, float64": partial(SAME.compute, frame, dtype=np.float64),
        "fused numba, 59, 1 thread": partial(fused, frame, symbols, 1),
        "fused numba, 59, 2 threads": partial(fused, frame, symbols, 2),
        "polars eager, 46": partial(polars_bars.eager, frame, single),
        "polars lazy, 46": partial(polars_bars.lazy, frame, single),
        "pandas, 46": partial(pandas_bars.compute, pandas),
    }


def check(frame: pl.DataFrame, symbols: int, of: dict) -> dict[str, int]:
    """Compare every candidate with ours on the last tenth of each symbol, where averages have forgotten their starts.

    What ours does not show yet is not compared: a 24-hour range is NaN here until the series is 24 hours old.
    """
    rows = frame.height // symbols
    late = (np.arange(frame.height) % rows) >= rows - rows // 10
    ours = BARS.compute(frame, dtype=np.float64)
    compared = 0
    for name in ("fused numba, 59, 1 thread", "polars eager, 46", "polars lazy, 46", "pandas, 46"):
        theirs = of[name]()
        for j, feature in enumerate(BARS.names if "59" in name else polars_bars.NAMES):
            a = ours[feature].to_numpy()[late]
            column = theirs[j] if isinstance(theirs, np.ndarray) else np.asarray(theirs[feature], float)
            sign = feature in ("ema_stack", "ema_crossover")
            same = np.isclose(a, column[late], rtol=1e-4, atol=1e-6) | np.isnan(a)
            # Where two averages cross, a float32 or a forgotten start may stand on the other side.
            assert same.mean() > (0.9999 if sign else 0.9999999), f"{name}: {feature}: {(~same).sum()} rows differ"
            compared += int(late.sum())
    return {"values_compared": compared}


def batch(shape: str) -> dict:
    symbols, rows = SHAPES[shape]
    frame = market(symbols, rows)
    of = candidates(frame, symbols)
    checked = check(frame, symbols, of)
    processor: dict[str, list[float]] = {}
    taken = interleaved(of, ROUNDS, processor)
    best = min(("polars eager, 46", "polars lazy, 46"), key=lambda name: float(np.median(taken[name])))
    return {
        "symbols": symbols,
        "rows": symbols * rows,
        **checked,
        "seconds": {name: spread(values) for name, values in taken.items()},
        "processor_seconds": {name: spread(values) for name, values in processor.items()},
        "best_polars": best,
        "ratios": {
            "best polars / ours, the same 46": ratio(taken, best, "ours, 46"),
            "best polars / ours, the same 46 in float64": ratio(taken, best, "ours, 46, float64"),
            "pandas / ours, the same 46": ratio(taken, "pandas, 46", "ours, 46"),
            "ours / fused, 59, 1 thread each": ratio(taken, "ours, 59, 1 thread", "fused numba, 59, 1 thread"),
            "ours / fused, 59, 2 threads each": ratio(taken, "ours, 59", "fused numba, 59, 2 threads"),
            "ours, 2 threads / fused, 59, 1 thread": ratio(taken, "ours, 59", "fused numba, 59, 1 thread"),
        },
    }


def prepared(symbols: int, rows: int):
    frame = market(symbols, rows)
    BARS.compute(frame.head(2_000))
    return partial(BARS.compute, frame)


def memory(shape: str) -> dict:
    symbols, rows = SHAPES[shape]
    growth = peak_growth(partial(prepared, symbols, rows))
    output = symbols * rows * len(BARS) * 4
    return {"output_mb": round(output / 2**20, 1), "growth_mb": round(growth / 2**20, 1), "ratio": growth / output}


def live(calls: int) -> dict:
    """One bar of one symbol, again and again, on a stream that is warm."""
    history = 10_000
    frame = market(1, history + calls + 1_000)
    stream = BARS.stream(("T0000",))
    columns = {name: frame[name].to_numpy() for name in INPUTS}
    known, ids = frame["known_ns"].to_numpy(), np.zeros(len(frame), np.int64)
    stream.push({name: values[:history] for name, values in columns.items()}, known[:history], ids[:history])
    bars = [
        ({name: values[i : i + 1] for name, values in columns.items()}, known[i : i + 1], ids[i : i + 1])
        for i in range(history, len(frame))
    ]
    return latencies(lambda i: stream.push(*bars[i]), calls, 1_000)


def universe(calls: int, symbols: int = 1_000) -> dict:
    """One bar of each of many symbols in one push."""
    frame = market(symbols, calls + 300)
    table = {name: frame[name].to_numpy().reshape(symbols, -1).T.copy() for name in INPUTS}
    known = frame["known_ns"].to_numpy().reshape(symbols, -1).T.copy()
    stream = BARS.stream(tuple(frame["symbol"].unique(maintain_order=True)))
    ids = np.arange(symbols)
    minutes = [({name: values[i] for name, values in table.items()}, known[i], ids) for i in range(len(known))]
    return latencies(lambda i: stream.push(*minutes[i]), calls, 300)


def targets(result: dict) -> list[dict]:
    lines = []
    for shape in SHAPES:
        ratios = {name: values["median"] for name, values in result[shape]["ratios"].items()}
        lines += [
            target(f"{shape}: best polars / ours", ratios["best polars / ours, the same 46"], at_least=3),
            target(f"{shape}: pandas / ours", ratios["pandas / ours, the same 46"], at_least=10),
            target(f"{shape}: ours / fused, 1 thread each", ratios["ours / fused, 59, 1 thread each"], below=3),
            target(f"{shape}: ours / fused, 2 threads each", ratios["ours / fused, 59, 2 threads each"], below=3),
            target(f"{shape}: peak memory / output", round(result["memory"][shape]["ratio"], 2), below=2.5),
        ]
    return [
        *lines,
        target("one live bar, p50 us", result["live"]["p50_us"], below=100),
        target("one live bar, p99 us", result["live"]["p99_us"], below=250),
        target("one bar of 1,000 symbols, p50 us", result["universe"]["p50_us"], below=2_000),
    ]


def main() -> None:
    result: dict = {"features": len(BARS), "feature_set": BARS.hash, "rounds": ROUNDS}
    result |= {shape: batch(shape) for shape in SHAPES}
    result["memory"] = {shape: memory(shape) for shape in SHAPES}
    result["live"] = live(500 if quick() else 20_000)
    result["universe"] = universe(20 if quick() else 500)
    result["targets"] = targets(result)
    write_result("features", result)


if __name__ == "__main__":
    main()
