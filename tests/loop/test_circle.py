"""Once round the loop on the command line: synthetic data with a planted signal, and none."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from alphaloop.artifact.scorer import Scorer
from alphaloop.data.synthetic import synthetic_bars

METRICS = {"pr_auc", "base_rate", "roc_auc", "brier", "log_loss", "ece"}
QUICK = ["--audit-seconds", "5", "--set", "evaluation.resamples=100", "--json"]


def write(path: Path, n_bars: int, **settings: Any) -> Path:
    frame = synthetic_bars(n_bars, **settings).frame
    frame.drop("known_ns").rename({"open_ns": "time"}).write_parquet(path)
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("circle")


@pytest.fixture(scope="module")
def data(place: Path) -> Path:
    return write(place / "bars.parquet", 9_000, seed=7, signal=0.5)


@pytest.fixture(scope="module")
def trained(alphaloop: Any, place: Path, data: Path) -> dict[str, Any]:
    answer = alphaloop("train", "direction", "--data", data, "--trials", 1, "--out", "run", *QUICK, cwd=place)
    assert answer.code == 0, answer.err
    result: dict[str, Any] = answer.json
    return result


def test_train_says_what_scripts_rely_on(trained: dict[str, Any], place: Path) -> None:
    assert set(trained["rows"]) == {"train", "validation", "calibration", "test"}
    assert set(trained["test"]) == METRICS
    for score in (trained["test"], *trained["baselines"].values()):
        for found in score.values():
            low, high = found["interval"]
            assert low <= found["value"] <= high
    assert trained["parity"]["rows"] >= 10_000
    assert trained["parity"]["flipped"] == 0
    assert trained["parity"]["max_abs_diff"] <= 1e-5
    assert trained["audit"]["clean"] is True
    assert (place / trained["report"]).stat().st_size > 100_000
    assert {path.name for path in (place / trained["artifact"]).iterdir()} >= {"model.onnx", "metadata.json"}


def test_the_planted_signal_is_found_beyond_the_baselines(trained: dict[str, Any]) -> None:
    roc_auc, base_rate = trained["test"]["roc_auc"], trained["test"]["base_rate"]["value"]
    assert roc_auc["interval"][0] > 0.55
    assert trained["test"]["pr_auc"]["value"] > base_rate + 0.03
    assert trained["test"]["pr_auc"]["value"] > trained["baselines"]["prior"]["pr_auc"]["value"]


def test_backtest_and_dry_run_make_the_same_trades(
    alphaloop: Any, trained: dict[str, Any], place: Path, data: Path
) -> None:
    tested = alphaloop("backtest", trained["artifact"], "--data", data, "--json", cwd=place)
    lived = alphaloop(
        "trade", trained["artifact"], "--dry-run", "--replay", data, "--state", "state.db", "--json", cwd=place
    )
    assert (tested.code, lived.code) == (0, 0), tested.err + lived.err
    assert tested.json["trades"] > 20
    assert 0.5 < tested.json["in_sample_share"] < 1.0
    assert "trained" in tested.err
    for key in ("trades", "net_return", "max_drawdown", "trades_digest"):
        assert tested.json[key] == lived.json[key]


def test_the_registry_promotes_and_rolls_back(alphaloop: Any, trained: dict[str, Any], place: Path) -> None:
    listed = alphaloop("models", "list", "--json", cwd=place).json
    assert trained["id"] in json.dumps(listed)
    assert alphaloop("models", "verify", trained["artifact"], "--json", cwd=place).code == 0
    promoted = alphaloop("models", "promote", trained["id"], "--json", cwd=place)
    assert promoted.code == (0 if trained["threshold"]["tradable"] else 3), promoted.err
    assert alphaloop("models", "show", trained["id"], "--json", cwd=place).code == 0
    back = alphaloop("models", "rollback", "direction", "--json", cwd=place)
    assert back.code == 3


@pytest.mark.slow
def test_the_same_seed_trains_the_same_model(
    alphaloop: Any, trained: dict[str, Any], place: Path, data: Path, tmp_path: Path
) -> None:
    answer = alphaloop("train", "direction", "--data", data, "--trials", 1, *QUICK, cwd=tmp_path)
    assert answer.code == 0, answer.err
    again, first = tmp_path / answer.json["artifact"], place / trained["artifact"]
    assert (again / "model.onnx").read_bytes() == (first / "model.onnx").read_bytes()
    assert answer.json["test"] == trained["test"]


def test_a_calibrated_probability_is_a_share(trained: dict[str, Any], place: Path) -> None:
    contract = json.loads((place / trained["artifact"] / "metadata.json").read_text())
    assert contract["calibration"]["method"] == "platt"
    assert math.isfinite(contract["calibration"]["platt_a"])
    assert math.isfinite(contract["calibration"]["platt_b"])
    assert trained["test"]["ece"]["value"] < 0.1


def test_the_artifact_needs_nothing_but_itself(trained: dict[str, Any], place: Path) -> None:
    scorer = Scorer.load(place / trained["artifact"])
    rows = scorer.contract.golden.inputs()
    np.testing.assert_allclose(scorer.score(rows), scorer.contract.golden.outputs(), atol=1e-6)
    assert scorer.contract.feature_graph["features"]


@pytest.mark.slow
def test_no_signal_gives_no_edge(alphaloop: Any, tmp_path: Path) -> None:
    data = write(tmp_path / "noise.parquet", 20_000, seed=5, signal=0.0)
    answer = alphaloop("train", "direction", "--data", data, "--trials", 3, *QUICK, cwd=tmp_path)
    assert answer.code == 0, answer.err
    low, high = answer.json["test"]["roc_auc"]["interval"]
    assert low < 0.5 < high or abs(answer.json["test"]["roc_auc"]["value"] - 0.5) < 0.02
    assert "edge" in answer.json["verdict"].lower() or "worse" in answer.json["verdict"].lower()


@pytest.mark.slow
def test_barrier_trains_and_trades_the_same_on_both_roads(alphaloop: Any, place: Path, data: Path) -> None:
    answer = alphaloop("train", "barrier", "--data", data, "--trials", 2, "--out", "three", *QUICK, cwd=place)
    assert answer.code == 0, answer.err
    artifact = answer.json["artifact"]
    assert Scorer.load(place / artifact).contract.classes == ("SELL", "HOLD", "BUY")
    tested = alphaloop("backtest", artifact, "--data", data, "--json", cwd=place).json
    lived = alphaloop("trade", artifact, "--dry-run", "--replay", data, "--json", cwd=place).json
    assert tested["trades"] > 0
    assert tested["trades_digest"] == lived["trades_digest"]


@pytest.mark.slow
def test_demo_goes_once_round(alphaloop: Any, tmp_path: Path) -> None:
    answer = alphaloop("demo", "bars", "--size", 14_000, "--trials", 2, "--json", cwd=tmp_path)
    assert answer.code == 0, answer.err
    assert answer.json["synthetic"] is True
    assert answer.json["same_trades"] is True
    assert answer.json["backtest"]["trades"] > 0
    assert (tmp_path / answer.json["report"]).is_file()


def test_a_users_own_feature_file_goes_all_the_way(alphaloop: Any, place: Path, data: Path) -> None:
    mine = place / "my_features.py"
    mine.write_text(
        "from alphaloop.features import close, ema, mean, rsi, std\n\n"
        "rsi_14 = rsi(close, 14)\nmacd = ema(close, 12) - ema(close, 26)\n"
        "z_20 = (close - mean(close, 20)) / std(close, 20)\n"
    )
    computed = alphaloop("features", "compute", mine, "--data", data, "--out", "mine.parquet", "--json", cwd=place)
    assert computed.code == 0, computed.err
    assert pl.read_parquet(place / "mine.parquet").columns == ["symbol", "known_ns", "rsi_14", "macd", "z_20"]
    audited = alphaloop("audit", mine, "--data", data, "--seconds", 8, "--json", cwd=place)
    assert audited.code == 0, audited.out + audited.err
    assert audited.json["clean"] is True
    override = f'features.set="{mine}"'
    trained = alphaloop(
        "train", "direction", "--data", data, "--trials", 0, "--set", override, "--out", "own", *QUICK, cwd=place
    )
    assert trained.code == 0, trained.err
    mine.unlink()
    tested = alphaloop("backtest", trained.json["artifact"], "--data", data, "--json", cwd=place)
    assert tested.code == 0, tested.err
