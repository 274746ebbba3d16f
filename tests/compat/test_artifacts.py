"""Artifacts of every format version ever released load, score and compute their features as on their first day."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from alphaloop.artifact import Registry, Scorer
from alphaloop.artifact.contract import FORMAT_VERSION
from alphaloop.features import FeatureSet

ARTIFACTS = Path(__file__).parent / "artifacts"
IDS = {"format-1": "d55ee221b15e60275428950ad6341e98358e8ae93f12f138b12e004a019434b5"}


def test_every_version_is_kept():
    assert sorted(path.name for path in ARTIFACTS.iterdir()) == sorted(IDS)
    assert f"format-{FORMAT_VERSION}" in IDS


@pytest.mark.parametrize("version", sorted(IDS))
def test_it_loads_verifies_and_scores(version):
    scorer = Scorer.load(ARTIFACTS / version)
    assert scorer.id == IDS[version]
    assert scorer.contract.format_version == int(version.removeprefix("format-"))
    rows = scorer.contract.golden.inputs()
    np.testing.assert_allclose(scorer.score(rows), scorer.contract.golden.outputs(), atol=1e-6)
    np.testing.assert_allclose(scorer.score(np.zeros((1, 3), np.float32))[0, 1], 1 / (1 + np.exp(-0.125)), atol=1e-6)


@pytest.mark.parametrize("version", sorted(IDS))
def test_its_feature_graph_is_still_that_feature_set(version):
    scorer = Scorer.load(ARTIFACTS / version)
    contract = scorer.contract
    features = FeatureSet.from_dict(contract.feature_graph)
    scorer.require(features.names, features.hash)
    close = pl.Series(100.0 + np.sin(np.arange(60) / 3))
    table = pl.DataFrame({"symbol": ["A"] * 60, "known_ns": np.arange(60) * 60 * 10**9}).with_columns(
        open=close, high=close + 1, low=close - 1, close=close, volume=pl.lit(1.0)
    )
    X = features.compute(table).select(contract.feature_names).to_numpy()
    P = scorer.score(np.ascontiguousarray(X[contract.warm_up_rows :]))
    assert np.isfinite(P).all()
    assert contract.context_graph is not None
    assert FeatureSet.from_dict(contract.context_graph).compute(table)["atr"][-1] == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize("version", sorted(IDS))
def test_a_registry_takes_it(version, tmp_path):
    registry = Registry(tmp_path / "models")
    registry.add(ARTIFACTS / version)
    assert registry.promote(IDS[version]).state == "champion"
