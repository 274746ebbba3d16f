"""``alphaloop features``: what people and scripts get, and what a wrong call says."""

from __future__ import annotations

import json
import math
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from alphaloop.cli.features import app
from alphaloop.data.synthetic import synthetic_bars
from alphaloop.markets.bars.features import BARS

COMPUTED = ["set", "hash", "out", "rows", "symbols", "features", "step_s", "warm_up", "never_warm", "seconds"]


def run(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def bars_file(tmp_path: Path) -> Path:
    path = tmp_path / "two.parquet"
    frame = synthetic_bars(700, ("SYN-A", "SYN-B"), step_s=900).frame
    times = pl.from_epoch("open_ns", time_unit="ns").dt.replace_time_zone("UTC").alias("time")
    frame.select("symbol", times, "open", "high", "low", "close", "volume").write_parquet(path)
    return path


def test_list_names_every_set() -> None:
    code, out, _ = run("list", "--json")
    assert code == 0
    sets = {s["name"]: s for s in json.loads(out)["sets"]}
    assert sets["bars"]["features"] == 59
    assert sets["bars"]["hash"] == BARS.hash
    assert sets["bars"]["market"] == "bars"
    assert sets["bars_context"]["families"] == ["scale"]
    code, out, _ = run("list")
    assert code == 0
    assert "bars_context" in out


def test_show_tells_family_unit_warm_up_and_formula() -> None:
    code, out, _ = run("show", "bars", "--step-s", "900", "--json")
    assert code == 0
    shown = json.loads(out)
    assert shown["warm_up"] == BARS.warm_up(900)
    assert shown["inputs"] == list(BARS.inputs)
    rsi = next(f for f in shown["features"] if f["name"] == "rsi_14")
    assert rsi["formula"] == "rsi(close, 14) / 100"
    assert (rsi["family"], rsi["unit"], rsi["warm_up"]) == ("momentum", "share", 14)
    code, out, _ = run("show", "bars")
    assert code == 0
    assert all(name in out for name in BARS.names)


def test_show_reads_a_users_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("from alphaloop.features import close, mean, std\nz = (close - mean(close, 20)) / std(close, 20)\n")
    code, out, _ = run("show", file, "--json")
    assert code == 0
    assert json.loads(out)["features"][0]["formula"] == "(close - mean(close, 20)) / std(close, 20)"


def test_an_unknown_name_is_bad_input() -> None:
    code, out, err = run("show", "brs", "--json")
    assert (code, out) == (2, "")
    assert "did you mean 'bars'?" in err


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".feather"])
def test_compute_writes_one_row_per_bar(bars_file: Path, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / "new" / f"features{suffix}"
    code, out, _ = run("compute", "bars", "--data", bars_file, "--out", target, "--json")
    assert code == 0
    result = json.loads(out)
    assert list(result) == COMPUTED
    assert (result["rows"], result["symbols"], result["features"], result["warm_up"]) == (1400, 2, 59, 575)
    read = {".parquet": pl.read_parquet, ".csv": pl.read_csv, ".feather": pl.read_ipc}[suffix]
    table = read(target)
    assert table.columns == ["symbol", "known_ns", *BARS.names]
    assert table.height == 1400
    last = float(table["rsi_14"][-1])
    assert math.isfinite(last)
    assert [p.name for p in target.parent.iterdir()] == [target.name]


def test_compute_for_people_says_what_was_written(bars_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "f.parquet"
    code, out, _ = run("compute", "bars", "--data", bars_file, "--out", target, "--symbol", "SYN-B")
    assert code == 0
    assert "700 rows x 59 features" in out
    assert set(pl.read_parquet(target)["symbol"]) == {"SYN-B"}


def test_fewer_rows_than_the_warm_up_is_refused_with_both_numbers(tmp_path: Path) -> None:
    file, target = tmp_path / "short.csv", tmp_path / "f.parquet"
    frame = synthetic_bars(300, ("SYN-A",), step_s=900).frame
    times = pl.from_epoch("open_ns", time_unit="ns").dt.to_string("%Y-%m-%dT%H:%M:%SZ").alias("time")
    frame.select(times, "open", "high", "low", "close", "volume").write_csv(file)
    code, out, err = run("compute", "bars", "--data", file, "--out", target, "--json")
    assert (code, out) == (2, "")
    assert "short.csv: 300 rows are too few" in err
    assert "warm-up of 575 rows at a step of 900 s" in err
    assert not target.exists()


def test_a_symbol_that_is_too_short_beside_a_long_one_is_named(bars_file: Path, tmp_path: Path) -> None:
    mixed, target = tmp_path / "mixed.parquet", tmp_path / "f.parquet"
    frame = pl.read_parquet(bars_file)
    pl.concat([frame.filter(symbol="SYN-A"), frame.filter(symbol="SYN-B").head(100)]).write_parquet(mixed)
    code, out, _ = run("compute", "bars", "--data", mixed, "--out", target, "--json")
    assert code == 0
    assert json.loads(out)["never_warm"] == ["SYN-B"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--data", "missing.parquet", "--out", "f.parquet"], "missing.parquet"),
        (["--data", "missing.parquet", "--out", "f.xlsx"], "name it .parquet, .csv or .feather"),
    ],
)
def test_bad_files_are_named(words: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run("compute", "bars", *words, "--json")
    assert (code, out) == (2, "")
    assert sentence in err
    assert list(tmp_path.iterdir()) == []
