"""Whole tables: the rows of a stream, in any order and on any number of threads."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from alphaloop.core.errors import DataError
from alphaloop.core.random import stream
from alphaloop.features import (
    Feature,
    FeatureSet,
    atr,
    close,
    ema,
    higher,
    highest,
    kurtosis,
    mean,
    other,
    rsi,
    std,
    volume,
)
from alphaloop.features.batch import split

MINUTE = 60_000_000_000
FEATURES = FeatureSet(
    "batch",
    [
        Feature("rsi", rsi(close, 14)),
        Feature("z", (close - mean(close, 20)) / std(close, 20)),
        Feature("k", kurtosis(close, 30)),
        Feature("h", higher("30m", atr(3) / close)),
        Feature("v", volume / mean(volume, "45m")),
        Feature("d", close / highest(close, 60) - ema(close, 9) / close),
    ],
)


def table(symbols: int, rows: int = 700) -> pl.DataFrame:
    frames = []
    for i in range(symbols):
        rng = stream(i, "table")
        price = np.exp(np.cumsum(rng.normal(0, 0.01, rows)))
        wide = rng.random((2, rows)) * 0.01
        frame = {
            "symbol": f"S{i:02}",
            "known_ns": 1_700_000_000_000_000_000 + np.cumsum(rng.choice([1, 1, 3], rows)) * MINUTE,
            "high": price * (1 + wide[0]),
            "low": price * (1 - wide[1]),
            "close": price,
            "volume": rng.lognormal(0, 1, rows),
        }
        frames.append(pl.DataFrame(frame))
    return pl.concat(frames)


def pushed(features: FeatureSet, frame: pl.DataFrame) -> np.ndarray:
    rows = features.stream()
    columns = {name: frame[name].to_numpy() for name in features.inputs}
    return rows.push(columns, frame["known_ns"].to_numpy(), frame["symbol"].to_list())


def same(computed: pl.DataFrame, wanted: np.ndarray) -> None:
    np.testing.assert_array_equal(computed.drop("symbol", "known_ns").to_numpy(), wanted)


@pytest.mark.parametrize("symbols", [1, 2, 9])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_table_is_a_stream(symbols: int, threads: int) -> None:
    frame = table(symbols)
    computed = FEATURES.compute(frame, threads=threads)
    assert computed.columns == ["symbol", "known_ns", *FEATURES.names]
    assert set(computed.dtypes[2:]) == {pl.Float32}
    same(computed, pushed(FEATURES, frame))


@pytest.mark.parametrize("symbols", [1, 6])
def test_output_has_the_order_of_the_table(symbols: int) -> None:
    frame = table(symbols)
    wanted = FEATURES.compute(frame).with_columns(frame["close"])
    for mixed in (frame.sample(fraction=1.0, shuffle=True, seed=1), frame.sort("known_ns"), frame.reverse()):
        computed = FEATURES.compute(mixed)
        expected = mixed.join(wanted, on=["symbol", "known_ns"], how="left", maintain_order="left")
        assert computed.select("symbol", "known_ns").equals(mixed.select("symbol", "known_ns"))
        np.testing.assert_array_equal(
            computed.select(FEATURES.names).to_numpy(), expected.select(FEATURES.names).to_numpy()
        )


def test_set_with_references_is_a_stream_in_order_of_time() -> None:
    pairs = FeatureSet("p", [*FEATURES.features, Feature("ratio", close / other("S01", ema(close, 3), 600))])
    frame = table(5)
    wanted = pushed(pairs, frame)
    same(pairs.compute(frame), wanted)
    same(pairs.compute(frame, threads=1), wanted)
    same(pairs.compute(frame.sort("known_ns")), pushed(pairs, frame.sort("known_ns")))


def test_columns_of_other_types_and_missing_values() -> None:
    frame = table(2)
    whole = frame.with_columns(
        pl.col("close").cast(pl.Float32),
        pl.when(pl.int_range(pl.len()) % 50 == 7).then(None).otherwise(pl.col("volume").cast(pl.Int64)).alias("volume"),
        pl.col("symbol").cast(pl.Categorical),
    )
    plain = whole.with_columns(
        pl.col("close").cast(pl.Float64),
        pl.col("volume").cast(pl.Float64).fill_null(np.nan),
        pl.col("symbol").cast(pl.String),
    )
    same(FEATURES.compute(whole), pushed(FEATURES, plain))


def test_wide_features_are_the_same_numbers() -> None:
    frame = table(3)
    wide = FEATURES.compute(frame, dtype=np.float64).select(FEATURES.names).to_numpy()
    narrow = FEATURES.compute(frame).select(FEATURES.names).to_numpy()
    np.testing.assert_array_equal(wide.astype(np.float32), narrow)


def test_chunked_and_empty_tables() -> None:
    frame = table(3)
    pieces = pl.concat([frame[:100], frame[100:1000], frame[1000:]], rechunk=False)
    same(FEATURES.compute(pieces), pushed(FEATURES, frame))
    empty = FEATURES.compute(frame.clear())
    assert empty.shape == (0, 2 + len(FEATURES))


def test_features_are_shared_out_in_neighbours() -> None:
    for parts in (1, 2, 4, 99):
        groups = split(FEATURES, parts)
        assert [i for group in groups for i in group] == list(range(len(FEATURES)))
        assert len(groups) <= parts
    assert len(split(FEATURES, 2)) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop("volume"), "no column 'volume', which 'batch' needs"),
        (lambda t: t.rename({"known_ns": "known"}), "no column 'known_ns'"),
        (lambda t: t.with_columns(pl.col("known_ns") / 1), "known_ns is Float64"),
        (lambda t: t.with_columns(pl.lit(None, pl.String).alias("symbol")), "none missing"),
        (lambda t: t.with_columns(pl.col("close").cast(pl.String)), "column 'close' is of type String"),
        (lambda t: pl.concat([t, t[5:6]]), "symbol 'S00' has two rows known at 2023-11-14T22"),
        (lambda t: pl.concat([t[:6], t[5:]]), "symbol 'S00' has two rows known at 2023-11-14T22"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(change, message: str) -> None:
    with pytest.raises(DataError, match=message):
        FEATURES.compute(change(table(2)))


def test_output_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """The columns of the result are the very memory that the machine wrote to."""
    written = []
    make = np.empty

    def remembered(*args: object, **kwargs: object) -> np.ndarray:
        written.append(make(*args, **kwargs))
        return written[-1]

    frame = table(4)
    monkeypatch.setattr(np, "empty", remembered)
    computed = FEATURES.compute(frame, threads=1)
    out = next(array for array in written if array.shape == (len(FEATURES), len(frame)))
    for i, name in enumerate(FEATURES.names):
        assert computed[name].to_numpy(allow_copy=False).ctypes.data == out[i].ctypes.data
