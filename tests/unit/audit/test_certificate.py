"""The certificate holds as long as code and data are what they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alphaloop.audit import AuditResult, Finding
from alphaloop.audit.certificate import certify, read_certificate, source_hash, verify_certificate, write_certificate
from alphaloop.core.clock import SteppedClock
from alphaloop.core.errors import DataError

CLEAN = AuditResult("mine", (), {"noise": 3}, 1.5, ("a note",))


def test_it_holds_for_the_same_code_and_data_after_a_round_trip(tmp_path: Path) -> None:
    issued = certify(CLEAN, code_hash="c" * 64, data_hash="d" * 64, data_name="x.csv", clock=SteppedClock(10**18))
    write_certificate(issued, tmp_path / "certificate.json")
    found = read_certificate(tmp_path / "certificate.json")
    assert found == issued
    assert found["issued"] == "2001-09-09T01:46:40Z"
    assert verify_certificate(found, code_hash="c" * 64, data_hash="d" * 64) == []


@pytest.mark.parametrize(("code", "data", "word"), [("e", "d", "code changed"), ("c", "e", "data changed")])
def test_it_says_what_changed(code: str, data: str, word: str) -> None:
    issued = certify(CLEAN, code_hash="c", data_hash="d")
    (said,) = verify_certificate(issued, code_hash=code, data_hash=data)
    assert word in said


def test_a_forged_or_guilty_one_does_not_hold() -> None:
    finding = Finding("lookahead", "x", 0, 60.0, "moved")
    guilty = certify(replace(CLEAN, findings=(finding,)), code_hash="c", data_hash="d")
    assert verify_certificate(guilty, code_hash="c", data_hash="d") == ["the audit found 1 leaks"]
    forged = {**guilty, "clean": True, "findings": []}
    assert "changed after it was issued" in verify_certificate(forged, code_hash="c", data_hash="d")[0]


def test_what_is_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    for name in ("x.json", "absent.json"):
        with pytest.raises(DataError, match="certificate"):
            read_certificate(tmp_path / name)


def test_code_is_hashed_by_its_source(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("x = 1\n")
    first = source_hash(str(file), is_file=True)
    file.write_text("x = 2\n")
    assert source_hash(str(file), is_file=True) != first
    assert source_hash("alphaloop.audit.findings", is_file=False) != source_hash("alphaloop.audit", is_file=False)
