"""``alphaloop models``: what it prints, and the exit codes 0, 2 and 3."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from alphaloop.cli.models import app


@pytest.fixture
def call(tmp_path):
    """Run a command on a registry of its own; returns exit code, standard output and standard error."""

    def _call(*words):
        result = CliRunner().invoke(app, [*map(str, words), "--registry", str(tmp_path / "models")])
        return result.exit_code, result.stdout, result.stderr

    return _call


@pytest.fixture
def call_json(call):
    def _call(*words):
        code, out, err = call(*words, "--json")
        assert code == 0, err
        assert out.count("\n") == 1
        return json.loads(out)

    return _call


def test_the_whole_life_of_two_models(call_json, tiny, tmp_path):
    assert call_json("list")["models"] == []
    ids = [tiny.make(tmp_path / run, id=run) for run in ("r1", "r2")]
    for run, identity in zip(("r1", "r2"), ids, strict=True):
        assert call_json("add", tmp_path / run)["id"] == identity
    assert call_json("promote", ids[0][:10])["state"] == "champion"
    assert call_json("promote", ids[1])["state"] == "champion"
    assert [each["state"] for each in call_json("list")["models"]] == ["retired", "champion"]
    assert call_json("rollback", "tiny")["id"] == ids[0]
    shown = call_json("show", "tiny")
    assert shown["id"] == ids[0]
    assert [line["event"] for line in shown["history"]] == ["added", "promoted", "rolled_back"]
    assert shown["contract"]["estimator"] == "logistic"
    assert shown["objections"] == []


def test_verify_takes_a_folder_an_id_or_a_name(call_json, artifact):
    by_path = call_json("verify", artifact)
    assert by_path["verified"] is True
    assert by_path["golden_rows"] == 7
    call_json("add", artifact)
    assert call_json("verify", by_path["id"][:8])["id"] == by_path["id"]
    call_json("promote", by_path["id"])
    assert call_json("verify", "tiny")["id"] == by_path["id"]


def test_people_get_text(call, artifact, tiny, tmp_path):
    assert "no artifact yet" in call("list")[1]
    tiny.make(tmp_path / "b", id="b", audit={"clean": False})
    for folder in (artifact, tmp_path / "b"):
        code, out, _ = call("add", folder)
        assert code == 0
        assert "candidate since 2" in out
        identity = out.split()[0]
        call("promote", identity, "--force")
    code, out, _ = call("list")
    assert (code, len(out.splitlines())) == (0, 2)
    out = call("show", "tiny")[1]
    assert "pr_auc     0.6000 [0.5000, 0.7000]" in out
    assert "objection   its audit is not clean" in out
    assert "promoted against objections" in out
    assert "forced" in out
    assert "every byte as sealed" in call("verify", artifact)[1]


def test_bad_input_is_2_with_one_sentence(call, artifact):
    for words in (("show", "nothing"), ("verify", "./nowhere"), ("rollback", "nothing"), ("add", "./nowhere")):
        code, out, err = call(*words)
        assert (code, out) == (2, "")
        assert err.startswith("error: ")
        assert err.count("\n") == 1
    raw = bytearray((artifact / "model.onnx").read_bytes())
    raw[7] ^= 4
    (artifact / "model.onnx").write_bytes(raw)
    code, _, err = call("verify", artifact)
    assert code == 2
    assert "model.onnx" in err


def test_a_refusal_is_3(call, tiny, tmp_path):
    identity = tiny.make(tmp_path / "a", audit={"clean": False, "findings": [1]})
    call("add", tmp_path / "a")
    code, out, err = call("promote", identity)
    assert (code, out) == (3, "")
    assert "its audit is not clean (1 findings)" in err
    assert call("promote", identity, "--force")[0] == 0
    assert call("rollback", "tiny")[0] == 3
