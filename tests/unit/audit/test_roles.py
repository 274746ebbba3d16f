"""Which column plays which part, and when rows were known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from alphaloop.audit.cuts import notable_cuts
from alphaloop.audit.roles import find_roles, known_times
from alphaloop.core.errors import DataError

MINUTE = 60_000_000_000


def times(*minutes: int) -> pl.Series:
    return pl.Series("date", [1_704_067_200_000_000 + 60_000_000 * m for m in minutes]).cast(pl.Datetime("us"))


def test_the_usual_spellings_are_understood() -> None:
    frame = pl.DataFrame({"Ticker": ["A"], "Open Time": [1_704_067_200_000], "bid_high": [2.0], "ask_low": [1.0],
                          "tick_volume": [3], "RSI": [4.0]})  # fmt: skip
    roles = find_roles(frame)
    assert (roles.symbol, roles.time, roles.known) == ("Ticker", "Open Time", None)
    assert (roles.highs, roles.lows, roles.volumes) == (("bid_high",), ("ask_low",), ("tick_volume",))


def test_a_target_must_be_a_column() -> None:
    with pytest.raises(DataError, match="target 'y' is not a column"):
        find_roles(pl.DataFrame({"close": [1.0]}), "y")


def test_bars_are_known_a_step_after_their_open_each_symbol_by_its_own() -> None:
    frame = pl.DataFrame([times(0, 1, 2, 0, 60, 120), pl.Series("symbol", ["A"] * 3 + ["B"] * 3)])
    time, known = known_times(frame, find_roles(frame))
    assert ((known - time) // MINUTE).tolist() == [1, 1, 1, 60, 60, 60]
    assert np.array_equal(*known_times(frame, find_roles(frame), stamp="close"))


def test_a_column_of_known_times_decides() -> None:
    frame = pl.DataFrame([times(0, 1, 2), times(9, 1, 2).alias("known_at")])
    roles = find_roles(frame)
    assert (roles.time, roles.known) == ("date", "known_at")
    assert known_times(frame, roles)[1].argmax() == 0


def test_without_times_rows_are_in_order() -> None:
    frame = pl.DataFrame({"close": [3.0, 1.0, 2.0]})
    assert (np.diff(known_times(frame, find_roles(frame))[1]) > 0).all()


def test_cuts_lie_around_what_is_rare() -> None:
    n = 400
    close = np.full(n, 100.0)
    close[250:] = 110.0
    stamps = [*range(100), *range(5000, 5000 + n - 100)]
    frame = pl.DataFrame([times(*stamps), pl.Series("close", close)])
    roles = find_roles(frame)
    time, known = known_times(frame, roles)
    cuts = notable_cuts(frame, roles, time, known, 10, np.random.default_rng(0))
    assert {249, 248, 98, 99} <= set(cuts)
    assert len(cuts) == len(set(cuts))
    assert all(0 <= cut < n - 1 for cut in cuts)
