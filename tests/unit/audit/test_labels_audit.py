"""The audit of labels: nothing outside an interval moves one; a label that looks further is caught."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from alphaloop.audit import audit_label
from alphaloop.audit.subjects import Reference
from alphaloop.core.errors import DataError
from alphaloop.data.synthetic import synthetic_bars
from alphaloop.features import Feature, FeatureSet, atr
from alphaloop.labels import Barrier, Horizon, Label

CROOKED = Path(__file__).with_name("subjects") / "labels.py"


@pytest.fixture(scope="module")
def bars() -> tuple[pl.DataFrame, int]:
    made = synthetic_bars(400, seed=2)
    scale = FeatureSet("scale", [Feature("atr", atr(14))]).compute(made.frame)["atr"].cast(pl.Float64)
    return made.frame.with_columns(atr=scale), made.step_ns


@pytest.mark.parametrize(
    "label",
    [Horizon(horizon_s=600), Barrier(horizon_s=900, take_profit_atr=2.0, stop_loss_atr=2.0)],
    ids=["horizon", "barrier"],
)
def test_our_labels_stay_inside_their_intervals(label: Label, bars: tuple[pl.DataFrame, int]) -> None:
    result = audit_label(label, *bars, seconds=6.0)
    assert result.clean, result.findings
    assert result.certificate["code_sha256"] == label.hash
    assert sum(result.checks.values()) > 10


def test_a_label_that_looks_past_its_end_is_caught(bars: tuple[pl.DataFrame, int]) -> None:
    result = audit_label(Reference.parse(f"{CROOKED}:FURTHER"), *bars, seconds=6.0)
    assert {(finding.kind, finding.column) for finding in result.findings} == {("label_interval", "label")}
    assert "after it was resolved" in result.findings[0].evidence


def test_a_label_that_looks_back_is_caught(bars: tuple[pl.DataFrame, int]) -> None:
    result = audit_label(Reference.parse(f"{CROOKED}:BACK"), *bars, seconds=6.0)
    assert {(finding.kind, finding.column) for finding in result.findings} == {("label_interval", "label")}


def test_a_label_without_intervals_is_refused(bars: tuple[pl.DataFrame, int]) -> None:
    with pytest.raises(DataError, match="no column 'decided_ns'"):
        audit_label(Reference.parse(f"{CROOKED}:BARE"), *bars, seconds=6.0)
