"""Models inside the trader: the scoring service's numbers to the bit, swapped whole, and bad ones left outside."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import pump_models as made
from alphaloop.core.clock import SteppedClock
from alphaloop.markets.pumpfun.inference import MlInference
from alphaloop.markets.pumpfun.live.models import InlineModels
from alphaloop.markets.pumpfun.live.standard import standard_portfolio
from alphaloop.markets.pumpfun.models_at_hand import ModelsAtHand
from alphaloop.markets.pumpfun.services.assembly import open_database
from alphaloop.markets.pumpfun.signals.catalogue import GENESIS, SIGNAL

NAMES = {SIGNAL: ("reach_2x_1h", "reach_3x_30m"), GENESIS: ("genesis_2x_1h", "genesis_is_dead_soon")}
SOURCES = {SIGNAL: "signal", GENESIS: "genesis_signal"}


@pytest.fixture(scope="module")
def pump_models() -> ModuleType:
    return made


def rows(features, count: int = 300, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    X = random.lognormal(0, 2, (count, len(features))).astype(np.float32)
    X[random.random(X.shape) < 0.1] = np.nan
    return X


@pytest.fixture(scope="module")
def trained(pump_models, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for features, names in NAMES.items():
        for seed, name in enumerate(names, 1):
            pump_models.make_artifact(folder / name, name, features.name, rows(features), created_ns=1, seed=seed)
    return folder


@pytest.fixture
def folder(trained, tmp_path) -> Path:
    shutil.copytree(trained, tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def models(folder) -> InlineModels:
    found = InlineModels(folder, standard_portfolio(), SteppedClock(7))
    found.reload()
    return found


def test_the_numbers_are_the_scoring_services_to_the_bit(models, folder) -> None:
    at_hand = ModelsAtHand(folder)
    at_hand.reload()
    with open_database("memory://") as records:
        for kind, features in (("signal", SIGNAL), ("genesis", GENESIS)):
            table = "signals" if kind == "signal" else "genesis_observations"
            common = {"mint": "m", "known_ns": 1, "feature_set_hash": features.hash}
            if kind == "signal":
                common |= {"kind": kind, "wallet": "w", "event_ns": 1, "feature_set": features.name, "price": 1.0}
                common |= {"buy_signature": "s", "log_index": 0, "message": {}}
            else:
                common |= {"created_ns": 1, "emitted": False}
            X = rows(features, 200, seed=9)
            records.add(
                table,
                [{"signal_id": f"{kind}{i}", "features": row.tobytes(), **common} for i, row in enumerate(X)],
            )
        MlInference(records, at_hand).score_pending()
        stored = {(row["signal_id"], row["model"]): row for row in records.select("ml_scores")}
    compared = 0
    for kind, features in (("signal", SIGNAL), ("genesis", GENESIS)):
        for i, row in enumerate(rows(features, 200, seed=9)):
            found = models.score(SOURCES[features], row)
            assert set(found.scores) == set(found.models) == set(NAMES[features])
            for name, probability in found.scores.items():
                other = stored[f"{kind}{i}", name]
                assert probability == other["probability"]
                assert found.models[name] == other["model_id"]
                compared += 1
    assert compared == 800
    assert len({row["probability"] for row in stored.values()}) > 100


@pytest.mark.parametrize("count", [1, 2, 3, 17, 200])
def test_several_at_once_have_the_bits_of_each_alone(models, count) -> None:
    for features in (SIGNAL, GENESIS):
        X = rows(features, count, seed=11)
        source = SOURCES[features]
        assert models.score_all(source, X) == [models.score(source, row) for row in X]
    assert models.score_all("crowding", X) == [None] * count


def test_walked_trees_and_whole_graphs_have_the_same_bits(folder) -> None:
    models = InlineModels(folder, standard_portfolio(), SteppedClock(7))
    models.reload(walk=False)
    names = {name for each in NAMES.values() for name in each}
    assert models.report()["left_whole"].keys() == names, "a start does not wait for the trees"
    X = {SOURCES[features]: rows(features, 50, seed=12) for features in (SIGNAL, GENESIS)}
    whole = {source: models.score_all(source, each) for source, each in X.items()}
    assert models.reload() == [], "the models are the same"
    assert models.report()["left_whole"] == {}
    assert {source: models.score_all(source, each) for source, each in X.items()} == whole
    assert models.reload(walk=False) == []
    assert models.report()["left_whole"] == {}, "what is walked stays so"


def test_only_what_strategies_name_is_asked_and_what_nobody_has_is_said(models, folder) -> None:
    report = models.report()
    assert set(report["models"]) == {name for names in NAMES.values() for name in names}
    assert report["models"]["reach_2x_1h"]["loaded_ns"] == 7
    assert report["missing"] == ["genesis_2x_10m", "genesis_3x_30m", "reach_2x_10m"]
    assert report["refused"] == {}
    assert models.score("crowding", rows(SIGNAL)[0]) is None
    shutil.copytree(folder / "reach_2x_1h", folder / "copied", dirs_exist_ok=True)
    assert models.reload() == []


def test_without_any_model_nothing_is_scored(tmp_path) -> None:
    models = InlineModels(tmp_path, standard_portfolio())
    assert models.score("signal", rows(SIGNAL)[0]) is None
    assert models.reload() == []
    assert models.score("signal", rows(SIGNAL)[0]) is None
    assert "reach_2x_1h" in models.report()["missing"]


def test_a_newer_model_takes_over_and_a_bad_one_does_not(models, folder, pump_models) -> None:
    row = rows(SIGNAL)[3]
    before = models.score("signal", row)
    X = rows(SIGNAL)
    newer = pump_models.make_artifact(folder / "newer", "reach_2x_1h", SIGNAL.name, X, created_ns=2, seed=8)
    assert models.reload() == ["reach_2x_1h"]
    after = models.score("signal", row)
    assert after.models["reach_2x_1h"] == newer
    assert after.scores["reach_2x_1h"] != before.scores["reach_2x_1h"]
    assert after.scores["reach_3x_30m"] == before.scores["reach_3x_30m"]
    pump_models.make_artifact(folder / "bad", "reach_2x_1h", SIGNAL.name, X, created_ns=3, seed=9)
    graph = folder / "bad" / "reach_2x_1h.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    assert models.reload() == []
    assert "reach_2x_1h" in models.report()["refused"]
    assert models.report()["models"]["reach_2x_1h"]["id"] == newer
    assert models.score("signal", row) == after


def test_a_model_of_other_features_than_its_messages_carry_is_refused(folder, pump_models) -> None:
    shutil.rmtree(folder / "reach_2x_1h")
    pump_models.make_artifact(folder / "odd", "reach_2x_1h", GENESIS.name, rows(GENESIS), created_ns=1)
    models = InlineModels(folder, standard_portfolio())
    models.reload()
    assert "which 'signal' messages do not carry" in models.report()["refused"]["reach_2x_1h"]
    assert "reach_2x_1h" in models.report()["missing"]
    assert set(models.score("signal", rows(SIGNAL)[0]).scores) == {"reach_3x_30m"}


def test_a_folder_that_is_gone_takes_no_model_with_it(models, folder) -> None:
    row = rows(SIGNAL)[0]
    before = models.score("signal", row)
    folder.rename(folder.with_name("away"))
    for _ in range(3):
        assert models.reload() == []
        assert "FileNotFoundError" in json.dumps(models.report()["refused"])
    assert models.score("signal", row) == before
    folder.with_name("away").rename(folder)
    assert models.reload() == []
    assert models.report()["refused"] == {}


def test_a_decision_sees_the_models_of_one_load(models, folder, pump_models) -> None:
    """While a thread loads again and again, each answer is one of the whole sets that there were."""
    row, X = rows(SIGNAL)[0], rows(SIGNAL)
    allowed = [models.score("signal", row)]
    for turn in (2, 3):
        for seed, name in enumerate(NAMES[SIGNAL], 10 * turn):
            pump_models.make_artifact(folder.parent / f"{name}{turn}", name, SIGNAL.name, X, created_ns=turn, seed=seed)
    ended = threading.Event()

    def reload() -> None:
        for turn in (2, 3):
            for name in NAMES[SIGNAL]:
                # Both become visible between two looks: a look is what is swapped as one.
                shutil.copytree(folder.parent / f"{name}{turn}", folder / f"{name}{turn}")
            models.reload()
        ended.set()

    thread = threading.Thread(target=reload)
    thread.start()
    seen = []
    while not ended.is_set():
        seen.append(models.score("signal", row))
    thread.join()
    last = models.score("signal", row)
    kinds = {tuple(sorted(found.models.items())) for found in (*allowed, *seen, last)}
    assert len(kinds) <= 3
    ids = [dict(kind) for kind in kinds]
    assert all(one["reach_2x_1h"] != other["reach_2x_1h"] for one in ids for other in ids if one is not other)
    assert all(one["reach_3x_30m"] != other["reach_3x_30m"] for one in ids for other in ids if one is not other)
    assert last.models != allowed[0].models
    for found in seen:
        same = [other for other in (*allowed, last) if other.models == found.models]
        assert all(other.scores == found.scores for other in same)
