"""Whatever a function returns is read, and matched with the rows of its input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from alphaloop.audit.alignment import align
from alphaloop.audit.compare import Exactness, compare, past
from alphaloop.audit.outputs import UnreadableOutputError, read_output
from alphaloop.audit.tables import Table

AsTable = Callable[..., Table]
N = 30


@pytest.fixture
def given(minutes: Callable[..., pl.DataFrame], as_table: AsTable) -> Table:
    return as_table(minutes(N))


def ids(returned: Any, given: Table, **how: Any) -> tuple[str, list[int]]:
    output = read_output(returned, None)
    aligned = align(output, given, np.arange(len(given)), how.get("sequence"), how.get("offset", 0))
    return aligned.how, aligned.ids.tolist()


def frames(given: Table) -> tuple[pl.DataFrame, pd.DataFrame]:
    frame = pl.from_arrow(given.arrow())
    assert isinstance(frame, pl.DataFrame)
    return frame, frame.to_pandas()


@pytest.mark.parametrize(
    "returned",
    [
        pl.DataFrame({"x": np.arange(3)}),
        pl.DataFrame({"x": np.arange(3)}).lazy(),
        pl.Series("x", np.arange(3)),
        pd.DataFrame({"x": np.arange(3)}),
        pd.Series(np.arange(3), name="x"),
        {"x": np.arange(3)},
        np.array([(0,), (1,), (2,)], dtype=[("x", "i8")]),
        (pl.DataFrame({"x": np.arange(3)}), ["x"]),
    ],
)
def test_every_sort_of_table_is_read(returned: Any) -> None:
    output = read_output(returned, None)
    assert output.length == 3
    assert list(output.columns["x"]) == [0, 1, 2]


def test_plain_arrays_and_lists_have_columns_too() -> None:
    assert list(read_output(np.ones((4, 2)), None).columns) == ["column_0", "column_1"]
    assert read_output([1.0, None], None).columns["value"][0] == 1.0


def test_a_frame_changed_in_place_is_what_was_returned() -> None:
    frame = pd.DataFrame({"x": [1.0]})
    assert list(read_output(None, frame).columns) == ["x"]


@pytest.mark.parametrize("returned", [3, "words", object(), (1, 2), np.float64(2.0)])
def test_anything_else_is_refused(returned: Any) -> None:
    with pytest.raises(UnreadableOutputError, match="returned"):
        read_output(returned, None)


def test_words_booleans_dates_and_missing_values_are_kept_apart() -> None:
    frame = pl.DataFrame({"w": ["a", None], "b": [True, None], "i": [1, None], "d": [None, None]})
    columns = read_output(frame.with_columns(t=pl.lit("2024-01-01").str.to_date()), None).columns
    assert columns["w"][0] == "a"
    assert np.isnan(columns["i"][1])
    assert np.isnan(columns["b"][1])
    assert columns["t"][0] == 1_704_067_200_000_000_000
    assert columns["w"][1] != ""


def test_rows_of_equal_number_stand_at_their_places(given: Table) -> None:
    assert ids(pl.DataFrame({"x": np.zeros(N)}), given) == ("position", list(range(N)))


def test_rows_with_their_times_are_found_in_any_order_and_number(given: Table) -> None:
    frame, _ = frames(given)
    assert ids(frame.reverse().select("date"), given) == ("keys", list(range(N))[::-1])
    assert ids(frame[5:9].select("date"), given) == ("keys", [5, 6, 7, 8])


def test_times_between_rows_are_neither_lost_nor_mistaken(given: Table) -> None:
    frame, _ = frames(given)
    between = frame[:2].select(pl.col("date").dt.offset_by("30s"))
    how, found = ids(between, given)
    assert how == "keys"
    assert all(row < 0 for row in found)
    assert len(set(found)) == 2


def test_pandas_rows_are_found_by_their_index(given: Table) -> None:
    _, frame = frames(given)
    assert ids(frame[["close"]].iloc[7:12], given) == ("index", [7, 8, 9, 10, 11])
    assert ids(frame[["close"]].iloc[::-1], given)[1] == list(range(N))[::-1]


def test_passed_through_prices_say_which_rows_they_are(given: Table) -> None:
    frame, _ = frames(given)
    assert ids(frame[4:].select("close", x=pl.lit(1)), given) == ("values", list(range(4, N)))


def test_without_any_key_the_order_counts(given: Table) -> None:
    short = pl.DataFrame({"x": np.zeros(N - 4)})
    assert ids(short, given) == ("sequence", list(range(N - 4)))
    assert ids(short, given, sequence="offset", offset=4) == ("offset", list(range(4, N)))
    assert ids(pl.DataFrame({"x": np.zeros(3)}), given, sequence="tail") == ("tail", [N - 3, N - 2, N - 1])


def test_a_correction_speaks_of_the_first_row_of_its_key(
    minutes: Callable[..., pl.DataFrame], as_table: AsTable
) -> None:
    frame = minutes(10)
    late = frame[2:3].with_columns(close=pl.lit(1.0))
    known = pl.concat([frame["date"].dt.offset_by("1m"), frame["date"][9:].dt.offset_by("1m")])
    table = as_table(pl.concat([frame, late]).with_columns(known_at=known))
    assert ids(frame.select("date"), table) == ("keys", list(range(10)))


def differences(a: Any, b: Any, given: Table, exactness: Exactness, *, same_rows: bool = False) -> dict[str, Any]:
    sides = [align(read_output(part, None), given, np.arange(len(given)), None, 0) for part in (a, b)]
    until = int(given.known[20])
    masks = [past(side, -(2**63), until, None) for side in sides]
    return compare(*sides, *masks, exactness, same_rows=same_rows)


def test_the_last_bit_counts_and_minus_zero_does_not(given: Table) -> None:
    base = np.linspace(1.0, 2.0, N)
    other = base.copy()
    other[7] = np.nextafter(other[7], 9.0)
    found = differences(pl.DataFrame({"x": base}), pl.DataFrame({"x": other}), given, Exactness())
    assert found["x"].rows == (7, 7, 7)
    assert not differences(pl.DataFrame({"x": base}), pl.DataFrame({"x": other}), given, Exactness(1e-13))
    zero = pl.DataFrame({"x": np.zeros(N)})
    assert not differences(zero, pl.DataFrame({"x": -np.zeros(N)}), given, Exactness())


def test_missing_equals_missing_and_nothing_else(given: Table) -> None:
    base, other = np.full(N, np.nan), np.full(N, np.nan)
    assert not differences(pl.DataFrame({"x": base}), pl.DataFrame({"x": other}), given, Exactness())
    other[3] = 1.0
    found = differences(pl.DataFrame({"x": base}), pl.DataFrame({"x": other}), given, Exactness(1e-13))
    assert (found["x"].before, found["x"].after, found["x"].count) == (None, 1.0, 1)


def test_rows_after_the_cut_may_differ(given: Table) -> None:
    base = np.zeros(N)
    other = np.where(np.arange(N) >= 20, 5.0, 0.0)
    assert not differences(pl.DataFrame({"x": base}), pl.DataFrame({"x": other}), given, Exactness())


def test_a_column_that_comes_and_goes_is_a_difference_unless_it_says_nothing(given: Table) -> None:
    with_column = pl.DataFrame({"x": np.zeros(N), "extra": np.ones(N)})
    without = pl.DataFrame({"x": np.zeros(N)})
    assert set(differences(with_column, without, given, Exactness())) == {"extra"}
    assert set(differences(without, with_column, given, Exactness())) == {"extra"}
    silent = with_column.with_columns(extra=pl.lit(0.0))
    assert not differences(silent, without, given, Exactness())


def test_rows_that_come_and_go_are_a_difference(given: Table) -> None:
    frame, _ = frames(given)
    fewer = frame.filter(pl.int_range(pl.len()) != 4)
    found = differences(frame.select("date"), fewer.select("date"), given, Exactness(), same_rows=True)
    assert found["(rows)"].rows[0] == 4
