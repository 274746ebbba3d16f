"""Every decision is where readers look for it."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(page.name for page in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))


@pytest.mark.parametrize("listing", ["mkdocs.yml", "docs/decisions/index.md"])
def test_decisions_are_listed(listing: str) -> None:
    text = (ROOT / listing).read_text()
    assert [page for page in PAGES if page not in text] == []
    assert len(PAGES) == int(PAGES[-1][:4])
