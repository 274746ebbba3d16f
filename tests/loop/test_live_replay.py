"""``alphaloop live --replay``: a recorded period, traded on paper as fast as it goes, always with the same result."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import live_command as live
import pump_models
from alphaloop.markets.pumpfun.live.schema import SCHEMA
from alphaloop.markets.pumpfun.signals.catalogue import GENESIS
from alphaloop.stores.records import open_records

MEASURED = ("seconds", "models")
STORED = {
    "live_decisions": ("signal_id", "at_ns", "record"),
    "live_trades": ("trade_id", "status", "exit_reason", "spent_lamports", "received_lamports", "record"),
    "live_journal": ("seq", "inputs"),
}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six hours of a simulated market."""
    folder = tmp_path_factory.mktemp("recorded") / "sim"
    say("pumpfun", "simulate", "--days", "0.25", "--launches", "3000", "--out", folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    found = live.Folder(tmp_path_factory.mktemp("replayed"))
    rows = np.random.default_rng(3).lognormal(0, 2, (300, len(GENESIS))).astype(np.float32)
    # Of those that come of such rows, one that says yes often enough for launches to be told.
    pump_models.make_artifact(found.models / "launch", "launch", GENESIS.name, rows, created_ns=1, seed=8)
    strategy = {"source": "genesis_signal", "model": "launch", "score_threshold": 0.05, "max_hold_s": 600.0}
    strategy |= {"take_profit": 1.5, "stop_loss": 0.5}
    found.settings.write_text(live.collect_command.toml({"portfolio": {"strategies": {"plain": strategy}}}))
    return found


def say(*words: object) -> dict[str, Any]:
    # A process of its own: a command sets up the logging of the one that it runs in.
    command = [str(live.ALPHALOOP), *map(str, words), "--json"]
    found = subprocess.run(command, capture_output=True, text=True, env=live.environment_of(None, ""), check=False)
    assert found.returncode == 0, found.stderr
    told: dict[str, Any] = json.loads(found.stdout)
    return told


def stored(url: str) -> dict[str, list[tuple[Any, ...]]]:
    with open_records(url) as records:
        records.migrate(SCHEMA)
        return {
            table: [tuple(row[name] for name in names) for row in records.select(table, order_by=[names[0]])]
            for table, names in STORED.items()
        }


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'replay.db'}"
    found: str = request.getfixturevalue("postgres_place")
    return found


@pytest.mark.parametrize("place", ["sqlite", "postgresql"], indirect=True)
def test_a_recording_is_traded_and_comes_to_the_same_each_time(folder: Any, recording: Path, place: str) -> None:
    begin = ("live", "--replay", recording, "--settings", folder.settings, "--models", folder.models, "--db", place)
    first = say(*begin)
    rows = stored(place)
    again = say(*begin)
    assert {name: again[name] for name in first if name not in MEASURED} == {
        name: first[name] for name in first if name not in MEASURED
    }
    assert stored(place) == rows
    assert first["recorded_s"] > 100 * first["seconds"], "as fast as it goes, and not in its own time"
    assert first["decisions"] == len(rows["live_decisions"]) > 10
    assert len(rows["live_trades"]) >= first["total_trades"] > 3
    counted = say("live", "why-not", "--last", "36500d", "--db", place)
    assert counted["signals"] == first["decisions"]
    assert counted["taken"] == first["decisions"] - sum(first["stopped_by"].values())
