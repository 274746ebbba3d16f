"""Tables and material shared by the tests of the audit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from alphaloop.audit.phases import Material
from alphaloop.audit.tables import Table

SUBJECTS = Path(__file__).with_name("subjects") / "functions.py"


def minute_table(n: int = 600, seed: int = 1, symbols: tuple[str, ...] = ("A",)) -> pl.DataFrame:
    """Valid one-minute bars that end days and hours, one walk a symbol, rows of one minute side by side."""
    rng = np.random.default_rng(seed)
    parts = []
    for symbol in symbols:
        close = 100.0 * np.exp(np.cumsum(0.002 * rng.standard_normal(n)))
        opened = np.concatenate([[100.0], close[:-1]])
        wide = 0.001 * np.abs(rng.standard_normal((2, n)))
        parts.append(
            pl.DataFrame(
                {
                    "symbol": [symbol] * n,
                    "date": pl.Series(np.arange(n) * 60_000_000 + 1_704_061_800_000_000).cast(pl.Datetime("us", "UTC")),
                    "open": opened,
                    "high": np.maximum(opened, close) * (1 + wide[0]),
                    "low": np.minimum(opened, close) * (1 - wide[1]),
                    "close": close,
                    "volume": rng.gamma(2.0, 10.0, n),
                }
            )
        )
    return pl.concat(parts).sort("date", "symbol")


@pytest.fixture(scope="session")
def minutes() -> Callable[..., pl.DataFrame]:
    """Make a table of minutes; see `minute_table`."""
    return minute_table


@pytest.fixture(scope="session")
def as_table() -> Callable[..., Table]:
    """Give a frame the form that the worker sees."""
    return as_audit_table


@pytest.fixture(scope="session")
def subjects() -> Path:
    """File with functions to audit."""
    return SUBJECTS


@pytest.fixture
def table() -> pl.DataFrame:
    """600 minutes of one symbol."""
    return minute_table()


def as_audit_table(frame: pl.DataFrame, target: str | None = None) -> Table:
    """The table as the worker sees it."""
    material = Material.of(frame, target, None, "open")
    return Table.of(frame.to_arrow(), material.roles, material.time, material.known)
