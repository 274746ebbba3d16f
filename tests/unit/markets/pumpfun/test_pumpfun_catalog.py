"""The command line knows the features of events, and audits them on a recording."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from alphaloop.cli.app import app
from alphaloop.core.errors import UnknownNameError
from alphaloop.markets.catalog import feature_set
from alphaloop.markets.event_sets import named_event_sets
from alphaloop.markets.pumpfun.signals.catalogue import GENESIS, SIGNAL
from alphaloop.markets.pumpfun.simulator.chain import simulate
from alphaloop.markets.pumpfun.simulator.settings import SimulationSettings


def run(*arguments: str) -> tuple[int, dict]:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    return result.exit_code, json.loads(result.stdout) if result.stdout else {"error": result.stderr}


def test_sets_of_events_are_listed_beside_those_of_bars() -> None:
    code, listed = run("features", "list")
    assert code == 0
    found = {row["name"]: row for row in listed["sets"]}
    assert (found["pumpfun-signal"]["features"], found["pumpfun-genesis"]["features"]) == (68, 75)
    assert found["pumpfun-signal"]["hash"] == SIGNAL.hash
    assert len(found["pumpfun-genesis"]["families"]) == 9
    assert "bars" in found
    assert not set(named_event_sets()) & {"bars", "bars_context"}


def test_a_set_of_events_is_shown_with_source_and_meaning_of_missing() -> None:
    code, shown = run("features", "show", "pumpfun-genesis")
    assert code == 0
    assert [feature["name"] for feature in shown["features"]] == list(GENESIS.names)
    assert set(shown["features"][0]) == {"name", "family", "unit", "source", "missing"}
    text = CliRunner().invoke(app, ["features", "show", "pumpfun-signal"]).stdout
    assert "68 features of events" in text
    assert "missing means" in text


def test_they_are_no_features_of_bars() -> None:
    with pytest.raises(UnknownNameError, match="has features of events, not of bars"):
        feature_set("pumpfun-signal")


@pytest.mark.parametrize("name", ["pumpfun-signal", "pumpfun-genesis"])
def test_a_recording_is_audited_from_the_command_line(tmp_path_factory, name) -> None:
    folder = tmp_path_factory.mktemp("recording")
    simulate(SimulationSettings(days=0.02, launches_per_day=2_000, seed=4), folder)
    certificate = folder.parent / f"{name}.json"
    code, result = run("audit", name, "--data", str(folder), "--seconds", "1", "--certificate", str(certificate))
    assert code == 0, result
    assert result["clean"]
    assert result["subject"] == name
    assert result["checks"]["saved and restored, timers fired at idle moments"] == 1
    assert json.loads(certificate.read_text())["content_hash"] == result["certificate"]["content_hash"]


def test_a_recording_that_is_not_there_is_bad_input(tmp_path) -> None:
    result = CliRunner().invoke(app, ["audit", "pumpfun-signal", "--data", str(tmp_path / "absent")])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
