"""Writing and reading artifacts: whole or not at all, and every byte accounted for."""

from __future__ import annotations

import json
import math
import shutil

import pytest

from alphaloop.artifact.folder import read_artifact, replace_artifact, write_artifact
from alphaloop.artifact.manifest import seal
from alphaloop.artifact.scorer import Scorer
from alphaloop.core.errors import InputError, ModelCompatibilityError

FILES = ("manifest.json", "metadata.json", "model.onnx")


def reseal(folder):
    files = {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "manifest.json"}
    (folder / "manifest.json").write_bytes(seal(files)[1])


def test_what_is_written_is_read(tiny, tmp_path):
    contract = tiny.contract(tiny.graph())
    identity = write_artifact(tmp_path / "a", contract, tiny.graph(), {"certificate.json": b"{}"})
    assert read_artifact(tmp_path / "a") == contract
    assert Scorer.load(tmp_path / "a").id == identity
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["certificate.json", *FILES]


def test_the_same_content_has_the_same_id(tiny, tmp_path):
    assert tiny.make(tmp_path / "a") == tiny.make(tmp_path / "b")
    assert tiny.make(tmp_path / "c", estimator="prior") != tiny.make(tmp_path / "d")


@pytest.mark.parametrize("name", FILES)
def test_every_changed_byte_is_found_and_its_file_named(artifact, name):
    path = artifact / name
    original = path.read_bytes()
    for position in range(0, len(original), max(1, len(original) // 150)):
        for flip in (0x01, 0x20, 0x80):
            damaged = bytearray(original)
            damaged[position] ^= flip
            path.write_bytes(damaged)
            with pytest.raises(ModelCompatibilityError, match=name.replace(".", r"\.")):
                read_artifact(artifact)
    path.write_bytes(original)
    read_artifact(artifact)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "change", [lambda raw: raw[:-1], lambda raw: raw + b"\n", lambda raw: b"", lambda raw: raw[1:]]
)
def test_a_cut_or_longer_file_is_found(artifact, name, change):
    path = artifact / name
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ModelCompatibilityError, match=name.replace(".", r"\.")):
        read_artifact(artifact)


def test_a_changed_file_says_expected_and_got(artifact):
    manifest = json.loads((artifact / "manifest.json").read_text())
    raw = bytearray((artifact / "model.onnx").read_bytes())
    raw[100] ^= 1
    (artifact / "model.onnx").write_bytes(raw)
    with pytest.raises(ModelCompatibilityError) as error:
        read_artifact(artifact)
    assert manifest["files"]["model.onnx"]["sha256"] in str(error.value)
    assert "expected" in str(error.value)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(artifact, name):
    (artifact / name).unlink()
    with pytest.raises(ModelCompatibilityError, match=name.replace(".", r"\.")):
        read_artifact(artifact)


def test_an_extra_file_is_named(artifact):
    (artifact / "notes.txt").write_text("mine")
    with pytest.raises(ModelCompatibilityError, match=r"notes\.txt does not belong"):
        read_artifact(artifact)


def test_a_link_is_not_a_file(artifact, tmp_path):
    shutil.move(artifact / "model.onnx", tmp_path / "elsewhere")
    (artifact / "model.onnx").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelCompatibilityError, match="not a plain file"):
        read_artifact(artifact)


def test_no_folder(tmp_path):
    with pytest.raises(ModelCompatibilityError, match="no such folder"):
        read_artifact(tmp_path / "nowhere")


def test_a_manifest_may_not_reach_outside(artifact, tmp_path):
    (tmp_path / "secret").write_bytes(b"x")
    files = {p.name: p.read_bytes() for p in artifact.iterdir() if p.name != "manifest.json"}
    (artifact / "manifest.json").write_bytes(seal({**files, "../secret": b"x"})[1])
    with pytest.raises(ModelCompatibilityError, match=r"\.\./secret is missing"):
        read_artifact(artifact)


