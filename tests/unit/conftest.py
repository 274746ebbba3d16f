"""Fixtures for tests that need an artifact."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """The maker of tiny artifacts: `graph`, `contract` and `make`."""
    path = Path(__file__).parents[1] / "compat" / "make_artifact.py"
    spec = importlib.util.spec_from_file_location("tiny_artifact", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def artifact(tiny: ModuleType, tmp_path: Path) -> Path:
    """Folder of a sound tiny artifact."""
    folder = tmp_path / "artifact"
    tiny.make(folder)
    return folder
