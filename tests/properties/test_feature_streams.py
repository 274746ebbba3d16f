"""The same rows give the same bits: in any chunks, interleaved with any others, saved and restored anywhere."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from alphaloop.features import (
    Expr,
    Feature,
    FeatureSet,
    atr,
    autocorr,
    clip,
    close,
    diff,
    ema,
    exp,
    fft_power,
    high,
    higher,
    highest,
    hour_sin,
    in_session,
    kurtosis,
    lag,
    log,
    low,
    lowest,
    maximum,
    mean,
    minimum,
    other,
    quantile,
    rsi,
    run_length,
    sign,
    skew,
    slope,
    sqrt,
    std,
    total,
    volume,
    weekday_cos,
    where,
    wilder,
)
from alphaloop.features.stream import FeatureStream

Floats = NDArray[np.float64]
MINUTE = 60_000_000_000
ROWS = 300

EXPRESSIONS: dict[str, Expr] = {
    "moments": mean(close, 7) + std(close, 7) + skew(close, 9) + kurtosis(close, 31),
    "moments by time": mean(close, "7m") + std(close, "40m") + skew(close, "9m") + kurtosis(close, "31m"),
    "totals": total(volume, 11) / total(volume, "11m"),
    "extremes": (close - lowest(low, 13)) / (highest(high, 13) - lowest(low, "13m")) + highest(high, "70m"),
    "order": quantile(close, 10, 0.3) - quantile(close, "25m", 0.8),
    "lines": slope(close, 12) + slope(close, "12m") + autocorr(close, 20, 2) + autocorr(close, "30m"),
    "spectrum": fft_power(close, 24, 2, 6) - fft_power(diff(close), 17, 4, 18),
    "memory": ema(close, 5) - wilder(close, 6) + lag(close, 3) + run_length(diff(close)),
    "indicators": rsi(close, 6) + atr(5),
    "higher": higher("5m", rsi(close, 3)) + higher("1h", mean(volume, 2)) - higher("5m", std(close, "15m")),
    "choice": where(in_session(8, 16) > 0, clip(log(close / lag(close, 1)), -1, 1), exp(-abs(close)) * hour_sin()),
    "rest": minimum(sqrt(close), maximum(volume, weekday_cos())) * sign(close - volume) / (close == volume),
}
EVERYTHING = FeatureSet("everything", [Feature(name, expr) for name, expr in EXPRESSIONS.items()])


def market(seed: int, rows: int = ROWS) -> tuple[dict[str, Floats], NDArray[np.int64]]:
    """Rows with gaps, flat runs, spikes and missing values, in proportions that the seed decides."""
    rng = np.random.default_rng(seed)
    price = np.exp(np.cumsum(rng.normal(0, 0.01, rows) * (rng.random(rows) < rng.uniform(0.1, 1))))
    price[rng.random(rows) < rng.choice([0, 0.02])] *= 1e6
    wide = 1 + 0.01 * rng.random((2, rows))
    columns = {"high": price * wide[0], "low": price / wide[1], "close": price, "volume": rng.lognormal(0, 1, rows)}
    for column in columns.values():
        column[rng.random(rows) < rng.choice([0, 0, 0.02])] = rng.choice([np.nan, np.inf])
    steps = rng.choice([1, 1, 1, 2, 9, 200], rows, p=[0.7, 0.1, 0.1, 0.05, 0.04, 0.01])
    jitter = rng.integers(0, MINUTE // 2) * rng.integers(0, 2)
    return columns, 1_700_000_000_000_000_000 + np.cumsum(steps) * MINUTE + jitter


def part(columns: dict[str, Floats], rows: slice | NDArray[np.int64]) -> dict[str, Floats]:
    return {name: column[rows] for name, column in columns.items()}


def alone(features: FeatureSet, seed: int, rows: int = ROWS) -> Floats:
    columns, times = market(seed, rows)
    return features.stream(["A"], np.float64).push(columns, times)


seeds = st.integers(0, 2**32 - 1)
cuts = st.lists(st.integers(0, ROWS), max_size=12).map(lambda points: sorted({0, ROWS, *points}))


@settings(deadline=None, max_examples=60)
@given(seed=seeds, at=cuts)
def test_any_chunks_give_the_same_bits(seed: int, at: list[int]) -> None:
    columns, times = market(seed)
    stream = EVERYTHING.stream(["A"], np.float64)
    chunks = [stream.push(part(columns, slice(a, b)), times[a:b]) for a, b in pairwise(at)]
    np.testing.assert_array_equal(np.vstack(chunks), alone(EVERYTHING, seed))


@settings(deadline=None, max_examples=60)
@given(seed=seeds, at=cuts)
def test_saved_and_restored_anywhere_it_goes_on_to_the_same_bits(seed: int, at: list[int]) -> None:
    columns, times = market(seed)
    stream = EVERYTHING.stream(["A"], np.float64)
    chunks = []
    for a, b in pairwise(at):
        stream = FeatureStream.restore(EVERYTHING, stream.save())
        chunks.append(stream.push(part(columns, slice(a, b)), times[a:b]))
    np.testing.assert_array_equal(np.vstack(chunks), alone(EVERYTHING, seed))


@settings(deadline=None, max_examples=60)
@given(seed=seeds, symbols=st.integers(2, 5), data=st.data())
def test_symbols_do_not_disturb_each_other(seed: int, symbols: int, data: st.DataObject) -> None:
    """Rows of several symbols in any interleaving and any chunks are what each symbol has alone."""
    rows = 80
    markets = [market(seed + i, rows) for i in range(symbols)]
    order = np.random.default_rng(data.draw(seeds)).permutation(np.repeat(np.arange(symbols), rows))
    place = np.zeros(len(order), np.int64)
    for i in range(symbols):
        place[order == i] = np.arange(rows)
    columns = {
        name: np.array([markets[s][0][name][p] for s, p in zip(order, place, strict=True)]) for name in markets[0][0]
    }
    times = np.array([markets[s][1][p] for s, p in zip(order, place, strict=True)])
    stream = EVERYTHING.stream([f"S{i}" for i in range(data.draw(st.integers(0, symbols)))], np.float64)
    at = sorted({0, len(order), *data.draw(st.lists(st.integers(0, len(order)), max_size=8))})
    names = [f"S{s}" for s in order]
    got = np.vstack([stream.push(part(columns, slice(a, b)), times[a:b], names[a:b]) for a, b in pairwise(at)])
    for i in range(symbols):
        np.testing.assert_array_equal(got[order == i], alone(EVERYTHING, seed + i, rows))


@settings(deadline=None, max_examples=40)
@given(seed=seeds, end=st.integers(1, ROWS), noise=seeds)
def test_the_future_changes_nothing_in_the_past(seed: int, end: int, noise: int) -> None:
    columns, times = market(seed)
    other_columns, other_times = market(noise)
    changed = {name: np.concatenate([columns[name][:end], other_columns[name][end:]]) for name in columns}
    later = np.concatenate([times[:end], times[end - 1] + MINUTE + other_times[end:] - other_times[0]])
    got = EVERYTHING.stream(["A"], np.float64).push(changed, later)
    np.testing.assert_array_equal(got[:end], alone(EVERYTHING, seed)[:end])


@settings(deadline=None, max_examples=40)
@given(seed=seeds)
def test_nothing_is_ever_infinite(seed: int) -> None:
    columns, times = market(seed)
    with np.errstate(over="ignore"):
        extreme = {name: column * 1e302 for name, column in columns.items()}
    for rows in (columns, extreme):
        for dtype in (np.float32, np.float64):
            assert not np.isinf(EVERYTHING.stream(["A"], dtype).push(rows, times)).any()


PAIRS = FeatureSet(
    "pairs",
    [
        Feature("ratio", close / other("S1", close, 600)),
        Feature("spread", ema(close / other("S0", mean(close, 5)), 4)),
        Feature("hourly", other("S1", higher("1h", close)) - lag(close, 1)),
    ],
)


@settings(deadline=None, max_examples=40)
@given(seed=seeds, at=st.lists(st.integers(0, 100_000), max_size=8))
def test_sets_that_look_at_other_symbols_are_a_matter_of_moments(seed: int, at: list[int]) -> None:
    """Whole moments in any chunks, rows of a chunk in any order: the table computed at once."""
    frames = []
    for i in range(4):
        columns, times = market(seed + i, 60)
        frames.append(pl.DataFrame({"symbol": [f"S{i}"] * 60, "known_ns": times, **columns}))
    table = pl.concat(frames)
    wanted = PAIRS.compute(table, dtype=np.float64)
    stream = PAIRS.stream([], np.float64)
    moments = table["known_ns"].unique().sort().to_numpy()
    edges = sorted({0, len(moments), *(point % len(moments) for point in at)})
    for a, b in pairwise(edges):
        inside = (pl.col("known_ns") >= moments[a]) & (pl.col("known_ns") <= moments[b - 1])
        chunk = table.filter(inside).sample(fraction=1.0, shuffle=True, seed=seed % 1000)
        columns = {name: chunk[name].to_numpy() for name in PAIRS.inputs}
        got = stream.push(columns, chunk["known_ns"].to_numpy(), chunk["symbol"].to_list())
        same = chunk.join(wanted, on=["symbol", "known_ns"], how="left", maintain_order="left")
        np.testing.assert_array_equal(got, same.select(PAIRS.names).to_numpy())


windows = st.one_of(st.integers(4, 20), st.sampled_from(["4m", "20m", "1h"]))


def _grow(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    unary = st.sampled_from([abs, sign, log, sqrt, exp, run_length, diff, lambda x: ~x, lambda x: -x])
    binary = st.sampled_from(
        [
            lambda a, b: a + b,
            lambda a, b: a - b,
            lambda a, b: a * b,
            lambda a, b: a / b,
            lambda a, b: a <= b,
            minimum,
            maximum,
            lambda a, b: where(a > b, a, b),
        ]
    )
    windowed = st.sampled_from([mean, std, skew, kurtosis, total, lowest, highest, slope, autocorr])
    return st.one_of(
        st.builds(lambda f, x: f(x), unary, inner),
        st.builds(lambda f, a, b: f(a, b), binary, inner, inner),
        st.builds(lambda f, x, w: f(x, w), windowed, inner, windows),
        st.builds(quantile, inner, windows, st.floats(0, 1)),
        st.builds(lambda f, x, n: f(x, n), st.sampled_from([lag, ema, wilder, rsi]), inner, st.integers(1, 9)),
    )


leaves = st.sampled_from([close, high, low, volume, hour_sin(), atr(3), close * 2.5])
plain = st.recursive(leaves, _grow, max_leaves=6)
expressions = st.one_of(plain, st.builds(lambda a, b: higher("5m", a) / b, plain, plain))


@settings(deadline=None, max_examples=80)
@given(exprs=st.lists(expressions, min_size=1, max_size=6), seed=seeds, cut=st.integers(0, 120))
def test_whatever_a_user_writes(exprs: list[Expr], seed: int, cut: int) -> None:
    """Random sets: alone or together, at once or in two halves, from the user's file or from its data."""
    features = FeatureSet("random", [Feature(f"f{i}", expr) for i, expr in enumerate(exprs)])
    again = FeatureSet.from_dict(json.loads(json.dumps(features.to_dict())))
    assert again.hash == features.hash
    columns, times = market(seed, 120)
    columns = {name: columns[name] for name in ("high", "low", "close", "volume")}
    whole = features.stream(["A"], np.float64).push(columns, times)
    stream = again.stream(["A"], np.float64)
    halves = [stream.push(part(columns, rows), times[rows]) for rows in (slice(0, cut), slice(cut, 120))]
    np.testing.assert_array_equal(np.vstack(halves), whole)
    assert not np.isinf(whole).any()
    for i, name in enumerate(features.names):
        one = features.select([name]).stream(["A"], np.float64).push(columns, times)
        np.testing.assert_array_equal(one[:, 0], whole[:, i])
