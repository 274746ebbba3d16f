"""The reference of the command line is the command line."""

from __future__ import annotations

from pathlib import Path

from alphaloop.cli.describe import PAGE, page

ROOT = Path(__file__).resolve().parents[3]


def test_the_page_is_what_make_reference_writes() -> None:
    assert (ROOT / PAGE).read_text() == page(), "docs/reference/cli.md is stale: run make reference"


def test_every_command_is_there() -> None:
    text = page()
    for name in ("demo", "audit", "train", "backtest", "trade", "data check", "data download", "features list"):
        assert f"## `alphaloop {name}`" in text
    assert "`--json`" in text
