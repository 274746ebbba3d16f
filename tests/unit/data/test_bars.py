from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from alphaloop.core.errors import DataError, InputError
from alphaloop.data.bars import COLUMNS, read_bars
from alphaloop.data.synthetic import synthetic_bars
from alphaloop.data.tables import write_table

MINUTE = 60 * 10**9


def table(rows: int = 6, symbols: tuple[str, ...] = ("A", "B")) -> pl.DataFrame:
    frame = synthetic_bars(rows, symbols=symbols, seed=3).frame
    date = pl.from_epoch(pl.col("open_ns") // 1_000_000, time_unit="ms").dt.replace_time_zone("UTC").alias("date")
    return frame.select("symbol", date, "open", "high", "low", "close", "volume")


def change(frame: pl.DataFrame, row: int, **values: object) -> pl.DataFrame:
    """`frame` with other values in a 0-based row."""
    at = pl.int_range(pl.len()) == row
    return frame.with_columns(
        pl.when(at).then(pl.lit(value)).otherwise(pl.col(name)).alias(name) for name, value in values.items()
    )


def refusal(path: Path, frame: pl.DataFrame, **options: object) -> str:
    write_table(frame, path)
    with pytest.raises(DataError) as caught:
        read_bars(path, **options)
    sentence = str(caught.value)
    assert path.name in sentence
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize(
    "name", ["x.parquet", "x.pq", "x.feather", "x.arrow", "x.csv", "x.csv.gz", "x.tsv", "x.tsv.gz"]
)
def test_every_format_reads_to_the_bars_that_were_written(tmp_path: Path, name: str) -> None:
    write_table(table(), tmp_path / name)
    bars = read_bars(tmp_path / name)
    assert bars.frame.equals(synthetic_bars(6, symbols=("A", "B"), seed=3).frame)
    assert bars.frame.columns == list(COLUMNS)
    assert (bars.symbols, bars.step_ns, bars.source, len(bars)) == (("A", "B"), MINUTE, name, 12)
    assert bars.sha256 == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()


def test_a_bar_is_known_at_its_close(tmp_path: Path) -> None:
    write_table(table(), tmp_path / "x.parquet")
    opens, closes = (read_bars(tmp_path / "x.parquet", stamp=stamp).frame for stamp in ("open", "close"))
    assert (opens["known_ns"] - opens["open_ns"]).unique().to_list() == [MINUTE]
    assert (closes["known_ns"]).equals(opens["open_ns"].alias("known_ns"))
    assert (closes["known_ns"] - closes["open_ns"]).unique().to_list() == [MINUTE]


def test_rows_interleaved_by_time_are_sorted_by_symbol(tmp_path: Path) -> None:
    write_table(table().sort("date", "symbol", descending=[False, True]), tmp_path / "x.csv")
    assert read_bars(tmp_path / "x.csv").frame.equals(synthetic_bars(6, symbols=("A", "B"), seed=3).frame)


def test_without_a_symbol_column_the_file_or_the_caller_names_it(tmp_path: Path) -> None:
    write_table(table(symbols=("A",)).drop("symbol"), tmp_path / "EURUSD.csv.gz")
    assert read_bars(tmp_path / "EURUSD.csv.gz").symbols == ("EURUSD",)
    assert read_bars(tmp_path / "EURUSD.csv.gz", symbol="X").symbols == ("X",)


def test_with_a_symbol_column_the_caller_selects(tmp_path: Path) -> None:
    write_table(table(), tmp_path / "x.csv")
    assert read_bars(tmp_path / "x.csv", symbol="B").symbols == ("B",)
    with pytest.raises(DataError, match="no symbol 'C'; it holds A, B"):
        read_bars(tmp_path / "x.csv", symbol="C")


def test_a_symbol_of_digits_keeps_its_zeros(tmp_path: Path) -> None:
    write_table(table(symbols=("0005",)), tmp_path / "x.csv")
    assert read_bars(tmp_path / "x.csv").symbols == ("0005",)


@pytest.mark.parametrize(
    "names",
    [
        ["Symbol", "Date", "Open", "High", "Low", "Close", "Volume"],
        ["PAIR", "Open Time", "OPEN", "HIGH", "LOW", "CLOSE", "VOL"],
        ["ticker", "timestamp", "o", "h", "l", "c", "v"],
        ["<TICKER>", "<DATE>", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<TICKVOL>"],
        ["s", "t", "open_price", "high_price", "low_price", "close_price", "base volume"],
        ["instrument", "__index_level_0__", "Open", "High", "Low", "Close", "tick_volume"],
    ],
)
def test_usual_spellings(tmp_path: Path, names: list[str]) -> None:
    frame = table()
    write_table(
        frame.rename(dict(zip(frame.columns, names, strict=True))).with_columns(spread=1), tmp_path / "x.parquet"
    )
    assert read_bars(tmp_path / "x.parquet").frame.equals(synthetic_bars(6, symbols=("A", "B"), seed=3).frame)


def test_date_and_clock_in_two_columns_of_a_terminal_export(tmp_path: Path) -> None:
    header = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
    rows = "2024.01.01\t00:00:00\t1.5\t2\t1\t1.5\t7\t0\t3\n2024.01.01\t00:15:00\t1.5\t2\t1\t1.5\t8\t0\t3\n"
    (tmp_path / "EURUSD.csv").write_text(header + rows)
    bars = read_bars(tmp_path / "EURUSD.csv", timezone="Europe/Athens")
    assert (bars.step_ns, bars.symbols) == (900 * 10**9, ("EURUSD",))
    assert bars.frame["open_ns"][0] == 1_704_060_000 * 10**9
    assert bars.frame["volume"].to_list() == [7.0, 8.0]
    with pytest.raises(DataError, match=r"row 1 has '2024.01.01 00:00:00' in column '<DATE> <TIME>'"):
        read_bars(tmp_path / "EURUSD.csv")


def test_bid_and_ask_become_the_mid_without_volume(tmp_path: Path) -> None:
    frame = table(symbols=("A",))
    sides = [
        (pl.col(p) * factor).alias(f"{side}_{p}")
        for side, factor in (("bid", 0.99), ("ask", 1.01))
        for p in COLUMNS[3:7]
    ]
    write_table(frame.select("date", *sides), tmp_path / "A.csv")
    read = read_bars(tmp_path / "A.csv").frame
    assert np.allclose(read["close"].to_numpy(), frame["close"].to_numpy(), rtol=1e-12)
    assert read["volume"].is_nan().all()


def test_unknown_volume_is_nan_not_zero(tmp_path: Path) -> None:
    frame = change(table(), 2, volume=None)
    write_table(frame, tmp_path / "x.csv")
    assert np.isnan(read_bars(tmp_path / "x.csv").frame["volume"].to_numpy()).nonzero()[0].tolist() == [2]
    write_table(frame.drop("volume"), tmp_path / "y.csv")
    assert read_bars(tmp_path / "y.csv").frame["volume"].is_nan().all()


def test_gaps_are_not_errors_and_the_step_is_the_most_common_difference(tmp_path: Path) -> None:
    frame = table(rows=9)[[0, 1, 2, 5, 8, 9, 12, 13, 17]]
    write_table(frame, tmp_path / "x.parquet")
    bars = read_bars(tmp_path / "x.parquet")
    assert (bars.step_ns, len(bars)) == (MINUTE, 9)


def test_a_given_step_is_used(tmp_path: Path) -> None:
    write_table(table(rows=1), tmp_path / "one.parquet")
    assert "step; give it with --step-s" in refusal(tmp_path / "x.parquet", table(rows=1))
    assert read_bars(tmp_path / "one.parquet", step_s=60).step_ns == MINUTE
    assert "a bar step of -1 s" in refusal(tmp_path / "x.parquet", table(), step_s=-1)
    assert "closer than the bar step of 120 s" in refusal(tmp_path / "x.parquet", table(), step_s=120)


def test_rounding_of_prices_widens_the_range(tmp_path: Path) -> None:
    frame = table(symbols=("A",))
    high = float(np.nextafter(max(frame["open"][1], frame["close"][1]), 0))
    write_table(change(frame, 1, high=high), tmp_path / "x.parquet")
    read = read_bars(tmp_path / "x.parquet").frame
    assert read["high"][1] == max(read["open"][1], read["close"][1])
    assert (read["low"] <= read["high"]).all()


def test_integer_float32_decimal_and_text_prices_are_numbers(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"time": [1_700_000_000, 1_700_000_060], "open": [5, 6], "high": [9, 9], "low": [2, 2], "close": [6, 7]}
    )
    expected = [6.0, 7.0]
    for dtype in (pl.Int32, pl.UInt64, pl.Float32, pl.Decimal(10, 2), pl.String):
        write_table(frame.with_columns(pl.col("open", "high", "low", "close").cast(dtype)), tmp_path / "x.parquet")
        assert read_bars(tmp_path / "x.parquet").frame["close"].to_list() == expected


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"close": None}, ("row 9 (B at 2024-01-01T00:02:00Z) has no close",)),
        ({"open": float("nan")}, ("row 9", "no open")),
        ({"high": float("inf")}, ("row 9", "high inf", "positive numbers")),
        ({"low": 0.0}, ("row 9", "low 0;")),
        ({"low": -1.5}, ("row 9", "low -1.5")),
        ({"high": 1e-3}, ("row 9", "high 0.001 which is below low")),
        ({"open": 1e9}, ("row 9", "open 1000000000.0 which is above high")),
        ({"close": 1e9}, ("row 9", "close 1000000000.0 which is above high")),
        ({"open": 1e-9}, ("row 9", "open 1e-09 which is below low")),
        ({"close": 1e-9}, ("row 9", "close 1e-09 which is below low")),
        ({"volume": -2.0}, ("row 9", "volume -2", "leave it blank")),
        ({"volume": float("inf")}, ("row 9", "volume inf")),
        ({"symbol": None}, ("row 9 has no symbol",)),
        ({"symbol": " "}, ("row 9 has no symbol",)),
        ({"date": None}, ("row 9 has no time",)),
    ],
)
def test_an_impossible_value_is_refused_with_row_value_and_next_step(
    tmp_path: Path, values: dict[str, object], parts: tuple[str, ...]
) -> None:
    sentence = refusal(tmp_path / "x.parquet", change(table(), 8, **values))
    for part in parts:
        assert part in sentence


