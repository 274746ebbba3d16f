"""Bars made by hand for label tests."""

from __future__ import annotations

import polars as pl
import pytest

STEP = 60 * 10**9


@pytest.fixture
def bars():
    """Make a frame from (open, high, low, close) rows, one bar a minute; `minutes` says which minutes have a bar."""

    def _bars(rows, minutes=None, symbol="A", atr=1.0):
        minutes = range(len(rows)) if minutes is None else minutes
        opened = [STEP * minute for minute in minutes]
        o, h, l, c = zip(*rows, strict=True)  # noqa: E741
        return pl.DataFrame(
            {
                "symbol": [symbol] * len(rows),
                "open_ns": opened,
                "known_ns": [ns + STEP for ns in opened],
                "open": [float(x) for x in o],
                "high": [float(x) for x in h],
                "low": [float(x) for x in l],
                "close": [float(x) for x in c],
                "atr": [float(atr)] * len(rows) if not isinstance(atr, list) else atr,
            }
        )

    return _bars


@pytest.fixture
def closes(bars):
    """Make a frame of bars that open at the close before, from closes alone."""

    def _closes(values, minutes=None, **more):
        before = [values[0], *values[:-1]]
        return bars([(b, max(b, c), min(b, c), c) for b, c in zip(before, values, strict=True)], minutes, **more)

    return _closes
