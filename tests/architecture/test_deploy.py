"""What deploy/ starts exists: every command line is one that the program takes."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from alphaloop.cli.app import app

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES = {name: each["command"] for name, each in COMPOSE["services"].items() if "build" in each}
UNITS = sorted(DEPLOY.glob("*.service"))


def exit_code(words: list[str]) -> int:
    """What the program says of a command line, values included; nothing is run."""
    command, context = get_command(app), None
    try:
        while True:
            context = command.make_context("alphaloop", list(words), parent=context)
            rest = [*context._protected_args, *context.args]
            if not rest:
                return 0
            _, command, words = command.resolve_command(context, rest)  # type: ignore[attr-defined]
    except Exception as error:
        return int(error.exit_code)  # type: ignore[attr-defined] # anything else than wrong usage has none


def words_of(unit: Path) -> list[str]:
    text = unit.read_text().replace("\\\n", " ")
    line = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    program, *words = shlex.split(line.removeprefix("ExecStart="))
    assert program.endswith("/alphaloop")
    return words


def test_the_compose_file_has_everything() -> None:
    assert set(COMPOSE["services"]) == {"postgres", "redis", "collector", "trader", "dashboard"}
    assert set(SERVICES) == {"collector", "trader", "dashboard"}
    for name, service in COMPOSE["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        named = [volume.partition(":")[0] for volume in service.get("volumes", ())]
        assert all(volume.startswith("./") or volume in COMPOSE["volumes"] for volume in named), name


@pytest.mark.parametrize("name", SERVICES)
def test_its_commands_are_ours(name: str) -> None:
    assert exit_code(SERVICES[name]) == 0


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_units_commands_are_ours(unit: Path) -> None:
    assert exit_code(words_of(unit)) == 0


@pytest.mark.parametrize(
    "words",
    [["live", "dashboards"], ["live", "--no-such-option"], ["live", "dashboard", "--port=x"], ["live", "--data"]],
)
def test_the_check_can_fail(words: list[str]) -> None:
    assert exit_code(words) == 2
