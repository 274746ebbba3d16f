"""Promises that hold for all kernel files."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import alphaloop.features.kernels as kernels
from alphaloop.features.kernels import machine

FILES = sorted(Path(kernels.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("path", [path for path in FILES if path.stem != "machine"], ids=lambda path: path.stem)
def test_kernel_file_stands_alone(path: Path) -> None:
    """Compiled code is cached by the time stamp of its own file, so it may hold nothing of another one."""
    imported = [
        name
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in getattr(node, "names", [])]
        )
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not [name for name in imported if name and name.startswith("alphaloop")]


def test_change_of_any_kernel_is_a_change_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    before = machine._fingerprint()
    assert machine._fingerprint() == before
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + (b"#" if path.stem == "lines" else b""))
    assert machine._fingerprint() != before
    assert before in [cell.cell_contents for cell in machine.run.py_func.__closure__]
