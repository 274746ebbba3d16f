"""The scoring service: every unscored signal once, to the bit what a trader makes of the message."""

from __future__ import annotations

import asyncio
import shutil

import numpy as np
import pytest

from alphaloop.artifact import Registry, Scorer
from alphaloop.core.clock import NS_PER_S, SteppedClock
from alphaloop.markets.pumpfun.inference import InferenceSettings, MlInference, raw_of
from alphaloop.markets.pumpfun.models_at_hand import ModelsAtHand
from alphaloop.markets.pumpfun.schema import SCHEMA
from alphaloop.markets.pumpfun.signals.messages import SignalMessage, decode, encode, numbers
from alphaloop.markets.pumpfun.signals.vector import from_bytes
from alphaloop.stores.records import open_records


@pytest.fixture
def folder(trained, tmp_path):
    """A folder into which the trained artifact was dropped."""
    shutil.copytree(trained.run.artifact, tmp_path / "dropped" / "one")
    return tmp_path / "dropped"


@pytest.fixture
def records(maker):
    with open_records("memory://") as found:
        found.migrate(SCHEMA)
        found.add("signals", maker.rows(400).signals)
        yield found


def service(records, folder, **settings):
    clock = SteppedClock(5)
    models = ModelsAtHand(folder, clock)
    models.reload()
    return MlInference(records, models, InferenceSettings(**{"lookback_s": 1e7, **settings}), clock)


def scores_by_id(records, model="reach_2x_1h"):
    return {row["signal_id"]: row for row in records.select("ml_scores", {"model": model})}


def test_every_signal_is_scored_once(records, folder, maker):
    inference = service(records, folder, batch=64)
    assert inference.score_pending() == 400
    assert inference.score_pending() == 0
    late = maker.rows(410).signals[400:]
    records.add("signals", late)
    assert inference.score_pending() == 10
    assert records.count("ml_scores") == 410
    assert inference.report()["scored"] == 410


def test_it_is_to_the_bit_what_the_message_alone_gives(records, folder, trained):
    """A trader has no store: it decodes the message and scores the row alone."""
    inference = service(records, folder, batch=100)
    inference.score_pending()
    stored = scores_by_id(records)
    scorer = Scorer.load(trained.run.artifact)
    trader = ModelsAtHand(folder)
    trader.reload()
    for row in records.select("signals"):
        message = decode(encode(message_of(row)))
        alone = float(scorer.score(message.vector.reshape(1, -1))[0, 1])
        assert alone == stored[row["signal_id"]]["probability"]
        assert trader.signal(message.vector) == {"reach_2x_1h": alone}
        assert trader.genesis(message.vector) == {}


def message_of(row):
    features = from_bytes(row["features"])
    names = {name: row[name] for name in ("signal_id", "known_ns", "event_ns", "price", "creator", "wallet")}
    return SignalMessage(
        token_mint=row["mint"],
        symbol="S",
        feature_set=row["feature_set"],
        feature_set_hash=row["feature_set_hash"],
        features=numbers(features),
        signature=row["buy_signature"],
        log_index=0,
        sol_amount=1,
        token_amount=1,
        **names,
    )


def test_a_second_process_changes_nothing(records, folder):
    first, second = service(records, folder), service(records, folder)
    first.score_pending()
    before = scores_by_id(records)
    second.clock.ns = 99
    records.delete("ml_scores", {"signal_id": next(iter(before))})
    assert second.score_pending() == 1
    after = scores_by_id(records)
    assert {key: row["probability"] for key, row in after.items()} == {
        key: row["probability"] for key, row in before.items()
    }


