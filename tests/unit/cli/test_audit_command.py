"""``alphaloop audit``: exit codes, one JSON object, and the certificate."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from alphaloop.audit.certificate import read_certificate, verify_certificate
from alphaloop.cli.audit import audit
from alphaloop.core.hashing import hash_file
from alphaloop.data.synthetic import synthetic_bars

runner = CliRunner()
app = typer.Typer()
app.command()(audit)

CODE = """
import polars as pl

print("modules may talk")

def leaky(df):
    print("functions may, too")
    return df.with_columns(ahead=pl.col("close").shift(-1))

def fine(df: pl.DataFrame) -> pl.DataFrame:
    return df.select("symbol", "date", change=pl.col("close").pct_change().over("symbol"))
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """A file of functions, and one of zone-less bars."""
    code, data = tmp_path / "mine.py", tmp_path / "bars.csv"
    code.write_text(CODE)
    date = pl.from_epoch(pl.col("open_ns"), time_unit="ns").dt.strftime("%Y-%m-%d %H:%M:%S").alias("date")
    bars = synthetic_bars(300, symbols=("SYN-A", "SYN-B")).frame
    bars.select("symbol", date, "open", "high", "low", "close", "volume").write_csv(data)
    return str(code), str(data)


def test_a_leak_is_three_and_one_json_object(files: tuple[str, str], tmp_path: Path) -> None:
    code, data = files
    issued = tmp_path / "certificate.json"
    options = ["--data", data, "--seconds", "6", "--json", "--certificate", str(issued)]
    result = runner.invoke(app, [f"{code}:leaky", *options])
    assert result.exit_code == 3
    found = json.loads(result.stdout)
    assert (found["clean"], found["subject"]) == (False, "mine.py:leaky")
    assert {"kind", "column", "first_row", "reach_s", "evidence"} <= found["findings"][0].keys()
    assert [finding["column"] for finding in found["findings"]] == ["ahead"]
    assert found["checks"]["truncated"] > 0
    certificate = read_certificate(issued)
    assert certificate == found["certificate"]
    said = verify_certificate(certificate, code_hash=hash_file(Path(code)), data_hash=hash_file(Path(data)))
    assert said == ["the audit found 1 leaks"]


def test_clean_is_zero_and_says_what_was_tried(files: tuple[str, str]) -> None:
    code, data = files
    result = runner.invoke(app, [f"{code}:fine", "--data", data, "--seconds", "5"])
    assert result.exit_code == 0
    assert result.stdout.startswith("mine.py:fine: clean\nchecked in")


@pytest.mark.parametrize(
    ("subject", "data", "words"),
    [
        ("{code}:missing", "{data}", "there is no 'missing'"),
        ("{code}", "{data}", "to audit a function, name it as"),
        ("absent.py:f", "{data}", "absent.py does not exist"),
        ("no_such_set", "{data}", "no feature set is called 'no_such_set'"),
        ("{code}:fine", "absent.csv", "absent.csv does not exist"),
        ("{code}:fine", "{empty}", "is empty"),
    ],
)
def test_bad_input_is_two_and_one_sentence(
    subject: str, data: str, words: str, files: tuple[str, str], tmp_path: Path
) -> None:
    empty = tmp_path / "empty.csv"
    empty.touch()
    names = {"code": files[0], "data": files[1], "empty": str(empty)}
    result = runner.invoke(app, [subject.format(**names), "--data", data.format(**names), "--json"])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_something_must_be_named() -> None:
    result = runner.invoke(app, [])
    assert result.exit_code == 2
    assert "name what to audit" in result.stderr
