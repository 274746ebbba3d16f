"""The whole road on recorded bars: audited, trained, exported, backtested and dry-run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

pytestmark = pytest.mark.real

QUICK = ["--audit-seconds", "10", "--trials", "2", "--set", "evaluation.resamples=100", "--json"]


def newest(source: Path, target: Path, rows: int) -> Path:
    pl.read_parquet(source).tail(rows).write_parquet(target)
    return target


def go_round(alphaloop: Any, place: Path, recipe: str, data: Path, *options: object) -> dict[str, Any]:
    zone = [option for option in options if option in ("--timezone", "UTC")]
    trained = alphaloop("train", recipe, "--data", data, "--out", "run", *options, *QUICK, cwd=place)
    assert trained.code == 0, trained.err + trained.out[-2000:]
    result: dict[str, Any] = trained.json
    assert result["audit"]["clean"] is True
    assert result["parity"]["flipped"] == 0
    tested = alphaloop("backtest", result["artifact"], "--data", data, *zone, "--json", cwd=place)
    lived = alphaloop("trade", result["artifact"], "--dry-run", "--replay", data, *zone, "--json", cwd=place)
    assert (tested.code, lived.code) == (0, 0), tested.err + lived.err
    assert tested.json["trades"] > 0
    assert tested.json["trades_digest"] == lived.json["trades_digest"]
    return result


def test_minute_bars_of_a_future(alphaloop: Any, real_data: Path, tmp_path: Path) -> None:
    data = newest(real_data / "crypto_1m" / "binance_futures_SOLUSDT_1m.parquet", tmp_path / "sol.parquet", 15_000)
    result = go_round(alphaloop, tmp_path, "direction", data)
    # A minute's direction is next to a coin toss; a score far from it would be a leak of ours.
    assert 0.40 < result["test"]["roc_auc"]["value"] < 0.60


@pytest.mark.slow
def test_hourly_gold_with_barriers(alphaloop: Any, real_data: Path, tmp_path: Path) -> None:
    data = newest(real_data / "fx_gold" / "XAUUSD_H1_2012_2022.parquet", tmp_path / "gold.parquet", 30_000)
    result = go_round(alphaloop, tmp_path, "barrier", data, "--timezone", "UTC")
    assert 0.40 < result["test"]["roc_auc"]["value"] < 0.60


@pytest.mark.slow
def test_a_panel_of_coins_shows_the_leak_premium(alphaloop: Any, real_data: Path, tmp_path: Path) -> None:
    data = real_data / "crypto_1m" / "binance_futures_5m_panel_2025-03_04.parquet"
    result = go_round(alphaloop, tmp_path, "direction", data)
    premium = {row["name"]: row for row in result["leak_premium"]}
    assert premium["random rows"]["premium"] > 0.02
    assert "unseen symbols, same weeks" in premium
