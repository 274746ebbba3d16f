"""The audit of functions: leaks are found with their column, row and reach; clean ones are left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from alphaloop.audit import AuditResult, audit_function
from alphaloop.audit.findings import ALL_ROWS
from alphaloop.core.errors import DataError, UnknownNameError

SUBJECTS = Path(__file__).with_name("subjects") / "functions.py"


def audit(name: str, table: pl.DataFrame, seconds: float = 8.0, **options: object) -> AuditResult:
    return audit_function(f"{SUBJECTS}:{name}", table, seconds=seconds, **options)  # type: ignore[arg-type]


def test_shift_is_found_with_column_row_and_reach(table: pl.DataFrame) -> None:
    result = audit("leaks_one_row", table)
    (finding,) = result.findings
    assert (finding.kind, finding.column, finding.first_row, finding.reach_s) == ("lookahead", "ahead", 0, 60.0)
    assert finding.first_time == "2023-12-31T22:30:00Z"
    assert not result.clean
    assert "row" in finding.evidence


def test_state_between_calls_hides_nothing(table: pl.DataFrame) -> None:
    result = audit("remembers", table)
    assert [finding.column for finding in result.findings] == ["z"]
    assert result.findings[0].reach_s == 599 * 60.0
    assert any("keeps something between calls" in note for note in result.notes)


def test_condition_that_the_file_never_meets(table: pl.DataFrame) -> None:
    assert float(table["close"].pct_change().abs().max() or 0.0) < 0.03
    result = audit("after_jumps_only", table, seconds=30.0)
    (finding,) = result.findings
    assert (finding.kind, finding.column, finding.reach_s) == ("lookahead", "x", 120.0)


def test_choice_of_rows_is_a_leak(table: pl.DataFrame) -> None:
    result = audit("chooses_rows", table)
    assert {(finding.kind, finding.column) for finding in result.findings} == {("row_selection", ALL_ROWS)}


def test_row_number_encodes_the_age(minutes: Callable[..., pl.DataFrame]) -> None:
    result = audit("row_number", minutes(1500), seconds=20.0)
    assert [(finding.kind, finding.column) for finding in result.findings] == [("age_index", "age")]


@pytest.mark.parametrize("name", ["clean_pandas", "needs_many"])
def test_clean_functions_are_clean(name: str, table: pl.DataFrame) -> None:
    result = audit(name, table, seconds=6.0)
    assert result.clean, result.findings
    assert result.checks["truncated"] > 5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["clean_pandas", "needs_many", "by_time_index", "maker.make", "Maker.make"])
def test_clean_functions_stay_clean_to_the_end_of_the_plan(name: str, table: pl.DataFrame) -> None:
    result = audit(name, table, seconds=120.0)
    assert result.clean, result.findings
    assert result.checks["truncated"] > 200


def test_own_target_is_future(table: pl.DataFrame) -> None:
    target = pl.Series("y", np.random.default_rng(3).integers(0, 2, table.height))
    result = audit("hides_target", table.with_columns(target), target="y")
    assert {finding.kind for finding in result.findings} == {"lookahead", "target_copy"}
    assert {finding.column for finding in result.findings} == {"x"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("returns_number", "returned int"),
        ("always_fails", "fails on the unchanged table"),
        ("leaks_no_row", "there is no 'leaks_no_row'; did you mean 'leaks_one_row'?"),
        ("NUMBER", "not a function"),
    ],
)
def test_what_cannot_be_audited_is_said(name: str, words: str, table: pl.DataFrame) -> None:
    with pytest.raises((DataError, UnknownNameError), match=words.replace("?", r"\?")):
        audit(name, table)


def test_too_short_a_table_proves_nothing(table: pl.DataFrame) -> None:
    with pytest.raises(DataError, match="distinct times"):
        audit("leaks_one_row", table.head(5))


def test_callable_inside_a_function_is_refused(table: pl.DataFrame) -> None:
    def local(df: pl.DataFrame) -> pl.DataFrame:
        return df

    with pytest.raises(UnknownNameError, match="top level"):
        audit_function(local, table)
