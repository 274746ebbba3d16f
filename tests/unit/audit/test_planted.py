"""The planted leaks and their clean look-alikes, and that the suite can fail."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from alphaloop.audit.findings import Finding
from alphaloop.audit.planted import suite, tables
from alphaloop.audit.planted.cases import Case, all_cases, find_cases
from alphaloop.audit.roles import find_roles, known_times
from alphaloop.audit.search import Search
from alphaloop.audit.subjects import Reference, flavours, load_module
from alphaloop.core.errors import InputError, UnknownNameError

QUICK = (
    "cumulative sum from the end",
    "sorted newest first",
    "hour that is not over",
    "late correction",
    "z-score over the file",
    "row number hidden in a constant",
    "rows kept by what follows",
    "only without volume, which this file never is",
    "in a column of words",
    "fitted at the first call and kept in the module",
    "on-balance volume",
    "noise without a seed",
)


@pytest.fixture(scope="module")
def cases() -> tuple[Case, ...]:
    return all_cases()


def test_a_dozen_planted_functions_are_judged_as_declared():
    table = suite.run(names=QUICK, seconds=6.0)
    assert [row["said"] for row in table["cases"] if not row["passed"]] == []
    assert (table["leaks"], table["found"], table["clean"], table["false"]) == (10, 10, 2, 0)
    assert table["passed"] is True


@pytest.mark.slow
def test_every_planted_leak_is_found_and_no_clean_function_is_reported():
    seen = []
    table = suite.run(progress=lambda stage, done, total: seen.append((stage, done, total)))
    assert [(row["name"], row["said"]) for row in table["cases"] if not row["passed"]] == []
    assert table["found"] == table["leaks"] >= 35
    assert table["false"] == 0
    assert len(seen) == len(table["cases"]) == table["leaks"] + table["clean"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_other_random_futures_report_no_clean_function_either(cases, seed):
    names = [case.name for case in cases if not case.leak]
    table = suite.run(names=names, seed=seed)
    assert [(row["name"], row["said"]) for row in table["cases"] if not row["passed"]] == []


def test_there_are_enough_of_each_and_in_both_libraries(cases):
    leaks = [case for case in cases if case.leak]
    assert len(leaks) >= 35
    assert len(cases) - len(leaks) >= 18
    for some in (leaks, [case for case in cases if not case.leak]):
        first = [flavours(case.function)[0].partition(" ")[0] for case in some]
        assert min(first.count("polars"), first.count("pandas")) >= 0.35 * len(first)


def test_every_case_is_declared_whole(cases):
    for case in cases:
        assert case.table in tables.TABLES
        assert bool(case.columns) == bool(case.kinds) == case.leak
        if case.target is not None:
            assert case.target in tables.build(case.table).columns
        if case.reach_s is not None:
            assert case.reach_s[0] <= case.reach_s[1]


def test_every_function_can_be_loaded_by_name_in_another_process(cases):
    for case in cases:
        reference = Reference.of(case.function)
        assert not reference.is_file
        assert getattr(load_module(reference), reference.name) is case.function


@pytest.mark.parametrize("name", tables.TABLES)
def test_tables_are_small_valid_and_always_the_same(name):
    table = tables.build(name)
    assert 400 <= table.height <= 1500
    assert table.equals(tables.TABLES[name]())
    prices = table.drop_nulls()
    if "high" in table.columns:
        assert prices.filter(
            (pl.col("high") < pl.max_horizontal("open", "close")) | (pl.col("low") > pl.min_horizontal("open", "close"))
        ).is_empty()
    assert prices["close"].min() > 0
    assert prices["volume"].min() > 0


def test_tables_have_what_their_leaks_need():
    step = pl.col("date").diff().dt.total_seconds().drop_nulls()
    assert tables.build("steady").select(step.n_unique()).item() == 1
    assert tables.build("gappy").select(step.max()).item() > 600
    assert tables.build("sessions")["date"].dt.date().n_unique() == 4
    assert tables.build("holed")["close"].null_count() > 10
    assert tables.build("panel")["symbol"].n_unique() == 3
    assert tables.build("labelled")["gain"].null_count() == 0


def test_the_steady_table_triggers_none_of_the_rare_conditions():
    table = tables.build("steady")
    move = table["close"].pct_change().drop_nulls()
    assert move.abs().max() < 0.03
    assert table["volume"].min() > 0
    close = table["close"].to_numpy()
    assert not ((close[3:] == close[2:-1]) & (close[2:-1] == close[1:-2]) & (close[1:-2] == close[:-3])).any()
    assert sum(table.null_count().row(0)) == 0


def test_known_times_of_the_tables_are_as_described():
    for name, late in (("feeds", {60, 240}), ("corrected", {60, 1860}), ("mixed", {300, 3600})):
        table = tables.build(name)
        time, known = known_times(table, find_roles(table))
        assert set(np.unique((known - time) // 10**9).tolist()) == late


def test_an_engine_that_compares_nothing_fails_the_suite(monkeypatch):
    monkeypatch.setattr(Search, "keep", lambda *_: None)
    monkeypatch.setattr(suite, "PATIENCE", 1.0)
    table = suite.run(names=["cumulative sum from the end"], seconds=5.0)
    assert (table["found"], table["passed"]) == (0, False)


def test_a_leak_that_calls_itself_clean_fails_the_suite():
    (case,) = find_cases(("cumulative sum from the end",))
    row = suite.examine(replace(case, leak=False, columns=(), kinds=()), seconds=20.0)
    assert row["passed"] is False
    assert "volume_left" in row["said"]
    assert suite.summary([row])["false"] == 1


def test_a_function_that_cannot_be_audited_fails_the_suite():
    (case,) = find_cases(("late correction",))
    row = suite.examine(replace(case, table="steady"), seconds=1.0)
    assert row["passed"] is False
    assert row["said"].startswith("not audited: ")


def _finding(column: str = "smooth", kind: str = "lookahead", reach_s: float | None = 300.0) -> Finding:
    return Finding(kind, column, 0, reach_s, "seen")


@pytest.mark.parametrize(
    ("findings", "said"),
    [
        ([], "nothing said of smooth"),
        ([_finding("close")], "nothing said of smooth, but lookahead in close, 300 s ahead"),
        ([_finding(kind="constant")], "no lookahead, but constant in smooth, 300 s ahead"),
        ([_finding(), _finding("close")], "innocent column reported: lookahead in close, 300 s ahead"),
        ([_finding(), _finding(kind="constant")], "not expected: constant in smooth, 300 s ahead"),
        ([_finding(reach_s=360.0)], "reach is not 300 s: lookahead in smooth, 360 s ahead"),
        ([_finding(reach_s=None)], "reach is not 300 s: lookahead in smooth"),
        ([_finding()], ""),
    ],
)
def test_findings_are_held_against_the_declaration(findings, said):
    (case,) = find_cases(("centred window",))
    assert suite.objection(case, findings) == said


def test_a_name_that_is_no_case_is_refused():
    with pytest.raises(UnknownNameError, match="centred window"):
        suite.run(names=["centered window"])


def test_without_pandas_the_suite_says_so(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match="pip install pandas"):
        suite.run(names=[])
