"""The plausible training run, for every test of this folder."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def plausible() -> ModuleType:
    """The maker of a training run that never happened: `plausible()` and its parts."""
    spec = importlib.util.spec_from_file_location("plausible", Path(__file__).with_name("plausible.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