@pytest.mark.parametrize("name", ["manifest.json", "metadata.json"])
def test_another_format_version_is_refused_with_both(artifact, name):
    path = artifact / name
    values = json.loads(path.read_text()) | {"format_version": 2}
    path.write_text(json.dumps(values))
    if name == "metadata.json":
        reseal(artifact)
    with pytest.raises(ModelCompatibilityError, match=rf"{name} has format version 2, expected 1"):
        read_artifact(artifact)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sides": [1]}, "sides has 1 entries for 2 classes"),
        ({"task": "multiclass"}, "multiclass"),
        ({"features": [{"name": "twice"}, {"name": "twice"}, {"name": "once"}]}, "occurs twice"),
        ({"surprise": 1}, "unknown key 'surprise'"),
        ({"golden": {"rows": [[1.0]], "probabilities": [[0.5, 0.5]]}}, "golden vectors"),
        ({"golden": {"rows": [], "probabilities": []}}, "golden"),
    ],
)
def test_a_sealed_contract_that_contradicts_itself_is_refused(artifact, change, words):
    path = artifact / "metadata.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    reseal(artifact)
    with pytest.raises(ModelCompatibilityError, match=words):
        read_artifact(artifact)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_json_cannot_say_is_named_and_leaves_nothing(tiny, tmp_path, value):
    contract = tiny.contract(tiny.graph(), scores={"test": {"roc_auc": {"value": value}}})
    with pytest.raises(ModelCompatibilityError, match=r"scores\.test\.roc_auc\.value"):
        write_artifact(tmp_path / "a", contract, tiny.graph())
    assert list(tmp_path.iterdir()) == []


def test_an_artifact_is_never_overwritten(tiny, artifact):
    before = {p.name: p.read_bytes() for p in artifact.iterdir()}
    with pytest.raises(InputError, match="exists already"):
        tiny.make(artifact)
    assert {p.name: p.read_bytes() for p in artifact.iterdir()} == before


def test_an_artifact_is_replaced_only_by_a_whole_one(tiny, artifact):
    graph, before = tiny.graph(), read_artifact(artifact)
    with pytest.raises(ModelCompatibilityError, match="which JSON cannot say"):
        replace_artifact(artifact, tiny.contract(graph, scores={"a": math.nan}), graph)
    assert read_artifact(artifact) == before
    identity = replace_artifact(artifact, tiny.contract(graph, id="second"), graph)
    assert Scorer.load(artifact).id == identity
    assert [path.name for path in artifact.parent.iterdir()] == [artifact.name]


def test_a_crash_while_replacing_does_not_cost_the_former_artifact(tiny, artifact):
    graph = tiny.graph()
    artifact.rename(artifact.with_name(f".{artifact.name}.former"))
    with pytest.raises(ModelCompatibilityError):
        replace_artifact(artifact, tiny.contract(graph, scores={"a": math.nan}), graph)
    assert read_artifact(artifact).id == "tiny-1"


def test_what_is_no_artifact_is_not_replaced(tiny, tmp_path):
    (tmp_path / "notes").mkdir()
    with pytest.raises(InputError, match="in the way and is no artifact"):
        replace_artifact(tmp_path / "notes", tiny.contract(tiny.graph()), tiny.graph())


def test_a_seal_around_something_else_is_refused(artifact):
    (artifact / "metadata.json").write_text("{")
    reseal(artifact)
    with pytest.raises(ModelCompatibilityError, match=r"metadata\.json is not JSON"):
        read_artifact(artifact)
    (artifact / "metadata.json").unlink()
    reseal(artifact)
    with pytest.raises(ModelCompatibilityError, match=r"does not list metadata\.json"):
        read_artifact(artifact)


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json", "../x", ".hidden", "a/b"])
def test_an_attachment_needs_a_plain_free_name(tiny, tmp_path, name):
    with pytest.raises(InputError, match="attachment"):
        write_artifact(tmp_path / "a", tiny.contract(tiny.graph()), tiny.graph(), {name: b""})
    assert list(tmp_path.iterdir()) == []
