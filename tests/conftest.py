"""Fixtures shared by all tests."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of recorded market data beside the checkout; the test is skipped, aloud, where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no recorded market data: {SHARED_DATA.name} is not beside the checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def case() -> ModuleType:
    """The maker of an artifact that trades often, and of bars for it: `make_artifact`, `write_bars`."""
    spec = importlib.util.spec_from_file_location("trader_case", Path(__file__).with_name("trader_case.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
