"""The reference page of the features is made from the features."""

from __future__ import annotations

from pathlib import Path

from alphaloop.markets.pumpfun.describe import PAGE, page
from alphaloop.markets.pumpfun.signals.catalogue import GENESIS, SIGNAL

ROOT = Path(__file__).resolve().parents[4]


def test_the_page_is_what_make_reference_writes() -> None:
    assert (ROOT / PAGE).read_text() == page(), "docs/reference/pumpfun-features.md is stale: run make reference"


def test_every_feature_is_there() -> None:
    text = page()
    assert all(f"| `{name}` |" in text for name in (*SIGNAL.names, *GENESIS.names))
    assert SIGNAL.hash[:16] in text
