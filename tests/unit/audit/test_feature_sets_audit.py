"""The audit of feature sets: ours are clean; a batch that differs from its stream is caught."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from alphaloop.audit import audit_feature_set
from alphaloop.audit.streams import stream_findings
from alphaloop.data.bars import Bars
from alphaloop.data.synthetic import synthetic_bars
from alphaloop.features import Feature, FeatureSet, close, ema, higher, mean, other, rsi, std
from alphaloop.features.stream import FeatureStream

Z = (close - mean(close, 20)) / std(close, 20)
MINE = FeatureSet("mine", [Feature("rsi", rsi(close, 14)), Feature("z", Z), Feature("h", higher("15m", ema(close, 3)))])


@pytest.fixture(scope="module")
def bars() -> Bars:
    return synthetic_bars(500, seed=2)


def test_a_feature_set_of_operators_is_clean_and_certified(bars: Bars) -> None:
    result = audit_feature_set(MINE, bars, seconds=8.0)
    assert result.clean, result.findings
    assert result.checks["saved and restored at every row"] == 1
    assert result.checks["truncated"] > 5
    assert (result.certificate["code_sha256"], result.certificate["data_sha256"]) == (MINE.hash, bars.sha256)


def test_sets_that_look_at_other_symbols_are_streamed_moment_by_moment(bars: Bars) -> None:
    first = bars.symbols[0]
    across = FeatureSet("across", [Feature("beta", close / other(first, close))])
    assert not stream_findings(across, bars.frame, Counter(), 0, "float32")


def test_a_batch_that_is_not_its_stream_is_caught(bars: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = FeatureSet.compute

    def crooked(self: FeatureSet, table: pl.DataFrame, *rest: Any, **options: Any) -> pl.DataFrame:
        place = pl.int_range(pl.len())
        return honest(self, table, *rest, **options).with_columns(z=pl.when(place == 77).then(9.0).otherwise("z"))

    monkeypatch.setattr(FeatureSet, "compute", crooked)
    (finding,) = stream_findings(MINE, bars.frame, Counter(), 0, "float64")
    assert (finding.kind, finding.column, finding.first_row) == ("stream", "z", 77)


def test_a_restore_that_forgets_is_caught(bars: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FeatureStream, "restore", lambda features, saved: features.stream(bars.symbols, np.float64))
    found = stream_findings(MINE, bars.frame, Counter(), 0, "float64")
    assert {finding.column for finding in found} == {"rsi", "z", "h"}
    assert all("restored" in finding.evidence for finding in found)


@pytest.mark.real
@pytest.mark.slow
def test_the_bars_set_is_clean_on_recorded_bars(real_data: Any) -> None:
    from alphaloop.data.bars import read_bars
    from alphaloop.markets.bars.features import BARS

    bars = read_bars(real_data / "crypto_1m" / "ftx_BTC-PERP_1m_2022-01.parquet")
    result = audit_feature_set(BARS, replace(bars, frame=bars.frame.head(20_000)), seconds=60.0)
    assert result.clean, result.findings
