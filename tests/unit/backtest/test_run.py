"""Backtest of an artifact."""

from __future__ import annotations

import pytest

from alphaloop.artifact.scorer import Scorer
from alphaloop.backtest.run import run
from alphaloop.core.errors import DataError, ModelCompatibilityError, RecipeError
from alphaloop.data.bars import read_bars
from alphaloop.trading.plan import Plan


@pytest.fixture
def bars(case, tmp_path):
    return read_bars(case.write_bars(tmp_path / "bars.parquet", 400))


@pytest.fixture
def scorer(case, tmp_path):
    case.make_artifact(tmp_path / "artifact")
    return Scorer.load(tmp_path / "artifact")


def scorer_with(case, folder, **changes):
    case.make_artifact(folder, **changes)
    return Scorer.load(folder)


def test_it_trades_by_the_plan_in_the_contract(scorer, bars):
    summary = run(scorer, bars).summary()
    assert summary["trades"] > 10
    assert summary["bars"] == len(bars)
    assert run(scorer, bars).summary() == summary


def test_a_given_plan_goes_first(scorer, bars):
    assert run(scorer, bars, Plan.parse({"policy": {"threshold": 0.999}}, "x")).summary()["trades"] == 0


def test_an_artifact_without_a_threshold_does_not_trade(case, bars, tmp_path):
    scorer = scorer_with(case, tmp_path / "a", trading={}, threshold={"value": None})
    assert run(scorer, bars).summary()["trades"] == 0


def test_fewer_bars_than_the_warm_up_are_refused(scorer, case, tmp_path):
    short = read_bars(case.write_bars(tmp_path / "short.parquet", 19))
    with pytest.raises(DataError, match=r"short.parquet: the longest symbol has 19 bars, but the features need 19"):
        run(scorer, short)


def test_distances_without_an_atr_are_refused(case, bars, tmp_path):
    with pytest.raises(RecipeError, match="cannot compute the feature 'atr'"):
        run(scorer_with(case, tmp_path / "a", context_graph=None), bars)


def test_without_distances_no_atr_is_needed(case, bars, tmp_path):
    exits = {"take_profit_atr": 0, "stop_loss_atr": 0, "timeout_s": 600}
    scorer = scorer_with(
        case, tmp_path / "a", context_graph=None, trading={"policy": {"threshold": 0.6}, "exits": exits}
    )
    assert run(scorer, bars).summary()["exit_reasons"].keys() <= {"timeout", "end_of_data"}


def test_a_wrong_plan_in_the_contract_names_its_key(case, bars, tmp_path):
    scorer = scorer_with(case, tmp_path / "a", trading={"exits": {"timeout": 3}})
    with pytest.raises(RecipeError, match=r"artifact 'case': unknown key 'exits.timeout'"):
        run(scorer, bars)


def test_a_graph_that_is_not_the_models_is_refused(case, bars, tmp_path):
    scorer = scorer_with(case, tmp_path / "a", feature_set_hash="0" * 64)
    with pytest.raises(ModelCompatibilityError, match="its feature graph gives feature set"):
        run(scorer, bars)