def test_a_bid_side_is_checked_by_itself(tmp_path: Path) -> None:
    frame = table(symbols=("A",))
    sides = [
        (pl.col(p) * factor).alias(f"{side}_{p}")
        for side, factor in (("bid", 0.99), ("ask", 1.01))
        for p in COLUMNS[3:7]
    ]
    assert "row 2 (A at 2024-01-01T00:01:00Z) has bid_low" in refusal(
        tmp_path / "A.csv", change(frame.select("date", *sides), 1, bid_low=0.0)
    )


def test_a_repeated_row_is_refused(tmp_path: Path) -> None:
    frame = table()
    assert "row 4 repeats the bar of row 3 (A at 2024-01-01T00:02:00Z)" in refusal(
        tmp_path / "x.csv", frame[[0, 1, 2, 2, 3, 4, 5]]
    )


def test_unsorted_rows_are_refused(tmp_path: Path) -> None:
    sentence = refusal(tmp_path / "x.csv", table()[[0, 1, 3, 2, 4, 5, 6, 7]])
    assert "row 4 (A at 2024-01-01T00:02:00Z) comes after row 3 at the later time 2024-01-01T00:03:00Z" in sentence
    assert "sort the file" in sentence


def test_a_bar_inside_another_is_refused(tmp_path: Path) -> None:
    frame = change(table(), 3, date=table()["date"][2]).with_columns(
        date=pl.when(pl.int_range(pl.len()) == 3).then(pl.col("date").dt.offset_by("30s")).otherwise("date")
    )
    sentence = refusal(tmp_path / "x.parquet", frame)
    assert "row 4 (A at 2024-01-01T00:02:30Z) is 30 s after row 3, closer than the bar step of 60 s" in sentence


