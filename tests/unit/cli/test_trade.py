"""``backtest`` and ``trade`` as a shell sees them."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest
import typer
from typer.testing import CliRunner, Result

from alphaloop.cli import trade

app = typer.Typer()
app.command()(trade.backtest)
app.command()(trade.trade)
runner = CliRunner()


@pytest.fixture(scope="module")
def folder(case: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    case.make_artifact(folder / "artifact")
    case.write_bars(folder / "bars.parquet", 400)
    return folder


def backtest(folder: Path, *options: str) -> Result:
    return runner.invoke(app, ["backtest", str(folder / "artifact"), "--data", str(folder / "bars.parquet"), *options])


def dry_run(folder: Path, *options: str) -> Result:
    replay = ["--dry-run", "--replay", str(folder / "bars.parquet")]
    return runner.invoke(app, ["trade", str(folder / "artifact"), *replay, *options])


def refused(done: Result) -> str:
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_both_commands_give_one_json_object_with_the_same_trades(folder: Path, tmp_path: Path) -> None:
    first, second = backtest(folder, "--json"), dry_run(folder, "--json", "--state", str(tmp_path / "s.db"))
    assert first.exit_code == second.exit_code == 0
    assert first.stdout.count("\n") == second.stdout.count("\n") == 1
    assert first.stderr == second.stderr == ""
    one, other = json.loads(first.stdout), json.loads(second.stdout)
    for key in ("trades", "net_return", "max_drawdown", "trades_digest"):
        assert one[key] == other[key]
    assert one["trades"] > 10
    assert len(one["trades_digest"]) == 64


def test_people_get_figures(folder: Path) -> None:
    shown = backtest(folder).stdout
    for word in ("trades", "net return", "max drawdown", "digest"):
        assert word in shown


def test_settings_change_the_plan(folder: Path) -> None:
    none = json.loads(backtest(folder, "--json", "--set", "trading.policy.threshold=0.999").stdout)
    assert none["trades"] == 0
    assert none["win_rate"] is None


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_trades_are_written(folder: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"trades{ending}"
    result = json.loads(backtest(folder, "--json", "--out", str(out)).stdout)
    table = pl.read_csv(out) if ending == ".csv" else pl.read_parquet(out)
    assert table.height == result["trades"]
    assert table["net"].sum() == pytest.approx(result["final_equity"] - result["initial_cash"])


def test_a_run_without_trades_writes_an_empty_table(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "trades.csv"
    assert backtest(folder, "--out", str(out), "--set", "trading.policy.threshold=0.999").exit_code == 0
    assert pl.read_csv(out).height == 0


def test_bad_input_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    assert "--out" in refused(backtest(folder, "--out", str(tmp_path / "x.xlsx")))
    assert "did you mean 'threshold'" in refused(backtest(folder, "--set", "trading.policy.treshold=1"))
    assert "nowhere" in refused(runner.invoke(app, ["backtest", str(tmp_path / "nowhere"), "--data", "x.csv"]))
    missing = ["backtest", str(folder / "artifact"), "--data", str(tmp_path / "no.parquet")]
    assert "no.parquet" in refused(runner.invoke(app, missing))
    (tmp_path / "not.db").write_text("no database" * 1000)
    assert "not a state file" in refused(dry_run(folder, "--state", str(tmp_path / "not.db")))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["not.db", "not.db.lock"]


def test_input_that_cannot_be_traded_leaves_no_state_behind(case: ModuleType, folder: Path, tmp_path: Path) -> None:
    case.write_bars(tmp_path / "short.parquet", 10)
    short = ["--dry-run", "--replay", str(tmp_path / "short.parquet"), "--state", str(tmp_path / "s.db")]
    assert "warm up" in refused(runner.invoke(app, ["trade", str(folder / "artifact"), *short]))
    assert "policy" in refused(dry_run(folder, "--state", str(tmp_path / "s.db"), "--set", "policy.side=up"))
    assert [path.name for path in tmp_path.iterdir()] == ["short.parquet"]


def test_a_changed_byte_is_refused(case: ModuleType, tmp_path: Path) -> None:
    case.make_artifact(tmp_path / "artifact")
    model = tmp_path / "artifact" / "model.onnx"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(bytes(content))
    case.write_bars(tmp_path / "bars.parquet", 100)
    assert "model.onnx" in refused(backtest(tmp_path))


def test_money_is_not_part_of_this_release(folder: Path) -> None:
    for options in ([], ["--dry-run"], ["--replay", str(folder / "bars.parquet")]):
        message = refused(runner.invoke(app, ["trade", str(folder / "artifact"), *options]))
        assert "not part of this release" in message


def test_a_state_of_another_run_is_refused(folder: Path, tmp_path: Path) -> None:
    state = str(tmp_path / "s.db")
    assert dry_run(folder, "--state", state).exit_code == 0
    assert "--state" in refused(dry_run(folder, "--state", state, "--set", "trading.initial_cash=5000"))
