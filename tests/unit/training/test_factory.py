"""The factory end to end: honest use of each split, and refusals in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alphaloop.artifact.session import GraphRunner
from alphaloop.core.errors import DataError, RecipeError
from alphaloop.training.factory import train

SMALL = {"kind": "lightgbm", "parameters": {"rounds": 40, "num_leaves": 7, "num_threads": 1}}


def everything_but_the_test(trained):
    """All that training returns, less what is said about test rows."""
    return {
        "onnx": trained.onnx_bytes,
        "threshold": trained.threshold,
        "calibration": trained.calibration.to_dict(),
        "parity": trained.parity,
        "parameters": trained.best_parameters,
        "importance": trained.importance,
        "ratio": trained.class_ratio,
        "study": trained.study,
        "reference": trained.reference,
        "golden": [part.tobytes() for part in trained.golden],
        "probabilities": {name: p.tobytes() for name, p in trained.probabilities.items() if name != "test"},
        "empty": trained.empty_features,
    }


@pytest.fixture(scope="module")
def trained(binary, split_of, recipe_of):
    return train(binary, split_of(binary), recipe_of(tuning={"trials": 4}))


def test_finds_the_planted_signal_and_beats_the_baselines(trained):
    own = trained.scores["test"]["pr_auc"]
    assert set(trained.baselines) == {"prior", "last_value", "one_feature", "logistic"}
    assert (
        own["value"]
        > trained.baselines["last_value"]["pr_auc"]["value"]
        > trained.baselines["prior"]["pr_auc"]["value"]
    )
    assert own["interval"][0] > trained.scores["test"]["base_rate"]["value"]
    assert trained.threshold.tradable


def test_released_graph_gives_the_native_probabilities(trained, binary, split_of):
    split = split_of(binary)
    runner = GraphRunner(trained.onnx_bytes)
    for name, native in trained.probabilities.items():
        assert np.abs(runner.batch(binary.X[getattr(split, name)]) - native).max() < 1e-5
    rows, sealed = trained.golden
    assert len(rows) >= 16
    assert np.isnan(rows).any(axis=1).sum() >= 4
    assert np.array_equal(runner.one_by_one(rows), sealed)


def test_same_seed_same_bytes(trained, binary, split_of, recipe_of):
    again = train(binary, split_of(binary), recipe_of(tuning={"trials": 4}))
    assert everything_but_the_test(again) == everything_but_the_test(trained)
    assert again.scores == trained.scores
    other = train(binary, split_of(binary), recipe_of(tuning={"trials": 4}, seed=4))
    assert other.onnx_bytes != trained.onnx_bytes


@pytest.mark.parametrize("damage", ["permuted", "noise", "flipped labels", "other returns"])
def test_test_rows_change_nothing_but_test_scores(trained, binary, split_of, recipe_of, damage):
    split = split_of(binary)
    rng = np.random.default_rng(0)
    other = replace(binary, X=binary.X.copy(), y=binary.y.copy(), net_long=binary.net_long.copy())
    if damage == "permuted":
        shuffled = rng.permutation(split.test)
        other.X[split.test], other.y[split.test] = binary.X[shuffled], binary.y[shuffled]
        other.net_long[split.test] = binary.net_long[shuffled]
    elif damage == "noise":
        other.X[split.test] = rng.normal(size=other.X[split.test].shape) * 1e6
    elif damage == "flipped labels":
        other.y[split.test] = 1 - binary.y[split.test]
    else:
        other.net_long[split.test] = 100.0
    changed = train(other, split, recipe_of(tuning={"trials": 4}))
    assert everything_but_the_test(changed) == everything_but_the_test(trained)
    assert (changed.scores == trained.scores) == (damage == "other returns")


def test_a_model_that_calibration_rows_contradict_is_not_tradable(trained, binary, split_of, recipe_of):
    rows = split_of(binary).calibration
    other = replace(binary, y=binary.y.copy())
    other.y[rows] = 1 - binary.y[rows]
    changed = train(other, split_of(binary), recipe_of(tuning={"trials": 4}))
    assert trained.threshold.tradable
    assert not changed.threshold.tradable
    assert "contradict" in changed.threshold.to_dict()["reason"]


@pytest.mark.parametrize("part", ["calibration", "validation"])
def test_calibration_rows_do_not_reach_the_model_nor_validation_labels_the_baselines(
    trained, binary, split_of, recipe_of, part
):
    split = split_of(binary)
    other = replace(binary, y=binary.y.copy())
    rows = getattr(split, part)
    other.y[rows] = 1 - binary.y[rows]
    changed = train(other, split, recipe_of(tuning={"trials": 4}))
    assert changed.baselines == trained.baselines
    if part == "calibration":
        assert changed.best_parameters == trained.best_parameters
        assert np.array_equal(changed.estimator.raw(binary.X), trained.estimator.raw(binary.X))
        assert changed.calibration.to_dict() != trained.calibration.to_dict()


def test_drift_reference_is_of_the_training_rows(trained, binary, split_of):
    X = binary.X[split_of(binary).train]
    for index, name in enumerate(binary.feature_names):
        found = trained.reference[name]
        column = X[:, index]
        assert found["missing"] == pytest.approx(np.isnan(column).mean())
        assert sum(found["shares"]) == pytest.approx(1.0)
        assert len(found["shares"]) == len(found["edges"]) + 1
        assert found["edges"][4] == pytest.approx(np.nanmedian(column), abs=0.01)


def test_class_ratio_and_importance_are_shares(trained):
    assert sum(trained.class_ratio.values()) == pytest.approx(1.0)
    assert sum(trained.importance.values()) == pytest.approx(1.0)
    assert max(trained.importance, key=trained.importance.get) == "return_1"


def test_every_stage_is_timed_and_reported(binary, split_of, recipe_of):
    said = []
    trained = train(binary, split_of(binary), recipe_of(), progress=lambda stage, done, total: said.append(stage))
    stages = {"prepare", "baselines", "fit", "calibrate", "threshold", "export", "parity", "reference", "score"}
    assert set(trained.timings) == stages
    assert stages <= set(said)


@pytest.mark.parametrize("kind", ["prior", "last_value", "one_feature", "logistic", "linear"])
def test_every_estimator_goes_the_whole_way(ternary, split_of, recipe_of, kind):
    trained = train(ternary, split_of(ternary), recipe_of(estimator={"kind": kind}, calibration={"method": "isotonic"}))
    assert trained.parity.flipped == 0
    assert trained.probabilities["test"].shape[1] == 3


def test_three_classes_are_tuned_and_calibrated(ternary, split_of, recipe_of):
    trained = train(ternary, split_of(ternary), recipe_of(tuning={"trials": 2}))
    assert len(trained.calibration.to_dict()["platt_a"]) == 3
    assert trained.scores["test"]["pr_auc"]["value"] > trained.scores["test"]["base_rate"]["value"]


def test_noise_is_not_tradable_or_at_least_not_above_its_base_rate(dataset_of, split_of, recipe_of):
    noise = dataset_of(strength=0.0)
    found = train(noise, split_of(noise), recipe_of()).scores["test"]
    assert found["pr_auc"]["interval"][0] < found["base_rate"]["value"] + 0.03


def test_one_class_is_refused(binary, split_of, recipe_of):
    split = split_of(binary)
    for part in ("train", "validation", "calibration", "test"):
        other = replace(binary, y=binary.y.copy())
        other.y[getattr(split, part)] = 1
        with pytest.raises(DataError, match=rf"the {part} split has \d+ rows \(DOWN: 0"):
            train(other, split, recipe_of())


def test_too_few_rows_are_refused(dataset_of, split_of, recipe_of):
    small = dataset_of(n=300)
    with pytest.raises(DataError, match="rows"):
        train(small, split_of(small), recipe_of())


def test_features_without_a_value_are_named(binary, split_of, recipe_of):
    X = binary.X.copy()
    X[:, 3] = np.nan
    split = split_of(binary)
    assert train(replace(binary, X=X), split, recipe_of()).empty_features == ("f3",)
    with pytest.raises(DataError, match="all 6 features are missing"):
        train(replace(binary, X=np.full_like(X, np.nan)), split, recipe_of())


def test_wrong_names_in_the_recipe_are_refused(binary, split_of, recipe_of):
    with pytest.raises(RecipeError, match="'return_2'"):
        train(binary, split_of(binary), recipe_of(baselines={"last_value_of": "return_2"}))
    with pytest.raises(RecipeError, match=r"trading\.policy\.sied"):
        train(binary, split_of(binary), recipe_of(trading={"policy": {"sied": "long"}}))
