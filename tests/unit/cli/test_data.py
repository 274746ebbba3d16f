from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from alphaloop.cli.data import app
from alphaloop.data.bars import read_bars
from alphaloop.data.exchange import Candle
from alphaloop.data.synthetic import synthetic_bars
from alphaloop.data.tables import write_table

runner = CliRunner()


def table(rows: int = 300, zone: str | None = "UTC") -> pl.DataFrame:
    date = pl.from_epoch(pl.col("open_ns"), time_unit="ns").dt.replace_time_zone(zone).alias("date")
    return synthetic_bars(rows, symbols=("SYN-A", "SYN-B")).frame.select(
        "symbol", date, "open", "high", "low", "close", "volume"
    )


def test_check_prints_one_json_object(tmp_path: Path) -> None:
    write_table(table(), tmp_path / "x.parquet")
    done = runner.invoke(app, ["check", str(tmp_path / "x.parquet"), "--json"])
    assert done.exit_code == 0
    assert done.stderr == ""
    result = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert (result["ok"], result["rows"], result["symbols"], result["step_s"]) == (True, 600, ["SYN-A", "SYN-B"], 60.0)
    assert result["quality"]["symbols"][0]["gaps"]["count"] == 0


def test_check_speaks_to_people(tmp_path: Path) -> None:
    write_table(table()[[*range(100), *range(105, 600)]], tmp_path / "x.csv")
    done = runner.invoke(app, ["check", str(tmp_path / "x.csv")])
    assert done.exit_code == 0
    assert "x.csv: 595 bars of 2 symbol(s), step 60 s" in done.stdout
    assert "gaps     1, 1.67% of all bars, longest 0.0833 h from 2024-01-01T01:40:00Z" in done.stdout
    assert "gaps     none" in done.stdout


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_refused_file_is_one_sentence_and_exit_code_2(tmp_path: Path, flags: list[str]) -> None:
    write_table(table(zone=None), tmp_path / "x.parquet")
    done = runner.invoke(app, ["check", str(tmp_path / "x.parquet"), *flags])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: x.parquet: times have no zone")
    assert done.stderr.count("\n") == 1
    assert runner.invoke(app, ["check", str(tmp_path / "x.parquet"), "--timezone", "UTC"]).exit_code == 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--stamp", "middle"], "choose open or close"),
        (["--step-s", "-1"], "a bar step of -1.0 s"),
        (["--step-s", "nan"], "a bar step of nan s"),
        (["--symbol", "X"], "no symbol 'X'; it holds SYN-A, SYN-B"),
        (["--timezone", "Mars"], "IANA name"),
    ],
)
def test_impossible_options_are_bad_input(tmp_path: Path, options: list[str], reason: str) -> None:
    write_table(table(), tmp_path / "x.parquet")
    done = runner.invoke(app, ["check", str(tmp_path / "x.parquet"), *options])
    assert (done.exit_code, done.stdout) == (2, "")
    assert reason in done.stderr


def test_a_missing_file_is_bad_input(tmp_path: Path) -> None:
    done = runner.invoke(app, ["check", str(tmp_path / "no.parquet")])
    assert done.exit_code == 2
    assert "does not exist" in done.stderr


class FakeExchange:
    name = "fake"
    page = 500

    def fetch_ohlcv(self, symbol: str, timeframe: str, since: int, limit: int) -> list[Candle]:
        return [[since + i * 60_000, 1.0, 2.0, 0.5, 1.5, 3.0] for i in range(limit)]


DOWNLOAD = ["download", "--exchange", "fake", "--symbol", "BTC/USDT", "--since", "2024-01-01", "--until", "2024-01-02"]


def test_download_writes_a_file_that_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alphaloop.data.exchange.open_exchange", lambda _: FakeExchange())
    out = tmp_path / "x.parquet"
    done = runner.invoke(app, [*DOWNLOAD, "--out", str(out), "--json"])
    assert done.exit_code == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["ok"], result["rows"], result["absent_rows"], result["path"]) == (True, 1_440, 0, str(out))
    assert len(read_bars(out)) == 1_440
    again = runner.invoke(app, [*DOWNLOAD, "--out", str(out)])
    assert (again.exit_code, again.stdout) == (2, "")
    assert "exists already" in again.stderr
    spoken = runner.invoke(app, [*DOWNLOAD, "--out", str(tmp_path / "y.csv")])
    assert "1,440 candles, 2024-01-01T00:00:00Z to 2024-01-02T00:00:00Z" in spoken.stdout


def test_download_refuses_bad_input_before_it_asks_anybody(tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "x.parquet")]
    wrong = runner.invoke(app, ["download", "--exchange", "binance", "--symbol", "X", "--since", "tomorrow", *out])
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "--since 'tomorrow' is not a time" in wrong.stderr
    unknown = runner.invoke(app, [*DOWNLOAD, *out])
    assert unknown.exit_code == 2
    assert "exchange 'fake' is not known to ccxt" in unknown.stderr
    assert list(tmp_path.iterdir()) == []


SLOW_DOWNLOAD = """
import sys, time
from pathlib import Path
from alphaloop.data.download import download
class Slow:
    name, page = "fake", 500
    def fetch_ohlcv(self, symbol, timeframe, since, limit):
        time.sleep(float(sys.argv[2]))
        return [[since + i * 60_000, 1.0, 2.0, 0.5, 1.0 + since % 7 / 10, 3.0] for i in range(limit)]
start = 1_704_067_200 * 10**9
download(Slow(), "X", "1m", start, start + 20_000 * 60 * 10**9, Path(sys.argv[1]))
"""


def test_kill_9_loses_nothing_and_changes_nothing(tmp_path: Path) -> None:
    def begin(name: str, pause_s: float) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", SLOW_DOWNLOAD, str(tmp_path / name), str(pause_s)], env=os.environ
        )

    assert begin("undisturbed.parquet", 0.0).wait(60) == 0
    for parts in (1, 4, 9):
        process = begin("killed.parquet", 0.02)
        folder, deadline = tmp_path / "killed.parquet.parts", time.monotonic() + 60
        while len(list(folder.glob("0*.parquet"))) < parts and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (tmp_path / "killed.parquet").exists()
    assert begin("killed.parquet", 0.0).wait(60) == 0
    assert (tmp_path / "killed.parquet").read_bytes() == (tmp_path / "undisturbed.parquet").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["killed.parquet", "undisturbed.parquet"]
