"""A finding ends a training run with exit code 3, and bars the artifact from promotion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from alphaloop.audit.findings import Finding
from alphaloop.core.errors import PromotionError
from alphaloop.data.synthetic import synthetic_bars


def test_a_function_that_looks_ahead_is_exit_code_3(alphaloop: Any, tmp_path: Path) -> None:
    frame = synthetic_bars(700, symbols=("SYN-A",), seed=2).frame
    frame.select(date=pl.col("open_ns").cast(pl.Datetime("ns", "UTC")), close="close").write_parquet(
        tmp_path / "b.parquet"
    )
    (tmp_path / "mine.py").write_text(
        "import polars as pl\n\n\ndef f(df: pl.DataFrame) -> pl.DataFrame:\n"
        "    return df.select('date', next=pl.col('close').shift(-2), mean=pl.col('close').rolling_mean(5))\n"
    )
    answer = alphaloop("audit", "mine.py:f", "--data", "b.parquet", "--seconds", 10, "--json", cwd=tmp_path)
    assert answer.code == 3, answer.err
    assert answer.json["clean"] is False
    (finding,) = answer.json["findings"]
    assert (finding["kind"], finding["column"], finding["reach_s"]) == ("lookahead", "next", 120.0)
    assert set(finding) >= {"kind", "column", "first_row", "reach_s", "evidence"}


def test_a_training_run_with_a_finding_cannot_be_promoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from alphaloop.artifact.registry import Registry
    from alphaloop.audit.dataset import together
    from alphaloop.audit.findings import AuditResult
    from alphaloop.core.progress import silent
    from alphaloop.markets.bars import pipeline
    from alphaloop.markets.catalog import find_recipe
    from alphaloop.training.recipe import load_recipe

    leak = Finding("lookahead", "bb_width", 3, 60.0, "planted for this test")
    found = AuditResult("planted", (leak,), {"truncated": 1}, 0.1)
    monkeypatch.setattr(pipeline, "inspect", lambda *_: together("planted", found))
    frame = synthetic_bars(6_000, symbols=("SYN-A", "SYN-B"), seed=2, signal=0.5).frame
    frame.drop("known_ns").rename({"open_ns": "time"}).write_parquet(tmp_path / "b.parquet")
    recipe = load_recipe(find_recipe("direction"), ["tuning.trials=0", "evaluation.resamples=50"])
    run = pipeline.run_training(
        recipe, tmp_path / "b.parquet", out=tmp_path / "run", registry=tmp_path / "models", audit_s=1.0, progress=silent
    )
    assert run.summary()["audit"]["clean"] is False
    assert "audit" in run.verdict
    with pytest.raises(PromotionError, match="audit is not clean"):
        Registry(tmp_path / "models").promote(run.identity)
