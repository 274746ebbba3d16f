"""Recorded files instead of the chain: what they allow is there, what they do not is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer import Typer
from typer.testing import CliRunner

from alphaloop.cli.collect import collect
from alphaloop.core.errors import DataError
from alphaloop.core.progress import silent
from alphaloop.markets.pumpfun.market import PumpMarket
from alphaloop.markets.pumpfun.recording.replay import read_events
from alphaloop.markets.pumpfun.recording.wal import Wal
from alphaloop.markets.pumpfun.services.assembly import open_database
from alphaloop.markets.pumpfun.services.replay import replay_into
from alphaloop.markets.pumpfun.services.settings import CollectSettings
from alphaloop.markets.pumpfun.simulator.chain import events as simulated
from alphaloop.markets.pumpfun.simulator.settings import SimulationSettings

app = Typer()
app.command()(collect)


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_recording_gives_what_the_market_gives(tmp_path: Path) -> None:
    records = list(islice(simulated(SimulationSettings.small()), 4_000))
    with Wal(tmp_path / "recording") as wal:
        wal.append(records[:3_000])
        wal.sync()
        wal.seal()
        wal.append(records[3_000:])
        wal.sync()
    database = f"sqlite:///{tmp_path / 'x.db'}"
    result = replay_into(tmp_path / "recording", database, CollectSettings(), None, silent)
    market = PumpMarket()
    for event in read_events(tmp_path / "recording"):
        market.apply(event)
    assert result["events"] == market.counts.events == 4_000
    assert result["signals"] == market.counts.signals
    with open_database(database) as stored:
        for table, count in result["tables"].items():
            assert 0 < stored.count(table) <= count
        assert stored.count("trades") == result["tables"]["trades"]
    again = replay_into(tmp_path / "recording", database, CollectSettings(), None, silent)
    with open_database(database) as stored:
        assert stored.count("trades") == again["tables"]["trades"]


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        replay_into(tmp_path / "nothing", "memory://", CollectSettings(), None, silent)
    found = invoke("--replay", tmp_path / "nothing", "--db", "memory://")
    assert found.exit_code == 2
    found = invoke("--replay", tmp_path, "--db", "memory://", "--report", tmp_path / "x.txt")
    assert found.exit_code == 2
    assert "ends in .html or .json" in found.stderr
    assert invoke("--endpoints", tmp_path / "none.toml", "--data", tmp_path).exit_code == 2


def test_strange_files_are_told_apart_and_nothing_fails(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "b.json").write_text('{"x": 1}')
    (tmp_path / "c.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "d.txt").write_text("hello")
    report = tmp_path.parent / f"{tmp_path.name}.json"
    with pytest.raises(DataError, match=r"a.json does not allow events: .*, and 3 more; give a recording"):
        replay_into(tmp_path, f"sqlite:///{report}.db", CollectSettings(), report, silent)
    result = json.loads(report.read_text())
    assert [file["kind"] for file in result["files"]] == ["other JSON", "other JSON", "other", "other"]
    assert all(file["not_allowed"] for file in result["files"])
    assert result["events"] == 0
    assert not Path(f"{report}.db").exists(), "what holds nothing leaves no database"


def test_files_that_hold_nothing_are_bad_input(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.md").write_text("# words")
    for path, said in ((tmp_path / "x.md", "neither JSON nor Parquet"), (tmp_path / "empty", "there is nothing in it")):
        found = invoke("--replay", path, "--db", f"sqlite:///{tmp_path / 'x.db'}")
        assert found.exit_code == 2
        assert said in found.stderr
        assert not (tmp_path / "x.db").exists()


@pytest.mark.parametrize(
    "option",
    [("--bus", "redis://127.0.0.1:1"), ("--api",), ("--api-port", "9"), ("--duration", "3"), ("--until-idle",),
     ("--endpoints", "x.toml"), ("--archive", "there")],
)  # fmt: skip
def test_what_a_replay_does_not_do_is_refused(tmp_path: Path, option: tuple[str, ...]) -> None:
    found = invoke("--replay", tmp_path, "--db", "memory://", *option)
    assert found.exit_code == 2
    assert f"{option[0]} with --replay" in found.stderr


def test_models_that_are_not_there_are_bad_input(tmp_path: Path) -> None:
    found = invoke("--replay", tmp_path, "--db", "memory://", "--models", tmp_path / "none")
    assert found.exit_code == 2
    assert "no such folder" in found.stderr


def test_an_environment_for_the_collector_stands_in_no_replays_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    assert "there is nothing in it" in invoke("--replay", tmp_path, "--db", "memory://").stderr


@pytest.mark.parametrize("url", ["postgresql://u:secret@127.0.0.1:1/x", "sqlite:////proc/none/x.db", "sqlite:///{}"])
def test_a_database_that_cannot_be_used_at_the_start_is_bad_input(tmp_path: Path, url: str) -> None:
    with Wal(tmp_path / "recording") as wal:
        wal.append(list(islice(simulated(SimulationSettings.small()), 10)))
        wal.sync()
    found = invoke("--replay", tmp_path / "recording", "--db", url.format(tmp_path))
    assert found.exit_code == 2, found.stderr
    assert "--db" in found.stderr
    assert "secret" not in found.stderr


@pytest.mark.real
def test_real_tables_become_candles_outcomes_coins_and_windows(real_data: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    database = tmp_path / "real.db"
    found = invoke("--replay", real_data / "pumpfun", "--db", f"sqlite:///{database}", "--report", report, "--json")
    assert found.exit_code == 0, found.stderr
    result = json.loads(found.stdout)
    files = {file["file"]: file for file in result["files"]}
    snapshots = files["curve_snapshots_2025-06-06.parquet"]
    assert snapshots["rows"] == 10_740
    assert any("wallets" in line for line in snapshots["not_allowed"])
    windows = files["instructions_2025-06-05.parquet"]["windows"]
    assert len(windows) == 21
    assert any(window["buys_60s"] is None for window in windows)
    assert any(window["buys_60s"] and window["buyers_60s"] for window in windows)
    assert any("no amounts" in line for line in files["instructions_2025-06-05.parquet"]["not_allowed"])
    with open_database(f"sqlite:///{database}") as records:
        curves = records.select("signal_outcomes", {"kind": "curve"})
        assert len({row["signal_id"] for row in curves}) == 75
        seen = [row for row in curves if row["observed"]]
        assert 0 < len(seen) < len(curves)
        assert all(row["raw_multiple"] is None and row["reason"] for row in curves if not row["observed"])
        assert all(row["raw_multiple"] >= 1.0 for row in seen)
        assert all(row["tradable_multiple"] < row["raw_multiple"] for row in seen if row["tradable_multiple"])
        assert records.count("tokens") >= 51 - 21
        assert records.count("candles_1m") > 200
        assert records.count("genesis_observations") == 0
    page = report.read_text()
    assert "curve_snapshots_2025-06-06.parquet" in page
    assert "http" not in page.split("</style>")[1].split("<h2>")[0]


@pytest.mark.real
def test_every_real_event_goes_through_the_books(real_data: Path, tmp_path: Path) -> None:
    result = replay_into(real_data / "pumpfun-logs", "memory://", CollectSettings(), tmp_path / "logs.json", silent)
    assert result["events"] == 12
    assert all("events through every book" in file["allowed"][0] for file in result["files"])
    assert json.loads((tmp_path / "logs.json").read_text()) == result
    expected = sum(
        len(json.loads(path.read_text())["expected_events"]) for path in (real_data / "pumpfun-logs").glob("*.json")
    )
    assert sum(file["rows"] for file in result["files"]) == expected
