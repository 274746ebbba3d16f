"""Bad input gets one clear sentence and exit code 2, and leaves nothing half-written behind."""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from alphaloop.data.synthetic import synthetic_bars

N = 400


def bars() -> pl.DataFrame:
    frame = synthetic_bars(N, symbols=("SYN-A",), seed=1).frame
    return (
        frame.drop("known_ns", "symbol")
        .with_columns(pl.col("open_ns").cast(pl.Datetime("ns", "UTC")))
        .rename({"open_ns": "date"})
    )


def put(row: int, column: str, value: float) -> Callable[[pl.DataFrame], pl.DataFrame]:
    def change(frame: pl.DataFrame) -> pl.DataFrame:
        values = frame[column].to_list()
        values[row] = value
        return frame.with_columns(pl.Series(column, values, dtype=pl.Float64))

    return change


def swap(frame: pl.DataFrame) -> pl.DataFrame:
    order = list(range(N))
    order[50], order[51] = 51, 50
    return frame[order]


TABLES: dict[str, tuple[Callable[[pl.DataFrame], pl.DataFrame], str]] = {
    "duplicated row": (lambda f: pl.concat([f[:60], f[59:]]), "61"),
    "unsorted": (swap, "52"),
    "no zone": (lambda f: f.with_columns(pl.col("date").dt.replace_time_zone(None)), "--timezone"),
    "NaN price": (put(10, "close", float("nan")), "11"),
    "missing price": (lambda f: f.with_columns(pl.when(pl.int_range(N) != 10).then("close").alias("close")), "11"),
    "infinite price": (put(10, "high", float("inf")), "11"),
    "negative price": (put(10, "low", -1.0), "11"),
    "zero price": (put(10, "low", 0.0), "11"),
    "high below low": (put(10, "high", 1.0), "11"),
    "no close column": (lambda f: f.drop("close"), "close"),
    "no time column": (lambda f: f.drop("date"), "time"),
    "empty": (lambda f: f[:0], "empty|no rows|0 rows"),
}


def refused(answer: Any, *words: str) -> None:
    assert answer.code == 2, (answer.code, answer.out, answer.err)
    assert answer.out == ""
    sentences = [line for line in answer.err.strip().splitlines() if line.strip()]
    assert len(sentences) == 1, answer.err
    for word in words:
        assert re.search(word, sentences[0]), (word, sentences[0])


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.mark.parametrize("case", TABLES)
def test_a_bad_table(alphaloop: Any, place: Path, tmp_path: Path, case: str) -> None:
    change, word = TABLES[case]
    data = tmp_path / "bars.parquet"
    change(bars()).write_parquet(data)
    refused(alphaloop("data", "check", data, "--json", cwd=place), "bars.parquet", word)
    if case in ("no zone", "NaN price"):
        for command in (
            ("features", "compute", "bars", "--data", data, "--out", "out.parquet"),
            ("train", "direction", "--data", data),
            ("audit", "bars", "--data", data),
        ):
            refused(alphaloop(*command, cwd=place), "bars.parquet", word)
    assert list(place.iterdir()) == []


def truncated(data: Path) -> None:
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])


@pytest.mark.parametrize("suffix", [".parquet", ".csv.gz", ".feather"])
def test_a_truncated_file(alphaloop: Any, place: Path, tmp_path: Path, suffix: str) -> None:
    data = tmp_path / f"bars{suffix}"
    if suffix == ".parquet":
        bars().write_parquet(data)
    elif suffix == ".feather":
        bars().write_ipc(data)
    else:
        data.write_bytes(gzip.compress(bars().write_csv().encode()))
    truncated(data)
    refused(alphaloop("data", "check", data, cwd=place), f"bars{suffix}")


def test_a_missing_file_and_an_unknown_format(alphaloop: Any, place: Path, tmp_path: Path) -> None:
    refused(alphaloop("data", "check", "nowhere.parquet", cwd=place), "nowhere.parquet")
    (tmp_path / "notes.txt").write_text("not bars")
    refused(alphaloop("train", "direction", "--data", tmp_path / "notes.txt", cwd=place), "notes.txt")


def test_fewer_rows_than_the_warm_up(alphaloop: Any, place: Path, tmp_path: Path) -> None:
    data = tmp_path / "few.parquet"
    bars()[:50].write_parquet(data)
    refused(alphaloop("train", "direction", "--data", data, cwd=place), "50", "warm")
    refused(alphaloop("features", "compute", "bars", "--data", data, "--out", "o.parquet", cwd=place), "50", "warm")
    assert list(place.iterdir()) == []


def test_a_one_class_label(alphaloop: Any, place: Path, tmp_path: Path) -> None:
    data = tmp_path / "bars.parquet"
    synthetic = synthetic_bars(13_000, symbols=("SYN-A",), seed=1).frame
    synthetic.drop("known_ns").rename({"open_ns": "time"}).write_parquet(data)
    refused(alphaloop("train", "direction", "--data", data, "--set", "label.min_return=0.9", cwd=place), "class")
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("label.horizon=60", ("label.horizon", "did you mean 'horizon_s'")),
        ("costs.fee_bp=1", ("costs.fee_bp", "fee_bps")),
        ("label.horizon_s=-5", ("label.horizon_s", "-5")),
        ("split.fractions=[0.5,0.5,0.5,0.5]", ("split.fractions",)),
        ("estimator.kind=forest", ("estimator.kind", "forest")),
        ("estimator.parameters.num_leafs=3", ("num_leafs", "num_leaves")),
        ("trading.policy.treshold=0.6", ("treshold", "threshold")),
        ("features.set=brs", ("brs", "bars")),
        ("nonsense", ("nonsense",)),
    ],
)
def test_an_impossible_recipe(
    alphaloop: Any, place: Path, tmp_path: Path, override: str, words: tuple[str, ...]
) -> None:
    data = tmp_path / "bars.parquet"
    bars().write_parquet(data)
    refused(alphaloop("train", "direction", "--data", data, "--set", override, cwd=place), *words)
    assert list(place.iterdir()) == []


def test_an_unknown_recipe_set_or_object(alphaloop: Any, place: Path, tmp_path: Path) -> None:
    data = tmp_path / "bars.parquet"
    bars().write_parquet(data)
    refused(alphaloop("train", "directoin", "--data", data, cwd=place), "directoin", "direction")
    refused(alphaloop("train", "gone.toml", "--data", data, cwd=place), "gone.toml")
    refused(alphaloop("features", "show", "bar", cwd=place), "'bar'", "bars")
    refused(alphaloop("audit", "gone.py:f", "--data", data, cwd=place), "gone.py")


def test_one_changed_byte_in_an_artifact(alphaloop: Any, place: Path, tmp_path: Path) -> None:
    source = next((Path(__file__).parents[1] / "compat" / "artifacts").iterdir())
    data = tmp_path / "bars.parquet"
    bars().write_parquet(data)
    for name in sorted(path.name for path in source.iterdir()):
        folder = tmp_path / f"changed-{name}"
        shutil.copytree(source, folder)
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
        refused(alphaloop("backtest", folder, "--data", data, cwd=place), name)
        refused(alphaloop("models", "verify", folder, cwd=place), name)


def test_trading_for_real_is_refused(alphaloop: Any, place: Path) -> None:
    refused(alphaloop("trade", "anything", cwd=place), "--dry-run")
