"""A training run on stored signals, from the recipe to the sealed artifact."""

from __future__ import annotations

import json

import numpy as np
import pytest

from alphaloop.artifact import Registry, Scorer
from alphaloop.markets.pumpfun.signals.catalogue import SIGNAL


def test_the_planted_truth_is_found(trained, made):
    test = trained.run.trained.scores["test"]
    base = test["base_rate"]["value"]
    assert 0.1 < base < 0.3
    assert test["pr_auc"]["value"] > 2.5 * base
    assert test["pr_auc"]["interval"][0] > base


def test_the_files_are_named_as_users_expect(trained):
    found = {path.name for path in trained.run.artifact.iterdir()}
    assert found == {"reach_2x_1h.onnx", "reach_2x_1h_metadata.json", "certificate.json", "manifest.json"}
    contract = json.loads((trained.run.artifact / "reach_2x_1h_metadata.json").read_text())
    assert contract["feature_graph"]["kind"] == "events"
    assert [feature["name"] for feature in contract["features"]] == list(SIGNAL.names)
    assert contract["feature_set_hash"] == SIGNAL.hash
    assert contract["calibration"]["method"] == "platt"
    assert contract["label"]["settings"] == {
        "kind": "reach",
        "multiple": 2.0,
        "horizon_s": 3600,
        "measure": "tradable",
    }
    assert contract["best_parameters"]["scale_pos_weight"] > 1.0
    assert contract["dataset"]["symbols"] == []
    assert contract["parity"]["flipped"] == 0


def test_the_registry_has_a_candidate_that_scores_stored_features(trained, made):
    registry = Registry(trained.registry)
    scorer = registry.load(trained.run.identity)
    assert scorer.id == Scorer.load(trained.run.artifact).id
    scorer.require(SIGNAL.names, SIGNAL.hash)
    p = scorer.score(made.X)[:, 1]
    assert p[made.hit].mean() > p[~made.hit].mean() + 0.2


def test_creators_never_seen_before_are_scored_apart(trained):
    scores = trained.run.trained.scores
    assert "test, creators never seen before" in scores
    assert any("whose creator was never seen before" in note for note in trained.run.notes)


def test_calibration_is_told_with_intervals(trained):
    summary = trained.run.summary()
    assert summary["reliability"]
    for level in summary["reliability"]:
        assert level["low"] <= level["came"] <= level["high"]
        assert level["promised"] >= level["level"]
    assert sum(level["kept"] for level in summary["reliability"]) >= len(summary["reliability"]) - 1
    assert any("state a probability of hit" in note for note in trained.run.notes)


def test_it_is_audited_and_valued(trained):
    summary = trained.run.summary()
    assert summary["audit"]["clean"], summary["audit"]["findings"]
    assert summary["backtest"]["trades"] > 0
    assert trained.run.ledger is not None
    assert np.isfinite(trained.run.ledger.equity).all()
    json.dumps(summary, allow_nan=False)
    page = trained.run.report.read_text()
    assert "The market is synthetic" in page
    assert "creators never seen before" in page


def test_the_same_recipe_and_rows_give_the_same_graph(trained, database, tmp_path):
    from alphaloop.markets.pumpfun.pipeline import run_training

    again = run_training(trained.recipe, database, out=tmp_path / "out", registry=tmp_path / "models")
    name = "reach_2x_1h.onnx"
    assert (again.artifact / name).read_bytes() == (trained.run.artifact / name).read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "genesis_is_dead_soon",
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("is_dead_soon", "genesis_2x_10m", "reach_3x_30m")),
    ],
)
def test_the_other_recipes_train_too(maker, name, tmp_path):
    from alphaloop.markets.catalog import find_recipe, recipe_kind
    from alphaloop.markets.pumpfun.pipeline import run_training
    from alphaloop.training.recipe import load_recipe

    kind = "genesis" if name.startswith("genesis") else "signal"
    url = f"sqlite:///{tmp_path / 'signals.db'}"
    maker.store(url, maker.rows(1_500, kind=kind, tokens=1_500, peak=3.2), kind)
    small = ["tuning.trials=2", "evaluation.resamples=20", "estimator.parameters.rounds=30"]
    recipe = load_recipe(find_recipe(name), small, recipe_kind)
    run = run_training(recipe, url, out=tmp_path / "out", registry=tmp_path / "models")
    assert (run.artifact / f"{name}.onnx").is_file()
    assert run.contract.classes == (("alive", "dead") if "dead" in name else ("miss", "hit"))
    assert (run.ledger is None) == ("dead" in name)
    assert run.summary()["test"]["pr_auc"]["value"] > 0
