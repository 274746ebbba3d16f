"""Fixtures shared by all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of recorded market data beside the checkout; the test is skipped, aloud, where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no recorded market data: {SHARED_DATA.name} is not beside the checkout")
    return SHARED_DATA
