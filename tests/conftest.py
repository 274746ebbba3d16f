"""Fixtures shared by all tests."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

# How long an example takes is the machine's affair; on a new checkout the first text waits for a table of characters.
hypothesis_settings.register_profile("any_machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("any_machine")

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
    return beside("trader_case")


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Any]:
    """A real Redis of this session's own, which a test may stop and start; it forgets everything then."""
    server = beside("servers").RedisServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """A real PostgreSQL of this session's own, which a test may stop and start."""
    server = beside("servers").PostgresServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def redis_url(request: pytest.FixtureRequest) -> str:
    """A real Redis: the one that ALPHALOOP_TEST_REDIS_URL names, or this session's own."""
    return os.environ.get("ALPHALOOP_TEST_REDIS_URL") or request.getfixturevalue("redis_server").url


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> str:
    """A real PostgreSQL: the one that ALPHALOOP_TEST_POSTGRES_URL names, or this session's own."""
    return os.environ.get("ALPHALOOP_TEST_POSTGRES_URL") or request.getfixturevalue("postgres_server").url


@pytest.fixture
def postgres_place(postgres_url: str) -> Iterator[str]:
    """The URL of an empty schema in a real PostgreSQL, gone after the test."""
    with beside("servers").schema(postgres_url) as place:
        yield place


def beside(name: str) -> ModuleType:
    """Import a module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def pump() -> ModuleType:
    """The maker of small Pump.fun markets: `market_events`, `Chain`, `Curve`, `TRACKED`."""
    spec = importlib.util.spec_from_file_location("pump_case", Path(__file__).with_name("pump_case.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
