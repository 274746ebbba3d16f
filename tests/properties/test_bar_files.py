"""Any valid table in any spelling reads to the same bars; any damaged one is refused with one sentence."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from alphaloop.core.errors import DataError
from alphaloop.data.bars import Bars, read_bars
from alphaloop.data.tables import write_table

SECOND = 10**9
FORMATS = (".parquet", ".pq", ".feather", ".arrow", ".csv", ".csv.gz", ".tsv")
SPELLINGS = {
    "symbol": ("symbol", "Symbol", "pair", "TICKER", "Instrument"),
    "date": ("date", "Time", "timestamp", "Open Time", "open_time", "ts", "DateTime"),
    "open": ("open", "OPEN", "o", "Open Price"),
    "high": ("high", "High", "h"),
    "low": ("low", "<LOW>", "l"),
    "close": ("close", "Close", "c"),
    "volume": ("volume", "Vol", "v", "tick_volume", "Base Volume"),
}
TIMES = ("datetime ms", "datetime us", "datetime ns", "iso Z", "iso space", "offset", "s", "ms", "us", "ns", "local")


@dataclass(frozen=True)
class Market:
    """A valid table: times in ns, one row per bar, each symbol increasing."""

    frame: pl.DataFrame
    step_s: int


@st.composite
def markets(draw: st.DrawFn) -> Market:
    step_s = draw(st.sampled_from([1, 60, 300, 3_600, 86_400]))
    start = draw(st.integers(0, 40_000)) * 86_400 * SECOND // 2 + 10**18 // 86_400 * 86_400
    start -= start % (86_400 * SECOND)
    symbols = draw(st.lists(st.sampled_from(["A", "BTC/USDT", "0005", "é"]), min_size=1, max_size=3, unique=True))
    parts = []
    for symbol in sorted(symbols):
        slots = draw(
            st.lists(st.integers(1, 3), min_size=3, max_size=12).map(lambda gaps: np.cumsum([0, *gaps, 1, 1, 1]))
        )
        rng = np.random.default_rng(draw(st.integers(0, 10**6)))
        scale = 10.0 ** draw(st.integers(-6, 5))
        corners = np.sort(np.round(rng.uniform(1, 2, (len(slots), 4)), 6), axis=1) * scale
        low, first, last, high = corners.T
        swap = rng.random(len(slots)) < 0.5
        parts.append(
            pl.DataFrame(
                {
                    "symbol": [symbol] * len(slots),
                    "date": start + slots.astype(np.int64) * step_s * SECOND,
                    "open": np.where(swap, last, first),
                    "high": high,
                    "low": low,
                    "close": np.where(swap, first, last),
                    "volume": np.round(rng.uniform(0, 100, len(slots)), 3),
                }
            )
        )
    return Market(pl.concat(parts), step_s)


def spell_time(frame: pl.DataFrame, form: str) -> pl.DataFrame:
    ns = pl.col("date")
    if form in ("s", "ms", "us", "ns"):
        return frame.with_columns(ns // {"s": SECOND, "ms": 10**6, "us": 10**3, "ns": 1}[form])
    time = pl.from_epoch(ns, time_unit="ns").dt.replace_time_zone("UTC")
    if form.startswith("datetime"):
        return frame.with_columns(time.dt.cast_time_unit(form.split()[1]).alias("date"))
    layout = {
        "iso Z": "%Y-%m-%dT%H:%M:%SZ",
        "iso space": "%Y-%m-%d %H:%M:%S+00:00",
        "offset": "%Y-%m-%dT%H:%M:%S+05:30",
    }
    if form == "offset":
        time = time.dt.offset_by("5h30m")
    return frame.with_columns(time.dt.to_string(layout.get(form, "%Y-%m-%d %H:%M:%S")).alias("date"))


def read(frame: pl.DataFrame, extension: str, **options: object) -> Bars:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x{extension}"
        write_table(frame, path)
        return read_bars(path, **options)


def refused(frame: pl.DataFrame, extension: str, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        read(frame, extension, **options)
    return str(caught.value)


def read_or_refuse(path: Path) -> Bars | str:
    """Bars, or the sentence of a `DataError`; anything else escapes."""
    try:
        return read_bars(path)
    except DataError as error:
        return str(error)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(market=markets(), data=st.data())
def test_every_spelling_of_a_table_reads_to_the_same_bars(market: Market, data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(TIMES), "times")
    names = {part: data.draw(st.sampled_from(spellings), part) for part, spellings in SPELLINGS.items()}
    extension = data.draw(st.sampled_from(FORMATS), "extension")
    frame = spell_time(market.frame, form)
    if data.draw(st.booleans(), "interleaved"):
        frame = (
            frame.with_row_index().sort(pl.lit(market.frame["date"]), "index", descending=[False, True]).drop("index")
        )
    frame = frame.select(data.draw(st.permutations(frame.columns), "order")).rename(names)
    bars = read(frame, extension, step_s=market.step_s, timezone="UTC" if form == "local" else None)
    expected = market.frame.sort("symbol", "date")
    assert bars.step_ns == market.step_s * SECOND
    assert bars.frame["open_ns"].to_list() == expected["date"].to_list()
    assert bars.frame["known_ns"].to_list() == (expected["date"] + bars.step_ns).to_list()
    columns = ["symbol", "open", "high", "low", "close", "volume"]
    assert bars.frame.select(columns).equals(expected.select(columns))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(market=markets(), extension=st.sampled_from(FORMATS))
def test_the_step_is_found_where_most_bars_follow_each_other(market: Market, extension: str) -> None:
    gaps = market.frame.select(pl.col("date").diff().over("symbol")).drop_nulls().to_series()
    counts = gaps.value_counts().sort("count", "date", descending=[True, False])
    assume(int(counts["date"][0]) == market.step_s * SECOND)
    assert read(spell_time(market.frame, "ms"), extension).step_ns == market.step_s * SECOND


def put(frame: pl.DataFrame, row: int, column: str, value: object) -> pl.DataFrame:
    at = pl.int_range(pl.len()) == row
    return frame.with_columns(pl.when(at).then(pl.lit(value)).otherwise(pl.col(column)).alias(column))


PRICE_DAMAGE = (None, float("nan"), float("inf"), -float("inf"), 0.0, -1.0)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(market=markets(), data=st.data())
def test_a_damaged_table_is_always_refused(market: Market, data: st.DataObject) -> None:
    frame = market.frame
    row = data.draw(st.integers(0, frame.height - 1), "row")
    price = data.draw(st.sampled_from(["open", "high", "low", "close"]), "price")
    kind = data.draw(
        st.sampled_from(
            ["price", "high", "low", "volume", "symbol", "time", "repeat", "swap", "overlap", "column", "zone"]
        ),
        "kind",
    )
    form, options = "datetime ms", {"step_s": market.step_s}
    if kind == "price":
        frame = put(frame, row, price, data.draw(st.sampled_from(PRICE_DAMAGE)))
    elif kind == "high":
        frame = put(frame, row, "high", frame["low"][row] * 0.99)
    elif kind == "low":
        frame = put(frame, row, "low", max(frame["open"][row], frame["close"][row]) * 1.01)
    elif kind == "volume":
        frame = put(frame, row, "volume", data.draw(st.sampled_from([-1.0, float("inf"), -float("inf")])))
    elif kind == "symbol":
        frame = put(frame, row, "symbol", None)
    elif kind == "time":
        frame = put(frame, row, "date", None)
    elif kind == "repeat":
        frame = pl.concat([frame[: row + 1], frame[row:]])
    elif kind == "swap":
        other = row + 1 if row + 1 < frame.height else row - 1
        assume(frame["symbol"][row] == frame["symbol"][other])
        order = list(range(frame.height))
        order[row], order[other] = order[other], order[row]
        frame = frame[order]
    elif kind == "overlap":
        assume(row > 0 and frame["symbol"][row] == frame["symbol"][row - 1])
        frame = put(frame, row, "date", frame["date"][row - 1] + market.step_s * SECOND // 2)
        form = "datetime us"
    elif kind == "column":
        frame = frame.drop(price)
    else:
        form = "local"
    extension = data.draw(st.sampled_from(FORMATS), "extension")
    sentence = refused(spell_time(frame, form), extension, **options)
    assert sentence.startswith(f"x{extension}")
    assert "\n" not in sentence
    if kind in ("price", "high", "low", "volume", "symbol", "time"):
        assert f"row {row + 1} " in sentence


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_damaged_bytes_are_refused_or_read_but_never_crash(data: st.DataObject) -> None:
    extension = data.draw(st.sampled_from([".parquet", ".feather", ".arrow", ".csv.gz", ".csv"]), "extension")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x{extension}"
        write_table(spell_time(_FIXED, "datetime ms"), path)
        content = bytearray(path.read_bytes())
        if data.draw(st.booleans(), "truncate"):
            content = content[: data.draw(st.integers(0, len(content) - 1), "length")]
        else:
            for _ in range(data.draw(st.integers(1, 4), "flips")):
                at = data.draw(st.integers(0, len(content) - 1), "byte")
                content[at] ^= 1 << data.draw(st.integers(0, 7), "bit")
        path.write_bytes(content)
        found = read_or_refuse(path)
    if isinstance(found, Bars):
        assert np.isfinite(found.frame.select("open", "high", "low", "close").to_numpy()).all()
    else:
        assert path.name in found
        assert "\n" not in found


_FIXED = pl.DataFrame(
    {
        "symbol": ["A"] * 20 + ["B"] * 20,
        "date": [1_704_067_200 * SECOND + i * 60 * SECOND for i in range(20)] * 2,
        "open": [1.5] * 40,
        "high": [2.0] * 40,
        "low": [1.0] * 40,
        "close": [1.25] * 40,
        "volume": [float(i) for i in range(40)],
    }
)