def test_wrong_columns_are_named(tmp_path: Path) -> None:
    assert "no columns hold open, high, low and close prices (columns found: symbol, date" in refusal(
        tmp_path / "x.csv", table().drop("close")
    )
    assert "no columns hold a time" in refusal(tmp_path / "x.csv", table().drop("date"))
    assert "both spell 'close'" in refusal(tmp_path / "x.csv", table().with_columns(Close=pl.col("close")))
    assert "holds Boolean, not numbers" in refusal(tmp_path / "x.parquet", table().with_columns(close=True))
    assert "row 1 has open 'abc', which is not a number" in refusal(
        tmp_path / "x.csv", table().with_columns(open=pl.lit("abc"))
    )


def test_a_file_without_header_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("1700000000000,1.5,2.5,1.5,2,10\n1700000060000,1.5,2.5,1.5,2,10\n")
    with pytest.raises(DataError, match="no header line, its first line is data"):
        read_bars(tmp_path / "x.csv")


def test_a_stamp_is_open_or_close(tmp_path: Path) -> None:
    write_table(table(), tmp_path / "x.csv")
    with pytest.raises(InputError, match="stamp 'end' is not possible; choose open or close"):
        read_bars(tmp_path / "x.csv", stamp="end")  # type: ignore[arg-type]


@pytest.mark.real
def test_recorded_bars_are_read(real_data: Path) -> None:
    files = sorted([*(real_data / "crypto_1m").glob("*.parquet"), *(real_data / "fx_gold").glob("*.parquet")])
    assert files
    for file in files:
        bars = read_bars(file, timezone="UTC")
        assert len(bars) == pl.scan_parquet(file).select(pl.len()).collect().item()
        assert bars.frame.select("symbol", "known_ns").is_unique().all()


@pytest.mark.real
def test_recorded_bars_without_a_zone_are_refused(real_data: Path) -> None:
    with pytest.raises(DataError, match=r"times have no zone .* --timezone UTC"):
        read_bars(real_data / "fx_gold" / "XAUUSD_H1_2012_2022.parquet")