def test_rows_of_another_feature_set_and_old_rows_are_left_alone(records, folder, maker):
    other = [
        {**row, "feature_set_hash": "0" * 64, "signal_id": f"x{row['signal_id']}"} for row in maker.rows(3).signals
    ]
    records.add("signals", other)
    newest = max(row["known_ns"] for row in records.select("signals"))
    recent = sum(row["known_ns"] >= newest - 3600 * NS_PER_S for row in records.select("signals"))
    inference = service(records, folder, lookback_s=3600)
    found = inference.score_pending()
    assert 0 < found <= recent < 400
    assert not {row["signal_id"] for row in other} & set(scores_by_id(records))


def test_a_damaged_row_is_reported_and_the_others_are_scored(records, folder):
    victim = records.select("signals", limit=1)[0]["signal_id"]
    records.update("signals", {"signal_id": victim}, {"features": b"\x00" * 8})
    inference = service(records, folder)
    assert inference.score_pending() == 399
    assert "8 bytes, expected 272" in inference.report()["broken_rows"][victim]


def test_a_bad_model_is_refused_and_the_old_one_stays(records, folder, trained, database, tmp_path):
    inference = service(records, folder)
    old = inference.models.models["reach_2x_1h"].scorer.id
    graph = folder / "two" / "reach_2x_1h.onnx"
    shutil.copytree(retrained(trained, database, tmp_path), folder / "two")
    whole = graph.read_bytes()
    graph.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert asyncio.run(inference.reload()) == []
    assert "sha256" in inference.models.refused["reach_2x_1h"]
    assert inference.models.models["reach_2x_1h"].scorer.id == old
    assert asyncio.run(inference.cycle()) == 400
    graph.write_bytes(whole)
    assert asyncio.run(inference.reload()) == ["reach_2x_1h"]
    assert inference.models.refused == {}
    assert inference.models.models["reach_2x_1h"].scorer.id != old
    assert inference.score_pending() == 0
    assert {row["model_id"] for row in scores_by_id(records).values()} == {old}


def retrained(trained, database, tmp_path):
    """The same model, sealed an hour later: another artifact of the same name."""
    from alphaloop.artifact.folder import graph_name, write_artifact
    from alphaloop.artifact.manifest import unseal

    sealed = unseal(trained.run.artifact)
    contract = trained.run.contract
    later = contract.model_copy(update={"created_ns": contract.created_ns + 3600 * NS_PER_S})
    write_artifact(tmp_path / "later", later, sealed.files[graph_name(sealed, "it")], stem=trained.run.contract.name)
    return tmp_path / "later"


def test_a_folder_may_come_later_and_models_may_go(folder, tmp_path):
    models = ModelsAtHand(tmp_path / "later")
    assert models.reload() == []
    folder.rename(tmp_path / "later")
    assert models.reload() == ["reach_2x_1h"]
    shutil.rmtree(tmp_path / "later" / "one")
    assert models.reload() == []
    assert set(models.models) == {"reach_2x_1h"}
    assert models.reload() == ["reach_2x_1h"]
    assert models.models == {}


def test_of_a_registry_the_champion_counts(trained):
    models = ModelsAtHand(trained.registry)
    assert models.reload() == []
    Registry(trained.registry).promote(trained.run.identity, force=True)
    assert models.reload() == ["reach_2x_1h"]
    assert models.models["reach_2x_1h"].scorer.id == trained.run.identity


def test_artifacts_of_other_markets_are_none(tiny, folder):
    tiny.make(folder / "bars")
    models = ModelsAtHand(folder)
    models.reload()
    assert set(models.models) == {"reach_2x_1h"}
    assert "its market is 'bars'" in next(iter(models.refused.values()))


@pytest.mark.parametrize("stated", [0.2, 0.5, 0.8])
def test_the_margin_comes_back_from_the_probability(trained, stated):
    contract = trained.run.contract
    a, b = contract.calibration.platt_a, contract.calibration.platt_b
    raw = (np.log(stated / (1 - stated)) - b) / a
    p = float(np.float32(1 / (1 + np.exp(-(a * raw + b)))))
    assert raw_of(contract, p) == pytest.approx(raw, abs=1e-4)
    assert raw_of(contract, 1.0) is None
