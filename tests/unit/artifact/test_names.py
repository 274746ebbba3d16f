"""The graph of an artifact may carry the model's name; the contract goes with it."""

from __future__ import annotations

import pytest

from alphaloop.artifact import Registry, Scorer
from alphaloop.artifact.folder import file_names, read_artifact, replace_artifact, write_artifact
from alphaloop.artifact.manifest import MANIFEST, seal
from alphaloop.core.errors import InputError, ModelCompatibilityError


@pytest.fixture
def named(tiny, tmp_path):
    graph = tiny.graph()
    write_artifact(tmp_path / "named", tiny.contract(graph), graph, {"certificate.json": b"{}"}, stem="reach_2x_1h")
    return tmp_path / "named"


def test_the_plain_names_are_the_default():
    assert file_names() == ("model.onnx", "metadata.json")
    assert file_names("reach_2x_1h") == ("reach_2x_1h.onnx", "reach_2x_1h_metadata.json")


def test_a_named_artifact_loads_scores_and_enters_a_registry(tiny, named, tmp_path):
    found = {path.name for path in named.iterdir()}
    assert found == {"reach_2x_1h.onnx", "reach_2x_1h_metadata.json", "certificate.json", MANIFEST}
    assert read_artifact(named).name == "tiny"
    assert Scorer.load(named).verify_golden() <= 1e-6
    registry = Registry(tmp_path / "models")
    identity = registry.add(named)
    assert {path.name for path in registry.path(identity).iterdir()} == found
    assert registry.load(identity).id == identity


def test_replacing_may_change_the_names(tiny, named):
    graph = tiny.graph()
    replace_artifact(named, tiny.contract(graph), graph)
    assert {path.name for path in named.iterdir()} == {"model.onnx", "metadata.json", MANIFEST}


@pytest.mark.parametrize("stem", ["", ".hidden", "a/b", "../x"])
def test_a_stem_needs_to_be_a_plain_name(tiny, tmp_path, stem):
    with pytest.raises(InputError, match="graph cannot be called"):
        write_artifact(tmp_path / "a", tiny.contract(tiny.graph()), tiny.graph(), stem=stem)


def test_a_second_graph_is_refused(tiny, named, tmp_path):
    with pytest.raises(InputError, match="attachment"):
        write_artifact(tmp_path / "b", tiny.contract(tiny.graph()), tiny.graph(), {"other.onnx": b""})
    reseal(named, extra={"other.onnx": b"x"})
    with pytest.raises(ModelCompatibilityError, match="lists 2 graphs"):
        read_artifact(named)


def test_a_graph_without_its_contract_is_refused(named):
    (named / "reach_2x_1h_metadata.json").rename(named / "metadata.json")
    reseal(named)
    with pytest.raises(ModelCompatibilityError, match=r"does not list reach_2x_1h_metadata\.json"):
        Scorer.load(named)


def reseal(folder, extra=None):
    for name, content in (extra or {}).items():
        (folder / name).write_bytes(content)
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != MANIFEST}
    (folder / MANIFEST).write_bytes(seal(files)[1])
