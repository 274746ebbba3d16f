"""Changed futures change the future, and only that."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from alphaloop.audit.jobs import Change, Scene
from alphaloop.audit.mutations import KINDS
from alphaloop.audit.runs import build_scene, changed
from alphaloop.audit.tables import Table
from alphaloop.audit.variants import VARIANTS

AsTable = Callable[..., Table]
Minutes = Callable[..., pl.DataFrame]


def frame_of(table: Table) -> pl.DataFrame:
    made = pl.from_arrow(table.arrow())
    assert isinstance(made, pl.DataFrame)
    return made


@pytest.fixture
def rich(minutes: Minutes) -> pl.DataFrame:
    """Two symbols and columns of every sort that a file may hold."""
    frame = minutes(60, symbols=("A", "B"))
    n = frame.height
    return frame.with_columns(
        word=pl.Series([None if at % 7 == 0 else f"w{at % 5}" for at in range(n)]),
        kind=pl.Series(["x", "y"] * (n // 2)).cast(pl.Categorical),
        flag=pl.Series([at % 3 == 0 for at in range(n)]),
        count=pl.Series([None if at % 11 == 0 else at for at in range(n)], dtype=pl.Int32),
        day=pl.col("date").dt.date(),
        parts=pl.Series([[at, at + 1] for at in range(n)]),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_future_changes(kind: str, rich: pl.DataFrame, as_table: AsTable) -> None:
    table = as_table(rich)
    cut = int(np.sort(table.known)[70])
    given, rows = changed(table, Change(kind, from_ns=cut, seed=3))
    before, after = frame_of(table), frame_of(given)
    past = table.known < cut
    assert after.schema == before.schema
    assert after.filter(pl.Series(given.known < cut)).equals(before.filter(pl.Series(past)))
    assert np.array_equal(given.origin, table.origin[rows])
    if kind == "truncated":
        assert len(given) == past.sum()
    else:
        assert len(given) == len(table)
        assert not after.filter(pl.Series(~past)).equals(before.filter(pl.Series(~past)))


def test_noise_leaves_valid_bars(minutes: Minutes, as_table: AsTable) -> None:
    table = as_table(minutes(200))
    given, _ = changed(table, Change("noise", from_ns=int(table.known[50]), seed=1))
    bars = frame_of(given)
    top, bottom = pl.max_horizontal("open", "close"), pl.min_horizontal("open", "close")
    assert bars.select(
        (pl.col("high") >= top).all() & (pl.col("low") <= bottom).all() & (pl.col("low") > 0).all()
    ).item()


def test_rows_at_the_start_can_change_instead(rich: pl.DataFrame, as_table: AsTable) -> None:
    table = as_table(rich)
    until = int(np.sort(table.known)[40])
    given, _ = changed(table, Change("noise", until_ns=until, seed=3))
    late = pl.Series(table.known >= until)
    assert frame_of(given).filter(late).equals(frame_of(table).filter(late))


def test_own_target_changes_with_the_last_row_of_the_past(minutes: Minutes, as_table: AsTable) -> None:
    frame = minutes(50).with_columns(y=pl.Series([0, 1] * 25))
    table = as_table(frame, "y")
    given, _ = changed(table, Change("noise", from_ns=int(table.known[20]), seed=3))
    before, after = table.numbers("y"), given.numbers("y")
    assert np.array_equal(before[:19], after[:19])
    assert before[19] != after[19]


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_keep_the_schema_and_know_their_rows(name: str, rich: pl.DataFrame, as_table: AsTable) -> None:
    table = as_table(rich)
    varied = build_scene(table, Scene(0, 0, name, 5))
    assert frame_of(varied).schema == rich.schema
    assert len(varied) > 0
    assert len(np.unique(varied.origin)) == len(varied)
    assert (varied.known >= varied.time).all()
    same = frame_of(varied).equals(rich)
    assert not same
    again = build_scene(table, Scene(0, 0, name, 5))
    assert frame_of(again).equals(frame_of(varied))


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_need_neither_prices_nor_volume_nor_times(name: str, as_table: AsTable) -> None:
    table = as_table(pl.DataFrame({"x": np.arange(40.0), "text": ["a"] * 40}))
    assert len(build_scene(table, Scene(0, 0, name, 1))) > 0


def test_scene_takes_rows_in_the_order_in_which_they_were_known(minutes: Minutes, as_table: AsTable) -> None:
    frame = minutes(30, symbols=("A", "B")).sort("symbol", "date", descending=True)
    table = as_table(frame)
    scene = build_scene(table, Scene(10, 20))
    assert len(scene) == 10
    assert sorted(scene.known) == sorted(np.sort(table.known)[10:20])
    assert (np.diff(scene.origin) > 0).all()
